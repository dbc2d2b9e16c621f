"""Requests over connections of our own: what goes over the wire, what comes back, and what is left alone."""

import datetime
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, HeadersDict
from botocore.exceptions import (
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from resoto_dagster.providers.aws import connections as module
from resoto_dagster.providers.aws.connections import Connections
from resoto_dagster_tests.providers.aws.wire import Script, Wire

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Serve = Callable[..., Wire]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """A function that starts a server with scripts."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    servers: list[Wire] = []

    def start(*scripts: Script, kind: Callable[..., Wire] = Wire) -> Wire:
        servers.append(kind(*scripts))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def connections() -> Iterator[Connections]:
    made = Connections()
    yield made
    made.close()


def request(
    url: str, method: str = "GET", body: Any = None, stream: bool = False, **headers: Any
) -> AWSPreparedRequest:
    given = HeadersDict({name.replace("_", "-"): value for name, value in headers.items()})
    return AWSPreparedRequest(method, url, given, body, stream)


def test_a_request_is_what_http_wants_it_to_be(serve: Serve, connections: Connections) -> None:
    server = serve([OK, OK, OK])
    connections.send(request(f"{server.url}/a/b%20c?x=1&y", Authorization=b"AWS4 x", X_Amz_Date="now"))
    connections.send(request(f"{server.url}?list", "POST", b"Action=A", Content_Length="8"))
    connections.send(request(f"{server.url}/", "PUT", "text"))
    host = f"Host: 127.0.0.1:{server.port}\r\n"
    assert [asked.decode() for asked in server.asked[0]] == [
        f"GET /a/b%20c?x=1&y HTTP/1.1\r\n{host}Authorization: AWS4 x\r\nX-Amz-Date: now\r\n"
        "Accept-Encoding: identity\r\n\r\n",
        f"POST /?list HTTP/1.1\r\n{host}Content-Length: 8\r\nAccept-Encoding: identity\r\n\r\nAction=A",
        f"PUT / HTTP/1.1\r\n{host}Content-Length: 4\r\nAccept-Encoding: identity\r\n\r\ntext",
    ]


@pytest.mark.parametrize(
    ("answer", "status", "content", "reused"),
    [
        (OK, 200, b"ok", True),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length:3\r\n\r\nno!", 404, b"no!", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b"", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok", True),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, b"", True),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n",
            200,
            b"abc0123456789",
            True,
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nDigest: x\r\n\r\n",
            200,
            b"a",
            True,
        ),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
        (b"HTTP/1.1 200 OK\r\n\r\nup to the end", 200, b"up to the end", False),
        (OK + b"and more", 200, b"ok", False),
    ],
)
def test_an_answer_is_read_to_its_end_and_no_further(
    serve: Serve, connections: Connections, answer: bytes, status: int, content: bytes, reused: bool
) -> None:
    server = serve([answer, OK] if reused else [answer], [OK])
    first = connections.send(request(server.url))
    assert (first.status_code, first.content) == (status, content)
    assert connections.send(request(server.url)).content == b"ok"
    assert len(server.asked) == (1 if reused else 2)


def test_an_answer_comes_in_pieces(serve: Serve, connections: Connections) -> None:
    body = bytes(range(256)) * 1000

    def slowly(talk: socket.socket) -> None:
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-A: b\r\n\r\n" % len(body) + body
        for at in [*range(0, 60), *range(60, len(whole), 40_000)]:
            talk.sendall(whole[at : at + 1 if at < 59 else at + 40_000] if at != 59 else whole[59:60])

    server = serve([slowly])
    answer = connections.send(request(server.url))
    assert answer.content == body
    assert answer.headers["x-a"] == "b"


def test_headers_are_found_in_any_case_and_joined(serve: Serve, connections: Connections) -> None:
    server = serve([b"HTTP/1.1 200 OK\r\nX-One: a\r\nx-one:  b \r\nX-Two: c: d\r\nContent-Length: 0\r\n\r\n"])
    headers = connections.send(request(server.url)).headers
    assert headers["X-ONE"] == "a, b"
    assert headers["x-two"] == "c: d"


def test_an_answer_to_head_has_no_body(serve: Serve, connections: Connections) -> None:
    server = serve([b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", OK])
    assert connections.send(request(server.url, "HEAD")).content == b""
    assert connections.send(request(server.url)).content == b"ok"
    assert len(server.asked) == 1


def _reset(talk: socket.socket) -> None:
    talk.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    talk.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive\r\nab\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"\r\n\r\n",
        _reset,
    ],
)
def test_half_an_answer_is_none(serve: Serve, connections: Connections, answer: Any) -> None:
    server = serve([answer], [OK])
    with pytest.raises(ConnectionClosedError):
        connections.send(request(server.url))
    assert connections.send(request(server.url)).content == b"ok"


def test_what_hangs_is_given_up(
    serve: Serve, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", 0.05)
    server = serve([lambda talk: talk.recv(1)], [OK])
    with pytest.raises(ReadTimeoutError):
        connections.send(request(server.url))
    assert connections.send(request(server.url)).content == b"ok"


def test_nobody_is_there(serve: Serve, connections: Connections) -> None:
    server = serve()
    server.close()
    with pytest.raises(EndpointConnectionError):
        connections.send(request(server.url))


def test_a_connection_that_was_closed_meanwhile_is_not_used(
    serve: Serve, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SURELY_OPEN", 0)
    closed: list[socket.socket] = []

    def answer_and_close(talk: socket.socket) -> None:
        talk.sendall(OK)
        talk.shutdown(socket.SHUT_RDWR)
        closed.append(talk)

    server = serve([answer_and_close], [OK])
    for _ in range(2):
        assert connections.send(request(server.url)).content == b"ok"
        while not closed:
            """The other side closes after it has answered."""
    assert len(server.asked) == 2


def test_few_connections_are_kept(
    serve: Serve, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    servers = [serve([OK, OK], [OK]) for _ in range(3)]
    for server in [*servers, *reversed(servers)]:
        connections.send(request(server.url))
    assert [len(server.asked) for server in servers] == [2, 1, 1], "the first one had to give way"


@pytest.mark.parametrize(
    "left",
    [
        {"stream": True},
        {"method": "PUT", "body": iter([b"a"])},
        {"method": "PUT", "body": b"a", "Expect": "100-continue"},
        {"method": "PUT", "body": b"a", "Transfer_Encoding": "chunked"},
        {"X_Odd": "a\r\nHost: other"},
        {"X_Odd": "ä"},
        {"url": "http://127.0.0.1:1/a b"},
        {"url": "http://[::1]:1/"},
        {"url": "http://user@127.0.0.1:1/"},
        {"url": "ftp://127.0.0.1:1/"},
    ],
)
def test_what_is_not_plain_is_left_to_botocore(connections: Connections, left: dict[str, Any]) -> None:
    assert connections.send(request(**{"url": "http://127.0.0.1:1/", **left})) is None


def test_proxies_are_left_to_botocore(
    serve: Serve, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve([OK])
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert connections.send(request("https://ec2.us-east-1.amazonaws.com/")) is None
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert connections.send(request(server.url)).content == b"ok"


class Tls(Wire):
    """The same behind TLS."""

    def __init__(self, files: Path, *scripts: Script) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(files / "server.pem", files / "server.key")
        super().__init__(*scripts)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def accepted(self, connection: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(connection, server_side=True)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the key and the certificate of `localhost`, which nobody trusts of his own accord."""
    files = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (files / "server.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (files / "server.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


def test_a_trusted_server_is_talked_to_over_tls(serve: Serve, certificate: Path) -> None:
    server = serve([OK, OK], kind=lambda *scripts: Tls(certificate, *scripts))
    connections = Connections(str(certificate / "server.pem"))
    for _ in range(2):
        assert connections.send(request(f"{server.url}/")).content == b"ok"
    assert len(server.asked) == 1
    connections.close()


def test_no_other_server_is(serve: Serve, certificate: Path, connections: Connections) -> None:
    server = serve([OK], [OK], kind=lambda *scripts: Tls(certificate, *scripts))
    with pytest.raises(SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        connections.send(request(f"{server.url}/"))
    trusting = Connections(str(certificate / "server.pem"))
    with pytest.raises(SSLError, match="IP address mismatch"):
        trusting.send(request(f"https://127.0.0.1:{server.port}/"))
    assert not any(server.asked)
