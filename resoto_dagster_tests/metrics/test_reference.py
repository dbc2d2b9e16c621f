"""The page on all metrics is up to date, and what the guide shows can be done."""

import re
import textwrap
from pathlib import Path

import pytest

from resoto_dagster.config import MetricsSettings
from resoto_dagster.metrics.definitions import load_definitions
from resoto_dagster.metrics.reference import page
from resoto_dagster.metrics.workflow_metrics import OF_WORKFLOW
from resoto_dagster.settings_file import parse_settings

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "how-to" / "measure-your-own.md").read_text(encoding="utf-8")
BLOCKS = [
    textwrap.dedent(block)
    for block in re.findall(r"(?:^ {4,}\S.*\n)+", GUIDE, re.MULTILINE)
    if ":\n" in block
]


def test_the_page_is_up_to_date() -> None:
    again = "docs/reference/metrics.md is out of date: run `make metrics-reference` and commit what it writes"
    assert (DOCS / "reference" / "metrics.md").read_text(encoding="utf-8") == page(), again


def test_every_metric_is_on_the_page() -> None:
    names = [metric.name for metric in load_definitions(MetricsSettings())] + list(OF_WORKFLOW)
    assert re.findall(r"^\| resoto_(\w+) \|", page(), re.MULTILINE) == names


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_the_settings_in_the_guide_are_taken(block: str) -> None:
    settings = parse_settings(block, "measure-your-own.md").metrics
    assert load_definitions(settings)
    assert settings != MetricsSettings()


def test_the_guide_has_all_ways() -> None:
    every = [parse_settings(block, "f").metrics for block in BLOCKS]
    own = {name: one for settings in every for name, one in settings.definitions.items()}
    defaults = {metric.name for metric in load_definitions(MetricsSettings())}
    assert any(name not in defaults for name in own)
    assert any(name in defaults and one.enabled for name, one in own.items())
    assert any(not one.enabled for one in own.values())
    assert any(settings.max_series != MetricsSettings().max_series for settings in every)
