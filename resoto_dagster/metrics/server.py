"""The HTTP server: a thread a connection, not too many of them, and a deadline for all that a client does."""

import contextlib
import errno
import logging
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any
from urllib.parse import urlsplit

from resoto_dagster.errors import ResotoError
from resoto_dagster.metrics.web_config import Web, may_connect

MOST_CONNECTIONS = 128
"""One more, and the one that has waited longest for its client is closed."""

REQUEST_SECONDS = 10.0
ANSWER_SECONDS = 30.0
IDLE_SECONDS = 300.0
"""How long a connection is kept for the next request; the others: for a request, and for its answer."""

_ENDED = (ConnectionError, ssl.SSLError, TimeoutError)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What is sent for a request. The body comes in parts, so that long ones need not be copied."""

    status: HTTPStatus
    body: tuple[bytes, ...]
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


def say(status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer for people, one line."""
    return Answer(status, (f"{text}\n".encode(),), headers=headers or {})


Page = Callable[[Message], Answer]
"""Answers a GET, told the request's headers."""


class _Connection:
    """One connection, and until when its client has to have done what it is waited for."""

    def __init__(self, plain: socket.socket):
        self.socket = plain
        self.ended = False
        self.wait(REQUEST_SECONDS)

    def wait(self, seconds: float) -> None:
        self.since = time.monotonic()
        self.deadline = self.since + seconds

    def end(self) -> None:
        self.ended = True
        # Of a TLS socket only what is under it: its own shutdown is not for another thread to call.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)


class Server(ThreadingTCPServer):
    """Serves pages by path; `web` says what holds for connections and requests, each time anew."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, pages: Mapping[str, Page], web: Callable[[], Web]):
        """Raises ResotoError when the address can't be bound."""
        self.pages, self.web = pages, web
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._connections: dict[Any, _Connection] = {}
        self._lock = threading.Lock()
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            in_use = "another program listens there already; --port takes another port"
            reason = in_use if error.errno == errno.EADDRINUSE else error.strerror or str(error)
            raise ResotoError(f"metrics can't be served on {host}:{port}: {reason}") from None
        self.port: int = self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for a new connection. Where there are too many, another one is ended for it."""
        with self._lock:
            going_on = [one for one in self._connections.values() if not one.ended]
            if len(going_on) >= MOST_CONNECTIONS:
                min(going_on, key=lambda one: one.since).end()
            # Threads of ended connections may still be checking passwords.
            full = len(self._connections) >= 2 * MOST_CONNECTIONS
            if not full:
                self._connections[request] = _Connection(request)
        if full:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that is done with."""
        with self._lock:
            self._connections.pop(request, None)
        super().shutdown_request(request)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Talk with one client until it has no more requests."""
        with self._lock:
            connection = self._connections[request]
        self._talk(connection, client_address)

    def _talk(self, connection: _Connection, client_address: Any) -> None:
        web = self.web()
        if web.tls is None:
            _Handler(connection, client_address, self)
            return
        with web.tls.wrap_socket(
            connection.socket, server_side=True, do_handshake_on_connect=False
        ) as encrypted:
            connection.socket = encrypted
            encrypted.do_handshake()
            if may_connect(web, encrypted):
                _Handler(connection, client_address, self)

    def service_actions(self) -> None:
        """End the connections whose clients took too long."""
        now = time.monotonic()
        with self._lock:
            for connection in self._connections.values():
                if connection.deadline < now:
                    connection.end()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Leave clients unmentioned that hung up or can't speak TLS."""
        error = sys.exception()
        if not isinstance(error, _ENDED):
            _log.error("a request of %s failed", client_address[0], exc_info=error)

    def server_close(self) -> None:
        """Listen no more, and end all connections."""
        super().server_close()
        with self._lock:
            for connection in self._connections.values():
                connection.end()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # what can't be read is answered with a status line, too
    server_version = "resoto"
    sys_version = ""
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(message)s\n"
    disable_nagle_algorithm = True
    server: Server

    def __init__(self, connection: _Connection, client_address: Any, server: Server):
        self._connection = connection
        self._web: Web | None = None
        super().__init__(connection.socket, client_address, server)

    def handle(self) -> None:
        self.close_connection = False
        while not self.close_connection and self.rfile.peek(1):  # type: ignore[attr-defined]
            self._connection.wait(REQUEST_SECONDS)
            self.handle_one_request()
            self._connection.wait(IDLE_SECONDS)

    def _answer(self) -> None:
        self._connection.wait(ANSWER_SECONDS)
        # A body is not read, so what follows could be anything.
        if self.headers.get_all("Content-Length", ["0"]) != ["0"] or "Transfer-Encoding" in self.headers:
            self.close_connection = True
        self._web = self.server.web()
        answer = self._find_answer(self._web)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(sum(map(len, answer.body))))
        for name, text in answer.headers.items():
            self.send_header(name, text)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            for part in answer.body:
                self.wfile.write(part)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _answer

    def _find_answer(self, web: Web) -> Answer:
        if not web.limiter.lets_through():
            return say(HTTPStatus.TOO_MANY_REQUESTS, "too many requests")
        if web.users and not web.users.let_in(self.headers.get("Authorization")):
            ask = {"WWW-Authenticate": 'Basic realm="resoto"'}
            return say(HTTPStatus.UNAUTHORIZED, "user and password, please", ask)
        try:
            page = self.server.pages.get(urlsplit(self.path).path)
        except ValueError:
            page = None
        if page is None:
            return say(HTTPStatus.NOT_FOUND, f"there are only {', '.join(self.server.pages)}")
        if self.command not in ("GET", "HEAD"):
            allowed = {"Allow": "GET, HEAD"}
            return say(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD are answered", allowed)
        return page(self.headers)

    def end_headers(self) -> None:
        for name, text in (self._web.headers if self._web else {}).items():
            self.send_header(name, text)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: there is one every few seconds, for ever."""
