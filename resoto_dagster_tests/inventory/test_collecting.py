"""What a collect reports, written down; what can't be stored fails its scope, and the rest goes on."""

from typing import Any

import pytest
from sqlalchemy import Engine

from resoto_dagster.inventory.collecting import InventorySink
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
