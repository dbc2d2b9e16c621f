from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from resoto_dagster.inventory.collecting import InventorySink, close_collect, settle_graph
from resoto_dagster.inventory.marks import Author, Mark, set_marks
from resoto_dagster.inventory.merge import MergeResult, merge_scope
from resoto_dagster.inventory.status import inventory_version, scope_statuses
from resoto_dagster.model.resource import Edge, EdgeType, Resource
from resoto_dagster_tests.estate import NOW, collect, node, resource, scope, table

ONE = {scope(): [resource("v1"), resource("v2", properties={"volume_size": 3})]}


def version(engine: Engine) -> str:
    with engine.connect() as connection:
        return inventory_version(connection)


def merge(engine: Engine, *resources, run_id="run-2", at=NOW) -> MergeResult:
    with engine.begin() as connection:
        return merge_scope(connection, scope(), resources, run_id, at)


def test_a_scope_is_replaced_and_the_changes_are_history(engine: Engine) -> None:
    collect(engine, ONE)
    result = merge(engine, resource("v2", properties={"volume_size": 4}), resource("v3"))
    assert result == MergeResult(resources=2, added=1, changed=1, removed=1)
    assert table(engine, "SELECT id FROM inventory.resources ORDER BY id") == [("v2",), ("v3",)]
    past = table(
        engine,
        "SELECT id, change, at, since, reported -> 'volume_size' FROM inventory.history "
        "WHERE run_id = 'run-2'",
    )
    since = table(engine, "SELECT DISTINCT first_seen FROM inventory.history")[0][0]
    assert sorted(past) == [("v1", "deleted", NOW, since, None), ("v2", "updated", NOW, since, 3)]


def test_an_unchanged_scope_writes_no_resource_edge_or_history(engine: Engine) -> None:
    edges = (Edge(EdgeType.DEFAULT, outgoing=True, kind="instance", value="i1"),)
    same = [resource("v1", edges=edges), resource("v2")]
    collect(engine, {scope(): same})
    before = table(engine, "SELECT xmin::text, node_id FROM inventory.resources ORDER BY node_id")
    result = merge(engine, *same, run_id="run-2", at=NOW + timedelta(hours=1))
    assert result == MergeResult(resources=2, added=0, changed=0, removed=0)
    assert table(engine, "SELECT xmin::text, node_id FROM inventory.resources ORDER BY node_id") == before
    assert table(engine, "SELECT count(*) FROM inventory.history WHERE run_id = 'run-2'") == [(0,)]


def test_the_time_of_last_access_is_kept_without_counting_as_a_change(engine: Engine) -> None:
    collect(engine, {scope(): [resource("v1", atime=NOW - timedelta(days=5))]})
    before = version(engine)
    result = merge(engine, resource("v1", atime=NOW))
    assert result.changed == 0
    assert table(engine, "SELECT atime FROM inventory.resources") == [(NOW,)]
    assert version(engine) == before


def test_the_time_of_the_last_change_counts_no_more_where_it_changes_all_the_time(engine: Engine) -> None:
    earlier, later = NOW - timedelta(days=2), NOW - timedelta(days=1)
    collect(engine, {scope(): [resource("v1", mtime=earlier, atime=earlier, volatile=("mtime",))]})
    before = version(engine)
    result = merge(engine, resource("v1", mtime=later, atime=earlier, volatile=("mtime",)))
    assert result.changed == 0
    stored = "SELECT mtime, CAST(reported ->> 'mtime' AS timestamptz) FROM inventory.resources"
    assert table(engine, stored) == [(later, later)]
    assert table(engine, "SELECT * FROM inventory.history") == []
    assert version(engine) == before
    at = "SELECT mtime FROM inventory.resources_at(now())"
    assert table(engine, at) == [(later,)]


def test_equal_content_has_an_equal_version_whenever_it_was_read(engine: Engine) -> None:
    collect(engine, ONE)
    first = version(engine)
    collect(engine, ONE, "run-2")
    assert version(engine) == first
    merge(engine, resource("v1"))
    assert version(engine) != first
    merge(engine, *ONE[scope()])
    assert version(engine) == first


def test_marks_survive_a_collect_that_misses_the_resource_for_a_while(engine: Engine) -> None:
    collect(engine, ONE)
    with engine.begin() as connection:
        set_marks(connection, Author("person", "ann"), [Mark(node("v1"), "protected", "mine")])
    merge(engine, resource("v2"))
    merge(engine, *ONE[scope()])
    found = table(
        engine,
        "SELECT m.author FROM inventory.marks m JOIN inventory.resources r USING (node_id) WHERE r.id = 'v1'",
    )
    assert found == [("ann",)]


