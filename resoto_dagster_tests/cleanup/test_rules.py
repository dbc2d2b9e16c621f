"""The user's own rules: what they mark, what they sit out, and what they would have marked in the past."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from resoto_dagster.cleanup.plan import Plan
from resoto_dagster.cleanup.rules import backtest, past_runs, run_rules, version_of
from resoto_dagster.config import CleanupSettings, RuleSettings
from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.collecting import InventorySink
from resoto_dagster_tests.cleanup.conftest import Estate, settings
from resoto_dagster_tests.estate import goes_before, resource, scope, table

SMALL_WINDOW = timedelta(days=1)
SMALL = RuleSettings(name="small", search="is(volume) and volume_size < 10", reason="too small")
LONELY = RuleSettings(
    name="lonely", search="is(sim_network) with(empty, --> is(sim_instance))", reason="nothing in it"
)


def ruled(*rules: RuleSettings, **given: Any) -> CleanupSettings:
    return settings(rules=list(rules), planners={}, **given)


def volume(id_: str, size: int, **given: Any) -> Any:
    return resource(id_, properties={"volume_size": size}, **given)


def reasons(plan: Plan) -> dict[str, tuple[str, str, bool]]:
    return {
        item.resource.id: (item.author, item.reason, item.kept is None) for item in plan.going + plan.kept
    }


def test_what_a_rule_s_search_finds_goes(estate: Estate) -> None:
    estate.collect(volume("v1", 1), volume("v2", 20))
    assert reasons(estate.plan(ruled(SMALL))) == {
        "v1": (f"rule small {version_of(SMALL)}", "too small", True)
    }


def test_a_rule_may_protect(estate: Estate) -> None:
    estate.collect(volume("v1", 1), volume("v2", 2))
    keep = RuleSettings(name="keep", search="id(v1)", reason="the smallest one", mark="protect")
    plan = estate.plan(ruled(SMALL, keep))
    assert {item.resource.id: item.kept for item in plan.items} == {
        "v1": "protected by rule keep: the smallest one",
        "v2": None,
    }


def test_trap_4_a_mark_goes_with_its_reason_and_with_its_rule(estate: Estate) -> None:
    estate.collect(volume("v1", 1), volume("v2", 1))
    estate.plan(ruled(SMALL))
    estate.run = "run-2"
    estate.collect(volume("v1", 10), volume("v2", 1))
    assert list(reasons(estate.plan(ruled(SMALL)))) == ["v2"]
    assert estate.plan(ruled()).items == ()
    assert table(estate.engine, "SELECT count(*) FROM inventory.marks") == [(0,)]


def test_a_rule_that_matches_everything_is_held(estate: Estate) -> None:
    estate.collect(*(volume(f"v{number}", 1) for number in range(12)))
    everything = RuleSettings(name="all", search="all", reason="oops")
    plan = estate.plan(ruled(everything, budget={"resources": 5}))
    assert plan.held == "12 resources would be deleted, more than cleanup.budget.resources = 5"


def test_a_rule_for_a_kind_that_does_not_exist_does_nothing_and_says_so(estate: Estate) -> None:
    estate.collect(volume("v1", 1))
    typo = RuleSettings(name="typo", search="is(sim_volum)", reason="x")
    plan = estate.plan(ruled(typo))
    assert plan.items == ()
    (note,) = plan.notes
    assert note.startswith("rule typo does nothing: ")
    assert "unknown kind sim_volum; did you mean sim_volume?" in note


def test_nothing_is_planned_where_a_rule_can_not_protect(estate: Estate) -> None:
    estate.collect(volume("v1", 1))
    typo = RuleSettings(name="typo", search="is(sim_volum)", reason="x", mark="protect")
    with pytest.raises(ResotoError, match=r"rule typo can't protect: .*unknown kind sim_volum"):
        estate.plan(ruled(SMALL, typo))


def network_and_instance() -> list[Any]:
    return [
        resource("empty", "sim_network"),
        resource("used", "sim_network"),
        resource("ins", "sim_instance", edges=goes_before("sim_network", "used")),
    ]


def test_a_rule_that_asks_for_what_is_not_there_needs_to_know(estate: Estate) -> None:
    estate.collect(*network_and_instance())
    assert list(reasons(estate.plan(ruled(LONELY)))) == ["empty"]
    sink = InventorySink(estate.engine, "sim", "run-1")
    sink.failed(scope("sim_instance"), "AccessDenied")
    plan = estate.plan(ruled(LONELY))
    assert plan.items == ()
    assert plan.notes == (
        "rule lonely sits sim account a1 out: r1 sim_instance: not read well: AccessDenied",
    )


def test_what_no_kind_is_named_for_needs_all_to_be_known(estate: Estate) -> None:
    estate.collect(*network_and_instance(), resource("v1"))
    unused = RuleSettings(name="unused", search="is(sim_network) with(empty, -->)", reason="nothing in it")
    assert list(reasons(estate.plan(ruled(unused)))) == ["empty"]
    InventorySink(estate.engine, "sim", "run-1").failed(scope("sim_volume"), "AccessDenied")
    assert estate.plan(ruled(unused)).items == ()


def at_a_run(estate: Estate, engine: Engine, run: str, *resources: Any) -> None:
    """Collect and plan: what a workflow leaves behind."""
    estate.run = run
    estate.collect(*resources)
    estate.plan(ruled())


def test_what_a_rule_would_have_marked_in_the_past(estate: Estate, engine: Engine) -> None:
    at_a_run(estate, engine, "run-1", volume("small", 1), volume("gone", 1), volume("grown", 1))
    at_a_run(estate, engine, "run-2", volume("small", 1), volume("grown", 1))
    at_a_run(estate, engine, "run-3", volume("small", 1), volume("grown", 100), volume("large", 50))
    with engine.connect() as connection:
        runs = past_runs(connection, SMALL_WINDOW)
    found = {one.id: one for one in backtest(engine, SMALL, runs)}
    assert len(runs) == 3
    assert {id_: (one.first, one.last, one.ended, one.gone) for id_, one in found.items()} == {
        "small": (runs[0], runs[2], None, False),
        "gone": (runs[0], runs[0], runs[1], True),
        "grown": (runs[0], runs[1], runs[2], False),
    }
    assert (found["gone"].kind, found["gone"].account, found["gone"].region) == ("sim_volume", "a1", "r1")
    with engine.begin() as connection:
        connection.execute(text("UPDATE inventory.plans SET created_at = created_at - interval '2 days'"))
        assert past_runs(connection, SMALL_WINDOW) == []
    assert backtest(engine, SMALL, []) == []


def test_rules_mark_nothing_before_anything_was_collected(engine: Engine) -> None:
    with engine.begin() as connection:
        assert run_rules(connection, ruled(SMALL), "run-1").counts == {"small": 0}
