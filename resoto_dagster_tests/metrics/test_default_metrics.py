"""The default metrics as searches: what each gives on an inventory that has something of every base kind."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from resoto_dagster.config import MetricsSettings
from resoto_dagster.inventory.collecting import register_kinds
from resoto_dagster.inventory.inventory import Inventory
from resoto_dagster.inventory.marks import Author
from resoto_dagster.metrics.definitions import load_definitions
from resoto_dagster.model.kind import Kind
from resoto_dagster.model.resource import GLOBAL, Edge, EdgeType, Resource, Scope
from resoto_dagster_tests.estate import collect, no_properties, scope

HERE = ("sim", "production", "r1")
THERE = ("sim", "development", "r2")
GIB = 1024**3
ONCE = [(*HERE, 1), (*THERE, 1)]

PROPERTIES: dict[str, dict[str, Any]] = {
    "access_key": {"access_key_status": "Active"},
    "database": {"db_type": "postgres", "instance_type": "db.small", "volume_size": 20},
    "instance": {
        "instance_type": "small",
        "instance_status": "running",
        "instance_cores": 4,
        "instance_memory": 0.5,
    },
    "instance_quota": {"instance_type": "small", "quota_type": "standard", "quota": 32},
    "instance_type": {
        "instance_type": "small",
        "quota_type": "standard",
        "ondemand_cost": 0.25,
        "reservations": 3,
    },
    "load_balancer": {"lb_type": "application"},
    "network_interface": {"network_interface_status": "in-use"},
    "snapshot": {"snapshot_status": "completed", "volume_size": 8},
    "volume": {"volume_type": "gp3", "volume_status": "in-use", "volume_size": 100},
    "volume_type": {"volume_type": "gp3", "quota": 2, "ondemand_cost": 8.5},
}
"""What resources of a base kind report; those of other base kinds report nothing."""

ABOVE = {"instance": "instance_type", "volume": "volume_type"}
"""The base kinds whose price is that of a resource above them."""

EXPECTED: dict[str, list[tuple[Any, ...]]] = {
    "access_keys_total": [(*HERE, "Active", 1), (*THERE, "Active", 1)],
    "accounts_total": [("sim", 2)],
    "autoscaling_groups_total": ONCE,
    "buckets_quotas_total": ONCE,
    "buckets_total": ONCE,
    "certificates_quotas_total": ONCE,
    "certificates_total": ONCE,
    "cores_total": [(*HERE, "small", 8)],
    "databases_bytes": [
        (*HERE, "postgres", "db.small", 20 * GIB),
        (*THERE, "postgres", "db.small", 20 * GIB),
    ],
    "databases_total": [(*HERE, "postgres", "db.small", 1), (*THERE, "postgres", "db.small", 1)],
    "endpoints_total": ONCE,
    "gateways_quotas_total": ONCE,
    "gateways_total": ONCE,
    "groups_total": ONCE,
    "health_checks_total": ONCE,
    "instance_profiles_total": ONCE,
    "instances_hourly_cost_estimate": [(*HERE, "small", 0.5)],
    "instances_quotas_total": [(*HERE, "small", "standard", 32)],
    "instances_total": [(*HERE, "small", "running", 2), (*THERE, "small", "stopped", 1)],
    "ip_addresses_total": ONCE,
    "keypairs_total": ONCE,
    "load_balancers_quotas_total": ONCE,
    "load_balancers_total": [(*HERE, "application", 1), (*THERE, "application", 1)],
    "memory_bytes": [(*HERE, "small", GIB)],
    "network_acls_total": ONCE,
    "network_interfaces_total": [(*HERE, "in-use", 1), (*THERE, "in-use", 1)],
    "networks_quotas_total": ONCE,
    "networks_total": ONCE,
    "peering_connections_total": ONCE,
    "policies_total": ONCE,
    "reserved_instances_total": [(*HERE, "small", "standard", 3), (*THERE, "small", "standard", 3)],
    "roles_total": ONCE,
    "routing_tables_total": ONCE,
    "security_groups_total": ONCE,
    "snapshots_total": [(*HERE, "completed", 1), (*THERE, "completed", 1)],
    "snapshots_volumes_bytes": [(*HERE, "completed", 8 * GIB), (*THERE, "completed", 8 * GIB)],
    "stacks_total": ONCE,
    "subnets_total": ONCE,
    "tunnels_total": ONCE,
    "users_total": ONCE,
    "volume_bytes": [(*HERE, "gp3", "in-use", 100 * GIB), (*THERE, None, "available", None)],
    "volumes_monthly_cost_estimate": [(*HERE, "gp3", "in-use", 8.5), (*THERE, None, "available", None)],
    "volumes_quotas_bytes": [(*HERE, "gp3", 2 * 1024 * GIB), (*THERE, "gp3", 2 * 1024 * GIB)],
    "volumes_total": [(*HERE, "gp3", "in-use", 1), (*THERE, None, "available", 1)],
}


def kinds_asked_for() -> list[str]:
    """The base kinds that the metrics and their prices are about."""
    return sorted(
        {kind for metric in load_definitions(MetricsSettings()) for kind in metric.kinds or ()}
        | set(ABOVE.values())
    )


def made(base: str, id_: str, region: str, **more: Any) -> Resource:
    above = ABOVE.get(base)
    edges = (
        () if above is None else (Edge(EdgeType.DEFAULT, outgoing=False, kind=f"sim_{above}", value=above),)
    )
    return Resource(
        kind=f"sim_{base}",
        id=id_,
        name=id_,
        region=region,
        edges=edges,
        properties=PROPERTIES.get(base, {}) | more,
    )


@pytest.fixture
def inventory(engine: Engine) -> Inventory:
    """One resource of each base kind in each of two accounts; in one more instance, a stopped one in the
    other, where a volume has no type and a quota is unlimited."""
    bases = kinds_asked_for()
    kinds = {f"sim_{base}": Kind(name=f"sim_{base}", description=base, bases=(base,)) for base in bases}
    with engine.begin() as connection:
        register_kinds(connection, "sim", kinds, list(kinds), "1", no_properties)
    collected: dict[Scope, list[Resource]] = {}
    for account, name, region in (("a1", "production", "r1"), ("a2", "development", "r2")):
        collected[scope("sim_account", GLOBAL, account)] = [
            Resource(kind="sim_account", id=account, name=name, region=GLOBAL)
        ]
        for base in bases:
            if base != "account":
                collected[scope(f"sim_{base}", region, account)] = [made(base, base, region)]
    collected[scope("sim_instance", "r1", "a1")].append(made("instance", "another", "r1"))
    collected[scope("sim_instance", "r2", "a2")] = [
        made("instance", "instance", "r2", instance_status="stopped")
    ]
    collected[scope("sim_instance_quota", "r2", "a2")] = [
        made("instance_quota", "instance_quota", "r2", quota=-1)
    ]
    bare = Resource(
        kind="sim_volume",
        id="volume",
        name="volume",
        region="r2",
        properties={"volume_status": "available"},
    )
    collected[scope("sim_volume", "r2", "a2")] = [bare]
    collect(engine, collected)
    return Inventory(engine, Author("person", "ann"))


def test_the_default_metrics_give_exactly(inventory: Inventory) -> None:
    found = {
        metric.name: sorted((tuple(row.values()) for row in inventory.rows(str(metric.query))), key=str)
        for metric in load_definitions(MetricsSettings())
    }
    assert found == {name: sorted(rows, key=str) for name, rows in EXPECTED.items()}
    assert all(not isinstance(row[-1], bool | str) for rows in found.values() for row in rows)
    assert isinstance(found["instances_hourly_cost_estimate"][0][-1], Decimal)


def test_a_volume_costs_what_its_type_costs_in_its_own_account(inventory: Inventory) -> None:
    (row,) = inventory.rows(
        "aggregate(sum(/ancestors.volume_type.reported.ondemand_cost) as cost): is(volume)"
    )
    assert row == {"cost": Decimal("8.5")}
