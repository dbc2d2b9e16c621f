"""The keep page: who was told that resources will be deleted keeps them there, by the link in the notice.

The link's token is all that one needs, so it is written nowhere: not into a log, nor into a page. To open
the link changes nothing, since programs that look for harm in mails open it, too; a button does.
"""

import base64
import contextlib
import errno
import hashlib
import logging
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import Any, NoReturn, cast
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from resoto_dagster.cleanup.keeping import Announced, Notice, keep, notice_of
from resoto_dagster.cleanup.notices import one_line
from resoto_dagster.database import database_errors
from resoto_dagster.errors import DatabaseUnavailable, ResotoError
from resoto_dagster.model.durations import spell_duration

PATH = "/keep/"
ALL = "all"
"""What the button that keeps everything sends."""

CONNECTIONS = 8
"""How many are answered at a time; fewer than the database's connections. Others are hung up on."""

REQUEST_SECONDS = 15.0
"""How long a request may take, from the first byte to the last of the answer."""

MOST_BYTES = 4096
"""The longest body that is read; what a button sends is 50 bytes."""

_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;padding:.4em;border-bottom:1px solid #ccc;overflow-wrap:anywhere}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_UNKNOWN = "This link is not known, or not good any more."
_AWAY = "The database can't be reached. Nothing was changed; try again in some minutes."
_log = logging.getLogger(__name__)


