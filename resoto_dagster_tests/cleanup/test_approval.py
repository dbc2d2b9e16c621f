"""Plans that wait for a person: what is approved is done as a whole, or not at all."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from resoto_dagster.cleanup.approval import approved_and_untouched, decide, latest_waiting
from resoto_dagster.cleanup.execute import execute_plan
from resoto_dagster.cleanup.plan import Plan, plan_of_number
from resoto_dagster.config import BudgetSettings, CleanupSettings
from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.marks import Author, Mark, set_marks
from resoto_dagster_tests.cleanup.conftest import EXPIRED, Estate, network_with_everything, settings
from resoto_dagster_tests.estate import KINDS, node, resource, table

ALWAYS = settings(approval="always")
SMALL_BUDGET = BudgetSettings(resources=1, share=1.0)


def approve(estate: Estate, plan: Plan, given: CleanupSettings = ALWAYS, decision: str = "approved") -> None:
    with estate.engine.begin() as connection:
        decide(connection, plan, decision, "ann", "looked at it", given)  # type: ignore[arg-type]


def age(estate: Estate, plan: Plan, by: timedelta) -> Plan:
    """The plan as if it had been made some time ago."""
    with estate.engine.begin() as connection:
        connection.execute(
            text("UPDATE inventory.plans SET created_at = created_at - :by WHERE plan_id = :id"),
            {"by": by, "id": plan.plan_id},
        )
        return plan_of_number(connection, plan.plan_id)


@pytest.fixture
def waiting(estate: Estate) -> Plan:
    estate.collect(*network_with_everything())
    return estate.plan(ALWAYS)


def test_a_plan_that_waits_is_not_executed_until_it_is_approved(estate: Estate, waiting: Plan) -> None:
    assert waiting.waits == "cleanup.approval = always"
    assert waiting.held is None
    assert estate.execute(waiting, ALWAYS) == {}
    approve(estate, waiting)
    assert {one.outcome for one in estate.execute(waiting, ALWAYS).values()} == {"gone"}
    assert estate.cloud.deleted[0] == "ins"


def test_a_plan_that_is_rejected_is_never_executed(estate: Estate, waiting: Plan) -> None:
    approve(estate, waiting, decision="rejected")
    assert estate.execute(waiting, ALWAYS) == {}
    with pytest.raises(ResotoError, match=r"was rejected by ann at .*: looked at it"):
        approve(estate, waiting)


def test_a_decision_is_for_good(estate: Estate, waiting: Plan) -> None:
    approve(estate, waiting)
    with pytest.raises(ResotoError, match="was approved by ann"):
        approve(estate, waiting, decision="rejected")


def test_an_approval_ends_with_its_time(estate: Estate, waiting: Plan) -> None:
    old = age(estate, waiting, timedelta(hours=25))
    with pytest.raises(ResotoError, match=r"could be approved until 20.*; look at the last one"):
        approve(estate, old)
    approve(estate, old, settings(approval="always", approval_expires=timedelta(hours=26)))
    assert estate.execute(old, ALWAYS) == {}
    assert estate.cloud.deleted == []


def test_without_approval_what_is_over_budget_is_held(estate: Estate) -> None:
    estate.collect(*network_with_everything())
    given = settings(budget=SMALL_BUDGET)
    plan = estate.plan(given)
    assert (plan.held is not None, plan.waits) == (True, None)
    with pytest.raises(ResotoError, match="is held, which no approval changes: 3 resources would be"):
        approve(estate, plan, given)


def test_over_budget_only_what_is_over_budget_waits(estate: Estate) -> None:
    estate.collect(*network_with_everything())
    given = settings(approval="over_budget", budget=SMALL_BUDGET)
    plan = estate.plan(given)
    assert plan.held is None
    assert plan.waits == "3 resources would be deleted, more than cleanup.budget.resources = 1"
    approve(estate, plan, given)
    assert {one.outcome for one in estate.execute(plan, given).values()} == {"gone"}
    estate.run = "run-2"
    estate.collect(resource("v1", tags=EXPIRED))
    assert estate.plan(settings(approval="over_budget")).waits is None


def test_a_plan_without_anything_to_delete_waits_for_nobody(estate: Estate) -> None:
    estate.collect(resource("v1"))
    plan = estate.plan(ALWAYS)
    assert plan.waits is None
    with pytest.raises(ResotoError, match="waits for no approval"):
        approve(estate, plan)


def test_when_one_resource_has_changed_none_of_what_was_approved_is_done(
    estate: Estate, waiting: Plan
) -> None:
    approve(estate, waiting)
    estate.cloud.change("vol", tags=EXPIRED | {"owner": "bob"})
    results = estate.execute(waiting, ALWAYS)
    assert {one.outcome for one in results.values()} == {"kept"}
    assert "vol: changed since it was planned" in results["ins"].detail
    assert results["ins"].detail.startswith("the world has moved since the plan was approved: ")
    assert estate.cloud.deleted == []


def test_when_a_later_plan_keeps_something_none_of_what_was_approved_is_done(
    estate: Estate, waiting: Plan
) -> None:
    approve(estate, waiting)
    with estate.engine.begin() as connection:
        set_marks(
            connection, Author("person", "bob"), [Mark(node("ins", "sim_instance"), "protected", "mine")]
        )
    estate.plan(ALWAYS)
    with estate.engine.begin() as connection:  # taken back: only the later plan remembers
        connection.execute(text("DELETE FROM inventory.marks WHERE mark = 'protected'"))
    results = estate.execute(waiting, ALWAYS)
    assert "ins is kept by now: protected by person bob: mine" in results["vol"].detail
    assert estate.cloud.deleted == []


def test_a_later_plan_that_deletes_more_does_not_stop_what_was_approved(
    estate: Estate, waiting: Plan
) -> None:
    approve(estate, waiting)
    estate.collect(*network_with_everything(), resource("more", tags=EXPIRED, region="r2"))
    assert len(estate.plan(ALWAYS).going) == 4
    assert {one.outcome for one in estate.execute(waiting, ALWAYS).values()} == {"gone"}
    assert sorted(estate.cloud.deleted) == ["ins", "net", "vol"]


def test_what_was_approved_and_died_goes_on(estate: Estate, waiting: Plan) -> None:
    approve(estate, waiting)

    def die(_id: str) -> None:
        raise KeyboardInterrupt

    estate.cloud.before_delete = die
    with pytest.raises(KeyboardInterrupt):
        estate.execute(waiting, ALWAYS)
    estate.cloud.before_delete = lambda _id: None
    assert {one.outcome for one in estate.execute(waiting, ALWAYS).values()} == {"gone"}


def test_what_is_approved_and_untouched_is_found_until_it_is_begun(estate: Estate, waiting: Plan) -> None:
    def found(given: CleanupSettings = ALWAYS) -> list[int]:
        with estate.engine.connect() as connection:
            return [plan_id for plan_id, _ in approved_and_untouched(connection, given)]

    assert found() == []
    approve(estate, waiting)
    assert found() == [waiting.plan_id]
    assert found(settings(approval="always", approval_expires=timedelta(microseconds=1))) == []
    estate.execute(waiting, ALWAYS)
    assert found() == []


def test_plans_alike_are_told_of_once(estate: Estate, waiting: Plan) -> None:
    def told() -> tuple[int, str] | None:
        with estate.engine.connect() as connection:
            return latest_waiting(connection, ALWAYS)

    first = told()
    again = estate.plan(ALWAYS)
    second = told()
    assert first is not None
    assert second is not None
    assert (first[0], second[0]) == (waiting.plan_id, again.plan_id)
    assert first[1].partition("-")[0] == second[1].partition("-")[0]
    approve(estate, again)
    assert told() is None
    estate.run = "run-2"
    estate.collect(resource("v1", tags=EXPIRED))
    estate.plan(ALWAYS)
    third = told()
    assert third is not None
    assert third[1].partition("-")[0] != first[1].partition("-")[0]


def test_a_plan_altered_in_the_database_is_not_executed(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED), resource("v2"))
    plan = estate.plan()
    with estate.engine.begin() as connection:
        connection.execute(
            text("UPDATE inventory.plan_items SET node_id = :other, id = 'v2'"), {"other": node("v2")}
        )
        altered = plan_of_number(connection, plan.plan_id)
    assert altered.altered
    assert execute_plan(estate.engine, altered, settings(), KINDS, lambda _: estate.cloud, "r") == []
    assert estate.cloud.deleted == []
    assert table(estate.engine, "SELECT count(*) FROM inventory.journal") == [(0,)]
