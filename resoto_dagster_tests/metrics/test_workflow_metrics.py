"""The metrics about the workflow: what they say of what has happened, and that Prometheus can take them."""

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.openmetrics import parser
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector
from sqlalchemy import Engine, text

from resoto_dagster.config import CleanupSettings, MetricsSettings, Settings
from resoto_dagster.inventory.api_requests import count_requests
from resoto_dagster.inventory.steps import step_begins, step_succeeded
from resoto_dagster.metrics.definitions import load_definitions
from resoto_dagster.metrics.families import Family
from resoto_dagster.metrics.generate import generate, generate_if_changed, latest_snapshot
from resoto_dagster.metrics.workflow_metrics import OF_WORKFLOW, workflow_families
from resoto_dagster.model.requests import Asked, Outcome
from resoto_dagster.workflow.actions import HookResult, emit, record_results
from resoto_dagster_tests.estate import collect, resource, scope
from resoto_dagster_tests.metrics.estate import an_estate, fill

Values = dict[tuple[str, ...], float]


def told(engine: Engine, name: str, max_age: timedelta = timedelta(hours=2)) -> Values:
    """The samples of a metric by their labels."""
    with engine.connect() as connection:
        (family,) = (one for one in workflow_families(connection, max_age) if one.name == name)
    found = {tuple(sample.labels.values()): sample.value for sample in family.samples}
    assert len(found) == len(family.samples)
    assert all(tuple(sample.labels) == OF_WORKFLOW[name].labels for sample in family.samples)
    return found


def test_they_have_names_of_their_own_that_tell_type_and_unit() -> None:
    assert set(OF_WORKFLOW).isdisjoint(metric.name for metric in load_definitions(MetricsSettings()))
    for name, metric in OF_WORKFLOW.items():
        assert re.fullmatch("[a-z][a-z0-9_]*", name)
        assert name.endswith("_total") == (metric.type == "counter"), name
        assert not name.endswith("_ms"), name
        assert len(metric.labels) <= 3
        assert metric.help.endswith(".")
        if re.search("timestamp|duration", name):
            assert name.endswith("_seconds"), name
        if "savings" in name:
            assert "_dollars_per_month" in name


class _All(Collector):
    def __init__(self, families: tuple[Family, ...]):
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            metric = Metric(family.name.removesuffix("_total"), family.help, family.type)
            for sample in family.samples:
                metric.add_sample(family.name, sample.labels, sample.value)
            yield metric


def test_openmetrics_takes_them(engine: Engine) -> None:
    fill(engine, an_estate())
    count_requests_twice(engine)
    families = tuple(one for one in generate(engine).families if one.name in OF_WORKFLOW)
    registry = CollectorRegistry()
    registry.register(_All(families))
    exposition = generate_latest(registry).decode()
    read = {one.name for one in parser.text_string_to_metric_families(exposition)}
    assert read == {name.removesuffix("_total") for name in OF_WORKFLOW}


def test_they_are_there_before_anything_has_happened(engine: Engine) -> None:
    families = {one.name: one for one in generate(engine).families if one.name in OF_WORKFLOW}
    assert set(families) == set(OF_WORKFLOW)
    with_values = {name for name, family in families.items() if family.samples}
    assert with_values == {name for name in OF_WORKFLOW if name.startswith("metric")}


def test_steps_tell_when_they_began_and_succeeded_and_how_long_that_took(engine: Engine) -> None:
    with engine.begin() as connection:
        step_begins(connection, "collect", "run-1")
        step_begins(connection, "cleanup", "run-1")
        connection.execute(text("UPDATE inventory.steps SET started_at = started_at - interval '90 s'"))
        step_succeeded(connection, "collect", "run-1")
    assert told(engine, "workflow_step_start_timestamp_seconds").keys() == {("collect",), ("cleanup",)}
    (succeeded,) = told(engine, "workflow_step_success_timestamp_seconds").items()
    assert succeeded[0] == ("collect",)
    took = told(engine, "workflow_step_duration_seconds")
    assert took[("collect",)] == pytest.approx(90, abs=30)
    with engine.begin() as connection:
        step_begins(connection, "collect", "run-2")
    assert told(engine, "workflow_step_success_timestamp_seconds") == dict([succeeded])
    assert told(engine, "workflow_step_duration_seconds") == took
    with engine.begin() as connection:  # of a run that began elsewhere
        step_succeeded(connection, "collect", "run-3")
    assert told(engine, "workflow_step_success_timestamp_seconds")[("collect",)] > succeeded[1]
    assert told(engine, "workflow_step_duration_seconds") == took


