"""The keep page as a browser, a mail scanner and somebody who guesses use it, over HTTP."""

import http.client
import logging
import re
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, text

from resoto_dagster.cleanup import keep_page
from resoto_dagster.cleanup.announcements import LINK_LASTS, announce
from resoto_dagster.cleanup.keep_page import CONNECTIONS, MOST_BYTES, _page_of, make_server
from resoto_dagster.cleanup.keeping import Announced, Notice
from resoto_dagster.inventory.marks import Author, Mark, set_marks
from resoto_dagster_tests.cleanup.announceables import announceable, notices
from resoto_dagster_tests.cleanup.services import web_service
from resoto_dagster_tests.estate import collect, node, resource, scope, table

KEEP_FOR = timedelta(days=30)


@dataclass
class Page:
    """The keep page at a port of this machine."""

    port: int

    def ask(
        self, method: str, path: str, body: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read().decode()
        finally:
            connection.close()

    def get(self, token: str, status: int = 200) -> str:
        answered, _, body = self.ask("GET", f"/keep/{token}")
        assert answered == status
        return body

    def keep(self, token: str, wanted: object, status: int = 200) -> str:
        answered, _, body = self.ask("POST", f"/keep/{token}", urlencode({"node": str(wanted)}))
        assert answered == status
        return body


@contextmanager
def serving(engine: Engine) -> Iterator[Page]:
    with make_server(engine, KEEP_FOR, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Page(server.server_port)
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def page(engine: Engine) -> Iterator[Page]:
    collect(
        engine,
        {
            scope(): [resource("v1", name="data"), resource("v2"), resource("v3"), resource("v4")],
            scope("sim_account", "global"): [resource("a1", "sim_account", "global", name="production")],
        },
    )
    with serving(engine) as page:
        yield page


def told(engine: Engine, *ids: str, owner: str = "web", ago: timedelta = timedelta()) -> str:
    """The token in the link of a notice about these."""
    with web_service() as service:
        given = notices(
            owners={owner: {"slack": service.url}}, default=owner, link="https://keep.example.com"
        )
        assert announce(engine, given, [announceable(id_) for id_ in ids], datetime.now(UTC) - ago) == []
        (token,) = re.findall(r"/keep/([\w-]+)", str(service.posted))
    return token


def marks(engine: Engine) -> list[tuple[Any, ...]]:
    statement = "SELECT node_id, mark, source, author FROM inventory.marks ORDER BY node_id, author"
    return table(engine, statement)


class Read(HTMLParser):
    """What a browser makes of a page: its elements, its text by cell, and what its buttons send."""

    def __init__(self, page: str):
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.cells: list[str] = []
        self.buttons: list[str] = []
        self._in_cell = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "td":
            self.cells.append("")
            self._in_cell = True
        if tag == "button":
            self.buttons.append(dict(attrs)["value"] or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.cells[-1] += data


def test_a_link_shows_what_its_notice_announced_and_is_still_there(engine: Engine, page: Page) -> None:
    told(engine, "v3", owner="data")
    token = told(engine, "v1", "v2", "gone")
    with engine.begin() as connection:
        reason = [Mark(node("v1"), "clean", "expired 3d ago")]
        set_marks(connection, Author("planner", "expired"), reason)
    shown = Read(page.get(token))
    assert [shown.cells[at : at + 6] for at in (0, 7)] == [
        ["sim_volume", "v1", "data", "production", "r1", "expired 3d ago"],
        ["sim_volume", "v2", "v2", "production", "r1", ""],
    ]
    assert shown.buttons == [str(node("v1")), str(node("v2")), "all"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_only_a_button_changes_anything(engine: Engine, page: Page, method: str) -> None:
    token = told(engine, "v1")
    status, _, _ = page.ask(method, f"/keep/{token}?node=all")
    assert status == (200 if method == "GET" else 501)
    assert marks(engine) == []


def test_a_button_keeps_one_for_a_while(engine: Engine, page: Page) -> None:
    token = told(engine, "v1", "v2")
    before = datetime.now(UTC)
    shown = page.keep(token, node("v1"))
    assert marks(engine) == [(node("v1"), "protected", "person", "web by link")]
    ((until, reason),) = table(engine, "SELECT until, reason FROM inventory.marks")
    assert before + KEEP_FOR <= until <= datetime.now(UTC) + KEEP_FOR
    assert reason == f"kept by the link in the notice of {before:%Y-%m-%d}"
    assert f"1 resource is kept until {until:%Y-%m-%d %H:%M} UTC." in shown
    assert Read(shown).buttons == Read(page.get(token)).buttons == [str(node("v2")), "all"]


def test_one_button_keeps_all_that_nobody_keeps_anyway(engine: Engine, page: Page) -> None:
    token = told(engine, "v1", "v2", "v3")
    with engine.begin() as connection:
        set_marks(connection, Author("person", "ann"), [Mark(node("v2"), "protected", "mine")])
    shown = page.keep(token, "all")
    assert "2 resources are kept until " in shown
    assert marks(engine) == sorted(
        [
            (node("v1"), "protected", "person", "web by link"),
            (node("v2"), "protected", "person", "ann"),
            (node("v3"), "protected", "person", "web by link"),
        ]
    )
    assert Read(shown).buttons == []
    assert "Nothing was kept" in page.keep(token, "all")


def test_what_protects_for_good_is_not_said_to_end(engine: Engine, page: Page) -> None:
    token = told(engine, "v1")
    ends = datetime.now(UTC) + timedelta(days=1)
    with engine.begin() as connection:
        set_marks(connection, Author("person", "ann"), [Mark(node("v1"), "protected", "mine", ends)])
    assert Read(page.get(token)).cells[6] == f"kept until {ends:%Y-%m-%d %H:%M} UTC"
    with engine.begin() as connection:
        set_marks(connection, Author("person", "bob"), [Mark(node("v1"), "protected", "mine, too")])
    assert Read(page.get(token)).cells[6] == "kept"


def test_a_link_keeps_nothing_that_its_notice_did_not_announce(engine: Engine, page: Page) -> None:
    told(engine, "v3", owner="data")
    token = told(engine, "v1")
    for other in (node("v3"), node("v4"), uuid.uuid4()):
        assert "Nothing was kept" in page.keep(token, other)
    assert marks(engine) == []


def test_when_all_is_gone_or_planned_no_more_it_is_said(engine: Engine, page: Page) -> None:
    token = told(engine, "v1")
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM inventory.announcements"))
    shown = page.get(token)
    assert "planned to be deleted any more" in shown
    assert Read(shown).buttons == []


def test_unknown_and_ended_links_are_not_told_apart(engine: Engine, page: Page) -> None:
    good = told(engine, "v1", ago=LINK_LASTS - timedelta(hours=1))
    ended = told(engine, "v2", ago=LINK_LASTS + timedelta(hours=1))
    page.get(good)
    answers = {
        page.get(token, 404)
        for token in (ended, "", "x" * 43, good[:-1], f"{good}/", f"{good}%00", "%F0%9F", good.swapcase())
    }
    answers |= {page.keep(token, "all", 404) for token in (ended, "x")}
    answers |= {page.ask("GET", path)[2] for path in ("/", f"/kept/{good}", f"/{good}", "/keep")}
    assert len(answers) == 1
    assert "This link is not known, or not good any more." in answers.pop()
    assert marks(engine) == []


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("node=" + "x" * MOST_BYTES, {}, 413),
        (None, {"Content-Length": "99999999999999999999"}, 413),
        (None, {"Content-Length": "-1"}, 411),
        (None, {"Content-Length": "²"}, 411),
        ("", {"Content-Length": "0"}, 400),
        ("node=", {}, 400),
        ("node=1", {}, 400),
        ("other=all", {}, 400),
        ("node=all&node=all", {}, 400),
        ("%ff%00", {}, 400),
    ],
)
def test_a_request_that_can_not_be_read_is_refused(
    engine: Engine, page: Page, body: str | None, headers: dict[str, str], status: int
) -> None:
    token = told(engine, "v1")
    with socket.create_connection(("127.0.0.1", page.port), timeout=30) as client:
        length = headers.get("Content-Length", str(len(body or "")))
        client.sendall(f"POST /keep/{token} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode("latin-1"))
        if status == 400:
            client.sendall((body or "").encode())
        answer = client.makefile("rb").readline().decode()
    assert answer.split()[1] == str(status)
    assert marks(engine) == []


def test_every_answer_keeps_out_of_caches_frames_and_referrers(engine: Engine, page: Page) -> None:
    token = told(engine, "v1")
    for method, path, body in (
        ("GET", f"/keep/{token}", None),
        ("POST", f"/keep/{token}", "node=all"),
        ("POST", f"/keep/{token}", "node=none"),
        ("GET", "/keep/unknown", None),
        ("PUT", f"/keep/{token}", None),
    ):
        _, headers, shown = page.ask(method, path, body)
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
        assert headers["Server"].strip() == "resoto"
        assert token not in str(headers)
        assert token not in shown


def test_the_token_is_written_nowhere(
    engine: Engine,
    page: Page,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = told(engine, "v1")
    with caplog.at_level(logging.DEBUG):
        page.get(token)
        page.keep(token, "all")
        page.get(f"{token}x", 404)
        page.ask("PUT", f"/keep/{token}")

        def fail(_connection: object, token: str, _now: object) -> None:
            raise RuntimeError(f"what is {token}?")

        monkeypatch.setattr(keep_page, "notice_of", fail)
        with pytest.raises(http.client.RemoteDisconnected):
            page.get(token)
    assert capfd.readouterr() == ("", "")
    assert token not in caplog.text
    assert caplog.messages == ["a request to the keep page failed: RuntimeError"]
    for column in ("token", "owner"):
        assert token not in str(table(engine, f"SELECT {column} FROM inventory.notices"))  # noqa: S608


def test_while_the_database_is_away_it_says_so(
    migrated_engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    away = create_engine(migrated_engine.url.set(database="nowhere"))
    with serving(away) as page:
        assert "can't be reached. Nothing was changed" in page.get("secretToken", 503)
        assert "can't be reached. Nothing was changed" in page.keep("secretToken", "all", 503)
    assert [message.partition(": ")[0] for message in caplog.messages] == ["the keep page answered 503"] * 2
    assert "secretToken" not in caplog.text


def test_a_statement_that_fails_is_told_as_503_without_its_values(
    engine: Engine, page: Page, caplog: pytest.LogCaptureFixture
) -> None:
    token = told(engine, "v1")
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE inventory.notices RENAME COLUMN owner TO other"))
    try:
        page.get(token, 503)
    finally:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE inventory.notices RENAME COLUMN other TO owner"))
    assert caplog.messages == ["the keep page answered 503: ProgrammingError"]


def test_only_so_many_are_answered_at_a_time(engine: Engine, page: Page) -> None:
    token = told(engine, "v1")
    address = ("127.0.0.1", page.port)
    waiting = [socket.create_connection(address, timeout=30) for _ in range(CONNECTIONS)]
    with socket.create_connection(address, timeout=30) as one_more:
        assert one_more.recv(1) == b""
    for client in waiting:
        client.close()
    deadline = time.monotonic() + 30
    while True:
        try:
            page.get(token)
            return
        except ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_who_dawdles_is_hung_up_on(engine: Engine, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep_page, "REQUEST_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", page.port), timeout=0.02) as client:
        client.sendall(b"GET /keep/x")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                client.sendall(b"x")
                if client.recv(1) == b"":
                    return
            except TimeoutError:
                continue
            except ConnectionError:
                return
    raise AssertionError("it waits for ever")


HOSTILE = st.one_of(
    st.text(max_size=300),
    st.text("<>&'\"/= \n\x00\u202e abdilmpqrstvx", max_size=300),
    st.sampled_from(
        ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</td></table><form action=//evil>"]
    ),
)


@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
@settings(max_examples=100)
def test_names_are_text(name: str, account: str, region: str, reason: str, owner: str) -> None:
    one = Announced(node("v"), "sim_volume", name, name, account, region, reason, False, None)
    notice = Notice(owner, datetime.now(UTC), (one,))
    shown = Read(_page_of(notice, "", KEEP_FOR))
    assert shown.elements == {
        *("html", "head", "meta", "title", "style", "body", "h1", "p", "form"),
        *("table", "tr", "th", "td", "button"),
    }
    assert shown.attributes == {"lang", "charset", "name", "content", "method", "value"}
    assert len(shown.cells) == 7
    assert all(cell.isprintable() for cell in shown.cells[:6])
    assert shown.buttons == [str(node("v")), "all"]
