"""Rules that tag, in whole runs of the workflow."""

from typing import Any

import pytest
from dagster import DagsterInstance
from sqlalchemy import Engine

from resoto_dagster.cleanup.plan import load_plan
from resoto_dagster.config import RuleSettings
from resoto_dagster.inventory.marks import Author, Mark, set_marks
from resoto_dagster_tests.cleanup.conftest import settings
from resoto_dagster_tests.estate import node, resource, table
from resoto_dagster_tests.workflow.sim import SimCloud, arrange
from resoto_dagster_tests.workflow.test_workflow import run

OWNERLESS = RuleSettings(
    name="ownerless",
    search="is(volume) and tags.owner = null",
    reason="nobody's",
    mark="tag",
    tags={"owner": "nobody", "expiration": "30d"},
)


def cloud_of(*ids: str) -> SimCloud:
    return SimCloud(*(resource(id_) for id_ in ids), resource("owned", tags={"owner": "ann"}))


def tags(cloud: SimCloud) -> dict[str, Any]:
    return {id_: dict(one.tags) for id_, one in cloud.resources.items()}


def notes(engine: Engine) -> tuple[str, ...]:
    with engine.connect() as connection:
        plan = load_plan(connection)
    assert plan is not None
    return plan.notes


def test_what_the_search_finds_is_tagged_and_the_inventory_knows(
    instance: DagsterInstance, engine: Engine
) -> None:
    cloud = cloud_of("v1")
    arrange(cloud=cloud, cleanup=settings(planners={}, rules=[OWNERLESS]))
    assert run(instance).success
    assert tags(cloud) == {"v1": {"owner": "nobody", "expiration": "30d"}, "owned": {"owner": "ann"}}
    known = dict(table(engine, "SELECT id, reported -> 'tags' FROM inventory.resources"))
    assert known["v1"] == {"owner": "nobody", "expiration": "30d"}
    assert notes(engine) == ()


@pytest.mark.parametrize("given", [{"dry_run": True}, {"enabled": False}])
def test_unless_cleanup_deletes_it_only_says_so(
    instance: DagsterInstance, engine: Engine, given: dict[str, bool]
) -> None:
    cloud = cloud_of("v1")
    arrange(cloud=cloud, cleanup=settings(planners={}, rules=[OWNERLESS], **given))
    run(instance)
    assert tags(cloud)["v1"] == {}
    assert notes(engine) == (
        "would be tagged: sim/a1/r1/sim_volume/v1: owner=nobody, expiration=30d (rule ownerless)",
    )


def test_what_is_protected_refused_or_in_another_account_keeps_its_tags(
    instance: DagsterInstance, engine: Engine
) -> None:
    cloud = cloud_of("v1", "v2", "v3")
    arrange(cloud=cloud, cleanup=settings(planners={}, rules=[OWNERLESS]))
    cloud.refuses = {"v2": "AccessDenied: sim:TagVolume"}
    with engine.begin() as connection:
        set_marks(connection, Author("person", "ann"), [Mark(node("v1"), "protected", "mine")])
    assert run(instance).success
    assert (tags(cloud)["v1"], tags(cloud)["v2"]) == ({}, {})
    assert tags(cloud)["v3"]["owner"] == "nobody"
    assert set(notes(engine)) == {"could not be tagged: sim/a1/r1/sim_volume/v2: AccessDenied: sim:TagVolume"}
    arrange(cloud=cloud, cleanup=settings(planners={}, rules=[OWNERLESS], accounts={}))
    cloud.refuses = {}
    run(instance)
    assert tags(cloud)["v2"] == {}


def test_a_search_that_can_t_be_asked_tags_nothing_and_says_so(
    instance: DagsterInstance, engine: Engine
) -> None:
    cloud = cloud_of("v1")
    wrong = OWNERLESS.model_copy(update={"search": "is(volumn)"})
    arrange(cloud=cloud, cleanup=settings(planners={}, rules=[wrong]))
    assert run(instance).success
    assert tags(cloud)["v1"] == {}
    assert notes(engine)[0].startswith("rule ownerless does nothing: ")
