"""An estate with something to measure, and the plain list of it that numbers are checked against."""

import random
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine

from resoto_dagster.model.resource import GLOBAL, Resource, Scope
from resoto_dagster_tests.estate import collect, resource, scope

ACCOUNTS = {"a1": "production", "a2": "development"}
Estate = dict[Scope, list[Resource]]


def an_estate(seed: int = 1, each: int = 20) -> Estate:
    """Instances and volumes in two regions of two accounts; some lack properties or have empty ones."""
    rng = random.Random(seed)
    estate: Estate = {
        scope("sim_account", GLOBAL, account): [resource(account, "sim_account", GLOBAL, name=name)]
        for account, name in ACCOUNTS.items()
    }
    for account in ACCOUNTS:
        for region in ("r1", "r2"):
            for kind, properties in (("sim_instance", _instance), ("sim_volume", _volume)):
                estate[scope(kind, region, account)] = [
                    resource(f"{account}-{region}-{kind}-{i}", kind, region, properties=properties(rng))
                    for i in range(each)
                ]
    return estate


def _instance(rng: random.Random) -> dict[str, Any]:
    return {
        "instance_type": rng.choice(["small", "large"]),
        "instance_status": rng.choice(["running", "stopped"]),
        "instance_cores": rng.choice([1, 2, 4]),
        "instance_memory": rng.choice([0.5, 8, 16, 3.75]),
    }


def _volume(rng: random.Random) -> dict[str, Any]:
    properties = {
        "volume_size": rng.choice([8, 100, 16384, None]),
        "volume_type": rng.choice(["gp3", "io2", "", None]),
        "volume_status": rng.choice(["available", "in-use"]),
    }
    return {name: value for name, value in properties.items() if value is not None or rng.random() < 0.5}


def fill(engine: Engine, estate: Estate, run_id: str = "run-1") -> None:
    collect(engine, estate, run_id)


def rows(estate: Estate, kind: str) -> Sequence[dict[str, Any]]:
    """The resources of a kind, each with the labels that every metric has."""
    return [
        one.properties | {"cloud": place.provider, "account": ACCOUNTS[place.account], "region": one.region}
        for place, resources in estate.items()
        for one in resources
        if place.kind == kind
    ]
