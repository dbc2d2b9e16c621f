"""What a collect reports, written down; what can't be stored fails its scope, and the rest goes on."""

from typing import Any

import pytest
from sqlalchemy import Engine, event

from resoto_dagster.inventory.collecting import InventorySink, PartialSink
from resoto_dagster.model.resource import Edge, EdgeType
from resoto_dagster_tests.estate import collect, resource, scope, table

HALF = "\ud800"
"""Half of a character: JSON can spell it, UTF-8 can't."""


@pytest.mark.parametrize(
    "given",
    [
        {"id_": f"v{HALF}"},
        {"name": HALF},
        {"tags": {HALF: "x"}},
        {"tags": {"expiration": HALF}},
        {"properties": {"nested": [{"x": HALF}]}},
        {"properties": {"volume_size": 2**64}},
        {"edges": (Edge(EdgeType.DEFAULT, outgoing=True, kind="instance", value=HALF),)},
        {"tags": {"owner": "nul\x00"}},
        {"properties": {"nested": "\x00"}},
    ],
    ids=range(9),
)
def test_what_can_not_be_stored_fails_its_scope_alone(engine: Engine, given: dict[str, Any]) -> None:
    other = scope("sim_instance")
    collect(engine, {scope(): [resource("v1")]})
    sink = InventorySink(engine, "sim", "run-2")
    sink.scopes_expected([scope(), other])
    sink.collected(scope(), [resource(given.pop("id_", "v1"), **given)])
    sink.collected(other, [resource("i1", "sim_instance")])
    states = table(
        engine, "SELECT kind, state, error LIKE 'can''t be stored: %' FROM inventory.scopes ORDER BY kind"
    )
    assert states == [("sim_instance", "fresh", None), ("sim_volume", "failed", True)]
    assert table(engine, "SELECT id, name FROM inventory.resources ORDER BY id") == [
        ("i1", "i1"),
        ("v1", "v1"),
    ]


def test_an_account_of_which_nothing_was_ever_known_is_forgotten(engine: Engine) -> None:
    collect(engine, {scope(account="known"): [resource("v1")]})
    first = InventorySink(engine, "sim", "run-1")
    first.accounts_expected(["default", "known", "named"])
    first.account_failed("default", "NoCredentials")
    first.account_failed("named", "AccessDenied")
    InventorySink(engine, "other", "run-2").accounts_expected(["default"])
    InventorySink(engine, "sim", "run-2").accounts_expected(["named"])
    assert table(engine, "SELECT provider, account FROM inventory.accounts ORDER BY provider, account") == [
        ("other", "default"),
        ("sim", "known"),
        ("sim", "named"),
    ]


def known_scopes(engine: Engine) -> list[tuple[Any, ...]]:
    return table(engine, "SELECT account, kind, state, error, run_id FROM inventory.scopes ORDER BY 1, 2")


def test_a_collect_of_a_part_leaves_all_other_scopes_and_the_accounts_as_they_were(engine: Engine) -> None:
    volumes, instances = scope(), scope("sim_instance")
    collect(engine, {volumes: [resource("v1")], instances: [resource("i1", "sim_instance")]})
    InventorySink(engine, "sim", "run-1").account_failed("a3", "AccessDenied")
    accounts = table(engine, "SELECT * FROM inventory.accounts ORDER BY account")
    sink = PartialSink(engine, "sim", "run-2", [volumes])
    sink.accounts_expected(["a1"])
    sink.scopes_expected([volumes])
    assert [row[2] for row in known_scopes(engine)] == ["fresh", "fresh"], "it is not marked as being read"
    sink.collected(volumes, [resource("v1"), resource("v2")])
    assert sink.close() == []
    assert known_scopes(engine) == [
        ("a1", "sim_instance", "fresh", None, "run-1"),
        ("a1", "sim_volume", "fresh", None, "run-2"),
    ]
    assert table(engine, "SELECT * FROM inventory.accounts ORDER BY account") == accounts
    assert (sink.totals["sim_volume"].added, sink.scopes["fresh"]) == (1, 1)


