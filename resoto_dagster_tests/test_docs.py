"""What the guides say can be done: their settings are ones, and their parameters exist."""

import json
import re
import textwrap
from pathlib import Path

import pytest
import yaml

from resoto_dagster.metrics.web_config import TlsServer, WebConfig, read_web_config
from resoto_dagster.settings_file import parse_settings
from resoto_dagster_tests.metrics.certificates import Authority

ROOT = Path(__file__).parents[1]
CONNECT_AWS = (ROOT / "docs" / "how-to" / "connect-aws.md").read_text(encoding="utf-8")

TELL_OWNERS = (ROOT / "docs" / "how-to" / "tell-owners.md").read_text(encoding="utf-8")
COLLECT_ON_EVENTS = (ROOT / "docs" / "how-to" / "collect-on-events.md").read_text(encoding="utf-8")

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


def test_the_settings_in_the_guide_to_events_are_taken() -> None:
    blocks = [block for block in map(textwrap.dedent, _BLOCK.findall(COLLECT_ON_EVENTS)) if ":\n" in block]
    taken = [parse_settings(block, "collect-on-events.md").providers["aws"].own for block in blocks]
    assert [section.model_dump()["events"]["queue"].rpartition("/")[2] for section in taken] == [
        "resoto-events",
        "resoto-events",
    ]


def test_the_parameters_and_outputs_in_the_guide_to_events_are_those_of_the_template() -> None:
    template = yaml.safe_load((ROOT / "deploy" / "aws" / "events.yaml").read_text(encoding="utf-8"))
    named = set(re.findall(r"ParameterKey=(\w+)", COLLECT_ON_EVENTS)) | set(
        re.findall(r"\b([A-Z]\w+)=(?:arn:|o-)", COLLECT_ON_EVENTS)
    ) - {"ParameterValue"}
    assert named == set(template["Parameters"]) - {"Name"}
    outputs = re.search(r"Keep the outputs (.+)\.", COLLECT_ON_EVENTS)
    assert outputs is not None
    assert re.findall(r"`(\w+)`", outputs[1]) == list(template["Outputs"])


def test_the_pattern_in_the_guide_to_events_is_the_template_s_without_its_services() -> None:
    template = yaml.safe_load((ROOT / "deploy" / "aws" / "events.yaml").read_text(encoding="utf-8"))
    pattern = template["Resources"]["Rule1"]["Properties"]["EventPattern"]
    detail = {
        key: value for key, value in pattern["detail"].items() if key not in ("eventSource", "eventName")
    }
    shown = json.loads(COLLECT_ON_EVENTS[COLLECT_ON_EVENTS.index("    {\n") :].partition("\n\n")[0])
    assert shown == {**pattern, "detail": detail}


def test_the_settings_in_the_guide_to_notices_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in set(re.findall(r"\$\{([A-Z_]+)\}", TELL_OWNERS)) - {"NAME"}:
        monkeypatch.setenv(name, "https://hooks.example.com/x")
    blocks = re.findall(r"(?:^ {4,}\S.*\n)+", TELL_OWNERS, re.MULTILINE)
    settings = [textwrap.dedent(block) for block in blocks if block.startswith("    cleanup:")]
    taken = [parse_settings(block, "tell-owners.md").cleanup.notices for block in settings]
    assert [sorted(one.model_fields_set) for one in taken] == [
        ["mail", "owners"],
        ["accounts", "default", "owner_tags", "owners"],
        ["mail", "mail_domains"],
        ["keep_for", "link"],
    ]
    (served,) = set(re.findall(r"proxy_pass http://([\d.:]+);", TELL_OWNERS))
    assert served == f"{taken[0].host}:{taken[0].port}"


GRAPH_AND_ALERT = (ROOT / "docs" / "how-to" / "graph-and-alert.md").read_text(encoding="utf-8")


def test_the_files_in_the_guide_to_graphs_are_taken(tmp_path: Path) -> None:
    blocks = [
        textwrap.dedent(block) for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", GRAPH_AND_ALERT, re.M)
    ]
    (web_config,) = (block.partition("\n\n")[0] for block in blocks if "tls_server_config" in block)
    Authority().issue().write(tmp_path, "server")
    hashed = re.sub("PASTE-[A-Z0-9-]+", "x" * 53, web_config)
    (tmp_path / "web-config.yml").write_text(hashed)
    web = read_web_config(tmp_path / "web-config.yml")
    assert web.tls is not None
    assert web.users is not None
    scraping = [yaml.safe_load(block)["scrape_configs"] for block in blocks if "scrape_configs" in block]
    assert [job["job_name"] for (job,) in scraping] == ["resoto", "resoto"]
    commented = (ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8")
    for key in ("scheme: https", "ca_file: ", "username: ", "password_file: "):
        assert key in commented


def test_the_guide_to_graphs_has_all_keys_and_alerts() -> None:
    named = set(re.findall(r"`(\w+)`", GRAPH_AND_ALERT))
    assert set(WebConfig.model_fields) | set(TlsServer.model_fields) <= named
    (group,) = yaml.safe_load((ROOT / "deploy/prometheus/rules/resoto.yml").read_text())["groups"]
    assert re.findall(r"^\| (Resoto\w+) ", GRAPH_AND_ALERT, re.M) == [
        rule["alert"] for rule in group["rules"]
    ]
