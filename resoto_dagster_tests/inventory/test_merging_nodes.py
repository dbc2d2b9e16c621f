"""Nodes near a found one that become part of it."""

from typing import Any

import pytest

from resoto_dagster.inventory.inventory import Inventory
from resoto_dagster.inventory.search.parse import SearchError, parse_search
from resoto_dagster_tests.inventory.test_search_graph import inventory  # noqa: F401

# What is found, with the ids of what is merged into it.
MERGED: dict[str, list[dict[str, Any]]] = {
    "is(volume) { account: <-[0:]- is(account) } limit 1": [{"id": "v1", "account": "a1"}],
    "id(i1) { predecessors[]: <-- all } limit 1": [{"id": "i1", "predecessors": ["n1", "p1", "t1"]}],
    "is(volume) { account: <-[0:]- is(account), region: <-[0:]- is(region) } limit 1, 1": [
        {"id": "v2", "account": "a1", "region": "r1"}
    ],
    "id(v1){above[]:<-- all}": [{"id": "v1", "above": ["i1"]}],
    # what is not there is null, or no element
    "id(v4) { instance: <-- is(instance), targets[]: --> all }": [
        {"id": "v4", "instance": None, "targets": []}
    ],
    # what is merged can be asked afterwards
    "is(volume) {/ancestors.account: <-[1:]- is(account)} /ancestors.account.reported.id==a1 limit 1": [
        {"id": "v1", "ancestors": {"account": "a1"}}
    ],
    "is(volume) { instance: <-- is(instance) } /instance.reported.status = stopped": [
        {"id": "v3", "instance": "i2"}
    ],
    "is(volume) { instance: <-- is(instance) } /instance = null": [{"id": "v4", "instance": None}],
    "is(instance) { volumes[]: --> is(volume) } /volumes[*].reported.size > 2": [
        {"id": "i2", "volumes": ["v3"]}
    ],
    "is(instance) { volumes[]: --> is(volume) } not /volumes[*].reported.size > 2 and id(i1)": [
        {"id": "i1", "volumes": ["v1", "v2"]}
    ],
    "is(instance) {volumes[]: --> is(volume)} /volumes = [] limit 1": [{"id": "i3", "volumes": []}],
    # a nested search is a whole one: with orders, limits, further ways, with, and nested ones of its own
    "id(i1) { largest: --> is(volume) sort size desc }": [{"id": "i1", "largest": "v2"}],
    "id(i1) { volumes[]: --> is(volume) sort size desc limit 1 }": [{"id": "i1", "volumes": ["v2"]}],
    "id(i1) { one: --> is(volume) sort size desc limit 2 }": [{"id": "i1", "one": "v2"}],
    "id(v1) { second: <-- is(instance) --> is(volume) limit 1, 1 }": [{"id": "v1", "second": "v2"}],
    "id(v1) { brothers[]: <-- --> is(volume) and size > 1 }": [{"id": "v1", "brothers": ["v2"]}],
    "id(v1) { network: <-[1:]- is(network) with(count = 2, --> is(instance)) }": [
        {"id": "v1", "network": "n1"}
    ],
    "id(v1) { instance: <-- is(instance) { type: <-- is(instance_type) } }": [
        {"id": "v1", "instance": {"id": "i1", "type": "t1"}}
    ],
    "id(v1) { all_of.them[]: <-- is(instance), all_of.first: <-- }": [
        {"id": "v1", "all_of": {"them": ["i1"], "first": "i1"}}
    ],
    # orders by what is merged, and ways on from it
    "is(volume) { instance: <-- is(instance) } sort /instance.reported.id desc, id desc limit 2": [
        {"id": "v3", "instance": "i2"},
        {"id": "v2", "instance": "i1"},
    ],
    "is(volume) {i: <-- is(instance)} /i.reported.status = stopped <-- {v[]: --> is(volume)}": [
        {"id": "i2", "v": ["v3"]}
    ],
    "is(volume) {instance: <-- is(instance)} sort size limit 1, 2 reversed": [
        {"id": "v3", "instance": "i2"},
        {"id": "v2", "instance": "i1"},
    ],
    "is(volume) {instance: <-- is(instance)} | tail 1": [{"id": "v4", "instance": None}],
}


def _ids(value: Any) -> Any:
    """A merged node as its id, with that of what is merged into it."""
    if isinstance(value, list):
        return [_ids(one) for one in value]
    if not isinstance(value, dict) or "reported" not in value:
        return {key: _ids(one) for key, one in value.items()} if isinstance(value, dict) else value
    inner = {key: _ids(one) for key, one in value.items() if key not in ("id", "reported")}
    own = value["reported"]["id"]
    return {"id": own, **inner} if inner else own


@pytest.mark.parametrize("search", MERGED)
def test_nodes_are_merged_exactly(inventory: Inventory, search: str) -> None:  # noqa: F811
    query = parse_search(search)
    assert parse_search(str(query)) == query
    names = {name for row in MERGED[search] for name in row}
    found = [{name: _ids(row[name]) for name in row if name in names} for row in inventory.rows(search)]
    assert found == MERGED[search]


def test_a_merged_node_is_all_of_it(inventory: Inventory) -> None:  # noqa: F811
    (row,) = inventory.rows("id(v1) { account: <-[0:]- is(account) }")
    (account,) = inventory.rows("id(a1)")
    assert row["account"] == {"id": str(account["node_id"]), "reported": account["reported"]}
    assert row["reported"]["id"] == "v1"


def test_what_is_merged_can_be_listed_and_summed_up(inventory: Inventory) -> None:  # noqa: F811
    instance = "is(volume) { instance: <-- is(instance) }"
    rows = inventory.rows(f"{instance} | list id, /instance.reported.status as status")
    assert [tuple(row.values()) for row in rows] == [
        ("v1", "running"),
        ("v2", "running"),
        ("v3", "stopped"),
        ("v4", None),
    ]
    rows = inventory.rows(f"aggregate(/instance.reported.status as status: sum(size) as size): {instance}")
    assert [tuple(row.values()) for row in rows] == [("running", 3), ("stopped", 3), (None, 4)]
    rows = inventory.rows(f"{instance} | count /instance.reported.id")
    assert [tuple(row.values()) for row in rows] == [("i1", 2), ("i2", 1), (None, 1)]


@pytest.mark.parametrize(
    ("search", "told"),
    [
        ("all { a: is(account) --> }", "is(account): what is merged starts at the resource itself"),
        ("all { a: all }", "expected a way through the graph"),
        ("all { a: -->, a: <-- }", "a would be merged twice"),
        ("all { a: -->, a.b: <-- }", "a would be merged twice"),
        ("all { reported.x: --> }", "reported.x is a resource's own"),
        ("all { : --> }", "line 1, column 7: expected a name and :"),
        ("all { a: --> } { b: --> }", "line 1, column 16: expected"),
    ],
)
def test_what_can_not_be_merged_is_told(inventory: Inventory, search: str, told: str) -> None:  # noqa: F811
    with pytest.raises(SearchError) as refused:
        list(inventory.rows(search))
    assert told in str(refused.value)
