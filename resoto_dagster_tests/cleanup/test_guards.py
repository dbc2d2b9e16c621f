"""Guards of the cleanup that no other test would miss; `mutation.py` removes each guard and asks."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from resoto_dagster.cleanup.announcements import announce, announceable
from resoto_dagster.cleanup.approval import decide
from resoto_dagster.cleanup.journal import record
from resoto_dagster.cleanup.plan import Plan
from resoto_dagster.config import CleaningPlannerSettings, PlannersSettings
from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.collecting import PartialSink
from resoto_dagster.inventory.marks import Author, Mark, replace_marks, set_marks
from resoto_dagster.workflow.cleanup import _cleanup
from resoto_dagster.workflow.project import CONTINUES_TAG
from resoto_dagster_tests.cleanup.conftest import EXPIRED, Estate, network_with_everything, settings
from resoto_dagster_tests.estate import KINDS, collect, node, resource, scope, table

DAY = timedelta(days=1)
WITH_GRACE = settings(planners=PlannersSettings(expired=CleaningPlannerSettings(enabled=True, grace=DAY)))


def move_back(estate: Estate, by: timedelta, **columns: str) -> None:
    """Let time pass for columns of tables."""
    with estate.engine.begin() as connection:
        for name, column in columns.items():
            statement = f"UPDATE inventory.{name} SET {column} = {column} - :by"  # noqa: S608
            connection.execute(text(statement), {"by": by})


def tell(estate: Estate, plan: Plan) -> None:
    now = datetime.now(UTC)
    announce(estate.engine, WITH_GRACE.notices, announceable(plan, WITH_GRACE, now), now)


def kept(plan: Plan) -> dict[str, str]:
    return {item.resource.id: item.kept or "" for item in plan.kept}


def test_what_is_in_grace_stays_until_it_was_announced_for_as_long(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED))
    assert kept(estate.plan(WITH_GRACE)) == {"v1": "in grace: to be announced, and goes 1d after that"}
    tell(estate, estate.plan(WITH_GRACE))
    move_back(estate, timedelta(hours=23), announcements="announced_at", resources="first_seen")
    assert kept(estate.plan(WITH_GRACE))["v1"].startswith("in grace: announced, goes from ")
    move_back(estate, timedelta(hours=2), announcements="announced_at", resources="first_seen")
    assert [item.resource.id for item in estate.plan(WITH_GRACE).going] == ["v1"]


def test_what_was_announced_of_an_earlier_resource_of_the_same_name_does_not_count(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED))
    tell(estate, estate.plan(WITH_GRACE))
    move_back(estate, 2 * DAY, announcements="announced_at")
    assert "to be announced" in kept(estate.plan(WITH_GRACE))["v1"], "it was first seen after that"


@pytest.mark.parametrize("ahead", ["collected", "planned"])
def test_nothing_is_done_when_the_clock_was_set_back(estate: Estate, ahead: str) -> None:
    estate.collect(resource("v1", tags=EXPIRED))
    estate.plan()
    column = {"collected": {"scopes": "succeeded_at"}, "planned": {"plans": "created_at"}}[ahead]
    move_back(estate, -timedelta(minutes=10), **column)
    plan = estate.plan()
    assert "the clock was set back" in str(plan.held)
    assert estate.execute(plan) == {}
    assert estate.cloud.deleted == []


def test_nothing_is_done_when_the_clock_differs_from_the_databases(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resoto_dagster.cleanup import planning

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Ahead":
            return cls.fromtimestamp((datetime.now(UTC) + timedelta(minutes=10)).timestamp(), tz)

    estate.collect(resource("v1", tags=EXPIRED))
    monkeypatch.setattr(planning, "datetime", Ahead)
    plan = estate.plan()
    assert "the clocks differ" in str(plan.held)
    assert estate.execute(plan) == {}


def test_what_became_too_old_since_it_was_planned_is_kept(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED))
    plan = estate.plan()
    move_back(estate, timedelta(hours=3), scopes="succeeded_at")
    assert estate.execute(plan)["v1"].detail == "the data it was planned on is too old by now"
    assert estate.cloud.deleted == []


def test_data_that_is_too_old_is_not_planned_on(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED))
    move_back(estate, timedelta(hours=3), scopes="succeeded_at")
    assert kept(estate.plan())["v1"].startswith("data is too old: last collected 2")


@pytest.mark.parametrize("whole", [False, True])
def test_nothing_of_an_account_that_was_not_read_as_a_whole_is_planned(estate: Estate, whole: bool) -> None:
    """What was read alone, on an event, is fresh; what may need it is not known."""
    if whole:
        estate.collect(resource("v1", tags=EXPIRED))
        move_back(estate, timedelta(hours=3), accounts="attempted_at")
    else:
        estate.collect()  # makes the kinds known
    PartialSink(estate.engine, "sim", "events", [scope()]).collected(scope(), [resource("v1", tags=EXPIRED)])
    estate.run = "run-2"
    never = "its account was never collected as a whole"
    assert kept(estate.plan())["v1"].startswith("data is too old: its account was" if whole else never)


def cleanup(estate: Estate, run: str, **tags: str) -> None:
    """The workflow's step, as a run with these tags takes it."""
    log = SimpleNamespace(info=lambda *_: None, warning=lambda *_: None)
    dagster_run = SimpleNamespace(run_id=run, root_run_id=None, tags=tags)
    context = SimpleNamespace(run_id=run, run=dagster_run, log=log)
    project = SimpleNamespace(
        settings=SimpleNamespace(cleanup=settings()), hooks=(), kinds=KINDS, session=lambda _: estate.cloud
    )
    _cleanup(context, project, estate.engine)  # type: ignore[arg-type]


