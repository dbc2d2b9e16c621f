"""A real Prometheus scrapes what is known of the demo's estate, and answers dashboards and alerts."""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from resoto_dagster import embedded_postgres
from resoto_dagster.demo.estate import seed
from resoto_dagster.demo.run import SETTINGS
from resoto_dagster.demo.server import only_simulated_aws, simulated_aws
from resoto_dagster.metrics.exposition import Families
from resoto_dagster_tests.cli.commands import RESOTO
from resoto_dagster_tests.metrics.certificates import LOOPBACK, Authority
from resoto_dagster_tests.metrics.scraping import until
from resoto_dagster_tests.metrics.test_basic_auth import hashed, header

DEPLOY = Path(__file__).parents[2] / "deploy"
CONFIG = DEPLOY / "prometheus" / "prometheus.yml"
RULES = DEPLOY / "prometheus" / "rules" / "resoto.yml"
RULES_TEST = Path(__file__).with_name("rules_test.yml")
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
USER, PASSWORD = "prometheus", "geheim"
HOUR = 3600
STEP = 240  # seconds; Prometheus takes a series that says nothing for five minutes to have ended
VARIABLES = {
    "$account": ".*",
    "$region": ".*",
    "$__rate_interval": "5m",
    "$__interval": "1m",
    "$__range": "1d",
}

pytestmark = pytest.mark.slow


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not installed: apt-get install --no-install-recommends prometheus")
    return found


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus that runs, and what the exporter serves it."""

    url: str
    text: str

    def ask(self, path: str, **parameters: str) -> Any:
        """What the API answers. Raises what Prometheus says is wrong."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=60) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(error.read().decode()) from None

    def query(self, expression: str) -> list[Any]:
        result: list[Any] = self.ask("query", query=expression)["result"]
        return result


@contextmanager
def running(command: list[str], log: Path, **given: Any) -> Iterator[subprocess.Popen[str]]:
    """A process, ended with the block; what it tells is in the log."""
    with log.open("w") as errors:
        process = subprocess.Popen(command, stderr=errors, text=True, **given)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """It scrapes the demo's estate after a run of the workflow, over TLS and as a user, every second.

    It knows a day of the past as well: the same values, as if they had been scraped then.
    """
    program("prometheus"), program("promtool")
    folder = tmp_path_factory.mktemp("prometheus")
    authority = Authority()
    (folder / "ca.crt").write_text(authority.pem)
    authority.issue(LOOPBACK).write(folder, "server")
    (folder / "web-config.yml").write_text(
        "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
        f"basic_auth_users: {{{USER}: {hashed(PASSWORD)}}}\n"
    )
    environment = the_demo_measured(folder)
    command = ["metrics", "serve", "--port", "0", "--web-config-file", str(folder / "web-config.yml")]
    try:
        with ExitStack() as stack:
            exporter = stack.enter_context(
                running([*RESOTO, *command], folder / "exporter.log", env=environment, stdout=subprocess.PIPE)
            )
            assert exporter.stdout is not None
            url = exporter.stdout.readline().split()[-1]
            trusting = ssl.create_default_context(cadata=authority.pem)
            until(lambda: "resoto_volumes_total{" in scrape(url, trusting))
            write_past(scrape(url, trusting, "application/openmetrics-text"), url, folder)
            text = scrape(url, trusting)
            yield Prometheus(stack.enter_context(scraping(url, folder)), text)
    finally:
        embedded_postgres.discard(folder / "state")


def the_demo_measured(folder: Path) -> dict[str, str]:
    """Run the workflow on the demo's estate; returns the environment of what shall see what it has left."""
    (folder / "resoto.yaml").write_text(SETTINGS)
    own = {"RESOTO_HOME": str(folder / "state"), "RESOTO_CONFIG": str(folder / "resoto.yaml")}
    with simulated_aws(folder / "aws.log") as endpoint, only_simulated_aws(endpoint):
        seed(endpoint)
        environment = os.environ | own
        for job in ("collect", "collect_and_cleanup"):
            done = subprocess.run(
                [*RESOTO, "run", job],
                env=environment,
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=900,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
    return environment


def scrape(url: str, trusting: ssl.SSLContext, accept: str = "text/plain") -> str:
    headers = {"Accept": accept, "Authorization": header(USER, PASSWORD)}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=30, context=trusting) as response:
        text: str = response.read().decode()
    return text


def write_past(openmetrics: str, url: str, folder: Path) -> None:
    """Make blocks of Prometheus with the values of now at earlier times: a day ago, and the last hours."""
    now = int(time.time())
    moments = [*range(now - 27 * HOUR, now - 23 * HOUR, STEP), *range(now - 4 * HOUR, now - STEP, STEP)]
    labels = {"job": "resoto", "instance": urllib.parse.urlsplit(url).netloc}
    families = []
    for family in text_string_to_metric_families(openmetrics):
        past = Metric(family.name, family.documentation, family.type)
        for sample in family.samples:
            for moment in moments:
                past.add_sample(sample.name, {**sample.labels, **labels}, sample.value, moment)
        families.append(past)
    (folder / "past.txt").write_bytes(generate_latest(Families(families)))
    promtool(
        "tsdb", "create-blocks-from", "openmetrics", str(folder / "past.txt"), str(folder / "data"), "--quiet"
    )


