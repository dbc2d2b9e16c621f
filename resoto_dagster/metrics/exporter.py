"""The exporter: serves the last snapshot to Prometheus. A scrape computes nothing and asks no database."""

import errno
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from types import FrameType
from typing import Any, NoReturn
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Metric, MetricsHandler
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from resoto_dagster.database import database_errors
from resoto_dagster.errors import ResotoError
from resoto_dagster.metrics.generate import Snapshot, latest_snapshot

PREFIX = "resoto_"
PATH = "/metrics"
LOOK_SECONDS = 3.0
"""How often the exporter looks for a newer snapshot."""

_TIMESTAMP = f"{PREFIX}metrics_generated_timestamp_seconds"
_NONE_YET = "No metrics have been generated yet; the step generate_metrics of the workflow does that."
_log = logging.getLogger(__name__)


class LatestSnapshot(Collector):
    """The last snapshot as prometheus_client collects it; kept when the database is away."""

    def __init__(self, engine: Engine):
        self._engine = engine
        self._snapshot: Snapshot | None = None
        self._away = False

    def look(self) -> None:
        """Take over a newer snapshot if there is one. A database that is away is logged, once."""
        try:
            with database_errors(), self._engine.connect() as connection:
                known = self._snapshot.snapshot_id if self._snapshot else None
                newer = latest_snapshot(connection, known)
        except (ResotoError, SQLAlchemyError) as error:
            if not self._away:
                _log.warning("the last metrics are served on: %s", str(error).partition("\n")[0])
            self._away = True
            return
        if self._away:
            _log.warning("the database can be reached again")
            self._away = False
        self._snapshot = newer or self._snapshot

    def collect(self) -> Iterator[Metric]:
        """The snapshot's metrics, its age, and which of them are stale."""
        snapshot = self._snapshot
        if snapshot is None:
            yield Metric(_TIMESTAMP, _NONE_YET, "gauge")
            return
        generated = Metric(_TIMESTAMP, "When these metrics were generated.", "gauge")
        generated.add_sample(_TIMESTAMP, {}, snapshot.generated_at.timestamp())
        yield generated
        name = f"{PREFIX}metric_stale"
        stale = Metric(name, "1 if a metric could not be generated and shows its last value.", "gauge")
        for family in snapshot.families:
            stale.add_sample(name, {"metric": family.name}, int(family.error is not None))
        yield stale
        for family in snapshot.families:
            metric = Metric(PREFIX + family.name, family.help, family.type)
            for sample in family.samples:
                metric.add_sample(PREFIX + family.name, sample.labels, sample.value)
            yield metric


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Leave scrapers that hung up unmentioned."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(MetricsHandler):
    """Serves the metrics at their path, and nothing elsewhere."""

    timeout = 30  # seconds for a request to arrive

    def do_GET(self) -> None:
        """Answer in text or OpenMetrics, as the scraper asks."""
        if urlsplit(self.path).path == PATH:
            super().do_GET()
        else:
            self.send_error(HTTPStatus.NOT_FOUND, f"the metrics are at {PATH}")


def make_server(latest: LatestSnapshot, host: str, port: int) -> ThreadingHTTPServer:
    """The HTTP server, bound and not serving yet. Raises ResotoError when the address can't be bound."""
    registry = CollectorRegistry()
    registry.register(latest)
    try:
        return (_Server6 if ":" in host else _Server)((host, port), _Handler.factory(registry))
    except OSError as error:
        in_use = "another program listens there already; --port takes another port"
        reason = in_use if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        raise ResotoError(f"metrics can't be served on {host}:{port}: {reason}") from None


def keep_looking(latest: LatestSnapshot, ended: threading.Event) -> None:
    """Look for newer snapshots, now and every few seconds, until `ended` is set."""
    latest.look()
    while not ended.wait(LOOK_SECONDS):
        latest.look()


def serve(engine: Engine, host: str, port: int, started: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT ends the process with 0; `started` is told the URL once it listens.

    Raises ResotoError when the address can't be bound. To be called in the main thread.
    """
    latest, ended = LatestSnapshot(engine), threading.Event()
    with make_server(latest, host, port) as server:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)
        threading.Thread(target=keep_looking, args=(latest, ended), name="look", daemon=True).start()
        started(f"http://{f'[{host}]' if ':' in host else host}:{server.server_port}{PATH}")
        server.serve_forever()


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)
