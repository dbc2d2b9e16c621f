"""The inventory with a million resources: merging, and searches beside plain SQL that asks the same.

Usage: python benchmarks/inventory.py [--resources N] [--keep FOLDER]

The database is made in a folder of its own and removed at the end; with --keep it stays, and the next run
with the same folder finds it.
"""

import argparse
import os
import re
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import estate
from report import print_machine, print_table
from sqlalchemy import Connection, Engine, text

from resoto_dagster.database import inventory_engine
from resoto_dagster.embedded_postgres import discard
from resoto_dagster.inventory.collecting import register_kinds, settle_graph
from resoto_dagster.inventory.inventory import Inventory
from resoto_dagster.inventory.marks import Author
from resoto_dagster.inventory.merge import MergeResult, merge_scope
from resoto_dagster.inventory.schema import migrate
from resoto_dagster.inventory.search.compile import compile_aggregate, compile_nodes
from resoto_dagster.inventory.search.kinds import kinds_of
from resoto_dagster.inventory.search.parse import parse_search
from resoto_dagster.inventory.search.pipes import summed_up
from resoto_dagster.model.resource import Resource, Scope
from resoto_dagster.providers.aws import provider as aws
from resoto_dagster.providers.aws.kinds import KINDS

REPEATED = 9
MERGES = 3
MERGED = 100_000


@dataclass(frozen=True)
class Question:
    """A search, what it may take at most, and plain SQL for the same answer."""

    name: str
    target_ms: int
    search: str
    sql: str


QUESTIONS = (
    Question(
        "lookup by id",
        50,
        "id({volume})",
        "SELECT kind, id, name, region, reported FROM inventory.resources WHERE id = '{volume}'",
    ),
    Question(
        "lookup by name",
        50,
        'is(volume) and name = "{name}"',
        "SELECT kind, id, name, region, reported FROM inventory.resources "
        "WHERE name = '{name}' AND kind = 'aws_ec2_volume'",
    ),
    Question(
        "selective predicate",
        50,
        "is(instance) and private_ip_address = {address}",
        "SELECT kind, id, name, region, reported FROM inventory.resources "
        "WHERE reported @> '{{\"private_ip_address\": \"{address}\"}}' AND kind = 'aws_ec2_instance'",
    ),
    Question(
        "two properties",
        50,
        "is(volume) and tags.service = {service} and volume_size = {size} and volume_status = available",
        "SELECT kind, id, name, region, reported FROM inventory.resources WHERE kind = 'aws_ec2_volume' AND "
        'reported @> \'{{"tags": {{"service": "{service}"}}, "volume_size": {size}, '
        '"volume_status": "available"}}\'',
    ),
    Question(
        "full text",
        50,
        '"nightly backup of {backed_up}"',
        "SELECT r.kind, r.id, r.name, r.region, r.reported FROM inventory.resources r "
        "JOIN inventory.words w USING (node_id) "
        "WHERE w.words @@ inventory.phrase('nightly backup of {backed_up}')",
    ),
    Question(
        "count of old volumes",
        500,
        "is(volume) and age > 30d | count",
        "SELECT count(*) FROM inventory.resources "
        "WHERE kind = 'aws_ec2_volume' AND born < now() - INTERVAL '30 days'",
    ),
    Question(
        "three hops from a node",
        50,
        "id({network}) -[0:3]->",
        "WITH RECURSIVE way AS (SELECT node_id, 0 AS depth FROM inventory.resources WHERE id = '{network}' "
        "UNION SELECT e.dst, way.depth + 1 FROM way JOIN inventory.edges e ON e.src = way.node_id "
        "AND e.type = 'default' WHERE way.depth < 3) "
        "SELECT kind, id, name, region, reported FROM inventory.resources "
        "WHERE node_id IN (SELECT node_id FROM way)",
    ),
    Question(
        "aggregate over all",
        1500,
        "aggregate(kind, /ancestors.account.reported.name as account, "
        "/ancestors.region.reported.name as region: sum(1) as count): all",
        "SELECT r.kind, coalesce(a.name, s.account), r.region, count(*) FROM inventory.resources r "
        "JOIN inventory.scopes s USING (scope_id) LEFT JOIN inventory.accounts a USING (provider, account) "
        "GROUP BY 1, 2, 3",
    ),
    Question(
        "aggregate of a property",
        1500,
        "aggregate(/ancestors.account.reported.name as account, volume_type: "
        "sum(volume_size) as size): is(volume)",
        "SELECT coalesce(a.name, s.account), reported ->> 'volume_type', "
        "sum(CAST(reported ->> 'volume_size' AS bigint)) FROM inventory.resources r "
        "JOIN inventory.scopes s USING (scope_id) LEFT JOIN inventory.accounts a USING (provider, account) "
        "WHERE r.kind = 'aws_ec2_volume' GROUP BY 1, 2",
    ),
)


