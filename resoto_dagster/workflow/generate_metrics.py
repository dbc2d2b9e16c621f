"""generate_metrics: the cached snapshot of numbers that the exporter serves."""

from typing import Any

from dagster import AssetKey, AssetsDefinition, MetadataValue, OpExecutionContext, TableRecord
from sqlalchemy import Engine

from resoto_dagster.errors import ResotoError
from resoto_dagster.metrics.definitions import definitions_version
from resoto_dagster.metrics.generate import Snapshot, generate_if_changed, latest_snapshot
from resoto_dagster.metrics.trends import Change, Totals, as_markdown, changes, last_totals, picture
from resoto_dagster.workflow.collect import INVENTORY
from resoto_dagster.workflow.graphs import Materialized, step_asset
from resoto_dagster.workflow.project import Project

NAMED = 5
"""How many of the metrics that changed most are named."""


def _generate(context: OpExecutionContext, project: Project, engine: Engine) -> None:
    if not generate_if_changed(engine, project.settings):
        context.log.info("nothing has changed: what was measured last is served on")
        return
    with engine.connect() as connection:
        snapshot = latest_snapshot(connection)
    assert snapshot is not None
    context.log.info(
        "the inventory is measured: %s scans, %.1f s, %s metrics with those about the workflow",
        snapshot.scans,
        snapshot.seconds,
        len(snapshot.families),
    )
    for family in snapshot.families:
        if family.dropped:
            context.log.warning(
                "%s has too many series: %s are left out, those with the smallest values",
                family.name,
                family.dropped,
            )


def _show(context: OpExecutionContext, _project: Project, engine: Engine) -> Materialized:
    with engine.connect() as connection:
        snapshot, runs = latest_snapshot(connection), last_totals(connection)
    if snapshot is None:
        raise ResotoError("no metrics have been generated yet; launch the job metrics")
    record = context.instance.get_run_record_by_id(context.run_id)
    started = record.start_time if record else None
    failed = {family.name: family.error for family in snapshot.families if family.error}
    dropped = {family.name: family.dropped for family in snapshot.families if family.dropped}
    changed = changes(runs[-2], runs[-1]) if len(runs) > 1 else []
    metadata: dict[str, Any] = {
        "dagster/row_count": sum(len(family.samples) for family in snapshot.families),
        "cached": started is not None and snapshot.measured_at.timestamp() < started,
        "generated at": snapshot.generated_at.isoformat(timespec="seconds"),
        "measured at": snapshot.measured_at.isoformat(timespec="seconds"),
        "scans": snapshot.scans,
        "failed metrics": len(failed),
        "left out series": sum(dropped.values()),
        "changed most": _named(changed) if len(runs) > 1 else "this is the first run",
    }
    if failed:
        metadata["failures"] = MetadataValue.md("\n".join(f"- {name}: {why}" for name, why in failed.items()))
    if dropped:
        lines = (
            f"- {name}: {count} series, those with the smallest values" for name, count in dropped.items()
        )
        metadata["left out"] = MetadataValue.md("\n".join(lines))
    if runs[-1].by_metric:
        metadata["last runs"] = MetadataValue.md(_picture(runs, changed))
        metadata["numbers"] = _numbers(snapshot, runs)
    return Materialized(metadata, f"{snapshot.inventory_version}-{snapshot.definitions_version}")


def _named(changed: list[Change]) -> str:
    more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
    return "; ".join(map(str, changed[:NAMED])) + more if changed else "nothing"


def _picture(runs: list[Totals], changed: list[Change]) -> str:
    """The metrics that changed most come first, the others by their names."""
    first = [one.metric for one in changed]
    rest = sorted(set(runs[-1].by_metric).difference(first))
    return as_markdown(picture(runs, [*first, *rest]), f"the last {len(runs)} runs")


def _numbers(snapshot: Snapshot, runs: list[Totals]) -> Any:
    before = runs[-2].by_metric if len(runs) > 1 else {}
    return MetadataValue.table(
        [
            TableRecord(
                {
                    "metric": family.name,
                    "total": total,
                    "of the last run": before.get(family.name),
                    "series": len(family.samples),
                }
            )
            for family in snapshot.families
            if (total := runs[-1].by_metric.get(family.name)) is not None
        ],
        schema=None,
    )


def metrics_asset(project: Project) -> AssetsDefinition:
    """The metrics as an asset, downstream of the cleanup."""
    return step_asset(
        project,
        "generate_metrics",
        {"inventory": INVENTORY, "cleanup": AssetKey("cleanup")},
        _generate,
        _show,
        "The numbers for Prometheus. The inventory is measured only when it or a definition has changed.",
        code_version=definitions_version(project.settings.metrics),
    )
