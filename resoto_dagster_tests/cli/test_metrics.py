import re

from sqlalchemy import Engine

from resoto_dagster.metrics.generate import generate
from resoto_dagster_tests.cleanup.conftest import Estate
from resoto_dagster_tests.cli.commands import resoto, resoto_json


def test_no_metrics_yet_is_said(engine: Engine) -> None:
    assert "no metrics have been generated yet" in resoto("metrics", "show").stdout
    assert resoto_json("metrics", "show") is None


def test_the_last_metrics_are_shown(estate: Estate) -> None:
    snapshot = generate(estate.engine)
    shown = [re.split(r" {2,}", line) for line in resoto("metrics", "show").stdout.splitlines()]
    assert shown[0][:2] == ["metric", "labels"]
    labels = "account=production, cloud=sim, region=r2, status=, type="
    assert ["resoto_volumes_total", labels, "2"] in [row[:3] for row in shown]
    filled = sum(bool(family.samples) for family in snapshot.families)
    empty = len(snapshot.families) - filled
    assert shown[-1][0].startswith(f"{filled} metrics with values, {empty} without any")


def test_json_is_the_snapshot(estate: Estate) -> None:
    snapshot = generate(estate.engine)
    told = resoto_json("metrics", "show")
    assert told["snapshot_id"] == snapshot.snapshot_id
    (accounts,) = (family for family in told["families"] if family["name"] == "accounts_total")
    assert accounts == {
        "name": "accounts_total",
        "help": "Number of Accounts",
        "type": "gauge",
        "samples": [{"labels": {"cloud": "sim"}, "value": 1}],
        "error": None,
        "dropped": 0,
    }
