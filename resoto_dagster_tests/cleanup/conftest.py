"""An estate of a network with what is in it, all of it expired, in the inventory and in a made-up cloud."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine

from resoto_dagster.cleanup.execute import Result, execute_plan
from resoto_dagster.cleanup.plan import Plan
from resoto_dagster.cleanup.planners import follow_marks, run_planners
from resoto_dagster.cleanup.planning import make_plan
from resoto_dagster.cleanup.rules import run_rules
from resoto_dagster.config import BudgetSettings, CleaningPlannerSettings, CleanupSettings, PlannersSettings
from resoto_dagster.model.resource import Edge, EdgeType, Resource
from resoto_dagster_tests.cleanup.cloud import Cloud
from resoto_dagster_tests.estate import KINDS, collect, goes_before, resource, scope

EXPIRED = {"expiration": "1d"}
EXPIRED_ON = PlannersSettings(expired=CleaningPlannerSettings(enabled=True))


def settings(**given: Any) -> CleanupSettings:
    given.setdefault("enabled", True)
    given.setdefault("dry_run", False)
    given.setdefault("accounts", {"sim": ["a1"]})
    given.setdefault("planners", EXPIRED_ON)
    given.setdefault("budget", BudgetSettings(resources=100, share=1.0))
    return CleanupSettings(**given)


def attached_to(instance: str) -> tuple[Edge, ...]:
    """A volume's edges: it belongs to the instance, which must go first."""
    return (
        Edge(EdgeType.DEFAULT, outgoing=False, kind="sim_instance", value=instance),
        Edge(EdgeType.DELETE, outgoing=True, kind="sim_instance", value=instance),
    )


@dataclass
class Estate:
    """The inventory's engine, the cloud, and one run's steps on them."""

    engine: Engine
    cloud: Cloud
    run: str = "run-1"

    def collect(self, *resources: Resource, account: str = "a1") -> None:
        """Put resources into the cloud and collect them."""
        self.cloud.resources |= {one.id: one for one in resources}
        scopes: dict[Any, list[Resource]] = {}
        for one in resources:
            scopes.setdefault(scope(one.kind, one.region, account), []).append(one)
        collect(self.engine, scopes, self.run)

    def plan(self, given: CleanupSettings | None = None, notes: Iterable[str] = ()) -> Plan:
        given = given or settings()
        with self.engine.begin() as connection:
            ruled = run_rules(connection, given, self.run)
            marked = run_planners(connection, given, self.run)
            followed = follow_marks(connection, given, self.run)
            notes = [*notes, *ruled.notes, *marked.notes, *followed.notes]
            return make_plan(connection, given, KINDS, self.cloud, self.run, self.run, notes)

    def execute(self, plan: Plan, given: CleanupSettings | None = None) -> dict[str, Result]:
        results = execute_plan(
            self.engine, plan, given or settings(), KINDS, lambda _provider: self.cloud, self.run
        )
        return {result.item.resource.id: result for result in results}


def network_with_everything(**tags: str) -> list[Resource]:
    """A network, an instance in it and the instance's volume, all tagged as expired."""
    every = EXPIRED | tags
    return [
        resource("net", "sim_network", tags=every),
        resource("ins", "sim_instance", tags=every, edges=goes_before("sim_network", "net")),
        resource("vol", tags=every, edges=attached_to("ins")),
    ]


@pytest.fixture
def estate(engine: Engine) -> Estate:
    return Estate(engine, Cloud())
