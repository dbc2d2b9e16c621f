"""Grace: announced first, gone later; counted from the announcement, and over when the reason is gone."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from resoto_dagster.cleanup.announcements import announce, announceable
from resoto_dagster.cleanup.grace import Grace, grace_of
from resoto_dagster.cleanup.plan import Plan
from resoto_dagster.config import (
    CleaningPlannerSettings,
    CleanupSettings,
    NoticesSettings,
    OwnerSettings,
    PlannersSettings,
    RuleSettings,
)
from resoto_dagster.inventory.collecting import InventorySink
from resoto_dagster.inventory.marks import Author, Mark, set_marks
from resoto_dagster.model.resource import Resource
from resoto_dagster_tests.cleanup.conftest import EXPIRED, EXPIRED_ON, Estate, attached_to, settings
from resoto_dagster_tests.cleanup.services import web_service
from resoto_dagster_tests.estate import node, resource, scope, table

DAY = timedelta(days=1)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
SMALL = RuleSettings(name="small", search="is(volume) and volume_size < 5", reason="too small", grace=7 * DAY)


def ruled(*rules: RuleSettings, **given: object) -> CleanupSettings:
    given.setdefault("planners", PlannersSettings())
    return settings(rules=list(rules), **given)


GRACEFUL = ruled(SMALL)


def small(id_: str = "v1", **given: object) -> Resource:
    return resource(id_, properties={"volume_size": 1}, **given)


def next_run(estate: Estate, *resources: Resource, given: CleanupSettings = GRACEFUL) -> Plan:
    """One run of the workflow, from the collect to the announcements."""
    estate.run = f"run-{int(estate.run.removeprefix('run-')) + 1}"
    estate.collect(*resources)
    return replan(estate, given)


def replan(estate: Estate, given: CleanupSettings = GRACEFUL) -> Plan:
    plan, now = estate.plan(given), datetime.now(UTC)
    announce(estate.engine, given.notices, announceable(plan, given, now), now)
    return plan


def pass_by(estate: Estate, length: timedelta) -> None:
    """Let time pass since all that was announced, and since all there is was seen first."""
    with estate.engine.begin() as connection:
        connection.execute(
            text("UPDATE inventory.announcements SET announced_at = announced_at - :by"), {"by": length}
        )
        connection.execute(
            text("UPDATE inventory.resources SET first_seen = first_seen - :by"), {"by": length}
        )


def kept(plan: Plan, id_: str = "v1") -> str | None:
    (item,) = (item for item in plan.items if item.resource.id == id_)
    return item.kept


def announced(estate: Estate) -> list[tuple[str, str]]:
    return table(
        estate.engine,
        "SELECT r.id, n.source || ' ' || n.author FROM inventory.announcements n "
        "JOIN inventory.resources r USING (node_id) ORDER BY 1, 2",
    )


def test_planned_announced_due(estate: Estate) -> None:
    first = next_run(estate, small())
    assert kept(first) == "in grace: to be announced, and goes 7d after that"
    assert announced(estate) == [("v1", "rule small")]
    second = next_run(estate, small())
    assert str(kept(second)).startswith("in grace: announced, goes from 20")
    pass_by(estate, 6 * DAY)
    assert kept(next_run(estate, small())) is not None
    pass_by(estate, 1 * DAY)
    due = next_run(estate, small())
    assert kept(due) is None
    assert {one.outcome for one in estate.execute(due, GRACEFUL).values()} == {"gone"}


def test_it_is_counted_from_the_announcement_and_not_from_the_mark(estate: Estate) -> None:
    """While nothing is announced, a mark may be as old as it likes."""
    for _ in range(2):
        estate.collect(small())
        assert "to be announced" in str(kept(estate.plan(GRACEFUL)))
        with estate.engine.begin() as connection:
            connection.execute(text("UPDATE inventory.marks SET at = at - CAST('30 days' AS interval)"))


def test_with_the_reason_gone_it_is_announced_anew(estate: Estate) -> None:
    next_run(estate, small())
    pass_by(estate, 6 * DAY)
    next_run(estate, resource("v1", properties={"volume_size": 10}))
    assert announced(estate) == []
    assert "to be announced" in str(kept(next_run(estate, small())))


def test_a_failed_collect_is_no_reason_to_announce_anew(estate: Estate) -> None:
    next_run(estate, small())
    pass_by(estate, 8 * DAY)
    InventorySink(estate.engine, "sim", estate.run).failed(scope(), "Throttled")
    assert kept(replan(estate)) == "not read well: Throttled"
    assert announced(estate) == [("v1", "rule small")]
    assert kept(next_run(estate, small())) is None


def test_a_rule_that_was_taken_out_and_comes_back_announces_anew(estate: Estate) -> None:
    from resoto_dagster.cleanup.announcements import forget_authors_announcements

    next_run(estate, small())
    pass_by(estate, 8 * DAY)
    with estate.engine.begin() as connection:
        assert forget_authors_announcements(connection, GRACEFUL) == 0
        assert forget_authors_announcements(connection, ruled()) == 1
    assert "to be announced" in str(kept(next_run(estate, small())))


def test_a_later_resource_of_the_same_name_is_announced_anew(estate: Estate) -> None:
    next_run(estate, small())
    pass_by(estate, 8 * DAY)
    reborn = small(ctime=datetime.now(UTC) - DAY)
    assert "to be announced" in str(kept(next_run(estate, reborn)))


def test_what_stays_anyway_is_not_announced(estate: Estate) -> None:
    """Nobody is told of what is protected, or needed by what stays."""
    needed = resource("ins", "sim_instance", tags=EXPIRED)
    given = ruled(SMALL.model_copy(update={"search": "is(instance)"}))
    next_run(estate, needed, resource("vol", edges=attached_to("ins")), given=given)
    next_run(estate, small("v2"))
    with estate.engine.begin() as connection:
        connection.execute(text("DELETE FROM inventory.announcements"))
        set_marks(connection, Author("person", "ann"), [Mark(node("v2"), "protected", "mine")])
    assert kept(replan(estate), "v2") == "protected by person ann: mine"
    assert announced(estate) == []


def test_what_needs_something_in_grace_stays_with_it(estate: Estate) -> None:
    """An expired network can't go before the instance in it, whose grace has not passed."""
    from resoto_dagster_tests.estate import goes_before

    given = ruled(SMALL.model_copy(update={"search": "is(instance)"}), planners=EXPIRED_ON)
    plan = next_run(
        estate,
        resource("net", "sim_network", tags=EXPIRED),
        resource("ins", "sim_instance", edges=goes_before("sim_network", "net")),
        given=given,
    )
    assert kept(plan, "net") == "sim_instance ins stays, and can't without it"
    assert str(kept(plan, "ins")).startswith("in grace")


