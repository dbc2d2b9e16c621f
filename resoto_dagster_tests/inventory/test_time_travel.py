"""Searches of the past: as it was at a moment, and what changed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.collecting import settle_graph
from resoto_dagster.inventory.inventory import Inventory
from resoto_dagster.inventory.marks import Author
from resoto_dagster.inventory.merge import forget_resource, merge_scope
from resoto_dagster.inventory.search.errors import SearchError
from resoto_dagster.inventory.snapshots import (
    delete_snapshot,
    forget_history,
    moment_of,
    snapshots,
    take_snapshot,
)
from resoto_dagster.model.resource import Edge, EdgeType, Resource
from resoto_dagster_tests.estate import collect, node, resource, scope

DAY_1, DAY_2, DAY_3 = (datetime(2026, 1, day, 12, tzinfo=UTC) for day in (1, 2, 3))


def volume(id_: str, size: int, owner: str, on: str | None = None, name: str | None = None) -> Resource:
    edges = (Edge(EdgeType.DEFAULT, outgoing=False, kind="instance", value=on),) if on else ()
    return resource(
        id_,
        name=name or id_,
        tags={"owner": owner},
        properties={"volume_size": size, "volume_type": "ssd"},
        edges=edges,
        ctime=DAY_1 - timedelta(days=10),
    )


def read(engine: Engine, day: datetime, *volumes: Resource) -> None:
    """One collect of the volumes that ended at that moment."""
    with engine.begin() as connection:
        merge_scope(connection, scope(), volumes, f"run-{day.day}", day)
    with engine.begin() as connection:
        settle_graph(connection, day)


@pytest.fixture
def inventory(engine: Engine) -> Inventory:
    """Day 1: v1 on i1, v2. Day 2: v1 has grown and is on i2, v2 is gone, v3 is new. Day 3: v2 is back."""
    collect(
        engine,
        {scope("sim_instance"): [resource(id_, "sim_instance", ctime=DAY_1) for id_ in ("i1", "i2")]},
    )
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE inventory.resources SET first_seen = '2026-01-01Z', changed_at = '2026-01-01Z'"
        )
    read(engine, DAY_1, volume("v1", 8, "ann", on="i1"), volume("v2", 8, "bob", name="old name"))
    read(engine, DAY_2, volume("v1", 16, "ann", on="i2"), volume("v3", 8, "ann"))
    read(engine, DAY_3, volume("v1", 16, "ann", on="i2"), volume("v2", 8, "eve"), volume("v3", 8, "ann"))
    return Inventory(engine, Author("person", "ann"))


AT = {
    "is(volume)": ["v1 v2", "v1 v3", "v1 v2 v3"],
    "volume_size = 16": ["", "v1", "v1"],
    "volume_size < 10": ["v1 v2", "v3", "v2 v3"],
    "tags.owner = bob": ["v2", "", ""],
    "tags.owner in [bob, eve]": ["v2", "", "v2"],
    'name ~ "old"': ["v2", "", ""],
    '"old name"': ["v2", "", ""],
    '"bob" or "eve"': ["v2", "", "v2"],
    "age > 11d and is(volume)": ["", "v1 v3", "v1 v2 v3"],
    "ctime < -10d and is(volume)": ["v1 v2", "v1 v3", "v1 v2 v3"],
    "is(volume) <--": ["i1", "i2", "i2"],
    "id(i1) -->": ["v1", "", ""],
    "id(i1) -[0:]->": ["i1 v1", "i1", "i1"],
    "is(instance) with(any, --> is(volume))": ["i1", "i2", "i2"],
    "is(volume) and /ancestors.instance.reported.id = i2": ["", "v1", "v1"],
    "is(instance) and /descendants.volume.reported.volume_size = 8": ["i1", "", ""],
    "is(volume) {i: <-- is(instance)} /i.reported.id = i1": ["v1", "", ""],
    "is(volume) sort volume_size desc, id limit 1": ["v1", "v1", "v1"],
}


@pytest.mark.parametrize("search", AT)
def test_a_search_finds_what_was_there(inventory: Inventory, search: str) -> None:
    moments = [day + timedelta(hours=1) for day in (DAY_1, DAY_2, DAY_3)]
    found = [" ".join(sorted(row["id"] for row in inventory.rows(search, at))) for at in moments]
    assert found == AT[search]


def test_before_everything_there_was_nothing(inventory: Inventory) -> None:
    assert list(inventory.rows("all", DAY_1 - timedelta(days=400))) == []
    assert list(inventory.rows("aggregate(count() as n): all", "2020-01-01")) == [{"n": 0}]


def test_sums_lists_and_tables_know_the_past(inventory: Inventory) -> None:
    at = (DAY_1 + timedelta(hours=1)).isoformat()
    assert list(inventory.rows("aggregate(sum(volume_size) as gb): is(volume)", at)) == [{"gb": 16}]
    assert list(inventory.rows("is(volume) sort id | list id, tags.owner", at)) == [
        {"id": "v1", "owner": "ann"},
        {"id": "v2", "owner": "bob"},
    ]
    assert list(inventory.search("is(volume)", at)["volume_size"]) == [8, 8]


def test_what_people_set_is_not_asked_of_the_past(inventory: Inventory) -> None:
    for search in ("/metadata.protected = true", "/desired.clean = true", "/metadata.team = a"):
        with pytest.raises(SearchError, match="what people set is not kept of the past"):
            list(inventory.rows(search, DAY_2))


CHANGES: dict[str, list[tuple[str, str]]] = {
    "is(volume) | history": [
        ("node_created", "v2"),
        ("node_created", "v1"),
        ("node_deleted", "v2"),
        ("node_updated", "v1"),
        ("node_created", "v3"),
        ("node_created", "v2"),
    ],
    "is(volume) | history --change node_deleted": [("node_deleted", "v2")],
    "is(volume) | history --change updated": [("node_updated", "v1")],
    "is(volume) | history --after 2026-01-02T13:00:00Z": [("node_created", "v2")],
    "is(volume) | history --before 2026-01-02": [("node_created", "v2"), ("node_created", "v1")],
    'is(volume) | history --after "2026-01-02T00:00:00Z" --before 2026-01-03 --change created': [
        ("node_created", "v3")
    ],
    "is(volume) | history --before -30d --after 2026-01-03": [("node_created", "v2")],
    # conditions hold for the resource as it became, or as it was when it went
    "tags.owner = bob | history": [("node_created", "v2"), ("node_deleted", "v2")],
    "volume_size = 16 | history": [("node_updated", "v1")],
    "is(volume) and age > 1d limit 1 | history --change node_updated": [("node_updated", "v1")],
    '"old name" | history --change deleted': [("node_deleted", "v2")],
    "id(i2) --> | history --change node_updated": [("node_updated", "v1")],
    "id(nothing) | history": [],
}


@pytest.mark.parametrize("search", CHANGES)
def test_history_tells_exactly(inventory: Inventory, search: str) -> None:
    assert [(row["change"], row["id"]) for row in inventory.rows(search)] == CHANGES[search]


def test_an_update_tells_what_was_and_what_is(inventory: Inventory) -> None:
    rows: list[dict[str, Any]] = list(inventory.rows("is(volume) | history"))
    updated = next(row for row in rows if row["change"] == "node_updated")
    assert (updated["before"], updated["after"]) == ({"volume_size": 8}, {"volume_size": 16})
    assert updated["changed_at"] == DAY_2
    assert [row["before"] for row in rows if row is not updated] == [None] * 5
    deleted = next(row for row in rows if row["change"] == "node_deleted")
    assert (deleted["name"], deleted["kind"], deleted["account"]) == ("old name", "sim_volume", "a1")


def test_what_a_cleanup_deleted_is_history(inventory: Inventory, engine: Engine) -> None:
    with engine.begin() as connection:
        forget_resource(connection, node("v3"), "run-9", DAY_3 + timedelta(hours=1))
    (row,) = inventory.rows("is(volume) | history --after 2026-01-03T12:30:00Z")
    assert (row["change"], row["id"]) == ("node_deleted", "v3")


def test_a_property_that_came_or_went_is_told(engine: Engine) -> None:
    collect(engine, {scope(): [resource("v1", properties={"old": 1, "same": 2})]})
    collect(engine, {scope(): [resource("v1", properties={"new": None, "same": 2})]})
    (row,) = Inventory(engine, Author("person", "ann")).rows("all | history --change updated")
    assert (row["before"], row["after"]) == ({"old": 1}, {"new": None})


def test_history_can_not_be_asked_at_a_moment_nor_be_changed(inventory: Inventory) -> None:
    with pytest.raises(SearchError, match="--after, --before"):
        list(inventory.rows("all | history", DAY_1))
    with pytest.raises(SearchError, match="nothing can be done to it"):
        inventory.act('all | clean "why" | history')
    with pytest.raises(SearchError, match="--change lost: expected one of node_created"):
        list(inventory.rows("all | history --change lost"))
    with pytest.raises(SearchError, match="--after: 'soon' is no timestamp"):
        list(inventory.rows("all | history --after soon"))
    with pytest.raises(SearchError, match="stands twice"):
        list(inventory.rows("all | history --after -1d --after -2d"))


# snapshots


def test_a_snapshot_is_a_name_for_a_moment(inventory: Inventory, engine: Engine) -> None:
    with engine.begin() as connection:
        taken = take_snapshot(connection, "now")
        assert moment_of(connection, "now") == taken.at
        with pytest.raises(ResotoError, match="there is a snapshot 'now' already"), connection.begin_nested():
            take_snapshot(connection, "now")
        assert [one.name for one in snapshots(connection)] == ["now"]
    read(engine, datetime.now(UTC) + timedelta(seconds=1))
    assert sorted(row["id"] for row in inventory.rows("is(volume)", "now")) == ["v1", "v2", "v3"]
    with engine.begin() as connection:
        delete_snapshot(connection, "now")
        with pytest.raises(ResotoError, match="there is no snapshot 'now'; none has been taken yet"):
            delete_snapshot(connection, "now")
    with pytest.raises(ResotoError, match="'now' is no timestamp"):
        list(inventory.rows("all", "now"))


def test_a_moment_is_a_timestamp_a_time_ago_or_a_name(engine: Engine) -> None:
    with engine.begin() as connection:
        assert moment_of(connection, "2026-01-02T13:00Z") == DAY_2 + timedelta(hours=1)
        ago = datetime.now(UTC) - moment_of(connection, "-2d")
        assert abs(ago - timedelta(days=2)) < timedelta(minutes=1)
        take_snapshot(connection, "before-migration")
        for wrong, told in (
            ("2099-01-01", "is in the future"),
            ("+1d", "is in the future"),
            ("-5x", "unknown unit 'x'.*there are: before-migration"),
            ("before", "or the name of a snapshot; there are: before-migration"),
        ):
            with pytest.raises(ResotoError, match=told):
                moment_of(connection, wrong)
        for name in ("", " ", "2026-01-01", "-2d"):
            with pytest.raises(ResotoError, match="is no name for a snapshot"):
                take_snapshot(connection, name)


def test_what_a_snapshot_holds_is_not_forgotten(inventory: Inventory, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO inventory.snapshots VALUES ('day-1', '2026-01-01T13:00Z', NULL)"
        )
        assert forget_history(connection, datetime.now(UTC)) == 0
    assert sorted(row["id"] for row in inventory.rows("is(volume) <-- ", "day-1")) == ["i1"]
    with engine.begin() as connection:
        delete_snapshot(connection, "day-1")
        assert forget_history(connection, DAY_2) == 0
        assert forget_history(connection, datetime.now(UTC)) == 3  # v1 and v2 as they were, and an edge
    assert list(inventory.rows("is(volume) | history --change deleted")) == []
    assert sorted(row["id"] for row in inventory.rows("is(volume)")) == ["v1", "v2", "v3"]
