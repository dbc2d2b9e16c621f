"""All default metrics over a million resources, beside one pass of SQL written by hand for the same numbers.

Usage: python benchmarks/metrics.py [--resources N] [--keep FOLDER]

The estate is that of inventory.py, and may be its folder; types with prices are added above its instances and
volumes. The database is removed at the end; with --keep it stays, and the next run finds it.
"""

import argparse
import logging
import os
import resource
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from inventory import fill, merge, vacuum
from report import print_machine, print_table
from sqlalchemy import Connection, Engine, text

from resoto_dagster.config import Settings
from resoto_dagster.database import inventory_engine
from resoto_dagster.embedded_postgres import discard
from resoto_dagster.inventory.collecting import settle_graph
from resoto_dagster.inventory.schema import migrate
from resoto_dagster.metrics.definitions import load_definitions
from resoto_dagster.metrics.families import Family
from resoto_dagster.metrics.generate import generate, generate_if_changed
from resoto_dagster.model.resource import Edge, EdgeType, Resource, Scope

REPEATED = 9
GIB = 1024**3
TYPED = {"aws_ec2_instance": "instance_type", "aws_ec2_volume": "volume_type"}
LIKE_OURS = ("enable_sort = off", "work_mem = '64MB'")

BY_HAND = """
    WITH types AS MATERIALIZED (
        SELECT node_id, CAST(reported ->> 'ondemand_cost' AS numeric) AS cost FROM inventory.resources
        WHERE kind IN ('aws_ec2_instance_type', 'aws_ec2_volume_type')
    ), priced AS MATERIALIZED (
        SELECT e.dst, t.cost FROM types t JOIN inventory.edges e ON e.src = t.node_id AND e.type = 'default'
    ), found AS (
        SELECT r.scope_id, r.region,
            CASE r.kind
                WHEN 'aws_ec2_instance' THEN r.reported ->> 'instance_type'
                WHEN 'aws_ec2_instance_type' THEN r.reported ->> 'instance_type'
                WHEN 'aws_ec2_volume' THEN r.reported ->> 'volume_type'
                WHEN 'aws_ec2_volume_type' THEN r.reported ->> 'volume_type'
            END AS type,
            CASE r.kind
                WHEN 'aws_ec2_instance' THEN r.reported ->> 'instance_status'
                WHEN 'aws_ec2_volume' THEN r.reported ->> 'volume_status'
                WHEN 'aws_ec2_snapshot' THEN r.reported ->> 'snapshot_status'
                WHEN 'aws_ec2_network_interface' THEN r.reported ->> 'network_interface_status'
            END AS status,
            count(*) AS one,
            sum(CAST(CASE r.kind
                WHEN 'aws_ec2_instance' THEN r.reported ->> 'instance_cores'
                WHEN 'aws_ec2_volume' THEN r.reported ->> 'volume_size'
                WHEN 'aws_ec2_snapshot' THEN r.reported ->> 'volume_size'
                WHEN 'aws_ec2_volume_type' THEN r.reported ->> 'quota'
            END AS numeric)) AS size,
            sum(CAST(CASE r.kind
                WHEN 'aws_ec2_instance' THEN r.reported ->> 'instance_memory'
            END AS numeric)) AS memory,
            sum(p.cost) AS cost
        FROM inventory.resources r LEFT JOIN priced p ON p.dst = r.node_id
        GROUP BY 1, 2, 3, 4
    )
    SELECT s.kind, s.provider, coalesce(a.name, s.account), found.region, type, status,
        one, size, memory, cost
    FROM found JOIN inventory.scopes s USING (scope_id)
    LEFT JOIN inventory.accounts a USING (provider, account)
"""

Numbers = dict[str, dict[tuple[str, ...], float]]


def by_hand(connection: Connection) -> Numbers:
    """What the default metrics are on this estate, by one pass over it."""
    found: Numbers = defaultdict(lambda: defaultdict(float))
    for setting in LIKE_OURS:
        connection.execute(text(f"SET LOCAL {setting}"))
    for kind, *place, type_, status, one, size, memory, cost in connection.execute(text(BY_HAND)):
        for name, labels, value in _told(kind, tuple(place), type_, status, one, size, memory, cost):
            if value is not None:
                found[name][labels] += float(value)
    return found


