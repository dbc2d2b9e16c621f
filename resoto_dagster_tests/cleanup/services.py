"""What notices are sent to: a web service that plays Slack and Discord, and a mail server; on loopback."""

import base64
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass(frozen=True)
class Answer:
    """What the service answers: a status and headers; or nothing at all while `hang` is not set."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hang: threading.Event | None = None


class WebService:
    """Remembers what was posted to it; gives its answers one after the other, and then 200."""

    def __init__(self, port: int):
        self.secret = "T0/B0/verySecretPart"
        self.url = f"http://127.0.0.1:{port}/services/{self.secret}"
        self.answers: list[Answer] = []
        self.posted: list[Any] = []
        self.paths: list[str] = []
        self.before_answer: Callable[[], object] = lambda: None


@contextmanager
def web_service() -> Iterator[WebService]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            service.paths.append(self.path)
            assert self.headers["Content-Type"] == "application/json"
            service.posted.append(orjson.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            service.before_answer()
            answer = service.answers.pop(0) if service.answers else Answer()
            if answer.hang is not None:
                answer.hang.wait(60)
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def do_GET(self) -> None:
            service.paths.append(f"GET {self.path}")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service = WebService(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Mail:
    """A mail as the server took it."""

    sender: str
    recipients: list[str]
    message: EmailMessage


class MailServer:
    """Remembers the mails it took, and who logged in; answers a command by `refuses` where it is named."""

    def __init__(self, port: int):
        self.port = port
        self.mails: list[Mail] = []
        self.logins: list[bytes] = []
        self.encrypted: list[bool] = []
        self.refuses: dict[str, str] = {}


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None, *, at_once: bool = False) -> Iterator[MailServer]:
    """A mail server; with `tls` it offers STARTTLS, or speaks TLS `at_once`."""

    class Handler(socketserver.StreamRequestHandler):
        timeout = 60

        def setup(self) -> None:
            self.secure = at_once
            if at_once:
                assert tls is not None
                self.request = tls.wrap_socket(self.request, server_side=True)
            super().setup()

        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        def handle(self) -> None:
            sender, recipients = "", list[str]()
            self.say("220 here")
            while line := self.rfile.readline().strip().decode():
                command = line.split()[0].upper()
                if command in known.refuses:
                    self.say(known.refuses[command])
                elif command == "EHLO":
                    offered = "250-STARTTLS" if tls is not None and not self.secure else "250-AUTH PLAIN"
                    self.say(f"250-here\r\n{offered}\r\n250 8BITMIME")
                elif command == "STARTTLS":
                    assert tls is not None
                    self.say("220 go on")
                    self.request = tls.wrap_socket(self.request, server_side=True)
                    self.secure = True
                    super().setup()
                elif command == "AUTH":
                    known.logins.append(base64.b64decode(line.split()[2]))
                    self.say("235 welcome")
                elif command == "MAIL":
                    sender = line.partition("<")[2].partition(">")[0]
                    self.say("250 ok")
                elif command == "RCPT":
                    recipients.append(line.partition("<")[2].partition(">")[0])
                    self.say("250 ok")
                elif command == "DATA":
                    self.say("354 go on")
                    known.encrypted.append(self.secure)
                    known.mails.append(Mail(sender, recipients, self.data()))
                    self.say("250 taken")
                elif command == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 ok")

        def data(self) -> EmailMessage:
            lines = []
            while (line := self.rfile.readline()) != b".\r\n":
                lines.append(line[1:] if line.startswith(b".") else line)
            message = message_from_bytes(b"".join(lines), policy=policy.default)
            assert isinstance(message, EmailMessage)
            return message

        def finish(self) -> None:
            super().finish()
            self.request.close()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that trusts nobody hangs up in the middle of the handshake."""

    with Server(("127.0.0.1", 0), Handler) as server:
        known = MailServer(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield known
        finally:
            server.shutdown()
            thread.join()
