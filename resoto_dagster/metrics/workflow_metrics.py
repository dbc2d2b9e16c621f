"""Metrics about the workflow itself, each declared by one SQL statement over what the workflow writes down.

They are read whenever metrics are generated, whether or not the inventory has changed. A statement answers
with a row a sample: its labels, then its value; a value that is null is none. A counter counts what is only
ever added to; all else is a gauge of what holds now, or of the last run. Where something happened at some
time it is the time that is exported, since an age would stand still until the next run.
"""

# ruff: noqa: S608  # SQL is put together of what stands in this file

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlalchemy import Connection, text

from resoto_dagster.metrics.families import Family, Sample


@dataclass(frozen=True, slots=True)
class WorkflowMetric:
    """One metric: the help that Prometheus shows, the labels in the order of the columns, and the SQL."""

    help: str
    type: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    sql: str


_ACCOUNT = ("provider", "account")
# The account is labelled as in the metrics of the inventory: by its name where that is known.
_SCOPES = "inventory.scopes s LEFT JOIN inventory.accounts a USING (provider, account)"
_NAME = "coalesce(a.name, s.account)"
# What a mark says in words may name resources and days; who set it is one of few.
_LAST_PLAN = "(SELECT max(plan_id) FROM inventory.plans)"
_LAST_SNAPSHOT = "inventory.metrics WHERE snapshot_id = (SELECT max(snapshot_id) FROM inventory.metrics)"
_FAMILIES = f"jsonb_array_elements((SELECT families FROM {_LAST_SNAPSHOT})) family"
_NO_OUTCOMES = "'untied', 'intended', 'answered'"  # of the events in the journal
# Without its version, with which the series of a rule would end at each change.
_REASON = r"regexp_replace(author, '(rule \S+) [0-9a-f]{8}', '\1', 'g')"
_ENDED = f"""
    SELECT DISTINCT ON (node_id) node_id, event FROM inventory.journal
    WHERE plan_id = {_LAST_PLAN} AND event NOT IN ({_NO_OUTCOMES}) ORDER BY node_id, journal_id DESC
"""

