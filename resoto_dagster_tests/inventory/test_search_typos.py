"""A misspelt property is told with the nearest one; what is only unusual is taken as it is."""

from collections.abc import Collection

import pytest
from sqlalchemy import Engine

from resoto_dagster.inventory.collecting import register_kinds
from resoto_dagster.inventory.inventory import Inventory
from resoto_dagster.inventory.marks import Author
from resoto_dagster.inventory.search.errors import SearchError
from resoto_dagster_tests.estate import KINDS, collect, resource, scope

TYPES = {
    "sim_volume": {"volume_size": "number", "volume_status": "text", "attachments": "list of object"},
    "sim_instance": {"instance_cores": "number", "instance_status": "text", "extra_dirt": "text"},
}


def types(kinds: Collection[str]) -> dict[str, dict[str, str]]:
    return {kind: TYPES[kind] for kind in kinds if kind in TYPES}


@pytest.fixture
def inventory(engine: Engine) -> Inventory:
    collect(engine, {scope(): [resource("v1", properties={"volume_sized": 1, "volume_size": 3})]})
    with engine.begin() as connection:
        connection.exec_driver_sql("TRUNCATE inventory.kinds, inventory.properties")
        register_kinds(connection, "sim", KINDS, list(TYPES), "2", types)
    return Inventory(engine, Author("person", "ann"))


WRONG = {
    "is(volume) and volume_siz > 3": (16, "volume_siz; did you mean volume_size?"),
    "is(volume) and not volume_statsu = in-use": (20, "volume_statsu; did you mean volume_status?"),
    "is(sim_volume) sort volume_sise": (21, "volume_sise; did you mean volume_size?"),
    "is(volume) and atachments[*].device = x": (16, "atachments; did you mean attachments?"),
    "is(volume) and atachments[*].{device = x}": (16, "atachments; did you mean attachments?"),
    "is(volume) and has_key(tag, owner)": (24, "tag; did you mean tags?"),
    "is(volume) and instance_statsu = x": (16, "instance_statsu; did you mean instance_status?"),
    "is(network) or volume_siz = null": (16, "volume_siz; did you mean volume_size?"),
    "is(instance) --> is(volume) and volume_siz = 1": (33, "volume_siz; did you mean volume_size?"),
    "is(instance) and instance_core > 1 --> is(volume)": (18, "instance_core; did you mean instance_cores?"),
    "aggregate(volume_statuss: count() as n): is(volume)": (
        11,
        "volume_statuss; did you mean volume_status?",
    ),
    "aggregate(sum(volume_sizes) as n): is(volume)": (15, "volume_sizes; did you mean volume_size?"),
    "is(volume) | count volume_siz": (20, "volume_siz; did you mean volume_size?"),
    "is(volume) | list id, volume_siz": (23, "volume_siz; did you mean volume_size?"),
    "volume_siz = 3": (1, "volume_siz; did you mean volume_size?"),
    "is(volume) and volume_siz = 1 or volume_size = 3": (16, "volume_siz; did you mean volume_size?"),
    "is(volume) and last_acces > 3d": (16, "last_acces; did you mean last_access?"),
}


@pytest.mark.parametrize("search", WRONG)
def test_a_misspelt_property_is_told_with_its_place(inventory: Inventory, search: str) -> None:
    with pytest.raises(SearchError) as refused:
        list(inventory.rows(search))
    column, problem = WRONG[search]
    first, shown, caret = str(refused.value).splitlines()
    assert first == f"line 1, column {column}: no resource that is searched has a property {problem}"
    assert (shown, caret) == (f"  {search}", f"  {' ' * (column - 1)}^")


@pytest.mark.parametrize(
    "search",
    [
        "is(volume) and volume_size > 0",
        "is(volume) and tags.volume_siz = null",
        "is(volume) and something_else = null",
        "is(volume) and ondemand_cost = null",
        # no kind declares it, and a resource reports it
        "is(volume) and volume_sized = 1",
        "volume_sized = 1",
        # of these nothing is known
        "is(account) and volume_siz = 3",
        "is(volume) with(empty, --> volume_siz = 3)",
        "is(volume) and attachments[*].{volume_siz = 1}",
    ],
)
def test_what_is_only_unusual_is_searched_for(inventory: Inventory, search: str) -> None:
    list(inventory.rows(search))


def test_the_properties_are_asked_for_once_a_version(engine: Engine) -> None:
    asked: list[list[str]] = []

    def count(kinds: Collection[str]) -> dict[str, dict[str, str]]:
        asked.append(sorted(kinds))
        return types(kinds)

    for kinds, version in (
        (["sim_volume"], "1"),
        (["sim_volume"], "1"),
        (["sim_volume", "sim_instance"], "1"),
        (["sim_volume"], "2"),
        (["sim_volume"], "2"),
    ):
        with engine.begin() as connection:
            register_kinds(connection, "sim", KINDS, kinds, version, count)
    assert asked == [["sim_volume"], ["sim_instance"], ["sim_volume"]]
    inventory = Inventory(engine, Author("person", "ann"))
    with pytest.raises(SearchError, match="did you mean instance_cores"):
        list(inventory.rows("is(instance) and instance_core = 1"))
