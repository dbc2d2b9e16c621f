"""What can be told of dashboards and provisioning without Grafana: that they are built as it expects them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from resoto_dagster.config import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARDS = {
    path.stem: json.loads(path.read_text()) for path in sorted(DEPLOY.glob("grafana/dashboards/*.json"))
}
PANELS = {"bargauge", "piechart", "row", "stat", "table", "timeseries"}
UNITS = {"bytes", "currencyUSD", "none", "percentunit", "reqps", "s", "short"}
COLUMNS = 24
every_dashboard = pytest.mark.parametrize("name", DASHBOARDS)


def queried(name: str) -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARDS[name]["panels"] if panel["type"] != "row"]


def test_there_is_one_a_question() -> None:
    assert list(DASHBOARDS) == ["resoto-cleanup", "resoto-cost", "resoto-estate", "resoto-health"]


@every_dashboard
def test_links_to_a_dashboard_stay_good(name: str) -> None:
    dashboard = DASHBOARDS[name]
    assert dashboard["uid"] == name
    assert dashboard["id"] is None
    assert re.fullmatch("[a-zA-Z0-9_-]{1,40}", name)
    assert dashboard["title"].startswith("Resoto: ")
    assert "resoto" in dashboard["tags"]


@every_dashboard
def test_panels_are_of_types_that_grafana_still_has_and_measure_in_units(name: str) -> None:
    dashboard = DASHBOARDS[name]
    assert {panel["type"] for panel in dashboard["panels"]} <= PANELS
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in queried(name):
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert panel["title"]


@every_dashboard
def test_panels_lie_side_by_side(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARDS[name]["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= COLUMNS
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not taken & cells, panel["title"]
        taken |= cells


@every_dashboard
def test_the_data_source_is_whichever_is_chosen(name: str) -> None:
    source, *variables = DASHBOARDS[name]["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for one in [*variables, *queried(name), *(t for panel in queried(name) for t in panel["targets"])]:
        assert one["datasource"] == chosen


@every_dashboard
def test_variables_are_there_and_made_use_of(name: str) -> None:
    dashboard = DASHBOARDS[name]
    variables = {one["name"]: one for one in dashboard["templating"]["list"]}
    asked = " ".join(target["expr"] for panel in queried(name) for target in panel["targets"])
    used = set(re.findall(r"\$(\w+)", asked))
    assert used == set(variables) - {"datasource"}
    assert "account" in used
    for one in variables.values():
        assert one["type"] == "datasource" or (one["includeAll"] and one["allValue"] == ".*" and one["multi"])
    assert set(re.findall(r'\$\w+"?', asked)) <= {'$account"', '$region"'}
    assert not re.search(r'[^~]"\$', asked), "several values can be chosen: =~"


@every_dashboard
def test_legends_name_labels_that_their_queries_keep(name: str) -> None:
    for panel in queried(name):
        references = [target["refId"] for target in panel["targets"]]
        assert references == sorted(set(references))
        for target in panel["targets"]:
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                assert re.search(rf"by \([^)]*\b{label}\b", target["expr"]), panel["title"]


def test_grafana_finds_the_dashboards_and_prometheus() -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    (provider,) = yaml.safe_load((provisioning / "dashboards/resoto.yml").read_text())["providers"]
    assert (provider["type"], provider["options"]["path"]) == ("file", "/var/lib/grafana/dashboards/resoto")
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://127.0.0.1:9090")
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    assert source["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]


def test_prometheus_scrapes_where_the_exporter_is_by_default() -> None:
    (job,) = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    metrics = Settings().metrics
    assert job["static_configs"] == [{"targets": [f"{metrics.host}:{metrics.port}"]}]


def test_every_alert_tells_what_to_do() -> None:
    (group,) = yaml.safe_load((DEPLOY / "prometheus/rules/resoto.yml").read_text())["groups"]
    for rule in group["rules"]:
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["runbook"].startswith("1. "), rule["alert"]