def _told(
    kind: str, place: tuple[str, ...], type_: str, status: str, one: Any, size: Any, memory: Any, cost: Any
) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    match kind:
        case "aws_account":
            yield "accounts_total", place[:1], one
        case "aws_ec2_instance":
            yield "instances_total", (*place, type_, status), one
            if status == "running":
                yield "cores_total", (*place, type_), size
                yield "memory_bytes", (*place, type_), memory * GIB
                yield "instances_hourly_cost_estimate", (*place, type_), cost
        case "aws_ec2_volume":
            yield "volumes_total", (*place, type_, status), one
            yield "volume_bytes", (*place, type_, status), size * GIB
            yield "volumes_monthly_cost_estimate", (*place, type_, status), cost
        case "aws_ec2_volume_type":
            yield "volumes_quotas_bytes", (*place, type_), size * 1024 * GIB
        case "aws_ec2_snapshot":
            yield "snapshots_total", (*place, status), one
            yield "snapshots_volumes_bytes", (*place, status), size * GIB
        case "aws_ec2_network_interface":
            yield "network_interfaces_total", (*place, status), one
        case "aws_ec2_subnet":
            yield "subnets_total", place, one
        case "aws_vpc":
            yield "networks_total", place, one


def ours(families: tuple[Family, ...]) -> Numbers:
    names = {metric.name for metric in load_definitions(Settings().metrics)}
    return {
        one.name: {tuple(sample.labels.values()): sample.value for sample in one.samples}
        for one in families
        if one.name in names and one.samples
    }


def add_types(engine: Engine) -> None:
    """Put types with prices above all instances and volumes, as a collect of AWS finds them."""
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                """
                SELECT s.account, s.region, r.kind, coalesce(r.reported ->> 'instance_type',
                    r.reported ->> 'volume_type') AS type, array_agg(r.id ORDER BY r.id) AS ids
                FROM inventory.resources r JOIN inventory.scopes s USING (scope_id)
                WHERE r.kind = ANY (:kinds) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
                """
            ),
            {"kinds": list(TYPED)},
        ).all()
    scopes: dict[Scope, list[Resource]] = defaultdict(list)
    for account, region, kind, type_, ids in rows:
        properties = {TYPED[kind]: type_, "ondemand_cost": len(type_) / 100, "quota": 50}
        edges = tuple(Edge(EdgeType.DEFAULT, True, kind, one) for one in ids)
        scopes[Scope("aws", account, region, f"{kind}_type")].append(
            Resource(f"{kind}_type", type_, type_, region, properties=properties, edges=edges)
        )
    for scope, types in scopes.items():
        merge(engine, scope, types, "types")
    with engine.begin() as connection:
        settle_graph(connection)
    vacuum(engine)


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(resources: int) -> list[tuple[Any, ...]]:
    engine = inventory_engine()
    migrate(engine)
    with engine.connect() as connection:
        there = connection.scalar(text("SELECT EXISTS (SELECT FROM inventory.resources)"))
        typed = connection.scalar(
            text("SELECT EXISTS (SELECT FROM inventory.resources WHERE kind = 'aws_ec2_volume_type')")
        )
    if not there:
        fill(engine, resources)
    if not typed:
        add_types(engine)
    before = _peak()
    snapshot = generate(engine)
    with engine.begin() as connection:
        same = by_hand(connection)
    assert ours(snapshot.families) == {name: dict(values) for name, values in same.items()}
    series = sum(len(values) for values in same.values())

    def hand() -> None:
        with engine.begin() as connection:
            by_hand(connection)

    # They take turns, since other work on the machine would blur the ratio.
    taken = [(timed(lambda: generate(engine)), timed(hand)) for _ in range(REPEATED)]
    own, plain = (statistics.median(one) for one in zip(*taken, strict=True))
    unchanged = statistics.median(
        timed(lambda: generate_if_changed(engine, Settings())) for _ in range(REPEATED)
    )
    return [
        (f"44 metrics, {series:,} series", own, snapshot.scans, _peak(), "6 s, 300 MB"),
        ("one pass by hand, the same numbers", plain, 1, "", ""),
        ("ratio", own / plain, "", "", "2"),
        ("unchanged", unchanged, 0, "", "0.2 s"),
        ("Python and the project, without any of it", "", "", before, ""),
    ]


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--resources", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="resoto-bench-") as name:
        home = (arguments.keep or Path(name)).absolute()
        os.environ["RESOTO_HOME"] = str(home)
        os.environ.pop("RESOTO_DATABASE_URL", None)
        try:
            rows = measure(arguments.resources)
        finally:
            if arguments.keep is None:
                discard(home)
    print_machine()
    print_table(
        f"Metrics of {arguments.resources:,} resources", ("what", "s", "scans", "peak MB", "at most"), rows
    )


if __name__ == "__main__":
    main()