def test_trap_1_a_failed_scope_keeps_its_last_good_state_and_is_shown_with_its_error(engine: Engine) -> None:
    collect(engine, {**ONE, scope("sim_instance"): [resource("i1", "sim_instance")]})
    sink = InventorySink(engine, "sim", "run-2")
    sink.scopes_expected([scope(), scope("sim_instance")])
    sink.failed(scope(), "AccessDenied: sim:ListVolumes")
    sink.collected(scope("sim_instance"), [])
    assert table(engine, "SELECT id FROM inventory.resources ORDER BY id") == [("v1",), ("v2",)]
    with engine.connect() as connection:
        statuses = {status.kind: status for status in scope_statuses(connection, timedelta(hours=2))}
    assert statuses["sim_volume"].freshness == "failed"
    assert statuses["sim_volume"].error == "AccessDenied: sim:ListVolumes"
    assert statuses["sim_volume"].resources == 2
    assert statuses["sim_instance"].freshness == "fresh"
    assert sink.totals["sim_volume"].failed == {"sim/a1/r1/sim_volume": "AccessDenied: sim:ListVolumes"}


def test_an_account_that_can_not_be_read_fails_all_its_scopes_and_no_other(engine: Engine) -> None:
    collect(engine, {scope(account="a1"): [resource("v1")], scope(account="a2"): [resource("v2")]})
    sink = InventorySink(engine, "sim", "run-2")
    sink.accounts_expected(["a1", "a2"])
    sink.account_failed("a1", "InvalidClientTokenId")
    sink.scopes_expected([scope(account="a2")])
    sink.collected(scope(account="a2"), [resource("v2")])
    states = table(engine, "SELECT account, state, error FROM inventory.scopes ORDER BY account")
    assert states == [("a1", "failed", "InvalidClientTokenId"), ("a2", "fresh", None)]
    assert table(engine, "SELECT account, state FROM inventory.accounts ORDER BY account") == [
        ("a1", "failed"),
        ("a2", "fresh"),
    ]


def test_what_was_set_out_to_be_read_and_never_arrived_fails(engine: Engine) -> None:
    collect(engine, ONE)
    sink = InventorySink(engine, "sim", "run-2")
    sink.accounts_expected(["a1", "a9"])
    sink.scopes_expected([scope()])
    with engine.begin() as connection:
        gaps = close_collect(connection, "run-2")
    assert {gap.what for gap in gaps} == {"sim/a9", "sim/a1/r1/sim_volume"}
    assert table(engine, "SELECT state FROM inventory.scopes") == [("failed",)]
    assert table(engine, "SELECT count(*) FROM inventory.resources") == [(2,)]


def test_an_account_of_which_there_is_nothing_to_read_is_done(engine: Engine) -> None:
    sink = InventorySink(engine, "sim", "run-1")
    sink.accounts_expected(["a1"])
    sink.account_empty("a1", "no region")
    with engine.begin() as connection:
        assert close_collect(connection, "run-1") == []
    assert table(engine, "SELECT account, state, error FROM inventory.accounts") == [("a1", "fresh", None)]
    assert sink.empty_accounts == {"a1": "no region"}


def test_what_the_database_can_not_store_fails_its_scope_and_keeps_the_old_state(engine: Engine) -> None:
    collect(engine, ONE)
    sink = InventorySink(engine, "sim", "run-2")
    sink.scopes_expected([scope()])
    sink.collected(scope(), [resource("v1"), resource("bad", name="nul\x00byte")])
    assert table(engine, "SELECT state FROM inventory.scopes") == [("failed",)]
    assert table(engine, "SELECT count(*) FROM inventory.resources") == [(2,)]


def test_a_resource_listed_twice_is_one_resource(engine: Engine) -> None:
    result = merge(engine, resource("v1"), resource("v1", properties={"volume_size": 9}))
    assert result.resources == 1
    assert table(engine, "SELECT reported ->> 'volume_size' FROM inventory.resources") == [("9",)]