class _Server(ThreadingHTTPServer):
    """Answers few at a time, and nobody for long."""

    def __init__(self, address: tuple[str, int], engine: Engine, keep_for: timedelta):
        self.engine = engine
        self.keep_for = keep_for
        self._deadlines: dict[Any, float] = {}
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            full = len(self._deadlines) >= CONNECTIONS
            if not full:
                self._deadlines[request] = time.monotonic() + REQUEST_SECONDS
        if full:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._deadlines.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Hang up on whoever takes too long; `serve_forever` calls it twice a second."""
        now = time.monotonic()
        with self._lock:
            late = [request for request, deadline in self._deadlines.items() if deadline < now]
        for request in late:
            with contextlib.suppress(OSError):  # it has just ended by itself
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: Any) -> None:
        """Name the error only: its text, or a traceback, could hold what was asked for."""
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            _log.error("a request to the keep page failed: %s", type(error).__name__)


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Refused(Exception):
    """Why a request is not done, for who made it."""

    def __init__(self, status: HTTPStatus, told: str):
        self.status = status
        super().__init__(told)


class _Handler(BaseHTTPRequestHandler):
    timeout = REQUEST_SECONDS
    server_version, sys_version = "resoto", ""

    def do_GET(self) -> None:
        """Show what the notice announced."""
        self._answer(lambda: self._page(None))

    def do_POST(self) -> None:
        """Keep one of it, or all."""
        self._answer(lambda: self._page(self._wanted()))

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the path is a secret."""

    def end_headers(self) -> None:
        """End the headers of any answer with those that keep it out of caches, frames and logs."""
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def _answer(self, page: Callable[[], str]) -> None:
        status, body = HTTPStatus.OK, ""
        try:
            with database_errors():
                body = page()
        except _Refused as refused:
            status, body = refused.status, _html(f"<p>{escape(str(refused))}</p>")
        except (DatabaseUnavailable, SQLAlchemyError) as error:
            told = str(error) if isinstance(error, DatabaseUnavailable) else type(error).__name__
            _log.warning("the keep page answered %s: %s", HTTPStatus.SERVICE_UNAVAILABLE.value, told)
            status, body = HTTPStatus.SERVICE_UNAVAILABLE, _html(f"<p>{_AWAY}</p>")
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _wanted(self) -> str:
        """What a button has sent: the identity of a resource, or ALL."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "The request does not say how long it is.")
        if len(length) > 9 or int(length) > MOST_BYTES:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is too long.")
        body = self.rfile.read(int(length)).decode("latin-1")
        try:
            (node,) = parse_qs(body, strict_parsing=True, max_num_fields=1)["node"]
        except (ValueError, KeyError):
            raise _Refused(HTTPStatus.BAD_REQUEST, "The request does not say what to keep.") from None
        return node

    def _page(self, wanted: str | None) -> str:
        """The page of the notice, after keeping what is wanted of it."""
        path = urlsplit(self.path).path
        if not path.startswith(PATH):
            raise _Refused(HTTPStatus.NOT_FOUND, _UNKNOWN)
        server = cast(_Server, self.server)
        token, now, told = path.removeprefix(PATH), datetime.now(UTC), ""
        with server.engine.begin() as connection:
            notice = notice_of(connection, token, now)
            if notice is None:
                raise _Refused(HTTPStatus.NOT_FOUND, _UNKNOWN)
            if wanted is not None:
                count = keep(connection, notice, _nodes(notice, wanted), now, server.keep_for)
                notice = notice_of(connection, token, now) or notice
                told = _kept(count, now + server.keep_for)
        return _page_of(notice, told, server.keep_for)


def _nodes(notice: Notice, wanted: str) -> set[uuid.UUID]:
    """What is wanted of a notice, without what somebody protects anyway where all is wanted."""
    if wanted == ALL:
        return {one.node_id for one in notice.resources if not one.protected}
    try:
        return {uuid.UUID(wanted)}
    except ValueError:
        raise _Refused(HTTPStatus.BAD_REQUEST, "The request does not say what to keep.") from None


def _kept(count: int, until: datetime) -> str:
    if count == 0:
        return "Nothing was kept: it is gone already, or kept anyway."
    what = "1 resource is" if count == 1 else f"{count} resources are"
    return f"{what} kept until {until:%Y-%m-%d %H:%M} UTC."


def _page_of(notice: Notice, told: str, keep_for: timedelta) -> str:
    parts = [f"<p><strong>{escape(told)}</strong></p>"] if told else []
    if not notice.resources:
        parts.append("<p>Nothing of what this notice announced is planned to be deleted any more.</p>")
        return _html(*parts)
    parts += [
        f"<p>These resources of {_text(notice.owner)} will be deleted unless they are kept. "
        f"What you keep stays for {spell_duration(keep_for)}.</p>",
        '<form method="post"><table>',
        "<tr><th>kind</th><th>id</th><th>name</th><th>account</th><th>region</th><th>why</th><th></th></tr>",
        *map(_row, notice.resources),
        "</table>",
    ]
    if any(not one.protected for one in notice.resources):
        parts.append(f'<p><button name="node" value="{ALL}">Keep all of them</button></p>')
    return _html(*parts, "</form>")


def _row(one: Announced) -> str:
    cells = (one.kind, one.id, one.name, one.account, one.region, one.reason)
    if not one.protected:
        last = f'<button name="node" value="{one.node_id}">Keep</button>'
    elif one.until is None:
        last = "kept"
    else:
        last = f"kept until {one.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in cells)}<td>{last}</td></tr>"


def _text(text: str) -> str:
    return escape(one_line(text, 500))


def _html(*parts: str) -> str:
    return "\n".join(
        (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Keep resources</title>',
            '<meta name="viewport" content="width=device-width">',
            f"<style>{_STYLE}</style></head><body><h1>Keep resources</h1>",
            *parts,
            "</body></html>\n",
        )
    )


def make_server(engine: Engine, keep_for: timedelta, host: str, port: int) -> ThreadingHTTPServer:
    """The HTTP server, bound and not serving yet. Raises ResotoError when the address can't be bound."""
    try:
        return (_Server6 if ":" in host else _Server)((host, port), engine, keep_for)
    except OSError as error:
        in_use = "another program listens there already; --port takes another port"
        reason = in_use if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        raise ResotoError(f"the keep page can't be served on {host}:{port}: {reason}") from None


def serve(engine: Engine, keep_for: timedelta, host: str, port: int, started: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT ends the process with 0; `started` is told the URL once it listens.

    Raises ResotoError when the address can't be bound. To be called in the main thread.
    """
    with make_server(engine, keep_for, host, port) as server:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)
        started(f"http://{f'[{host}]' if ':' in host else host}:{server.server_port}")
        server.serve_forever()


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)
