import gzip
import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http import HTTPStatus
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine

from resoto_dagster.metrics import server as serving_module
from resoto_dagster.metrics.exporter import LatestSnapshot, make_server
from resoto_dagster.metrics.generate import generate
from resoto_dagster_tests.metrics.estate import an_estate, fill
from resoto_dagster_tests.metrics.scraping import measured, parsed, serving, stored, until


@contextmanager
def connected(url: str) -> Iterator[http.client.HTTPConnection]:
    client = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def latest(engine: Engine) -> LatestSnapshot:
    fill(engine, an_estate())
    generate(engine)
    latest = LatestSnapshot(engine)
    latest.look()
    return latest


@pytest.fixture
def url(latest: LatestSnapshot) -> Iterator[str]:
    with serving(latest) as url:
        yield url


def ask(client: http.client.HTTPConnection, method: str, path: str, **headers: str) -> tuple[int, bytes]:
    client.request(method, path, headers=headers)
    response = client.getresponse()
    return response.status, response.read()


def talk(url: str, *sent: bytes) -> bytes:
    """Send bytes as they are, and read until the server hangs up."""
    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=30) as client:
        for part in sent:
            client.sendall(part)
        answer = b""
        while part := client.recv(65536):
            answer += part
    return answer


def test_all_pages_are_served_over_one_connection(url: str) -> None:
    with connected(url) as client:
        assert ask(client, "GET", "/-/healthy") == (200, b"healthy\n")
        own = client.sock.getsockname()
        assert ask(client, "GET", "/-/ready") == (200, b"ready\n")
        status, page = ask(client, "GET", "/")
        assert status == 200
        for path in re.findall(r'href="(.*?)"', page.decode()):
            assert ask(client, "GET", path)[0] == 200
        assert client.sock.getsockname() == own


def test_it_is_ready_once_there_is_a_snapshot(engine: Engine) -> None:
    latest = LatestSnapshot(engine)
    with serving(latest) as url, connected(url) as client:
        latest.look()
        assert ask(client, "GET", "/-/ready") == (503, b"no metrics have been loaded yet\n")
        assert ask(client, "GET", "/-/healthy") == (200, b"healthy\n")
        generate(engine)
        latest.look()
        assert ask(client, "GET", "/-/ready") == (200, b"ready\n")


def test_gzip_is_sent_to_who_takes_it(url: str) -> None:
    with connected(url) as client:
        _, plain = ask(client, "GET", "/metrics", **{"Accept-Encoding": "identity"})
        client.request("GET", "/metrics?a=b", headers={"Accept-Encoding": "gzip"})
        response = client.getresponse()
        assert response.headers["Content-Encoding"] == "gzip"
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        packed = response.read()
    assert len(packed) * 3 < len(plain)
    assert gzip.decompress(packed) == plain
    assert len(parsed(plain.decode())) > 50


def test_head_tells_the_length_and_sends_nothing(url: str) -> None:
    with connected(url) as client:
        _, body = ask(client, "GET", "/metrics")
        client.request("HEAD", "/metrics")
        response = client.getresponse()
        assert (response.status, response.length, response.read()) == (200, 0, b"")
        assert response.headers["Content-Length"] == str(len(body))
        assert ask(client, "GET", "/-/healthy")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(url: str, method: str) -> None:
    with connected(url) as client:
        client.request(method, "/metrics")
        response = client.getresponse()
        assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")
        assert response.read() == b"only GET and HEAD are answered\n"


@pytest.mark.parametrize("path", ["/metric", "/metrics/", "//[", "/%2e%2e/etc/passwd", "/<script>"])
def test_other_paths_are_not_found(url: str, path: str) -> None:
    with connected(url) as client:
        status, text = ask(client, "GET", path)
        assert status == 404
        assert text == b"there are only /, /metrics, /-/healthy, /-/ready\n"


def test_what_follows_a_body_is_no_request(url: str) -> None:
    hidden = b"GET /-/healthy HTTP/1.1\r\n\r\n"
    request = b"GET /-/ready HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(hidden)
    assert talk(url, request + hidden).count(b"HTTP/1.1 ") == 1
    twice = request.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n")
    assert talk(url, twice + hidden).count(b"HTTP/1.1 ") == 1
    assert talk(url, twice.replace(b"%d" % len(hidden), b"0") + hidden).count(b"HTTP/1.1 ") == 1
    chunked = b"GET /-/ready HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert talk(url, chunked + hidden).count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 505),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", 431),
        (b"BREW / HTTP/1.1\r\n\r\n", 501),
    ],
)
def test_what_is_no_request_is_refused(url: str, sent: bytes, status: int) -> None:
    answer = talk(url, sent)
    assert f" {status} ".encode() in answer.partition(b"\r\n")[0]
    with connected(url) as client:
        assert ask(client, "GET", "/-/healthy")[0] == 200


