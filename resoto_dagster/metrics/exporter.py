"""The exporter: serves the last snapshot to Prometheus. A scrape computes nothing and asks no database."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from types import FrameType
from typing import NoReturn

from prometheus_client import Metric
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError

from resoto_dagster.database import database_errors
from resoto_dagster.errors import ResotoError
from resoto_dagster.metrics.definitions import PREFIX
from resoto_dagster.metrics.exposition import (
    Exposition,
    Format,
    choose_format,
    gauge,
    render,
    wants_gzip,
)
from resoto_dagster.metrics.generate import Snapshot, latest_snapshot
from resoto_dagster.metrics.server import Answer, Page, Server, say
from resoto_dagster.metrics.web_config import Web, WebConfig, WebConfigFile

PATH = "/metrics"
LOOK_SECONDS = 3.0
"""How often the exporter looks for a newer snapshot."""

SILENT_SECONDS = 30.0
"""A database that has not answered for so long is away, though a connection to it may seem to be open."""

# A connection to a host that is gone ends by itself, else the exporter would wait for its answer for hours.
_LIVELY = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",  # milliseconds
}

_INDEX = f"""\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Metrics of resoto</title></head>
<body>
<h1>Metrics of resoto</h1>
<ul>
<li><a href="{PATH}">{PATH}</a>: what was measured at the end of the last run of the workflow</li>
<li><a href="/-/healthy">/-/healthy</a>: the exporter runs</li>
<li><a href="/-/ready">/-/ready</a>: there are metrics to be served</li>
</ul>
</body>
</html>
"""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Served:
    snapshot: Snapshot | None
    expositions: dict[Format, Exposition]


class LatestSnapshot:
    """The last snapshot, rendered; kept when the database is away."""

    def __init__(self, engine: Engine):
        self._engine = engine
        # Replaced as a whole: a scrape takes all it sends from one of them.
        self._served = _Served(None, render(None))
        self._problem: str | None = None
        self._answered = 0.0

    @property
    def is_there(self) -> bool:
        """Whether there is a snapshot."""
        return self._served.snapshot is not None

    def look(self) -> None:
        """Take over a newer snapshot if there is one. A database that is away is logged, once."""
        known = self._served.snapshot
        try:
            with database_errors(), self._engine.connect() as connection:
                newer = latest_snapshot(connection, known.snapshot_id if known else None)
        except (ResotoError, SQLAlchemyError) as error:
            problem = str(error).partition("\n")[0]
            if self._problem is None:
                _log.warning("the last metrics are served on: %s", problem)
            self._problem = problem
            return
        if self._problem is not None:
            _log.warning("the database can be reached again")
        self._problem, self._answered = None, time.time()
        if newer is not None:
            self._served = _Served(newer, render(newer))

    def exposition(self, format_: Format) -> Exposition:
        """The snapshot in a format."""
        return self._served.expositions[format_]

    def own_metrics(self) -> list[Metric]:
        """How well the exporter itself is: what changes while the snapshot stays."""
        return [
            gauge(
                f"{PREFIX}exporter_database_up",
                "1 if the exporter could ask the database for newer metrics when it tried last.",
                int(self._problem is None and time.time() - self._answered < SILENT_SECONDS),
            ),
            gauge(
                f"{PREFIX}exporter_database_answered_timestamp_seconds",
                "When the database last told the exporter whether there are newer metrics; 0 is never.",
                self._answered,
            ),
        ]


def pages(latest: LatestSnapshot, config_is_taken: Callable[[], bool]) -> dict[str, Page]:
    """What is served, by path; `config_is_taken` says whether the web configuration file can be taken."""

    def metrics(headers: Message) -> Answer:
        gzip = wants_gzip(headers.get("Accept-Encoding"))
        exposition = latest.exposition(choose_format(headers.get("Accept")))
        taken = gauge(
            f"{PREFIX}exporter_web_config_last_reload_successful",
            "0 if the web configuration file can't be taken as it is now, and an earlier one holds on.",
            int(config_is_taken()),
        )
        return Answer(
            HTTPStatus.OK,
            exposition.parts([*latest.own_metrics(), taken], gzip),
            exposition.format.value,
            {"Vary": "Accept, Accept-Encoding"} | ({"Content-Encoding": "gzip"} if gzip else {}),
        )

    def ready(_headers: Message) -> Answer:
        if latest.is_there:
            return say(HTTPStatus.OK, "ready")
        return say(HTTPStatus.SERVICE_UNAVAILABLE, "no metrics have been loaded yet")

    return {
        "/": lambda _: Answer(HTTPStatus.OK, (_INDEX.encode(),), "text/html; charset=utf-8"),
        PATH: metrics,
        "/-/healthy": lambda _: say(HTTPStatus.OK, "healthy"),
        "/-/ready": ready,
    }


def make_server(latest: LatestSnapshot, host: str, port: int, web_config: Path | None = None) -> Server:
    """The HTTP server, bound and not serving yet.

    Raises ResotoError when the address can't be bound, ConfigError when the web configuration file, if
    there is one, can't be taken.
    """
    if web_config is None:
        plain = Web(WebConfig(), Path())
        return Server(host, port, pages(latest, lambda: True), lambda: plain)
    file = WebConfigFile(web_config)
    return Server(host, port, pages(latest, lambda: file.is_taken), file.current)


def keep_looking(latest: LatestSnapshot, ended: threading.Event) -> None:
    """Look for newer snapshots, now and every few seconds, until `ended` is set."""
    latest.look()
    while not ended.wait(LOOK_SECONDS):
        latest.look()


def serve(
    engine: Engine, host: str, port: int, web_config: Path | None, started: Callable[[str], None]
) -> None:
    """Serve until SIGTERM or SIGINT ends the process with 0; `started` is told the URL once it listens.

    Raises what make_server raises. To be called in the main thread.
    """
    lively = create_engine(engine.url.update_query_dict(_LIVELY), pool_size=1, pool_pre_ping=True)
    latest, ended = LatestSnapshot(lively), threading.Event()
    with make_server(latest, host, port, web_config) as server:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)
        threading.Thread(target=keep_looking, args=(latest, ended), name="look", daemon=True).start()
        scheme = "https" if server.web().tls else "http"
        started(f"{scheme}://{f'[{host}]' if ':' in host else host}:{server.port}{PATH}")
        server.serve_forever()


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)