def test_a_run_goes_on_with_another_runs_plan_only_if_that_waits_for_approval(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED))
    estate.plan()
    with pytest.raises(ResotoError, match="is another run's, and not one that waits for approval"):
        cleanup(estate, "run-2", **{CONTINUES_TAG: "run-1"})
    assert estate.cloud.deleted == []
    cleanup(estate, "run-1")
    assert estate.cloud.deleted == ["v1"]


def test_nobodys_mark_of_another_run_counts(estate: Estate) -> None:
    estate.collect(resource("v1"))
    with estate.engine.begin() as connection:
        replace_marks(connection, Author("hook", "mine", "run-0"), [Mark(node("v1"), "clean", "unused")])
    assert estate.plan().items == ()


def test_a_deletion_that_was_accepted_is_no_leave_to_delete_what_bears_the_name_by_now(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run died after the API had accepted the deletion; then somebody made a new one of that name."""
    from resoto_dagster.cleanup import execute

    estate.collect(resource("v1", tags=EXPIRED))
    plan = estate.plan()

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(execute._Execution, "_wait_until_gone", die)
        with pytest.raises(KeyboardInterrupt):
            estate.execute(plan)
    assert estate.cloud.deleted == ["v1"]
    estate.cloud.resources["v1"] = resource("v1", ctime=datetime.now(UTC))
    monkeypatch.setattr(execute, "GONE_TIMEOUT", timedelta(0))
    result = estate.execute(plan)["v1"]
    assert result.outcome == "failed"
    assert "the API accepted the deletion" in result.detail
    assert estate.cloud.deleted == ["v1"]
    assert table(estate.engine, "SELECT id FROM inventory.resources") == [("v1",)]


def test_what_has_come_since_and_is_protected_does_not_go_along(estate: Estate) -> None:
    """The plan does not know it, and the network does not tell of it when it is read again."""
    network, instance, _ = network_with_everything()
    estate.collect(network)
    plan = estate.plan()
    estate.cloud.along = {"ins"}
    estate.collect(network, instance)
    with estate.engine.begin() as connection:
        mark = Mark(node("ins", "sim_instance"), "protected", "mine")
        set_marks(connection, Author("person", "ann"), [mark])
    result = estate.execute(plan)["net"]
    assert result.outcome == "kept"
    assert result.detail == "sim_instance ins would go along, and is protected by now"
    assert estate.cloud.deleted == []


def test_what_has_come_since_and_needs_it_keeps_it(estate: Estate) -> None:
    network, instance, _ = network_with_everything()
    estate.collect(network)
    plan = estate.plan()
    estate.collect(network, instance)
    assert estate.execute(plan)["net"].detail == "sim_instance ins needs it by now"
    assert estate.cloud.deleted == []


def test_a_moved_world_stays_moved_after_a_crash_for_what_nothing_blocks(estate: Estate) -> None:
    """The run died after it had said of the first that it is kept; the last has nothing to do with it."""
    always = settings(approval="always")
    estate.collect(*(resource(id_, tags=EXPIRED) for id_ in ("v1", "v2", "v3")))
    plan = estate.plan(always)
    with estate.engine.begin() as connection:
        decide(connection, plan, "approved", "ann", "looked at it", always)
        record(connection, plan.plan_id, node("v1"), "run-1", "kept", "the world has moved")
    estate.cloud.change("v2", tags={})
    assert {one.outcome for one in estate.execute(plan, always).values()} == {"kept"}
    assert estate.cloud.deleted == []


def test_what_the_plan_takes_along_is_protected_even_while_the_inventory_misses_it(estate: Estate) -> None:
    network, instance, _ = network_with_everything()
    estate.cloud.along = {"ins"}
    instance.tags = {}
    estate.collect(network, instance)
    plan = estate.plan()
    collect(estate.engine, {scope("sim_network"): [network], scope("sim_instance"): []}, "run-2")
    with estate.engine.begin() as connection:
        mark = Mark(node("ins", "sim_instance"), "protected", "mine")
        set_marks(connection, Author("person", "ann"), [mark])
    assert estate.execute(plan)["net"].detail == "protected since it was planned, by person ann: mine"
    assert estate.cloud.deleted == []