@contextmanager
def timed(took: Callable[[float], None]):
    start = time.perf_counter()
    yield
    took(time.perf_counter() - start)


def merge(engine: Engine, scope: Scope, resources: Iterable[Resource], run: str) -> MergeResult:
    with engine.begin() as connection:
        return merge_scope(connection, scope, resources, run, datetime.now(UTC))


def fill(engine: Engine, resources: int) -> list[tuple[object, ...]]:
    """Make the estate; returns what that took as rows of a table."""
    with engine.begin() as connection:
        register_kinds(connection, "aws", KINDS, list(KINDS), aws.version, aws.property_types)
    merging = 0.0
    made = 0
    for number in range(max(1, resources // estate.PER_ACCOUNT)):
        for scope, found in estate.account_scopes(number):
            start = time.perf_counter()
            merge(engine, scope, found, "fill")
            merging += time.perf_counter() - start
            made += len(found)
    start = time.perf_counter()
    with engine.begin() as connection:
        counts = settle_graph(connection)
    settling = time.perf_counter() - start
    vacuum(engine)
    return [
        (f"merging {made:,} new resources, scope by scope", merging, f"{made / merging:,.0f} a second"),
        (f"resolving {counts.resolved:,} edges, writing words", settling, ""),
    ]


def merging(engine: Engine) -> list[tuple[object, ...]]:
    """One large scope: new, unchanged, a tenth changed, gone; the medians of some rounds."""
    scope, new = estate.volumes(MERGED)
    changed = [*new]
    for position in range(0, MERGED, 10):
        one = new[position]
        changed[position] = Resource(
            one.kind,
            one.id,
            one.name,
            one.region,
            one.tags,
            one.ctime,
            one.mtime,
            None,
            {**one.properties, "volume_size": 1},
            one.edges,
        )
    stages = {"new": new, "unchanged": new, "a tenth changed": changed, "gone": []}
    taken: dict[str, list[float]] = {name: [] for name in stages}
    written: dict[str, int] = {}
    for _ in range(MERGES):
        for name, resources in stages.items():
            with engine.connect() as connection:
                before = _written(connection)
            start = time.perf_counter()
            merge(engine, scope, resources, name)
            taken[name].append(time.perf_counter() - start)
            with engine.connect() as connection:
                written[name] = _written(connection) - before
        vacuum(engine)
    rows = [
        (
            f"{MERGED:,}, {name}",
            median,
            f"{MERGED / median:,.0f} a second, {written[name]:,} rows written",
        )
        for name, median in ((name, statistics.median(every)) for name, every in taken.items())
    ]
    with engine.begin() as connection:
        settle_graph(connection)
    vacuum(engine)
    return rows


def vacuum(engine: Engine) -> None:
    """Clear away what the merges left, so that Postgres does not do it while the next ones are measured."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE)"))


def _written(connection: Connection) -> int:
    """Rows written so far into the tables of resources, edges and history."""
    connection.execute(text("SELECT pg_stat_force_next_flush()"))
    time.sleep(1.1)
    query = (
        "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables "
        "WHERE schemaname = 'inventory' AND relname <> 'scopes'"
    )
    return int(connection.execute(text(query)).scalar_one())


def median_ms(ask: Callable[[], int]) -> tuple[float, int]:
    found = ask()
    taken = []
    for _ in range(REPEATED):
        start = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken), found


def plan_of(explained: str) -> str:
    """The scans of a plan, in short."""
    scans = re.findall(
        r"((?:Parallel )?(?:Seq|Index Only|Index|Bitmap Index) Scan)(?: using (\w+))? on (\w+)", explained
    )
    named = dict.fromkeys(f"{scan.replace('Index Scan', 'Index')} {index or on}" for scan, index, on in scans)
    return ", ".join(named)


def searching(engine: Engine, known: dict[str, str]) -> list[tuple[object, ...]]:
    inventory = Inventory(engine, Author("person", "bench"))
    rows = []
    for question in QUESTIONS:
        search = question.search.format(**known)
        sql = text(question.sql.format(**known).replace(":", r"\:"))
        with engine.connect() as connection:
            plain, _ = median_ms(lambda sql=sql, on=connection: len(on.execute(sql).all()))
            made = statement_of(connection, search)
            own, _ = median_ms(lambda made=made, on=connection: len(on.execute(*made).all()))
        took, found = median_ms(lambda search=search: sum(1 for _ in inventory.rows(search)))
        plan = plan_of(inventory.explain(search))
        rows.append((question.name, question.target_ms, took, own, plain, own / plain, found, plan))
    return rows


def statement_of(connection: Connection, search: str) -> tuple[Any, dict[str, Any]]:
    """The statement that a search is made into."""
    query = summed_up(parse_search(search))
    kinds = kinds_of(connection, query)
    if query.aggregate is not None:
        made = compile_aggregate(query, kinds)
    else:
        made = compile_nodes(query, kinds, "r.kind, r.id, r.name, r.region, r.reported")
    return text(made.sql), made.parameters


def known_things(engine: Engine) -> dict[str, str]:
    """Something to ask for, from the middle of the estate."""

    def one(sql: str) -> str:
        with engine.connect() as connection:
            return str(connection.execute(text(sql)).scalar_one())

    of_kind = "SELECT {what} FROM inventory.resources WHERE kind = '{kind}' ORDER BY node_id LIMIT 1"
    available = (
        "SELECT {what} FROM inventory.resources WHERE kind = 'aws_ec2_volume' "
        "AND reported ->> 'volume_status' = 'available' ORDER BY node_id LIMIT 1"
    )
    return {
        "volume": one(of_kind.format(what="id", kind="aws_ec2_volume")),
        "name": one(of_kind.format(what="name", kind="aws_ec2_volume")),
        "service": one(available.format(what="reported #>> '{tags,service}'")),
        "size": one(available.format(what="reported ->> 'volume_size'")),
        "network": one(of_kind.format(what="id", kind="aws_vpc")),
        "address": one(of_kind.format(what="reported ->> 'private_ip_address'", kind="aws_ec2_instance")),
        "backed_up": one(of_kind.format(what="reported ->> 'volume_id'", kind="aws_ec2_snapshot")),
    }


def measure(resources: int) -> dict[str, list[tuple[Any, ...]]]:
    engine = inventory_engine()
    migrate(engine)
    with engine.connect() as connection:
        there = connection.execute(text("SELECT EXISTS (SELECT FROM inventory.resources)")).scalar_one()
    tables = {} if there else {"Filling": fill(engine, resources)}
    tables["Merging one scope into it"] = merging(engine)
    tables["Searching it"] = searching(engine, known_things(engine))
    return tables


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--resources", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="resoto-bench-") as name:
        home = (arguments.keep or Path(name)).absolute()
        os.environ["RESOTO_HOME"] = str(home)
        os.environ.pop("RESOTO_DATABASE_URL", None)
        try:
            tables = measure(arguments.resources)
        finally:
            if arguments.keep is None:
                discard(home)
    print_machine()
    for title, rows in tables.items():
        header = ("search", "at most", "in all", "its statement", "plain SQL", "ratio", "rows", "plan")
        print_table(title, header if title == "Searching it" else ("what", "s", ""), rows)
    print(f"\npeak MB: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}")


if __name__ == "__main__":
    main()
