"""Scraping the exporter as Prometheus does, and what must come of it."""

import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import parser

from resoto_dagster.metrics.exporter import LatestSnapshot, make_server
from resoto_dagster.metrics.generate import Snapshot

STAMP = "resoto_metrics_generated_timestamp_seconds"
Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


@contextmanager
def serving(latest: LatestSnapshot, web_config: Path | None = None) -> Iterator[str]:
    with make_server(latest, "127.0.0.1", 0, web_config) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            scheme = "https" if server.web().tls else "http"
            yield f"{scheme}://127.0.0.1:{server.port}"
        finally:
            server.shutdown()
            thread.join()


def scrape(url: str, accept: str = "text/plain") -> str:
    request = urllib.request.Request(f"{url}/metrics", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.status == 200
        return response.read().decode()


def parsed(exposition: str) -> Values:
    families = list(parser.text_string_to_metric_families(exposition))
    assert {one.type for one in families} <= {"gauge", "counter", "unknown"}
    samples = [sample for one in families for sample in one.samples]
    values = {(one.name, frozenset(one.labels.items())): one.value for one in samples}
    assert len(values) == len(samples)
    return values


def stored(snapshot: Snapshot) -> Values:
    return {
        (f"resoto_{family.name}", frozenset(sample.labels.items())): sample.value
        for family in snapshot.families
        for sample in family.samples
    }


def measured(values: Values) -> Values:
    """Without what the exporter says of itself."""
    own = (STAMP, "resoto_metric_stale", "resoto_exporter_")
    return {key: value for key, value in values.items() if not key[0].startswith(own)}


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
