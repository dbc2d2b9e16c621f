"""What the guides say can be done: their settings are ones, and their parameters exist."""

import re
import textwrap
from pathlib import Path

import pytest
import yaml

from resoto_dagster.settings_file import parse_settings

ROOT = Path(__file__).parents[1]
CONNECT_AWS = (ROOT / "docs" / "how-to" / "connect-aws.md").read_text(encoding="utf-8")

_BLOCK = re.compile(r"(?:^ {7,}\S.*\n(?: *\n)?)+", re.MULTILINE)
SETTINGS = [block for block in map(textwrap.dedent, _BLOCK.findall(CONNECT_AWS)) if ":\n" in block]


@pytest.mark.parametrize("block", SETTINGS, ids=range(len(SETTINGS)))
def test_the_settings_in_the_guide_are_taken(block: str) -> None:
    if block.startswith("organization:"):
        block = f"providers:\n  aws:\n{textwrap.indent(block, '    ')}"
    assert "aws" in parse_settings(block, "connect-aws.md").providers


def test_the_guide_has_all_ways() -> None:
    assert len(SETTINGS) == 5
    taken = [parse_settings(block, "f").providers["aws"].own.model_dump() for block in SETTINGS[:4]]
    assert [len(section["accounts"]) for section in taken] == [1, 3, 0, 0]
    assert [section["organization"] is None for section in taken] == [True, True, False, False]


def test_the_parameters_in_the_guide_are_those_of_the_template() -> None:
    template = yaml.safe_load((ROOT / "deploy" / "aws" / "role-template.yaml").read_text(encoding="utf-8"))
    named = set(re.findall(r"ParameterKey=(\w+)", CONNECT_AWS)) | set(
        re.findall(r"\b([A-Z]\w+)=(?:yes|[0-9]{12}|SOMETHING-LONG)", CONNECT_AWS)
    ) - {"ParameterValue"}
    assert named == set(template["Parameters"]) - {"RoleName"}
