"""A server before moto's that passes requests on, counts them, and refuses what a test wants refused."""

import json
import re
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")
_ACTION = re.compile(r"(?:^|&)Action=(\w+)")


@dataclass(frozen=True)
class Request:
    """A request as far as tests tell requests apart; `action` is empty where the path says what is asked.

    `key` is the id of the access key that signed it.
    """

    method: str
    path: str
    body: str
    action: str
    region: str
    service: str
    key: str = ""


RESET = "RESET"
HANG = "HANG"


@dataclass
class Rule:
    """An answer instead of moto's, as often as `times` says (always when None).

    With the code RESET the connection is reset instead, with HANG there is no answer at all.
    """

    applies: Callable[[Request], bool]
    status: int
    code: str
    times: int | None = None


@dataclass
class Limit:
    """Requests that AWS answers of one account, region and service: some at once, then so many a second."""

    a_second: float
    left: float
    since: float

    def allows(self, at_once: int) -> bool:
        """Whether one more request is answered now."""
        now = time.monotonic()
        self.left = min(at_once, self.left + (now - self.since) * self.a_second)
        self.since = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Front:
    """The server; `url` is where it listens."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.requests: list[Request] = []
        self.rules: list[Rule] = []
        self.rewrites: list[Callable[[Request, bytes], bytes]] = []
        self.answers: dict[str, Any] = {}
        self.throttled: list[Request] = []
        self.lock = threading.Lock()
        self._limit: tuple[float, int] | None = None
        self._limits: dict[tuple[str, str], Limit] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def refuse(
        self,
        applies: Callable[[Request], bool],
        status: int = 403,
        code: str = "UnauthorizedOperation",
        times: int | None = None,
    ) -> None:
        """Answer the requests for which `applies` holds with an error."""
        self.rules.append(Rule(applies, status, code, times))

    def deny(self, action: str, region: str | None = None, code: str = "UnauthorizedOperation") -> None:
        """Refuse an action as IAM would."""
        self.refuse(lambda asked: asked.action == action and region in (None, asked.region), code=code)

    def answer(self, action: str, answer: Any) -> None:
        """Answer an action of a service that speaks JSON, since moto does not know it."""
        self.answers[action] = answer

    def limit(self, a_second: float, at_once: int) -> None:
        """Throttle every service in every region as AWS does; what was throttled is in `throttled`."""
        self._limit = (a_second, at_once)

    def count(self) -> Counter[str]:
        """How often each action was asked for."""
        return Counter(request.action for request in self.requests)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def rule_for(self, request: Request) -> Rule | None:
        with self.lock:
            self.requests.append(request)
            for rule in self.rules:
                if rule.times != 0 and rule.applies(request):
                    if rule.times is not None:
                        rule.times -= 1
                    return rule
            return self._throttled(request)

    def _throttled(self, request: Request) -> Rule | None:
        if self._limit is None:
            return None
        a_second, at_once = self._limit
        place = (request.region, request.service)
        limit = self._limits.setdefault(place, Limit(a_second, at_once, time.monotonic()))
        if limit.allows(at_once):
            return None
        self.throttled.append(request)
        return Rule(lambda _: True, 503, "SlowDown" if request.service == "s3" else "RequestLimitExceeded")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = self.parsed(body)
                rule = front.rule_for(request)
                if rule is not None and rule.code in (RESET, HANG):
                    self.break_off(rule.code)
                    return
                if rule is None and request.action in front.answers:
                    status, headers = 200, {"Content-Type": "application/x-amz-json-1.0"}
                    content = json.dumps(front.answers[request.action]).encode()
                elif rule is None:
                    status, headers, content = self.passed_on(body)
                    for rewrite in front.rewrites:
                        content = rewrite(request, content)
                else:
                    status, headers, content = rule.status, {}, _error(request, rule.code)
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in (
                        "content-length",
                        "transfer-encoding",
                        "connection",
                        "date",
                        "server",
                    ):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

            def break_off(self, how: str) -> None:
                if how == HANG:
                    self.connection.recv(1)  # until the other side gives up
                else:
                    linger = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.close_connection = True

            def parsed(self, body: bytes) -> Request:
                scope = _SCOPE.search(self.headers.get("Authorization", ""))
                text = body.decode("utf-8", "replace")
                action = _ACTION.search(text)
                target = self.headers.get("X-Amz-Target", "")
                return Request(
                    self.command,
                    self.path,
                    text,
                    action[1] if action else target.rpartition(".")[2],
                    scope["region"] if scope else "",
                    scope["service"] if scope else "",
                    scope["key"] if scope else "",
                )

            def passed_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
                asked = urllib.request.Request(
                    front.upstream + self.path,
                    data=body or None,
                    headers=dict(self.headers),
                    method=self.command,
                )
                try:
                    with urllib.request.urlopen(asked, timeout=60) as answer:
                        return answer.status, dict(answer.headers), answer.read()
                except urllib.error.HTTPError as error:
                    with error:
                        return error.code, dict(error.headers), error.read()

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        return Handler


def _error(request: Request, code: str) -> bytes:
    if request.body.startswith("{"):
        return json.dumps({"__type": code, "message": "You are not\nauthorized."}).encode()
    error = f"<Error><Code>{code}</Code><Message>You are not\nauthorized.</Message></Error>"
    if request.service == "ec2":
        return f"<Response><Errors>{error}</Errors><RequestID>r-1</RequestID></Response>".encode()
    if request.service == "s3":
        return error.encode()
    return f"<ErrorResponse>{error}<RequestId>r-1</RequestId></ErrorResponse>".encode()
