"""What a search's actions do: marks, values of people's own, and tags; and what they refuse to do."""

import threading
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.inventory import Inventory
from resoto_dagster.inventory.marks import Author
from resoto_dagster.inventory.search.errors import SearchError
from resoto_dagster.inventory.status import inventory_version
from resoto_dagster.model.resource import Resource, StoredResource
from resoto_dagster_tests.estate import collect, node, resource, scope, table


class Provider:
    """The tags as a provider has them; it refuses to change those of `denied`."""

    def __init__(self, *resources: Resource, denied: Collection[str] = ()):
        self.resources = {one.id: one for one in resources}
        self.denied = denied
        self.lock = threading.Lock()
        self.calls: list[tuple[str, Mapping[str, str], list[str]]] = []

    def retag(
        self, known: StoredResource, upsert: Mapping[str, str], remove: Collection[str]
    ) -> Resource | None:
        with self.lock:
            self.calls.append((known.id, upsert, list(remove)))
        if known.id in self.denied:
            raise ResotoError("AccessDenied: sim:Tag")
        if known.id not in self.resources:
            return None
        one = self.resources[known.id]
        tags = {key: value for key, value in {**one.tags, **upsert}.items() if key not in remove}
        self.resources[known.id] = replace(one, tags=tags)
        return self.resources[known.id]


VOLUMES = tuple(resource(f"v{i}", tags={"owner": "ann"}, properties={"size": i}) for i in range(1, 5))


@pytest.fixture
def inventory(engine: Engine) -> Inventory:
    collect(engine, {scope(): VOLUMES})
    return Inventory(engine, Author("person", "ann"))


def marks(engine: Engine) -> list[tuple[Any, ...]]:
    return table(engine, "SELECT node_id, mark, source, author, reason FROM inventory.marks ORDER BY reason")


def test_clean_and_protect_are_marks_of_the_person(inventory: Inventory, engine: Engine) -> None:
    acted = inventory.act('size > 3 | clean "too large" | list id, /desired.clean as goes')
    assert acted.rows == ({"id": "v4", "goes": True},)
    acted = inventory.act("size < 2 | protect mine")
    assert (acted.resources, acted.failures) == (1, ())
    assert [row["id"] for row in acted.rows] == ["v1"]
    assert marks(engine) == [
        (node("v1"), "protected", "person", "ann", "mine"),
        (node("v4"), "clean", "person", "ann", "too large"),
    ]
    assert inventory.nodes("/metadata.protected_reason = mine") == [node("v1")]


def test_values_of_ones_own_are_kept_and_found(inventory: Inventory, engine: Engine) -> None:
    acted = inventory.act(
        'id(v1, v2) | set_metadata team="a b" tries=2 ok=true | set_desired size=[1, 2.5] plan={"x": null} '
        "| list /metadata as m, /desired as d"
    )
    values = {
        "m": {"team": "a b", "tries": 2, "ok": True},
        "d": {"size": [1, 2.5], "plan": {"x": None}},
    }
    assert acted.rows == (values, values)
    inventory.act("id(v2) | set_metadata tries=3")
    inventory.act('id(v2) | protect "why"')
    collect(engine, {scope(): [*VOLUMES[:2], resource("v3", tags={"owner": "bob"})]})
    found = {
        "/metadata.tries > 2": ["v2"],
        '/metadata.team = "a b"': ["v1", "v2"],
        "/metadata.ok = true and /metadata.tries in [2]": ["v1"],
        "/desired.size[1] = 2.5": ["v1", "v2"],
        "/desired.size = 1": ["v1", "v2"],
        "/desired.plan.x = null and /desired.plan != null": ["v1", "v2"],
        "/metadata.tries = null": ["v3"],
        "has_key(/metadata, [team, protected])": ["v2"],
        '/metadata = {"team": "a b", "tries": 2, "ok": true}': ["v1"],
    }
    for search, ids in found.items():
        assert sorted(row["id"] for row in inventory.rows(search)) == ids, search
    assert list(inventory.rows("all | count /metadata.tries")) == [
        {"/metadata.tries": "2", "count": 1},
        {"/metadata.tries": "3", "count": 1},
        {"/metadata.tries": None, "count": 1},
    ]
    assert table(engine, "SELECT DISTINCT author FROM inventory.annotations") == [("ann",)]


def test_tags_are_changed_at_the_provider_and_known_at_once(inventory: Inventory, engine: Engine) -> None:
    provider = Provider(*VOLUMES)
    with engine.connect() as connection:
        before = inventory_version(connection)
    acted = inventory.act("size > 2 | tag update owner bob | list id, tags.owner", provider.retag)
    assert acted.rows == ({"id": "v3", "owner": "bob"}, {"id": "v4", "owner": "bob"})
    assert sorted(id_ for id_, *_ in provider.calls) == ["v3", "v4"]
    assert provider.calls[0][1:] == ({"owner": "bob"}, [])
    acted = inventory.act('id(v4) | tag delete owner | tag update "cost center" 42', provider.retag)
    assert provider.resources["v4"].tags == {"cost center": "42"}
    assert inventory.nodes("tags.`cost center` = '42' and tags.owner = null") == [node("v4")]
    assert [row["id"] for row in inventory.rows('"bob"')] == ["v3"]
    with engine.connect() as connection:
        assert inventory_version(connection) != before
    changes = [(row["id"], row["after"]) for row in inventory.rows("all | history --change updated")]
    assert ("v3", {"tags": {"owner": "bob"}}) in changes
    assert len(changes) == 4


