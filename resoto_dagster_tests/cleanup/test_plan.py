import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from resoto_dagster.cleanup.plan import Plan, load_plan
from resoto_dagster.config import BudgetSettings
from resoto_dagster.inventory.collecting import InventorySink
from resoto_dagster.inventory.marks import Author, Mark, replace_marks, set_marks
from resoto_dagster.model.resource import Edge, EdgeType, Resource
from resoto_dagster_tests.cleanup.conftest import (
    EXPIRED,
    Estate,
    attached_to,
    network_with_everything,
    settings,
)
from resoto_dagster_tests.estate import NOW, collect, goes_before, node, resource, scope, table


def waves(plan: Plan) -> dict[str, int | None]:
    return {item.resource.id: item.wave for item in plan.items}


def kept(plan: Plan) -> dict[str, str]:
    return {item.resource.id: item.kept or "" for item in plan.kept}


def test_what_depends_goes_in_an_earlier_wave(estate: Estate) -> None:
    estate.collect(*network_with_everything())
    plan = estate.plan()
    assert waves(plan) == {"ins": 1, "net": 2, "vol": 2}
    assert plan.held is None


def test_a_plan_is_read_back_as_it_was_made(estate: Estate) -> None:
    estate.collect(
        *network_with_everything(), resource("kept", tags={"expiration": "1d"}, edges=attached_to("x"))
    )
    plan = estate.plan(notes=["a note"])
    with estate.engine.connect() as connection:
        assert load_plan(connection, estate.run) == plan
        assert load_plan(connection) == plan
        assert load_plan(connection, "another run") is None


def test_a_dry_run_and_a_real_run_make_the_same_plan(estate: Estate) -> None:
    estate.collect(*network_with_everything())
    plans = [estate.plan(settings(dry_run=dry_run, enabled=not dry_run)) for dry_run in (True, False)]
    assert plans[0].hash == plans[1].hash


@pytest.mark.parametrize(
    ("tags", "goes"),
    [
        ({"expiration": "1d"}, True),
        ({"expiration": "9d"}, True),
        ({"expiration": "11d"}, False),
        ({"resoto:expiration": "never", "expiration": "1d"}, False),
        ({"resoto:expires": "2001-01-01T00:00:00Z"}, True),
        ({"resoto:expires": "2999-01-01T00:00:00Z", "expiration": "1d"}, False),
        ({"expiration": "6M"}, False),
        ({"expiration": "6m"}, True),
        ({}, False),
    ],
)
def test_the_planner_expired_on_data(estate: Estate, tags: dict[str, str], goes: bool) -> None:
    estate.collect(resource("v1", tags=tags))
    assert bool(estate.plan().going) is goes


@pytest.mark.parametrize("value", ["-7d", "0h", "soon", "", "7 fortnights", "-0s"])
def test_trap_10_zero_negative_and_unreadable_durations_never_expire_anything(
    estate: Estate, value: str
) -> None:
    estate.collect(resource("v1", tags={"expiration": value}))
    assert estate.plan().items == ()
    problem = table(estate.engine, "SELECT tag_problem FROM inventory.resources")[0][0]
    assert f"tag expiration={value!r}" in problem
    assert "expected" in problem


def test_trap_10_m_is_minutes_and_capital_m_is_months(estate: Estate) -> None:
    young = NOW - timedelta(minutes=7)
    estate.collect(
        resource("minutes", tags={"expiration": "6m"}, ctime=young),
        resource("months", tags={"expiration": "6M"}, ctime=young),
    )
    assert list(waves(estate.plan())) == ["minutes"]


def test_without_a_creation_time_a_resource_is_as_old_as_its_first_sight(estate: Estate) -> None:
    estate.collect(resource("v1", ctime=None, tags={"expiration": "1h"}))
    assert estate.plan().items == ()