OF_WORKFLOW: Mapping[str, WorkflowMetric] = {
    "workflow_step_start_timestamp_seconds": WorkflowMetric(
        "When a step of the workflow began last, whether or not it succeeded.",
        "gauge",
        ("step",),
        "SELECT step, extract(epoch FROM started_at) FROM inventory.steps",
    ),
    "workflow_step_success_timestamp_seconds": WorkflowMetric(
        "When a step of the workflow succeeded last; generate_metrics itself: before these were generated.",
        "gauge",
        ("step",),
        "SELECT step, extract(epoch FROM succeeded_at) FROM inventory.steps",
    ),
    "workflow_step_duration_seconds": WorkflowMetric(
        "How long a step of the workflow took when it succeeded last, its hooks included.",
        "gauge",
        ("step",),
        "SELECT step, seconds FROM inventory.steps",
    ),
    "collected_resources": WorkflowMetric(
        "Resources as the last good collect of each scope found them, by what had become of them.",
        "gauge",
        (*_ACCOUNT, "outcome"),
        f"""
        SELECT provider, {_NAME}, outcome, sum(count)
        FROM {_SCOPES}, LATERAL (
            VALUES ('added', added), ('changed', changed), ('removed', removed),
                ('unchanged', greatest(resources - added - changed, 0))
        ) counted(outcome, count)
        WHERE s.succeeded_at IS NOT NULL GROUP BY 1, 2, 3
        """,
    ),
    "scopes": WorkflowMetric(
        "Scopes (account, region and kind) by how well they are known: fresh, stale, failed, collecting.",
        "gauge",
        (*_ACCOUNT, "state"),
        f"""
        SELECT provider, {_NAME}, known.state, count(*) FILTER (WHERE known.state = CASE
            WHEN s.state = 'fresh' AND s.succeeded_at < now() - CAST(:max_age AS interval) THEN 'stale'
            ELSE s.state END)
        FROM {_SCOPES}, (VALUES ('fresh'), ('stale'), ('failed'), ('collecting')) known(state)
        GROUP BY 1, 2, 3
        """,
    ),
    "account_failed": WorkflowMetric(
        "1 for an account that could not be read at all by the last collect.",
        "gauge",
        _ACCOUNT,
        """
        SELECT provider, coalesce(name, account), max(CASE state WHEN 'failed' THEN 1 ELSE 0 END)
        FROM inventory.accounts GROUP BY 1, 2
        """,
    ),
    "account_oldest_data_timestamp_seconds": WorkflowMetric(
        "When that scope of an account was read well which was so the longest ago.",
        "gauge",
        _ACCOUNT,
        f"SELECT provider, {_NAME}, extract(epoch FROM min(s.succeeded_at)) FROM {_SCOPES} GROUP BY 1, 2",
    ),
    "account_newest_data_timestamp_seconds": WorkflowMetric(
        "When any scope of an account was read well last.",
        "gauge",
        _ACCOUNT,
        f"SELECT provider, {_NAME}, extract(epoch FROM max(s.succeeded_at)) FROM {_SCOPES} GROUP BY 1, 2",
    ),
    "api_requests_total": WorkflowMetric(
        "Requests to the API of a provider: answered, refused, throttled, failed, broken. Each try counts.",
        "counter",
        (*_ACCOUNT, "outcome"),
        f"""
        SELECT provider, {_NAME}, outcome, sum(requests)
        FROM inventory.api_requests s LEFT JOIN inventory.accounts a USING (provider, account)
        GROUP BY 1, 2, 3
        """,
    ),
    "api_throttles_total": WorkflowMetric(
        "Requests that the API of a provider turned away since there were too many, by service.",
        "counter",
        (*_ACCOUNT, "service"),
        f"""
        SELECT provider, {_NAME}, service, sum(requests)
        FROM inventory.api_requests s LEFT JOIN inventory.accounts a USING (provider, account)
        WHERE outcome = 'throttled' GROUP BY 1, 2, 3
        """,
    ),
    "plan_created_timestamp_seconds": WorkflowMetric(
        "When the last plan was made.",
        "gauge",
        (),
        f"SELECT extract(epoch FROM created_at) FROM inventory.plans WHERE plan_id = {_LAST_PLAN}",
    ),
    "plan_held": WorkflowMetric(
        "1 if none of the last plan may be done, over its budget for one.",
        "gauge",
        (),
        f"""
        SELECT CASE WHEN held IS NULL THEN 0 ELSE 1 END FROM inventory.plans WHERE plan_id = {_LAST_PLAN}
        """,
    ),
    "plan_waiting": WorkflowMetric(
        "1 if the last plan waits for somebody to approve or reject it.",
        "gauge",
        (),
        f"""
        SELECT CASE WHEN p.waits IS NOT NULL AND p.held IS NULL AND a.plan_id IS NULL THEN 1 ELSE 0 END
        FROM inventory.plans p LEFT JOIN inventory.approvals a USING (plan_id) WHERE plan_id = {_LAST_PLAN}
        """,
    ),
    "plan_resources": WorkflowMetric(
        "Resources of the last plan by the planner, rule, hook or person that marked them and their outcome.",
        "gauge",
        ("provider", "reason", "outcome"),
        f"""
        SELECT provider, {_REASON},
            coalesce(ended.event, CASE WHEN kept IS NULL THEN 'planned' ELSE 'kept' END), count(*)
        FROM inventory.plan_items i LEFT JOIN ({_ENDED}) ended USING (node_id)
        WHERE i.plan_id = {_LAST_PLAN} GROUP BY 1, 2, 3
        """,
    ),
    "cleanup_resources_total": WorkflowMetric(
        "Planned resources by who marked them and how they ended, over all cleanups so far.",
        "counter",
        ("provider", "reason", "outcome"),
        f"""
        SELECT provider, {_REASON}, event, count(*)
        FROM inventory.journal j JOIN inventory.plan_items i USING (plan_id, node_id)
        WHERE event NOT IN ({_NO_OUTCOMES}) GROUP BY 1, 2, 3
        """,
    ),
    "plan_savings_dollars_per_month": WorkflowMetric(
        "What the deletions of the last plan would save in a month, as far as their prices are known.",
        "gauge",
        _ACCOUNT,
        f"""
        SELECT provider, coalesce(account_name, account), sum(coalesce(monthly_cost, 0))
        FROM inventory.plan_items WHERE plan_id = {_LAST_PLAN} AND wave IS NOT NULL GROUP BY 1, 2
        """,
    ),
    "plan_resources_without_price": WorkflowMetric(
        "Resources that the last plan would delete and whose price is not known.",
        "gauge",
        _ACCOUNT,
        f"""
        SELECT provider, coalesce(account_name, account), count(*) FILTER (WHERE monthly_cost IS NULL)
        FROM inventory.plan_items WHERE plan_id = {_LAST_PLAN} AND wave IS NOT NULL GROUP BY 1, 2
        """,
    ),
    "cleanup_savings_dollars_per_month_total": WorkflowMetric(
        "What all resources that cleanups found gone had cost in a month, as far as their prices are known.",
        "counter",
        ("provider",),
        """
        SELECT provider, sum(coalesce(monthly_cost, 0))
        FROM inventory.journal j JOIN inventory.plan_items i USING (plan_id, node_id)
        WHERE event = 'gone' GROUP BY 1
        """,
    ),
    "hook_runs_total": WorkflowMetric(
        "How hooks ended: success, failure, timeout, not_run.",
        "counter",
        ("hook", "action", "outcome"),
        """
        SELECT hook, action, outcome, count(*)
        FROM inventory.hook_outcomes JOIN inventory.actions USING (action_id) GROUP BY 1, 2, 3
        """,
    ),
    "hook_duration_seconds": WorkflowMetric(
        "How long a hook took when it ran last.",
        "gauge",
        ("hook", "action"),
        """
        SELECT DISTINCT ON (hook, action) hook, action, seconds
        FROM inventory.hook_outcomes JOIN inventory.actions USING (action_id)
        WHERE seconds IS NOT NULL ORDER BY hook, action, action_id DESC
        """,
    ),
    "hook_success_timestamp_seconds": WorkflowMetric(
        "When the action was emitted on which a hook succeeded last.",
        "gauge",
        ("hook", "action"),
        """
        SELECT hook, action, extract(epoch FROM max(emitted_at))
        FROM inventory.hook_outcomes JOIN inventory.actions USING (action_id)
        WHERE outcome = 'success' GROUP BY 1, 2
        """,
    ),
    "metrics_measured_timestamp_seconds": WorkflowMetric(
        "When the inventory was measured last; it is again when it has changed, or a definition.",
        "gauge",
        (),
        f"SELECT extract(epoch FROM measured_at) FROM {_LAST_SNAPSHOT}",
    ),
    "metrics_measuring_duration_seconds": WorkflowMetric(
        "How long measuring the inventory took.",
        "gauge",
        (),
        f"SELECT seconds FROM {_LAST_SNAPSHOT}",
    ),
    "metrics_scans": WorkflowMetric(
        "In how many scans of the inventory all metrics were measured.",
        "gauge",
        (),
        f"SELECT scans FROM {_LAST_SNAPSHOT}",
    ),
    "metrics_failed": WorkflowMetric(
        "Metrics that could not be measured and keep their last values.",
        "gauge",
        (),
        f"SELECT count(*) FROM {_FAMILIES} WHERE family ->> 'error' IS NOT NULL",
    ),
    "metric_dropped_series": WorkflowMetric(
        "Series of a metric that are left out since it has too many: those with the smallest values.",
        "gauge",
        ("metric",),
        f"""
        SELECT family ->> 'name', coalesce(CAST(family ->> 'dropped' AS integer), 0) FROM {_FAMILIES}
        """,
    ),
}
"""The metrics about the workflow, by name."""


def workflow_families(connection: Connection, max_age: timedelta) -> tuple[Family, ...]:
    """The metrics about the workflow as it is now. A scope that was read well longer ago is stale."""
    return tuple(_family(connection, name, metric, max_age) for name, metric in OF_WORKFLOW.items())


def _family(connection: Connection, name: str, metric: WorkflowMetric, max_age: timedelta) -> Family:
    values = {"max_age": max_age} if ":max_age" in metric.sql else {}
    samples = tuple(
        Sample(dict(zip(metric.labels, labels, strict=True)), float(value))
        for *labels, value in connection.execute(text(metric.sql), values)
        if value is not None
    )
    return Family(name, metric.help, metric.type, samples)
