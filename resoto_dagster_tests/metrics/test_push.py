import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import Engine

from resoto_dagster.errors import ResotoError
from resoto_dagster.metrics.generate import Snapshot, generate
from resoto_dagster.metrics.push import parse_grouping, push, write_textfile
from resoto_dagster_tests.cli.commands import resoto
from resoto_dagster_tests.metrics.estate import an_estate, fill
from resoto_dagster_tests.metrics.scraping import STAMP, measured, parsed, stored


@dataclass(frozen=True)
class Pushed:
    method: str
    path: str
    authorization: str | None
    content_type: str | None
    text: str


@contextmanager
def gateway(status: int = 200, says: bytes = b"") -> Iterator[tuple[str, list[Pushed]]]:
    """Something that takes what a Pushgateway takes, and answers with a status."""
    pushed: list[Pushed] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            headers = self.headers["Authorization"], self.headers["Content-Type"]
            pushed.append(Pushed(self.command, self.path, *headers, text))
            self.send_response(status)
            self.send_header("Content-Length", str(len(says)))
            if status in (301, 302, 307):
                self.send_header("Location", "http://192.0.2.1/")
            self.end_headers()
            self.wfile.write(says)

        do_POST = do_PUT

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", pushed
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def snapshot(engine: Engine) -> Snapshot:
    fill(engine, an_estate())
    return generate(engine)


def test_what_was_there_is_replaced_by_the_snapshot(snapshot: Snapshot) -> None:
    with gateway() as (url, pushed):
        push(snapshot, url + "/", "resoto", {"estate": "a/b"}, 30)
    (one,) = pushed
    job_and_estate = "/metrics/job/resoto/estate@base64/YS9i"
    assert (one.method, one.path, one.authorization) == ("PUT", job_and_estate, None)
    assert one.content_type == "text/plain; version=0.0.4; charset=utf-8"
    values = parsed(one.text)
    assert measured(values) == stored(snapshot)
    assert values[STAMP, frozenset()] == snapshot.generated_at.timestamp()


@pytest.mark.parametrize(
    ("in_url", "environment"),
    [
        ("älice:s%40cret@", {}),
        ("", {"RESOTO_PUSH_USER": "älice", "RESOTO_PUSH_PASSWORD": "s@cret"}),
        ("älice@", {"RESOTO_PUSH_USER": "bob", "RESOTO_PUSH_PASSWORD": "s@cret"}),
    ],
)
def test_user_and_password_are_sent_and_told_to_nobody(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch, in_url: str, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    expected = "Basic " + base64.b64encode("älice:s@cret".encode()).decode()
    with gateway() as (url, pushed):
        push(snapshot, url.replace("//", f"//{in_url}"), "resoto", {}, 30)
    assert [one.authorization for one in pushed] == [expected]
    with gateway(401, b"who are you?\n") as (url, _), pytest.raises(ResotoError) as refused:
        push(snapshot, url.replace("//", f"//{in_url}"), "resoto", {}, 30)
    assert str(refused.value) == f"{url} refused the metrics: 401 Unauthorized: who are you?"


def test_a_password_without_a_user_is_refused(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESOTO_PUSH_PASSWORD", "s3cret")
    with pytest.raises(ResotoError, match="expected both a user and a password") as refused:
        push(snapshot, "http://127.0.0.1:1", "resoto", {}, 30)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("status", [301, 307, 400, 500])
def test_what_the_gateway_says_is_told(snapshot: Snapshot, status: int) -> None:
    with gateway(status, b"pushed metrics are invalid:\n" + b"x" * 10_000) as (url, pushed):
        with pytest.raises(ResotoError, match=f"refused the metrics: {status} ") as refused:
            push(snapshot, url, "resoto", {}, 30)
        assert len(pushed) == 1
    message = str(refused.value)
    assert "pushed metrics are invalid: xxx" in message
    assert len(message) < 400
    assert "\n" not in message


def test_a_gateway_that_does_not_answer_is_told(snapshot: Snapshot) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://u:s3cret@127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ResotoError) as refused:
            push(snapshot, url, "resoto", {}, 0.2)
    assert str(refused.value) == f"metrics can't be pushed to {url.replace('u:s3cret@', '')}: timed out"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://u:s3cret@127.0.0.1:1", "http://127.0.0.1:1: Connection refused"),
        ("http://nowhere.invalid", "http://nowhere.invalid: "),
    ],
)
def test_a_gateway_that_is_not_there_is_told(snapshot: Snapshot, url: str, reason: str) -> None:
    with pytest.raises(ResotoError) as refused:
        push(snapshot, url, "resoto", {}, 30)
    assert str(refused.value).startswith(f"metrics can't be pushed to {reason}")