@contextmanager
def scraping(url: str, folder: Path) -> Iterator[str]:
    """The URL of a Prometheus that has scraped twice, configured as deploy/ has it."""
    config = yaml.safe_load(CONFIG.read_text())
    config["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(RULES)]
    (job,) = config["scrape_configs"]
    job["static_configs"] = [{"targets": [urllib.parse.urlsplit(url).netloc]}]
    job |= {
        "scheme": "https",
        "tls_config": {"ca_file": str(folder / "ca.crt")},
        "basic_auth": {"username": USER, "password": PASSWORD},
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    log = folder / "prometheus.log"
    with running(command, log) as process:
        server = Prometheus(f"http://{address}", "")

        def has_scraped_twice() -> bool:
            assert process.poll() is None, log.read_text()
            try:
                scrapes = server.query('count_over_time(up{job="resoto"}[5m])')
                rules = server.ask("rules")["groups"]
            except (OSError, AssertionError):  # it says 503 until it is ready
                return False
            evaluated = all(rule["lastEvaluation"] > "0002" for group in rules for rule in group["rules"])
            return bool(rules) and evaluated and bool(scrapes) and int(scrapes[0]["value"][1]) >= 2

        until(has_scraped_twice, seconds=120)
        yield server.url


def promtool(*arguments: str, given: str | None = None) -> str:
    done = subprocess.run(
        [program("promtool"), *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    """All that dashboards and alerts ask, with values for Grafana's variables."""
    asked = [
        target["expr"]
        for path in DASHBOARDS
        for panel in panels(json.loads(path.read_text()))
        for target in panel["targets"]
    ]
    for variable, value in VARIABLES.items():
        asked = [expression.replace(variable, value) for expression in asked]
    return [*asked, *(measured(rule["expr"]) for rule in rules())]


def measured(expression: str) -> str:
    """An alert's expression with its comparison as a value: it answers where it does not fire, too."""
    with_bool, comparisons = re.subn(r"\s([<>])\s", r" \1 bool ", expression)
    assert comparisons == 1, expression
    return with_bool


def test_prometheus_scrapes_the_exporter_and_takes_all_of_it(prometheus: Prometheus) -> None:
    (target,) = prometheus.ask("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    (scraped,) = prometheus.query('scrape_samples_scraped{job="resoto"}')
    samples = [line for line in prometheus.text.splitlines() if not line.startswith("#")]
    assert int(scraped["value"][1]) == len(samples) > 300


def test_promtool_finds_nothing_wrong_with_the_metrics(prometheus: Prometheus) -> None:
    assert promtool("check", "metrics", given=prometheus.text) == ""


def test_promtool_finds_nothing_wrong_with_configuration_and_rules() -> None:
    assert "SUCCESS" in promtool("check", "config", str(CONFIG))
    assert f"SUCCESS: {len(rules())} rules found" in promtool("check", "rules", "--lint-fatal", str(RULES))


def test_all_expressions_return_series(prometheus: Prometheus) -> None:
    asked = expressions()
    assert len(asked) > 60
    assert not [expression for expression in asked if "$" in expression]
    assert [expression for expression in asked if not prometheus.query(expression)] == []


def test_the_variables_of_the_dashboards_have_values(prometheus: Prometheus) -> None:
    for path in DASHBOARDS:
        for variable in json.loads(path.read_text())["templating"]["list"]:
            if variable["type"] != "query":
                continue
            asked = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert asked is not None
            series = prometheus.ask("series", **{"match[]": asked[1].replace("$account", ".*")})
            assert {one[asked[2]] for one in series} > {""} or len({one[asked[2]] for one in series}) > 1


def test_all_rules_are_evaluated_and_the_demo_raises_no_alert(prometheus: Prometheus) -> None:
    (group,) = prometheus.ask("rules")["groups"]
    assert {rule["name"] for rule in group["rules"]} == {rule["alert"] for rule in rules()}
    assert [(rule["name"], rule["lastError"]) for rule in group["rules"] if rule["health"] != "ok"] == []
    assert [alert["labels"] for alert in prometheus.ask("alerts")["alerts"]] == []


def test_alerts_fire_when_they_should_and_only_then() -> None:
    assert "SUCCESS" in promtool("test", "rules", str(RULES_TEST))


def test_every_alert_is_tested() -> None:
    tests = yaml.safe_load(RULES_TEST.read_text())["tests"]
    fires = {
        name
        for test in tests
        for one in test.get("promql_expr_test", ())
        for sample in one.get("exp_samples", ())
        for name in re.findall('alertname="([A-Za-z]+)"', sample["labels"])
    }
    assert fires == {rule["alert"] for rule in rules()}
    asked = {name for rule in rules() for name in re.findall(r"\bresoto_\w+|\bup\b", rule["expr"])}
    all_is_well = {re.match(r"\w+", one["series"])[0] for one in tests[0]["input_series"]}  # type: ignore[index]
    assert asked == all_is_well
