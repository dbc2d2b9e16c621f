"""Generating metrics: one consistent reading of the inventory becomes a snapshot that is served as it is.

While neither the inventory nor a definition has changed, what was measured stays, and only what is said of
the workflow is read again.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, text

from resoto_dagster.config import Settings
from resoto_dagster.inventory.status import inventory_version
from resoto_dagster.metrics.definitions import definitions_version, load_definitions
from resoto_dagster.metrics.families import Family
from resoto_dagster.metrics.measure import measure
from resoto_dagster.metrics.workflow_metrics import workflow_families

KEPT_SNAPSHOTS = 100
"""How many snapshots stay in the database."""

_DEFAULTS = Settings()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All metrics as they were generated at one time: those of the inventory, then those of the workflow.

    `measured_at` is when the inventory was measured, which took so many `scans` of it and `seconds`.
    """

    snapshot_id: int
    generated_at: datetime
    inventory_version: str
    definitions_version: str
    families: tuple[Family, ...]
    measured_at: datetime
    scans: int
    seconds: float


_FAMILIES = TypeAdapter(tuple[Family, ...])


def generate(engine: Engine, settings: Settings = _DEFAULTS) -> Snapshot:
    """Measure the inventory in one consistent reading, and store all metrics as a new snapshot.

    A metric whose query fails keeps its last good samples and says so; the others are not affected.
    """
    metrics = load_definitions(settings.metrics)
    started = time.perf_counter()
    with engine.begin() as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        # There are far fewer groups than the planner thinks, so it would sort all resources to group them.
        connection.execute(text("SET LOCAL enable_sort = off"))
        connection.execute(text("SET LOCAL work_mem = '64MB'"))
        measured_at = datetime.now(UTC)
        version = inventory_version(connection)
        previous = latest_snapshot(connection)
        last_good = {family.name: family for family in previous.families} if previous else {}
        measured = measure(connection, metrics, settings.metrics.max_series, last_good)
    values: dict[str, Any] = {
        "inventory_version": version,
        "definitions_version": definitions_version(settings.metrics),
        "families": orjson.dumps(measured.families).decode(),
        "totals": orjson.dumps({one.name: one.total for one in measured.families if one.samples}).decode(),
        "measured_at": measured_at,
        "scans": measured.scans,
        "seconds": time.perf_counter() - started,
    }
    source = """
        VALUES (:inventory_version, :definitions_version, CAST(:families AS jsonb), CAST(:totals AS jsonb),
            CAST(:measured_at AS timestamptz), :scans, :seconds)
    """
    with engine.begin() as connection:
        snapshot_id, generated_at, of_workflow = _store(connection, settings, source, values)
    return Snapshot(
        snapshot_id,
        generated_at,
        version,
        values["definitions_version"],
        (*measured.families, *of_workflow),
        measured_at,
        measured.scans,
        values["seconds"],
    )


def generate_if_changed(engine: Engine, settings: Settings) -> bool:
    """Generate metrics; measure the inventory only when it, a definition or a limit is another one than last.

    What could not be measured last is tried again. Returns whether the inventory was measured.
    """
    with engine.begin() as connection:
        versions = {
            "inventory_version": inventory_version(connection),
            "definitions_version": definitions_version(settings.metrics),
        }
        cached = connection.scalar(
            text(
                """
                SELECT snapshot_id FROM inventory.metrics
                WHERE snapshot_id = (SELECT max(snapshot_id) FROM inventory.metrics)
                    AND inventory_version = :inventory_version AND definitions_version = :definitions_version
                    AND NOT jsonb_path_exists(families, '$[*] ? (@.error != null)')
                """
            ),
            versions,
        )
        if cached is not None:
            same = """
                SELECT inventory_version, definitions_version, families, totals, measured_at, scans, seconds
                FROM inventory.metrics WHERE snapshot_id = :cached
            """
            _store(connection, settings, same, {"cached": cached})
            return False
    generate(engine, settings)
    return True


def _store(
    connection: Connection, settings: Settings, source: str, values: dict[str, Any]
) -> tuple[int, datetime, tuple[Family, ...]]:
    """Store a snapshot of now: what `source` says of the inventory, and the workflow as it is.

    Returns its id, the time, and the metrics about the workflow.
    """
    snapshot_id, generated_at = connection.execute(
        text(
            f"""
            INSERT INTO inventory.metrics (generated_at, inventory_version, definitions_version, families,
                totals, measured_at, scans, seconds)
            SELECT clock_timestamp(), source.* FROM ({source}) source
            RETURNING snapshot_id, generated_at
            """  # noqa: S608
        ),
        values,
    ).one()
    families = workflow_families(connection, settings.cleanup.max_data_age)
    connection.execute(
        text("UPDATE inventory.metrics SET workflow = CAST(:families AS jsonb) WHERE snapshot_id = :id"),
        {"families": orjson.dumps(families).decode(), "id": snapshot_id},
    )
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
    return snapshot_id, generated_at, families


def latest_snapshot(connection: Connection, known: int | None = None) -> Snapshot | None:
    """The last snapshot; None when there is none, or when it is the one whose id is `known` already."""
    row = connection.execute(
        text(
            """
            SELECT snapshot_id, generated_at, inventory_version, definitions_version,
                CAST(families || workflow AS text) AS families, measured_at, scans, seconds
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
        row.measured_at,
        row.scans,
        row.seconds,
    )