def test_what_is_no_http_is_told(snapshot: Snapshot) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def babble() -> None:
            client, _ = server.accept()
            with client:
                client.recv(1000)
                client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=babble)
        thread.start()
        with pytest.raises(ResotoError, match=r"metrics can't be pushed to http://127\.0\.0\.1:"):
            push(snapshot, f"http://127.0.0.1:{server.getsockname()[1]}", "resoto", {}, 30)
        thread.join()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "pushgateway:9091",
        "ftp://u:s3cret@host",
        "http://",
        "http://u:s3cret@host:port",
        "http://u:s3cret@host:99999",
        "http://u:s3cret@[::1",
        "http://u:s3cret@host/?a=b",
        "http://u:s3cret@host/#a",
    ],
)
def test_what_is_no_url_is_told_without_repeating_it(snapshot: Snapshot, url: str) -> None:
    with pytest.raises(ResotoError) as refused:
        push(snapshot, url, "resoto", {}, 30)
    assert str(refused.value) == "expected the URL of a Pushgateway, e.g. http://pushgateway:9091"


def test_labels_are_read() -> None:
    assert parse_grouping(["a=b", "_c=d=e", "f="]) == {"a": "b", "_c": "d=e", "f": ""}


@pytest.mark.parametrize("text", ["", "a", "=b", "1a=b", "a-b=c", "job=x"])
def test_what_is_no_label_is_told(text: str) -> None:
    with pytest.raises(ResotoError, match="expected LABEL=VALUE"):
        parse_grouping(["ok=1", text])


def test_a_textfile_is_replaced_as_a_whole(snapshot: Snapshot, tmp_path: Path) -> None:
    path = tmp_path / "resoto.prom"
    path.write_text("old")
    before = path.stat().st_ino
    write_textfile(snapshot, path)
    assert path.stat().st_ino != before
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]
    assert measured(parsed(path.read_text())) == stored(snapshot)


def test_a_textfile_that_can_not_be_written_is_told(snapshot: Snapshot, tmp_path: Path) -> None:
    with pytest.raises(ResotoError) as refused:
        write_textfile(snapshot, tmp_path / "nowhere" / "resoto.prom")
    assert (
        str(refused.value) == f"{tmp_path}/nowhere/resoto.prom: can't be written: No such file or directory"
    )
    with pytest.raises(ResotoError, match=r"resoto\.txt: node_exporter reads files that end"):
        write_textfile(snapshot, tmp_path / "resoto.txt")
    (tmp_path / "resoto.prom").mkdir()
    with pytest.raises(ResotoError, match=r"resoto\.prom: can't be written: Is a directory"):
        write_textfile(snapshot, tmp_path / "resoto.prom")
    assert [path.name for path in tmp_path.iterdir()] == ["resoto.prom"]


def test_the_commands_hand_on_the_last_snapshot(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "resoto.prom"
    none_yet = "resoto: no metrics have been generated yet; `resoto run` does that\n"
    assert resoto("metrics", "textfile", str(path), code=2).stderr == none_yet
    fill(engine, an_estate())
    last = generate(engine)
    assert resoto("metrics", "textfile", str(path)).stdout == ""
    assert measured(parsed(path.read_text())) == stored(last)
    with gateway() as (url, pushed):
        resoto("metrics", "push", url, "--job", "nightly", "--grouping", "estate=production")
    assert [(one.path, measured(parsed(one.text))) for one in pushed] == [
        ("/metrics/job/nightly/estate/production", stored(last))
    ]