def test_a_planner_has_a_grace_too(estate: Estate) -> None:
    given = settings(planners=PlannersSettings(expired=CleaningPlannerSettings(enabled=True, grace=2 * DAY)))
    expired = resource("v1", tags=EXPIRED)
    assert kept(next_run(estate, expired, given=given)) == "in grace: to be announced, and goes 2d after that"
    pass_by(estate, 2 * DAY)
    assert kept(next_run(estate, expired, given=given)) is None


def test_what_somebody_marks_without_a_grace_goes_at_once(estate: Estate) -> None:
    next_run(estate, small(tags=EXPIRED))
    both = ruled(SMALL, planners=EXPIRED_ON)
    assert kept(next_run(estate, small(tags=EXPIRED), given=both)) is None


def test_two_marks_are_told_of_once(estate: Estate) -> None:
    other = SMALL.model_copy(update={"name": "other", "grace": 2 * DAY})
    next_run(estate, small())
    plan = next_run(estate, small(), given=ruled(SMALL, other))
    assert str(kept(plan)).startswith("in grace: announced")
    assert announced(estate) == [("v1", "rule small")]


A, B = ("rule", "small"), ("rule", "other")
TWO = ruled(SMALL, SMALL.model_copy(update={"name": "other", "grace": 2 * DAY}))


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ([(A, None)], Grace(None, (A,), 7 * DAY)),
        ([(A, None), (B, None)], Grace(None, (A, B), 2 * DAY)),
        ([(A, NOW - DAY), (B, None)], Grace(NOW + 6 * DAY)),
        ([(A, NOW - DAY), (B, NOW - DAY)], Grace(NOW + DAY)),
        ([(A, NOW - 7 * DAY), (B, None)], None),
        ([(A, None), (("person", "ann"), None)], None),
        ([(A, NOW - DAY), (("hook", "own"), None)], None),
        ([(("planner", "expired"), None)], None),
        ([(("rule", "taken out"), None)], None),
    ],
)
def test_the_first_mark_that_lets_it_go_counts(marks: object, expected: Grace | None) -> None:
    assert grace_of(TWO, marks, NOW) == expected  # type: ignore[arg-type]


def test_an_owner_is_told_once_of_all_that_is_theirs(estate: Estate) -> None:
    with web_service() as slack:
        told = NoticesSettings(default="team", owners={"team": OwnerSettings(slack=slack.url)})
        given = ruled(SMALL, notices=told)
        for _ in range(3):
            next_run(estate, small("v1"), small("v2"), given=given)
        assert len(slack.posted) == 1
        assert all(id_ in str(slack.posted[0]) for id_ in ("v1", "v2"))


def test_a_rule_may_leave_its_owners_in_peace(estate: Estate) -> None:
    with web_service() as slack:
        told = NoticesSettings(default="team", owners={"team": OwnerSettings(slack=slack.url)})
        given = ruled(SMALL.model_copy(update={"notify": False}), notices=told)
        next_run(estate, small(), given=given)
        assert slack.posted == []
    assert announced(estate) == [("v1", "rule small")]