def test_scopes_tell_what_became_of_them_and_how_old_their_data_is(engine: Engine) -> None:
    collect(engine, {scope(): [resource("v1"), resource("v2")], scope("sim_instance"): []})
    sink = collect(engine, {scope(): [resource("v1", properties={"a": 1}), resource("v3")]}, "run-2")
    sink.failed(scope("sim_instance"), "AccessDenied")
    sink.account_failed("a2", "no such role")
    assert told(engine, "collected_resources") == {
        ("sim", "a1", "added"): 1,
        ("sim", "a1", "changed"): 1,
        ("sim", "a1", "removed"): 1,
        ("sim", "a1", "unchanged"): 0,
    }
    states = {"fresh": 1.0, "stale": 0.0, "failed": 1.0, "collecting": 0.0}
    assert told(engine, "scopes") == {("sim", "a1", state): n for state, n in states.items()}
    states |= {"fresh": 0.0, "stale": 1.0}
    old = told(engine, "scopes", timedelta(seconds=-5))
    assert old == {("sim", "a1", state): n for state, n in states.items()}
    assert told(engine, "account_failed") == {("sim", "a1"): 0, ("sim", "a2"): 1}
    oldest = told(engine, "account_oldest_data_timestamp_seconds")
    newest = told(engine, "account_newest_data_timestamp_seconds")
    assert oldest.keys() == newest.keys() == {("sim", "a1")}
    assert oldest["sim", "a1"] < newest["sim", "a1"]


def count_requests_twice(engine: Engine) -> None:
    requests = {
        Asked("a1", "ec2", Outcome.ANSWERED): 5,
        Asked("a1", "s3", Outcome.ANSWERED): 2,
        Asked("a1", "s3", Outcome.THROTTLED): 3,
        Asked(None, "sts", Outcome.REFUSED): 1,
    }
    with engine.begin() as connection:
        count_requests(connection, "sim", requests)
        count_requests(connection, "sim", {Asked("a1", "ec2", Outcome.ANSWERED): 10})
        count_requests(connection, "sim", {})


def test_requests_are_counted_on_and_on(engine: Engine) -> None:
    count_requests_twice(engine)
    assert told(engine, "api_requests_total") == {
        ("sim", "a1", "answered"): 17,
        ("sim", "a1", "throttled"): 3,
        ("sim", "", "refused"): 1,
    }
    assert told(engine, "api_throttles_total") == {("sim", "a1", "s3"): 3}


def plan(
    engine: Engine, *items: tuple[str, bool, float | None], held: str | None = None
) -> dict[str, uuid.UUID]:
    """A plan of resources, each by its id: whether it goes, and what it costs a month."""
    nodes = {id_: uuid.uuid4() for id_, _, _ in items}
    with engine.begin() as connection:
        plan_id = connection.scalar(
            text(
                "INSERT INTO inventory.plans (root_run_id, run_id, created_at, hash, held, notes) "
                "VALUES ('r', 'r', now(), '', :held, '{}') RETURNING plan_id"
            ),
            {"held": held},
        )
        for position, (id_, goes, cost) in enumerate(items):
            connection.execute(
                text(
                    """
                    INSERT INTO inventory.plan_items (plan_id, position, node_id, provider, account,
                        account_name, scope_region, region, kind, id, name, reason, author, born, wave, kept,
                        waits_for, takes_along, fingerprint, reported, monthly_cost)
                    VALUES (:plan, :position, :node, 'sim', 'a1', 'production', 'r1', 'r1', 'sim_volume',
                        :id, :id, 'expired 3 days ago', 'planner expired', now(), :wave, :kept, '{}', '[]',
                        '', '{}', :cost)
                    """
                ),
                {
                    "plan": plan_id,
                    "position": position,
                    "node": nodes[id_],
                    "id": id_,
                    "wave": 1 if goes else None,
                    "kept": None if goes else "protected",
                    "cost": cost,
                },
            )
    return nodes


def journal(engine: Engine, node: uuid.UUID, *events: str) -> None:
    with engine.begin() as connection:
        for event in events:
            connection.execute(
                text(
                    """
                    INSERT INTO inventory.journal (plan_id, node_id, run_id, event, at, detail, request_ids)
                    SELECT max(plan_id), :node, 'r', :event, now(), '', '{}' FROM inventory.plans
                    """
                ),
                {"node": node, "event": event},
            )