def test_an_account_that_fails_in_a_collect_of_a_part_fails_that_part(engine: Engine) -> None:
    mine, theirs, other = scope(), scope(account="a2"), scope("sim_instance")
    collect(engine, {one: [] for one in (mine, theirs, other)})
    sink = PartialSink(engine, "sim", "run-2", [mine, theirs])
    sink.account_failed("a1", "AccessDenied")
    sink.collected(theirs, [])
    assert sink.close() == []
    assert known_scopes(engine) == [
        ("a1", "sim_instance", "fresh", None, "run-1"),
        ("a1", "sim_volume", "failed", "AccessDenied", "run-2"),
        ("a2", "sim_volume", "fresh", None, "run-2"),
    ]
    assert table(engine, "SELECT DISTINCT state FROM inventory.accounts") == [("fresh",)]


def test_a_part_fails_when_its_account_may_be_the_one_that_can_not_be_told(engine: Engine) -> None:
    collect(engine, {scope(): [], scope(account="a2"): []})
    sink = PartialSink(engine, "sim", "run-2", [scope(), scope(account="a2"), scope(account="a3")])
    sink.account_failed("default", "NoCredentialsError")
    sink.collected(scope(account="a2"), [])
    assert sink.close() == []
    assert [row[:4] for row in known_scopes(engine)] == [
        ("a1", "sim_volume", "failed", "NoCredentialsError"),
        ("a2", "sim_volume", "fresh", None),
    ], "of a3 nothing was known, and it may not be configured at all"
    assert len(sink.totals["sim_volume"].failed) == 2


def test_a_part_that_is_not_configured_is_told_and_not_failed(engine: Engine) -> None:
    sink = PartialSink(engine, "sim", "run-1", [scope(account="a2"), scope()])
    assert sink.close() == [scope(), scope(account="a2")]
    assert known_scopes(engine) == []


def test_a_scope_of_a_part_that_can_not_be_stored_has_failed(engine: Engine) -> None:
    collect(engine, {scope(): []})
    sink = PartialSink(engine, "sim", "run-2", [scope()])
    sink.collected(scope(), [resource("v1", tags={"owner": "nul\x00"})])
    assert sink.close() == []
    assert [row[:3] for row in known_scopes(engine)] == [("a1", "sim_volume", "failed")]


def test_a_scope_of_a_part_that_was_never_known_is_there_when_it_was_read(engine: Engine) -> None:
    sink = PartialSink(engine, "sim", "run-1", [scope()])
    sink.collected(scope(), [resource("v1")])
    assert known_scopes(engine) == [("a1", "sim_volume", "fresh", None, "run-1")]
    assert table(engine, "SELECT count(*) FROM inventory.accounts") == [(0,)]


def test_scopes_that_hold_nothing_are_merged_together_and_emptied_where_they_held_something(
    engine: Engine,
) -> None:
    scopes = [scope(account=account) for account in ("held", "never", "still")]
    collect(engine, {scopes[0]: [resource("v1"), resource("v2")], scopes[2]: []})
    versions = dict(table(engine, "SELECT account, version FROM inventory.scopes"))
    sink = InventorySink(engine, "sim", "run-2")
    sink.scopes_expected(scopes)
    statements: list[str] = []
    event.listen(engine, "commit", lambda _: statements.append("commit"))
    sink.found_empty(scopes)
    assert len(statements) == 2, "one for those that were empty, one for the other"
    assert table(engine, "SELECT id FROM inventory.resources") == []
    found = table(
        engine,
        "SELECT account, state, run_id, resources, removed, version FROM inventory.scopes ORDER BY account",
    )
    assert found == [
        ("held", "fresh", "run-2", 0, 2, versions["still"]),
        ("never", "fresh", "run-2", 0, 0, versions["still"]),
        ("still", "fresh", "run-2", 0, 0, versions["still"]),
    ]
    (totals,) = sink.totals.values()
    assert (totals.resources, totals.removed, sink.scopes["fresh"]) == (0, 2, 3)
    assert table(engine, "SELECT id, change FROM inventory.history WHERE run_id = 'run-2' ORDER BY id") == [
        ("v1", "deleted"),
        ("v2", "deleted"),
    ]


def test_what_is_empty_of_a_part_is_no_longer_open(engine: Engine) -> None:
    collect(engine, {scope(): [resource("v1")], scope("sim_instance"): []})
    sink = PartialSink(engine, "sim", "run-2", [scope(), scope("sim_instance"), scope("sim_network")])
    sink.found_empty([scope(), scope("sim_instance")])
    assert sink.close() == [scope("sim_network")]
    assert table(engine, "SELECT id FROM inventory.resources") == []