def test_a_collect_after_tagging_finds_nothing_new(inventory: Inventory, engine: Engine) -> None:
    provider = Provider(*VOLUMES)
    inventory.act("all | tag update stage test", provider.retag)
    (before,) = table(engine, "SELECT run_id, state FROM inventory.scopes")
    assert before == ("run-1", "fresh")
    sink = collect(engine, {scope(): list(provider.resources.values())}, "run-2")
    assert (sink.totals["sim_volume"].changed, sink.totals["sim_volume"].added) == (0, 0)


def test_what_fails_is_told_and_the_rest_goes_on(inventory: Inventory) -> None:
    provider = Provider(*VOLUMES[1:], denied=["v2"])
    acted = inventory.act("all | tag update owner bob", provider.retag)
    assert [(one.id, reason) for one, reason in acted.failures] == [("v2", "AccessDenied: sim:Tag")]
    assert acted.resources == 4
    owners = {row["id"]: row["reported"]["tags"]["owner"] for row in inventory.rows("all")}
    assert owners == {"v1": "ann", "v2": "ann", "v3": "bob", "v4": "bob"}


def test_many_are_tagged_each_once(engine: Engine) -> None:
    many = [resource(f"v{i:03}") for i in range(200)]
    collect(engine, {scope(): many})
    provider = Provider(*many)
    acted = Inventory(engine, Author("person", "ann")).act("all | tag update a b | head 2", provider.retag)
    assert (acted.resources, len(provider.calls), len(acted.rows)) == (200, 200, 2)
    assert len({id_ for id_, *_ in provider.calls}) == 200


def test_nothing_found_is_nothing_done(inventory: Inventory, engine: Engine) -> None:
    provider = Provider()
    acted = inventory.act('id(nothing) | clean "x" | tag delete owner | list id', provider.retag)
    assert (acted.resources, acted.failures, acted.rows, provider.calls) == (0, (), (), [])
    assert marks(engine) == []


REFUSED = {
    "all": "the search has no action",
    "all | clean": '| clean needs a reason, so that nobody has to guess: | clean "…"',
    'all | clean " "': "| clean",
    "all | set_desired clean=true": "clean can't be set; | clean and | protect mark",
    "all | set_metadata expires=2030-01-01": "expires can't be set",
    "all | set_metadata a=1 a=2": "a stands twice",
    "all | set_metadata a>1": "a > …: a value is set with =",
    "all | tag update owner": "expected a number, a quoted text, a value",
    "all | tag owner": "expected delete, update",
    'all | count | clean "x"': "let it stand before what counts or prints",
    'aggregate(count()): all | clean "x"': "let it stand before what counts or prints",
    'all | clean "x" | successors': 'after | clean "x" what was found can only be printed',
    'all | clean "x" | aggregate kind: count()': "what was found can only be printed",
    "all | tag delete owner": "tags can't be changed from here",
}


@pytest.mark.parametrize("search", REFUSED)
def test_what_can_not_be_done_is_told(inventory: Inventory, engine: Engine, search: str) -> None:
    with pytest.raises(SearchError) as refused:
        inventory.act(search)
    assert REFUSED[search] in str(refused.value)
    assert marks(engine) == []
    assert table(engine, "SELECT * FROM inventory.annotations") == []


def test_reading_never_changes_anything(inventory: Inventory, engine: Engine) -> None:
    for search in ('all | clean "x"', "all | tag delete owner", "all | set_metadata a=1"):
        for read in (inventory.rows, inventory.search, inventory.nodes):
            with pytest.raises(SearchError):
                list(read(search))
    with pytest.raises(SearchError, match="only reads"):
        inventory.explain('all | clean "x"')
    with pytest.raises(SearchError, match="for the command line"):
        list(inventory.rows("all | write out.txt"))
    assert marks(engine) == []


def test_only_people_act_by_searches(engine: Engine) -> None:
    collect(engine, {scope(): VOLUMES})
    hook = Inventory(engine, Author("hook", "tidy", "run-1"))
    with pytest.raises(SearchError, match="a hook marks by its own methods"):
        hook.act('all | clean "x"')
    assert marks(engine) == []


def test_ids_are_the_providers_or_the_inventorys_own(inventory: Inventory) -> None:
    own = node("v2")
    assert [row["id"] for row in inventory.rows(f"id({own})")] == ["v2"]
    assert [row["id"] for row in inventory.rows(f"id(v1, {own})")] == ["v1", "v2"]
    assert list(inventory.rows(f"id({own}) | list id, /id as own")) == [{"id": "v2", "own": str(own)}]


def test_a_time_of_an_annotation_is_when_it_was_made(inventory: Inventory, engine: Engine) -> None:
    start = datetime.now(UTC)
    inventory.act("id(v1) | set_metadata a=1")
    ((at,),) = table(engine, "SELECT at FROM inventory.annotations")
    assert start <= at <= datetime.now(UTC)
