"""What the asset generate_metrics shows, and what a whole run leaves for the metrics about the workflow."""

import base64
import re
import time
from typing import Any
from xml.etree import ElementTree

import pytest
from dagster import AssetKey, DagsterInstance
from sqlalchemy import Engine

from resoto_dagster.config import MetricsSettings
from resoto_dagster.hooks import Hook, HookContext
from resoto_dagster.metrics.generate import latest_snapshot
from resoto_dagster.model.requests import Asked, Outcome
from resoto_dagster_tests.cleanup.conftest import network_with_everything, settings
from resoto_dagster_tests.estate import resource
from resoto_dagster_tests.workflow.sim import SimCloud, arrange
from resoto_dagster_tests.workflow.test_workflow import metadata, run, warnings

pytestmark = pytest.mark.usefixtures("engine")
MOST = 30_000


def values(engine: Engine, name: str) -> dict[tuple[str, ...], float]:
    with engine.connect() as connection:
        snapshot = latest_snapshot(connection)
    assert snapshot is not None
    (family,) = (one for one in snapshot.families if one.name == name)
    return {
        tuple(sample.labels[key] for key in sorted(sample.labels)): sample.value for sample in family.samples
    }


def drawn(shown: dict[str, Any]) -> ElementTree.Element:
    """The picture, out of the Markdown that Dagster's UI shows."""
    assert len(shown["last runs"]) < MOST
    form = re.fullmatch(r"!\[.+\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", shown["last runs"])
    assert form is not None
    return ElementTree.fromstring(base64.b64decode(form[1]))


def test_the_asset_shows_numbers_a_picture_and_what_changed_most(instance: DagsterInstance) -> None:
    cloud = SimCloud(*(resource(f"v{n}", properties={"volume_size": 10}) for n in range(4)))
    arrange(cloud=cloud)
    first = metadata(run(instance), "generate_metrics")
    assert first["changed most"] == "this is the first run"
    assert first["scans"] == 1
    same = metadata(run(instance), "generate_metrics")
    assert (same["cached"], same["changed most"]) == (True, "nothing")
    cloud.resources["v9"] = resource("v9", properties={"volume_size": 160})
    cloud.resources["i1"] = resource("i1", "sim_instance", properties={"instance_status": "running"})
    shown = metadata(run(instance), "generate_metrics")
    assert shown["changed most"] == (
        "instances_total: none → 1; volume_bytes: 42.95 G → 214.7 G; volumes_total: 4 → 5"
    )
    rows = {row.data["metric"]: row.data for row in shown["numbers"].records}
    assert rows["volumes_total"] == {"metric": "volumes_total", "total": 5, "of the last run": 4, "series": 1}
    svg = drawn(shown)
    texts = ["".join(one.itertext()) for one in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["instances_total", "1", "volume_bytes", "214.7 G", "volumes_total", "5"]
    assert len(list(svg.iter("{http://www.w3.org/2000/svg}polyline"))) == 3


def test_the_asset_says_what_was_left_out_and_what_failed(instance: DagsterInstance) -> None:
    own = {
        "by_name_total": {
            "help": "By name",
            "search": "aggregate(name: sum(1) as by_name_total): is(volume)",
            "max_series": 2,
        },
        "broken_total": {
            "help": "Broken",
            "search": "aggregate(kind: sum(volume_size / 0) as broken_total): is(volume)",
        },
    }
    volumes = (resource(f"v{n}", properties={"volume_size": 10}) for n in range(5))
    arrange(cloud=SimCloud(*volumes), metrics=MetricsSettings(definitions=own))  # type: ignore[arg-type]
    result = run(instance)
    shown = metadata(result, "generate_metrics")
    assert (shown["left out series"], shown["failed metrics"]) == (3, 1)
    assert shown["left out"] == "- by_name_total: 3 series, those with the smallest values"
    assert shown["failures"] == "- broken_total: division by zero"
    assert "by_name_total has too many series: 3 are left out, those with the smallest values" in warnings(
        instance, result
    )


def test_a_whole_run_is_told_by_the_metrics_about_the_workflow(
    instance: DagsterInstance, engine: Engine
) -> None:
    def tidy(context: HookContext) -> None: ...

    cloud = SimCloud(*network_with_everything(), resource("stays"))
    cloud.requests.update({Asked("a1", "sim", Outcome.ANSWERED): 4, Asked("a1", "sim", Outcome.THROTTLED): 1})
    arrange(Hook(tidy, "post_collect", False), cloud=cloud, cleanup=settings(accounts={"sim": ["a1"]}))
    started = time.time()
    assert run(instance).success
    assert values(engine, "plan_resources") == {("gone", "sim", "planner expired"): 3}
    assert values(engine, "cleanup_resources_total") == {("gone", "sim", "planner expired"): 3}
    assert values(engine, "hook_runs_total") == {("post_collect", "tidy", "success"): 1}
    assert values(engine, "api_throttles_total") == {("a1", "sim", "sim"): 2}, "collect and cleanup ask"
    took = values(engine, "workflow_step_duration_seconds")
    assert took.keys() == {("collect",), ("cleanup_plan",), ("cleanup",)}
    assert all(0 < seconds <= time.time() - started for seconds in took.values())
    assert run(instance).success
    succeeded = values(engine, "workflow_step_success_timestamp_seconds")
    assert ("generate_metrics",) in succeeded
    assert all(started < moment <= time.time() for moment in succeeded.values())


def test_what_the_definitions_are_is_in_the_versions_of_the_asset(instance: DagsterInstance) -> None:
    versions = []
    for limit in (5, 5, 6):
        arrange(cloud=SimCloud(resource("v1")), metrics=MetricsSettings(max_series=limit))
        (event,) = (
            one
            for one in run(instance).get_asset_materialization_events()
            if one.asset_key == AssetKey("generate_metrics")
        )
        tags = event.materialization.tags
        assert tags is not None
        versions.append((tags["dagster/data_version"], tags["dagster/code_version"]))
    assert versions[0] == versions[1] != versions[2]
    assert versions[0][1] != versions[2][1]