def test_trap_2_nothing_of_a_scope_that_failed_or_is_old_is_planned(estate: Estate) -> None:
    estate.collect(*network_with_everything())
    sink = InventorySink(estate.engine, "sim", estate.run)
    sink.failed(scope(), "AccessDenied: sim:ListVolumes")
    plan = estate.plan()
    assert kept(plan) == {"vol": "not read well: AccessDenied: sim:ListVolumes"}
    later = estate.plan(settings(max_data_age=timedelta(microseconds=1)))
    assert all("data is too old" in reason for id_, reason in kept(later).items() if id_ != "vol")
    assert later.going == []


def test_trap_2_a_run_that_collects_plans_only_what_it_has_read_itself(estate: Estate) -> None:
    estate.collect(resource("old", tags=EXPIRED))
    estate.run = "run-2"
    estate.collect(resource("new", "sim_instance", tags=EXPIRED))
    plan = estate.plan()
    assert list(waves(plan)) == ["new", "old"]
    assert "not collected by this run" in kept(plan)["old"]


def test_trap_2_a_run_that_could_not_enter_any_account_plans_nothing(estate: Estate) -> None:
    estate.collect(resource("old", tags=EXPIRED))
    estate.run = "run-2"
    sink = InventorySink(estate.engine, "sim", estate.run)
    sink.accounts_expected(["default"])
    sink.account_failed("default", "NoCredentials")
    plan = estate.plan()
    assert plan.going == []
    assert "not collected by this run" in kept(plan)["old"]


def test_trap_3_and_4_what_a_hook_marked_counts_in_its_own_run_only(estate: Estate) -> None:
    estate.collect(resource("v1"))
    with estate.engine.begin() as connection:
        replace_marks(connection, Author("hook", "unused", "run-1"), [Mark(node("v1"), "clean", "unused")])
    assert waves(estate.plan()) == {"v1": 1}
    estate.run = "run-2"
    estate.collect(resource("v1"))
    assert estate.plan().items == ()


def test_trap_4_a_planner_s_mark_goes_with_its_reason_and_a_person_s_stays(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED), resource("v2"))
    with estate.engine.begin() as connection:
        set_marks(connection, Author("person", "ann"), [Mark(node("v2"), "clean", "old project")])
    assert waves(estate.plan()) == {"v1": 1, "v2": 1}
    estate.run = "run-2"
    estate.collect(resource("v1"), resource("v2"))
    plan = estate.plan()
    assert waves(plan) == {"v2": 1}
    assert (plan.items[0].author, plan.items[0].reason) == ("person ann", "old project")


def test_a_person_s_clean_does_not_hold_for_a_later_resource_of_the_same_name(estate: Estate) -> None:
    def mark() -> None:
        with estate.engine.begin() as connection:
            set_marks(connection, Author("person", "ann"), [Mark(node("bucket"), "clean", "old project")])

    estate.collect(resource("bucket"))
    mark()
    assert waves(estate.plan()) == {"bucket": 1}
    estate.collect(resource("bucket", ctime=datetime.now(UTC) + timedelta(seconds=1)))
    assert estate.plan().items == (), "made anew between two collects"
    estate.collect(resource("bucket"))
    mark()
    collect(estate.engine, {scope(): []}, estate.run)
    estate.collect(resource("bucket"))
    assert estate.plan().items == (), "gone for a while, and back"


def test_trap_4_a_planner_that_is_switched_off_leaves_no_mark(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED))
    estate.plan()
    from resoto_dagster.config import PlannersSettings

    assert estate.plan(settings(planners=PlannersSettings())).items == ()


def test_trap_6_what_stays_keeps_what_it_needs(estate: Estate) -> None:
    network, instance, volume = network_with_everything()
    instance.tags = {}
    estate.collect(network, instance, volume)
    plan = estate.plan()
    assert plan.going == []
    assert kept(plan) == {
        "net": "sim_instance ins stays, and can't without it",
        "vol": "sim_instance ins stays, and can't without it",
    }


