"""generate_metrics: the cached snapshot of numbers that the exporter serves."""

from typing import Any

from dagster import AssetKey, AssetsDefinition, MetadataValue, OpExecutionContext
from sqlalchemy import Engine

from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.status import inventory_version
from resoto_dagster.metrics.definitions import definitions_version
from resoto_dagster.metrics.generate import cached_snapshot, generate, latest_snapshot
from resoto_dagster.workflow.collect import INVENTORY
from resoto_dagster.workflow.graphs import Materialized, step_asset
from resoto_dagster.workflow.project import Project


def _generate(context: OpExecutionContext, _project: Project, engine: Engine) -> None:
    with engine.connect() as connection:
        version = inventory_version(connection)
        cached = cached_snapshot(connection, version, definitions_version())
    if cached is not None:
        context.log.info("nothing changed since %s: the metrics of then are served on", cached.generated_at)
        return
    snapshot = generate(engine)
    context.log.info("%s metrics generated", len(snapshot.families))


def _show(context: OpExecutionContext, _project: Project, engine: Engine) -> Materialized:
    with engine.connect() as connection:
        snapshot = latest_snapshot(connection)
    if snapshot is None:
        raise ResotoError("no metrics have been generated yet; launch the job metrics")
    record = context.instance.get_run_record_by_id(context.run_id)
    started = record.start_time if record else None
    failed = {family.name: family.error for family in snapshot.families if family.error}
    metadata: dict[str, Any] = {
        "dagster/row_count": sum(len(family.samples) for family in snapshot.families),
        "cached": started is not None and snapshot.generated_at.timestamp() < started,
        "generated at": snapshot.generated_at.isoformat(timespec="seconds"),
        "failed metrics": len(failed),
    }
    if failed:
        metadata["failures"] = MetadataValue.md("\n".join(f"- {name}: {why}" for name, why in failed.items()))
    return Materialized(metadata, f"{snapshot.inventory_version}-{snapshot.definitions_version}")


def metrics_asset(project: Project) -> AssetsDefinition:
    """The metrics as an asset, downstream of the cleanup."""
    return step_asset(
        project,
        "generate_metrics",
        {"inventory": INVENTORY, "cleanup": AssetKey("cleanup")},
        _generate,
        _show,
        "The numbers for Prometheus. Computed again only when the inventory or a definition has changed.",
        code_version=definitions_version(),
    )