def test_the_last_plan_tells_its_outcomes_and_what_it_saves_and_all_plans_add_up(engine: Engine) -> None:
    first = plan(engine, ("v0", True, 100.0))
    journal(engine, first["v0"], "intended", "answered", "gone")
    nodes = plan(engine, ("v1", True, 7.5), ("v2", True, None), ("v3", True, 2.0), ("v4", False, 50.0))
    reason = "planner expired"
    assert told(engine, "plan_resources") == {
        ("sim", reason, "planned"): 3,
        ("sim", reason, "kept"): 1,
    }
    assert told(engine, "plan_savings_dollars_per_month") == {("sim", "production"): 9.5}
    assert told(engine, "plan_resources_without_price") == {("sim", "production"): 1}
    assert told(engine, "plan_held") == {(): 0}
    journal(engine, nodes["v1"], "intended", "answered", "gone")
    journal(engine, nodes["v2"], "intended", "failed", "intended", "answered", "gone")  # at the second try
    journal(engine, nodes["v3"], "kept")
    assert told(engine, "plan_resources") == {("sim", reason, "gone"): 2, ("sim", reason, "kept"): 2}
    assert told(engine, "cleanup_resources_total") == {
        ("sim", reason, "gone"): 3,
        ("sim", reason, "failed"): 1,
        ("sim", reason, "kept"): 1,
    }
    assert told(engine, "cleanup_savings_dollars_per_month_total") == {("sim",): 107.5}
    plan(engine, held="over the budget")
    assert told(engine, "plan_held") == {(): 1}
    assert told(engine, "plan_waiting") == {(): 0}
    assert told(engine, "plan_resources") == {}
    assert told(engine, "cleanup_savings_dollars_per_month_total") == {("sim",): 107.5}


def test_a_plan_that_waits_tells_until_it_is_decided_on(engine: Engine) -> None:
    plan(engine, ("v1", True, None))
    assert told(engine, "plan_waiting") == {(): 0}
    with engine.begin() as connection:
        connection.execute(text("UPDATE inventory.plans SET waits = 'cleanup.approval = always'"))
    assert told(engine, "plan_waiting") == {(): 1}
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO inventory.approvals (plan_id, decision, author, reason, at) "
                "SELECT plan_id, 'rejected', 'ann', 'no', now() FROM inventory.plans"
            )
        )
    assert told(engine, "plan_waiting") == {(): 0}


def test_a_rule_is_named_without_its_version(engine: Engine) -> None:
    nodes = plan(engine, ("v1", True, None))
    with engine.begin() as connection:
        author = "hook own, rule small 0123abcd, rule two 89abcdef"
        connection.execute(text("UPDATE inventory.plan_items SET author = :author"), {"author": author})
    journal(engine, nodes["v1"], "untied", "intended", "answered", "gone")
    ended = {("sim", "hook own, rule small, rule two", "gone"): 1}
    assert told(engine, "plan_resources") == ended
    assert told(engine, "cleanup_resources_total") == ended


def test_hooks_tell_how_they_ended(engine: Engine) -> None:
    with engine.begin() as connection:
        for run, outcome, seconds in (
            ("r1", "success", 2.5),
            ("r2", "failure", 4.0),
            ("r3", "timeout", None),
        ):
            emitted = emit(connection, run, run, "post_collect", (), timedelta(minutes=5))
            result = HookResult("tidy", False, outcome, run, seconds, None)  # type: ignore[arg-type]
            record_results(connection, emitted.action_id, [result])
    assert told(engine, "hook_runs_total") == {
        ("tidy", "post_collect", outcome): 1 for outcome in ("success", "failure", "timeout")
    }
    assert told(engine, "hook_duration_seconds") == {("tidy", "post_collect"): 4}
    assert told(engine, "hook_success_timestamp_seconds").keys() == {("tidy", "post_collect")}


def test_they_are_fresh_though_nothing_has_changed_and_tell_of_the_others(engine: Engine) -> None:
    fill(engine, an_estate())
    limits = MetricsSettings(definitions={"volumes_total": {"max_series": 2}})  # type: ignore[dict-item]
    settings = Settings(metrics=limits, cleanup=CleanupSettings(max_data_age=timedelta(hours=1)))
    assert generate_if_changed(engine, settings)
    plan(engine, ("v1", True, 7.5))
    assert not generate_if_changed(engine, settings)
    with engine.connect() as connection:
        snapshot = latest_snapshot(connection)
    assert snapshot is not None
    families = {one.name: one for one in snapshot.families}
    assert [one.value for one in families["plan_savings_dollars_per_month"].samples] == [7.5]
    dropped = {one.labels["metric"]: one.value for one in families["metric_dropped_series"].samples}
    assert dropped["volumes_total"] == families["volumes_total"].dropped > 0
    assert sum(dropped.values()) == dropped["volumes_total"]
    assert [one.value for one in families["metrics_failed"].samples] == [0]
    assert [one.value for one in families["metrics_scans"].samples] == [snapshot.scans] == [3]
    (stamp,) = families["metrics_measured_timestamp_seconds"].samples
    assert stamp.value == pytest.approx(snapshot.measured_at.timestamp(), abs=1)