def test_trap_6_what_stays_keeps_what_it_needs_through_everything_between(estate: Estate) -> None:
    estate.collect(*network_with_everything())
    with estate.engine.begin() as connection:
        set_marks(
            connection, Author("person", "ann"), [Mark(node("ins", "sim_instance"), "protected", "mine")]
        )
    plan = estate.plan()
    assert plan.going == []
    assert kept(plan)["ins"] == "protected by person ann: mine"


def test_trap_6_resources_in_a_circle_are_kept_with_a_reason_and_so_is_what_is_behind(estate: Estate) -> None:
    estate.collect(
        resource("n1", "sim_network", tags=EXPIRED, edges=goes_before("sim_network", "n2")),
        resource("n2", "sim_network", tags=EXPIRED, edges=goes_before("sim_network", "n1")),
        resource("i1", "sim_instance", tags=EXPIRED, edges=goes_before("sim_network", "n1")),
    )
    plan = estate.plan()
    assert waves(plan) == {"i1": 1, "n1": None, "n2": None}
    assert kept(plan)["n1"] == "waits in a circle, for sim_network n2"


def test_trap_11_an_empty_list_of_accounts_means_none(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED))
    for accounts in ({}, {"sim": []}, {"other": ["a1"]}, {"sim": ["a2"]}):
        plan = estate.plan(settings(accounts=accounts))
        assert plan.going == []
        assert kept(plan) == {"v1": "cleanup.accounts does not list sim account a1"}


def test_what_goes_along_with_its_owner_does_not_keep_it_unless_it_is_protected(estate: Estate) -> None:
    network, instance, _ = network_with_everything()
    instance.tags = {}
    estate.cloud.along = {"ins"}
    estate.collect(network, instance)
    plan = estate.plan()
    assert waves(plan) == {"net": 1}
    assert [str(one) for one in plan.items[0].takes_along] == ["sim_instance ins"]
    with estate.engine.begin() as connection:
        set_marks(
            connection, Author("person", "ann"), [Mark(node("ins", "sim_instance"), "protected", "mine")]
        )
    assert kept(estate.plan())["net"] == "sim_instance ins would go along, and is protected"


def test_what_takes_along_all_it_leads_to_stays_when_any_of_that_must_stay(estate: Estate) -> None:
    """A stack: deleting it deletes what is in it, which is no dependant of it."""

    def stack_of(*ids: str) -> Resource:
        edges = tuple(Edge(EdgeType.DEFAULT, outgoing=True, kind="sim_volume", value=id_) for id_ in ids)
        return resource("stack", "sim_network", tags=EXPIRED, edges=edges)

    estate.cloud.takes_all = {"stack"}
    estate.collect(stack_of("v1", "v2"), resource("v1"), resource("v2", tags=EXPIRED))
    plan = estate.plan()
    assert waves(plan) == {"stack": 1, "v2": 1}
    assert [str(one) for one in plan.items[0].takes_along] == ["sim_volume v1"]
    with estate.engine.begin() as connection:
        set_marks(connection, Author("person", "ann"), [Mark(node("v2"), "protected", "mine")])
    assert kept(estate.plan())["stack"] == "sim_volume v2 would go along, and is protected"
    estate.run = "run-2"
    estate.collect(stack_of("v1"), resource("v1", tags=EXPIRED, edges=attached_to("somebody")))
    assert kept(estate.plan())["stack"] == "sim_volume v1 stays, and can't without it"


def test_what_the_provider_does_not_delete_by_itself_is_kept_with_its_reason(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED))
    estate.cloud.held = {"v1": "made by another service"}
    assert kept(estate.plan()) == {"v1": "made by another service"}


def test_what_must_go_first_and_is_not_known_keeps_a_resource(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED, edges=attached_to("never-collected")))
    assert "sim_instance never-collected" in kept(estate.plan())["v1"]


