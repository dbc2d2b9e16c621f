"""What waits in a circle is untied where it can be, and kept else."""

import pytest

from resoto_dagster.cleanup.plan import load_plan
from resoto_dagster.model.resource import Edge, EdgeType, Resource, StoredResource
from resoto_dagster.providers.base import Answer
from resoto_dagster_tests.cleanup.conftest import EXPIRED, Estate, settings
from resoto_dagster_tests.estate import resource, table


def naming(id_: str, *others: str, tags: dict[str, str] = EXPIRED) -> Resource:
    """A network that names others in its rules: while it is there, they can't go."""
    edges = tuple(Edge(EdgeType.DELETE, outgoing=False, kind="sim_network", value=one) for one in others)
    return resource(id_, "sim_network", tags=tags, edges=edges)


def circle(estate: Estate, *ids: str) -> None:
    following = (*ids[1:], ids[0])
    estate.collect(*(naming(one, other) for one, other in zip(ids, following, strict=True)))


def events(estate: Estate) -> list[tuple[str, str]]:
    return table(
        estate.engine,
        "SELECT i.id, j.event FROM inventory.journal j JOIN inventory.plan_items i USING (plan_id, node_id) "
        "ORDER BY j.journal_id",
    )


@pytest.mark.parametrize("ids", [("a", "b"), ("a", "b", "c"), ("a", "b", "c", "d", "e")])
def test_a_circle_is_untied_by_one_and_goes(estate: Estate, ids: tuple[str, ...]) -> None:
    circle(estate, *ids)
    estate.cloud.unties = set(ids)
    plan = estate.plan()
    assert [item.wave for item in plan.going] == list(range(1, len(ids) + 1))
    assert sum(len(item.unties) for item in plan.going) == 1
    with estate.engine.connect() as connection:
        assert load_plan(connection) == plan
    results = estate.execute(plan)
    assert {one.outcome for one in results.values()} == {"gone"}
    assert len(estate.cloud.untied) == 1
    first = plan.going[0].resource.id
    assert estate.cloud.deleted[0] == first
    assert estate.cloud.untied[0][1] == first


def test_the_journal_tells_of_untying_between_intent_and_answer(estate: Estate) -> None:
    circle(estate, "a", "b")
    estate.cloud.unties = {"a", "b"}
    plan = estate.plan()
    estate.execute(plan)
    first, last = (item.resource.id for item in plan.going)
    assert events(estate) == [
        *((first, "intended"), (last, "untied"), (first, "answered"), (first, "gone")),
        *((last, "intended"), (last, "answered"), (last, "gone")),
    ]


def test_a_circle_that_nothing_unties_is_kept(estate: Estate) -> None:
    estate.collect(
        *(naming("a", "b"), naming("b", "a")),
        *(naming("c", "d"), naming("d", "c"), naming("e")),
    )
    estate.cloud.unties = {"d"}
    plan = estate.plan()
    assert {item.resource.id: item.kept for item in plan.kept} == {
        "a": "waits in a circle, for sim_network b",
        "b": "waits in a circle, for sim_network a",
    }
    assert {item.resource.id for item in plan.going} == {"c", "d", "e"}


def test_two_circles_with_one_in_common_are_untied(estate: Estate) -> None:
    estate.collect(naming("a", "b", "c"), naming("b", "a"), naming("c", "a"))
    estate.cloud.unties = {"a", "b", "c"}
    plan = estate.plan()
    assert len(plan.going) == 3
    assert {one.outcome for one in estate.execute(plan).values()} == {"gone"}


def test_what_is_behind_a_circle_waits_for_it_and_is_not_untied(estate: Estate) -> None:
    estate.collect(naming("a", "b", "behind"), naming("b", "a"), naming("behind"))
    estate.cloud.unties = {"a", "b", "behind"}
    plan = estate.plan()
    (behind,) = (item for item in plan.going if item.resource.id == "behind")
    assert behind.unties == set()
    assert behind.waits_for
    estate.execute(plan)
    assert "behind" not in {other for _, other in estate.cloud.untied}


def test_with_one_that_stays_the_circle_stays_and_nothing_is_untied(estate: Estate) -> None:
    estate.collect(naming("a", "b"), naming("b", "a", tags={}))
    estate.cloud.unties = {"a", "b"}
    plan = estate.plan()
    assert plan.going == []
    assert estate.execute(plan) == {}
    assert estate.cloud.untied == []


def test_a_dry_run_unties_nothing(estate: Estate) -> None:
    circle(estate, "a", "b")
    estate.cloud.unties = {"a", "b"}
    dry = settings(dry_run=True)
    assert {one.outcome for one in estate.execute(estate.plan(dry), dry).values()} == {"would_delete"}
    assert estate.cloud.untied == []


def test_what_changed_since_it_was_planned_does_not_let_go(estate: Estate) -> None:
    circle(estate, "a", "b")
    estate.cloud.unties = {"a", "b"}
    plan = estate.plan()
    first, last = (item.resource.id for item in plan.going)
    estate.cloud.change(last, tags={})
    results = estate.execute(plan)
    assert results[first].outcome == "kept"
    assert results[first].detail.endswith("stays as it is: changed since it was planned")
    assert estate.cloud.untied == []
    assert estate.cloud.deleted == []


def test_a_run_that_died_after_untying_goes_on(estate: Estate) -> None:
    circle(estate, "a", "b")
    estate.cloud.unties = {"a", "b"}
    plan = estate.plan()

    def die(_id: str) -> None:
        raise KeyboardInterrupt

    estate.cloud.before_delete = die
    with pytest.raises(KeyboardInterrupt):
        estate.execute(plan)
    estate.cloud.before_delete = lambda _id: None
    assert {one.outcome for one in estate.execute(plan).values()} == {"gone"}


def test_what_the_api_does_not_untie_fails(estate: Estate) -> None:
    circle(estate, "a", "b")
    estate.cloud.unties = {"a", "b"}
    plan = estate.plan()
    first, last = (item.resource.id for item in plan.going)
    estate.cloud.refuses = {last: "AccessDenied: RevokeSecurityGroupIngress"}
    results = estate.execute(plan)
    assert results[first].outcome == "failed"
    assert results[last].outcome == "skipped"
    assert estate.cloud.deleted == []


def test_a_circle_goes_also_when_the_run_dies_between_untying_and_writing_it_down(estate: Estate) -> None:
    circle(estate, "a", "b")
    estate.cloud.unties = {"a", "b"}
    plan, untie = estate.plan(), estate.cloud.untie

    def die(resource: StoredResource, other: StoredResource) -> Answer:
        untie(resource, other)
        estate.cloud.change(resource.id, properties={"rules": 0})
        estate.cloud.deletes_in_parts = {resource.id}
        raise KeyboardInterrupt

    estate.cloud.untie = die  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        estate.execute(plan)
    estate.cloud.untie = untie  # type: ignore[method-assign]
    assert {one.outcome for one in estate.execute(plan).values()} == {"gone"}
    assert estate.cloud.resources == {}