def test_edges_find_their_ends_whatever_is_merged_first(engine: Engine) -> None:
    uses = (Edge(EdgeType.DEFAULT, outgoing=True, kind="instance", value="i1"),)
    collect(engine, {scope(): [resource("v1", edges=uses)]})
    assert table(engine, "SELECT owner FROM inventory.deferred_edges") == [(node("v1"),)]
    collect(engine, {scope("sim_instance"): [resource("i1", "sim_instance")]})
    assert table(engine, "SELECT src, dst FROM inventory.edges") == [(node("v1"), node("i1", "sim_instance"))]
    collect(engine, {scope("sim_instance"): []})
    assert table(engine, "SELECT owner FROM inventory.deferred_edges") == [(node("v1"),)], "it waits again"
    assert table(engine, "SELECT src, dst FROM inventory.edges") == []
    merge(engine)
    assert table(engine, "SELECT owner FROM inventory.deferred_edges") == [], (
        "a resource takes its edges along"
    )
    assert table(engine, "SELECT src, dst FROM inventory.past_edges") == [
        (node("v1"), node("i1", "sim_instance"))
    ]


def test_edges_prefer_the_nearest_and_never_guess_between_two(engine: Engine) -> None:
    uses = (
        Edge(EdgeType.DEFAULT, outgoing=True, kind="sim_instance", value="near"),
        Edge(EdgeType.DEFAULT, outgoing=True, kind="sim_instance", value="twice", by="name"),
    )
    collect(
        engine,
        {
            scope(): [resource("v1", edges=uses)],
            scope("sim_instance"): [
                resource("near", "sim_instance"),
                resource("x", "sim_instance", name="twice"),
                resource("y", "sim_instance", name="twice"),
            ],
            scope("sim_instance", account="a2"): [resource("near", "sim_instance")],
        },
    )
    with engine.begin() as connection:
        counts = settle_graph(connection)
    assert (counts.resolved, counts.deferred, counts.ambiguous) == (1, 0, 1)
    found = table(engine, "SELECT dst FROM inventory.edges WHERE value = 'near'")
    assert found == [(node("near", "sim_instance"),)]


def test_a_name_means_nothing_in_another_account_but_an_arn_does(engine: Engine) -> None:
    uses = (
        Edge(EdgeType.DEFAULT, outgoing=True, kind="sim_instance", value="bob", by="name"),
        Edge(EdgeType.DEFAULT, outgoing=True, kind="sim_instance", value="arn:i", by="arn"),
    )
    other = resource("i", "sim_instance", name="bob", properties={"arn": "arn:i"})
    collect(engine, {scope(): [resource("v1", edges=uses)], scope("sim_instance", account="a2"): [other]})
    assert table(engine, "SELECT key FROM inventory.deferred_edges") == [("name",)]
    assert table(engine, "SELECT key, dst FROM inventory.edges") == [
        ("arn", node("i", "sim_instance", account="a2"))
    ]


def test_a_renamed_account_is_renamed_everywhere_at_once(engine: Engine) -> None:
    account = scope("sim_account", "global")
    for name in ("old", "new"):
        collect(engine, {**ONE, account: [resource("a1", "sim_account", "global", name=name)]})
        assert table(engine, "SELECT name FROM inventory.accounts") == [(name,)]


@pytest.mark.parametrize("tags", [{"resoto:ctime": "2020-01-01T00:00:00Z"}, {"resoto:ctime": "2020-01-01"}])
def test_the_tag_resoto_ctime_overrides_the_creation_time(engine: Engine, tags: dict[str, str]) -> None:
    collect(engine, {scope(): [resource("v1", tags=tags)]})
    assert table(engine, "SELECT extract(year FROM ctime)::int FROM inventory.resources") == [(2020,)]


def test_what_changes_all_the_time_is_no_change_and_is_taken_along_by_the_next(engine: Engine) -> None:
    def probed(moment: str, **given: Any) -> Resource:
        properties = {"last_probe": moment, **given}
        return resource("v1", properties=properties, volatile=("last_probe",))

    def known() -> str:
        return str(table(engine, "SELECT reported ->> 'last_probe' FROM inventory.resources")[0][0])

    collect(engine, {scope(): [probed("1")]})
    before = version(engine)
    assert merge(engine, probed("2")).changed == 0
    assert (version(engine), known()) == (before, "1")
    assert merge(engine, probed("3", volume_size=7)).changed == 1
    assert known() == "3"
    past = table(engine, "SELECT reported ->> 'last_probe' FROM inventory.history WHERE change = 'updated'")
    assert past == [("1",)]