def test_an_old_client_is_answered_and_left(url: str) -> None:
    answer = talk(url, b"GET /-/healthy HTTP/1.0\r\n\r\n")
    assert answer.endswith(b"\r\n\r\nhealthy\n")


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_ipv6_is_served(latest: LatestSnapshot) -> None:
    with make_server(latest, "::1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        with connected(f"http://[::1]:{server.port}") as client:
            assert ask(client, "GET", "/-/ready")[0] == 200
        server.shutdown()
        thread.join()


def test_clients_that_dawdle_are_left(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_module, "REQUEST_SECONDS", 0.1)
    assert talk(url) == b""
    assert talk(url, b"GET /-/healthy HTT") == b""
    monkeypatch.setattr(serving_module, "REQUEST_SECONDS", 30)
    monkeypatch.setattr(serving_module, "IDLE_SECONDS", 0.1)
    answer = talk(url, b"GET /-/healthy HTTP/1.1\r\n\r\n")
    assert answer.endswith(b"healthy\n")


def test_a_client_that_drips_is_left(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_module, "REQUEST_SECONDS", 0.3)
    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=30) as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        client.settimeout(0.01)
        for _ in range(3000):
            try:
                client.sendall(b"a")
                if client.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        else:
            pytest.fail("it was not left")


def test_a_client_that_does_not_read_is_left_and_keeps_nobody_waiting(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving_module, "ANSWER_SECONDS", 1.0)
    before = threading.active_count()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((urlsplit(url).hostname, urlsplit(url).port))
        asked = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 2000
        client.setblocking(False)
        left = False
        while not left:
            with connected(url) as other:
                assert ask(other, "GET", "/-/healthy")[0] == 200
            try:
                client.send(asked)
            except BlockingIOError:
                continue
            except ConnectionError:
                left = True
    until(lambda: threading.active_count() <= before)


def test_more_connections_than_there_may_be_end_those_that_wait_longest(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving_module, "MOST_CONNECTIONS", 4)
    address = (urlsplit(url).hostname, urlsplit(url).port)
    silent = [socket.create_connection(address, timeout=30) for _ in range(20)]
    try:
        assert silent[0].recv(1) == b""
        asked, deadline = 0, time.monotonic() + 60  # the threads of those that were ended take a moment
        while asked < 3:
            with connected(url) as client, suppress(ConnectionError):
                assert ask(client, "GET", "/-/healthy")[0] == 200
                asked += 1
            assert time.monotonic() < deadline
    finally:
        for one in silent:
            one.close()


def test_a_client_that_hangs_up_goes_unmentioned(
    url: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(5):
        with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
    with connected(url) as client:
        assert ask(client, "GET", "/-/healthy")[0] == 200
    assert caplog.messages == []
    assert capfd.readouterr() == ("", "")


def test_a_failure_of_ours_is_logged(
    latest: LatestSnapshot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(latest, "exposition", lambda _format: 1 / 0)
    with serving(latest) as url:
        assert talk(url, b"GET /metrics HTTP/1.1\r\n\r\n") == b""
    assert caplog.messages == ["a request of 127.0.0.1 failed"]


def test_many_clients_never_see_a_mixture_of_two_snapshots(engine: Engine) -> None:
    latest = LatestSnapshot(engine)
    ended = threading.Event()
    seen: list[set[str]] = [set() for _ in range(16)]
    done: list[int] = []

    def scrape_on(number: int, url: str) -> None:
        packed, openmetrics = number % 2, number % 4 < 2
        headers = {
            "Accept-Encoding": "gzip" if packed else "identity",
            "Accept": "application/openmetrics-text" if openmetrics else "text/plain",
        }
        with connected(url) as client:
            while not ended.is_set():
                status, body = ask(client, "GET", "/metrics", **headers)
                assert status == HTTPStatus.OK
                text = (gzip.decompress(body) if packed else body).decode()
                assert text.endswith("# EOF\n") == openmetrics
                seen[number].add(text.removesuffix("# EOF\n"))
                done.append(number)

    right = []
    with serving(latest) as url, ThreadPoolExecutor(16) as pool:
        try:
            for run in range(1, 5):
                fill(engine, an_estate(each=2 * run), f"run-{run}")
                right.append(stored(generate(engine)))
                latest.look()
                if run == 1:
                    clients = [pool.submit(scrape_on, number, url) for number in range(16)]
                enough = len(done) + 17  # the last of them began after the new snapshot was there
                until(lambda enough=enough: len(done) >= enough)  # type: ignore[misc]
        finally:
            ended.set()
        for client in clients:
            client.result()
    answers = [measured(parsed(text)) for text in set.union(*seen)]
    assert all(answer in right for answer in answers)
    assert all(snapshot in answers for snapshot in right)