def test_phantoms_and_kinds_that_can_not_be_deleted_are_never_planned(estate: Estate) -> None:
    estate.collect(resource("r1", "sim_region", tags=EXPIRED), resource("a1", "sim_account", tags=EXPIRED))
    with estate.engine.begin() as connection:
        set_marks(connection, Author("person", "ann"), [Mark(node("r1", "sim_region"), "clean", "typo")])
    plan = estate.plan()
    assert kept(plan) == {"a1": "sim_account can't be deleted", "r1": "sim_region can't be deleted"}


def test_a_plan_beyond_the_number_of_resources_is_held(estate: Estate) -> None:
    estate.collect(*(resource(f"v{i}", tags=EXPIRED) for i in range(3)))
    plan = estate.plan(settings(budget=BudgetSettings(resources=2, share=1.0)))
    assert plan.held == "3 resources would be deleted, more than cleanup.budget.resources = 2"
    assert estate.execute(plan) == {}
    assert estate.cloud.deleted == []


def test_a_plan_beyond_the_share_of_a_scope_is_held_from_ten_deletions_on(estate: Estate) -> None:
    budget = BudgetSettings(resources=100, share=0.2)
    estate.collect(*(resource(f"v{i:02}", tags=EXPIRED if i < 10 else {}) for i in range(49)))
    assert "10 of the 49 resources of sim/a1/r1/sim_volume" in str(estate.plan(settings(budget=budget)).held)
    estate.collect(*(resource(f"v{i:02}", tags=EXPIRED if i < 9 else {}) for i in range(10)))
    assert estate.plan(settings(budget=budget)).held is None


def test_waves_are_right_for_any_graph_without_circles(estate: Estate) -> None:
    chance = random.Random(7)
    resources = []
    for i in range(60):
        below = chance.sample(range(i), k=min(i, chance.randrange(4)))
        edges = tuple(
            Edge(EdgeType.DELETE, outgoing=True, kind="sim_volume", value=f"v{other}") for other in below
        )
        resources.append(resource(f"v{i}", tags=EXPIRED, edges=edges))
    estate.collect(*resources)
    found = waves(estate.plan(settings(budget=BudgetSettings(resources=1000, share=1.0))))
    for one in resources:
        first = [found[edge.value] or 0 for edge in one.edges]
        assert found[one.id] == max(first, default=0) + 1


@pytest.mark.parametrize(
    ("moved", "held"),
    [
        ("UPDATE inventory.scopes SET succeeded_at = now() + CAST('1 day' AS interval)", "was collected"),
        ("UPDATE inventory.plans SET created_at = now() + CAST('1 hour' AS interval)", "was planned"),
    ],
)
def test_a_clock_that_was_set_back_holds_the_plan(estate: Estate, moved: str, held: str) -> None:
    estate.collect(*network_with_everything())
    estate.plan()
    with estate.engine.begin() as connection:
        connection.execute(text(moved))
    plan = estate.plan()
    assert str(plan.held).startswith("the clock was set back: it is 20")
    assert str(plan.held).endswith(held)
    assert estate.execute(plan) == {}


@pytest.mark.parametrize("by", [timedelta(hours=1), timedelta(days=-400)])
def test_a_clock_that_differs_from_the_database_s_holds_the_plan(
    estate: Estate, monkeypatch: pytest.MonkeyPatch, by: timedelta
) -> None:
    class Off(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + by

    estate.collect(*network_with_everything())
    monkeypatch.setattr("resoto_dagster.cleanup.planning.datetime", Off)
    assert str(estate.plan().held).startswith("the clocks differ: it is 20")


def test_a_small_difference_of_the_clocks_is_none(estate: Estate) -> None:
    estate.collect(*network_with_everything())
    with estate.engine.begin() as connection:
        connection.execute(
            text("UPDATE inventory.scopes SET succeeded_at = now() + CAST('1 minute' AS interval)")
        )
    assert estate.plan().held is None
