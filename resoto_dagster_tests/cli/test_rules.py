"""`resoto rules`: trying a rule before it marks anything."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from resoto_dagster_tests.cleanup.conftest import Estate, settings
from resoto_dagster_tests.cli.commands import resoto, resoto_json
from resoto_dagster_tests.estate import resource, table

RULES = """
cleanup:
  rules:
    - {name: small, search: "is(volume) and volume_size < 10", reason: too small}
    - {name: keep, search: id(v2) and volume_size = 50, reason: mine, mark: protect}
"""


@pytest.fixture(autouse=True)
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    monkeypatch.setenv("RESOTO_CONFIG", str(tmp_path / "rules.yaml"))


def volume(id_: str, size: int) -> object:
    return resource(id_, properties={"volume_size": size})


def test_a_rule_is_tried_and_marks_nothing(estate: Estate, engine: Engine) -> None:
    estate.collect(volume("v1", 1), volume("v2", 50))
    shown = resoto("rules", "test", "small").stdout
    assert "v1" in shown
    assert shown.endswith("1 resource would be marked to go: too small\n")
    assert resoto("rules", "test", "keep").stdout.endswith("1 resource would be marked to stay: mine\n")
    assert [one["id"] for one in resoto_json("rules", "test", "small")["marked"]] == ["v1"]
    assert table(engine, "SELECT count(*) FROM inventory.marks") == [(0,)]


def test_a_rule_is_tried_on_past_runs(estate: Estate) -> None:
    for run, size in (("run-1", 1), ("run-2", 50)):
        estate.run = run
        estate.collect(volume("v1", size))
        estate.plan(settings(planners={}))
    shown = resoto("rules", "backtest", "small", "--days", "1").stdout
    assert "in use again" in shown
    assert shown.endswith(
        "1 resource would have been marked to go in 2 runs; 1 of them not any more later, "
        "though they were still there\n"
    )
    found = resoto_json("rules", "backtest", "small")
    assert (found["runs"], found["marked"][0]["id"], found["marked"][0]["gone"]) == (2, "v1", False)


def test_a_rule_that_there_is_not_is_told(estate: Estate) -> None:
    assert "has no rule smal; did you mean small?" in resoto("rules", "test", "smal", code=2).stderr
    assert "has no rule x; it has small, keep" in resoto("rules", "backtest", "x", code=2).stderr
