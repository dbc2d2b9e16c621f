"""Generating metrics: one consistent reading of the inventory becomes a snapshot that is served as it is."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import add
from typing import Any

import orjson
from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from resoto_dagster.inventory.search.compile import compile_aggregate
from resoto_dagster.inventory.search.errors import SearchError
from resoto_dagster.inventory.search.kinds import kinds_of
from resoto_dagster.inventory.status import inventory_version
from resoto_dagster.metrics.definitions import Metric, definitions_version, load_definitions

KEPT_SNAPSHOTS = 100
"""How many snapshots stay in the database."""

_log = logging.getLogger(__name__)
_MERGED: Mapping[str, Callable[[float, float], float]] = {"sum": add, "count": add, "min": min, "max": max}


@dataclass(frozen=True, slots=True)
class Sample:
    """One value with its labels; a label of what a resource does not say is empty."""

    labels: dict[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with all its samples.

    `error` says why it could not be measured; its samples are then those of the last time it could be.
    """

    name: str
    help: str
    type: str
    samples: tuple[Sample, ...]
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All metrics of one state of the inventory."""

    snapshot_id: int
    generated_at: datetime
    inventory_version: str
    definitions_version: str
    families: tuple[Family, ...]


_FAMILIES = TypeAdapter(tuple[Family, ...])


def generate(engine: Engine) -> Snapshot:
    """Measure all metrics in one consistent reading of the inventory, and store them as a new snapshot.

    A metric whose query fails keeps its last good samples and says so; the others are not affected.
    """
    metrics = load_definitions()
    with engine.begin() as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        generated_at = datetime.now(UTC)
        version = inventory_version(connection)
        previous = latest_snapshot(connection)
        last_good = {family.name: family.samples for family in previous.families} if previous else {}
        present = _present_kinds(connection)
        families = tuple(
            _measure(connection, metric, present, last_good.get(metric.name, ())) for metric in metrics
        )
    return _store(engine, generated_at, version, families)


def _present_kinds(connection: Connection) -> frozenset[str]:
    """The kinds and base kinds that there are resources of."""
    rows = connection.execute(
        text(
            "SELECT DISTINCT unnest(bases) FROM inventory.kinds k "
            "WHERE EXISTS (SELECT FROM inventory.resources r WHERE r.kind = k.kind)"
        )
    )
    return frozenset(rows.scalars())


def _measure(
    connection: Connection, metric: Metric, present: frozenset[str], last_good: tuple[Sample, ...]
) -> Family:
    family = Family(name=metric.name, help=metric.help, type=metric.type, samples=())
    if metric.kinds is not None and not metric.kinds & present:
        return family
    try:
        with connection.begin_nested():
            statement = compile_aggregate(metric.query, kinds_of(connection, metric.query))
            rows = connection.execute(text(statement.sql), statement.parameters).all()
    except (DBAPIError, SearchError) as error:
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise
        cause = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0]
        _log.warning("metric %s keeps its last values, its query failed: %s", metric.name, cause)
        return replace(family, samples=last_good, error=cause)
    return replace(family, samples=_samples(metric, rows))


def _samples(metric: Metric, rows: Any) -> tuple[Sample, ...]:
    """A sample a group. Groups that have no number to aggregate give none."""
    values: dict[tuple[str, ...], float] = {}
    for *groups, value in rows:
        if value is None:
            continue
        labels, number = tuple(group or "" for group in groups), float(value)
        if labels in values:  # a missing and an empty value are two groups, but one label
            number = _MERGED[metric.function](values[labels], number)
        values[labels] = number
    return tuple(
        Sample(labels=dict(zip(metric.labels, labels, strict=True)), value=value)
        for labels, value in values.items()
    )


def _store(engine: Engine, generated_at: datetime, version: str, families: tuple[Family, ...]) -> Snapshot:
    values = {
        "generated_at": generated_at,
        "inventory_version": version,
        "definitions_version": definitions_version(),
        "families": orjson.dumps(families).decode(),
    }
    with engine.begin() as connection:
        snapshot_id: int = connection.execute(
            text(
                """
                INSERT INTO inventory.metrics (generated_at, inventory_version, definitions_version, families)
                VALUES (:generated_at, :inventory_version, :definitions_version, CAST(:families AS jsonb))
                RETURNING snapshot_id
                """
            ),
            values,
        ).scalar_one()
        connection.execute(
            text(
                """
                DELETE FROM inventory.metrics WHERE snapshot_id <= (
                    SELECT snapshot_id FROM inventory.metrics ORDER BY snapshot_id DESC OFFSET :kept LIMIT 1
                )
                """
            ),
            {"kept": KEPT_SNAPSHOTS},
        )
    return Snapshot(snapshot_id, generated_at, version, definitions_version(), families)


def latest_snapshot(connection: Connection, known: int | None = None) -> Snapshot | None:
    """The last snapshot; None when there is none, or when it is the one whose id is `known` already."""
    row = connection.execute(
        text(
            """
            SELECT snapshot_id, generated_at, inventory_version, definitions_version,
                CAST(families AS text) AS families
            FROM inventory.metrics
            WHERE snapshot_id = (SELECT max(snapshot_id) FROM inventory.metrics)
                AND snapshot_id IS DISTINCT FROM CAST(:known AS bigint)
            """
        ),
        {"known": known},
    ).one_or_none()
    if row is None:
        return None
    return Snapshot(
        row.snapshot_id,
        row.generated_at,
        row.inventory_version,
        row.definitions_version,
        _FAMILIES.validate_json(row.families),
    )


def cached_snapshot(
    connection: Connection, inventory_version: str, definitions_version: str
) -> Snapshot | None:
    """The last snapshot, if it is of this inventory and these definitions and nothing in it is stale.

    Otherwise None, and there is something to generate.
    """
    snapshot = latest_snapshot(connection)
    if snapshot is None or any(family.error is not None for family in snapshot.families):
        return None
    versions = (snapshot.inventory_version, snapshot.definitions_version)
    return snapshot if versions == (inventory_version, definitions_version) else None
