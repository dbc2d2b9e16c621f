"""Expiration tags that are longer than an account allows, in whole runs of the workflow."""

from datetime import timedelta
from typing import Any

import pytest
from dagster import DagsterInstance
from sqlalchemy import Engine

from resoto_dagster.cleanup.plan import load_plan
from resoto_dagster.config import CleanupSettings, TagValidatorSettings
from resoto_dagster.inventory.marks import Author, Mark, set_marks
from resoto_dagster.model.resource import Resource
from resoto_dagster_tests.cleanup.conftest import settings
from resoto_dagster_tests.estate import node, resource, table
from resoto_dagster_tests.workflow.sim import SimCloud, arrange
from resoto_dagster_tests.workflow.test_workflow import run

FIVE_DAYS = {"enabled": True, "accounts": {"sim": {"a1": timedelta(days=5)}}}


def estate() -> list[Resource]:
    """Volumes that were created ten days ago."""
    return [
        resource("long", tags={"expiration": "30d"}),
        resource("preferred", tags={"resoto:expiration": "8d", "expiration": "1y"}),
        resource("short", tags={"expiration": "4d"}),
        resource("never", tags={"expiration": "never"}),
        resource("odd", tags={"expiration": "soon"}),
        resource("moment", tags={"resoto:expires": "2999-01-01", "expiration": "30d"}),
        resource("bare"),
    ]


def tags(cloud: SimCloud) -> dict[str, Any]:
    return {id_: dict(one.tags) for id_, one in cloud.resources.items()}


def validating(**given: Any) -> CleanupSettings:
    """A cleanup that deletes nothing, since no planner is on."""
    given.setdefault("planners", {})
    return settings(**given, tag_validator=TagValidatorSettings(**FIVE_DAYS))


def test_longer_tags_are_shortened_and_the_inventory_knows(instance: DagsterInstance, engine: Engine) -> None:
    cloud = SimCloud(*estate())
    before = tags(cloud)
    arrange(cloud=cloud, cleanup=validating())
    assert run(instance).success
    assert {id_: now for id_, now in tags(cloud).items() if now != before[id_]} == {
        "long": {"expiration": "5d"},
        "preferred": {"resoto:expiration": "5d", "expiration": "1y"},
    }
    known = dict(table(engine, "SELECT id, reported -> 'tags' FROM inventory.resources"))
    assert known["long"] == {"expiration": "5d"}


def test_what_has_expired_by_its_shorter_tag_goes_in_the_same_run(instance: DagsterInstance) -> None:
    cloud = SimCloud(*estate())
    given = settings(tag_validator=TagValidatorSettings(**FIVE_DAYS))
    arrange(cloud=cloud, cleanup=given)
    assert run(instance).success
    assert set(cloud.deleted) == {"long", "preferred", "short"}


@pytest.mark.parametrize("given", [{"dry_run": True}, {"enabled": False}])
def test_unless_cleanup_deletes_it_only_says_so(
    instance: DagsterInstance, engine: Engine, given: dict[str, bool]
) -> None:
    cloud = SimCloud(*estate())
    before = tags(cloud)
    arrange(cloud=cloud, cleanup=validating(**given))
    run(instance)
    assert tags(cloud) == before
    with engine.connect() as connection:
        plan = load_plan(connection)
    assert plan is not None
    assert plan.notes == (
        "would be shortened: sim/a1/r1/sim_volume/long: expiration=30d is longer than 5d",
        "would be shortened: sim/a1/r1/sim_volume/preferred: resoto:expiration=8d is longer than 5d",
    )


def test_what_is_protected_elsewhere_refused_or_not_read_well_keeps_its_tag(
    instance: DagsterInstance, engine: Engine
) -> None:
    cloud = SimCloud(*estate())
    arrange(cloud=cloud, cleanup=validating())
    cloud.refuses = {"long": "AccessDenied: sim:TagVolume"}
    with engine.begin() as connection:
        set_marks(connection, Author("person", "ann"), [Mark(node("preferred"), "protected", "mine")])
    assert run(instance).success
    assert tags(cloud)["long"] == {"expiration": "30d"}
    assert tags(cloud)["preferred"]["resoto:expiration"] == "8d"
    with engine.connect() as connection:
        plan = load_plan(connection)
    assert plan is not None
    assert plan.notes == ("could not be shortened: sim/a1/r1/sim_volume/long: AccessDenied: sim:TagVolume",)
    cloud.refuses, cloud.denied = {}, {"sim_volume"}
    run(instance)
    assert tags(cloud)["long"] == {"expiration": "30d"}, "its scope was not read well"
