"""Announcing: everybody is told of theirs, and no grace begins that nobody was told of."""

import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from resoto_dagster.cleanup import sending
from resoto_dagster.cleanup.announcements import (
    LINK_LASTS,
    announce,
    announced,
    forget_announcements,
    forget_notices,
    forget_protected,
    token_hash,
)
from resoto_dagster.config import NoticesSettings
from resoto_dagster.inventory.marks import Author, Mark, set_marks
from resoto_dagster_tests.cleanup.announceables import announceable, notices
from resoto_dagster_tests.cleanup.services import Answer, WebService, web_service
from resoto_dagster_tests.estate import NOW, node, table

EXPIRED, UNUSED = ("planner", "expired"), ("planner", "volumes")


@pytest.fixture
def service() -> Iterator[WebService]:
    with web_service() as service:
        yield service


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending.time, "sleep", lambda _: None)


def settings(service: WebService, owners: dict[str, Any] | None = None, **given: Any) -> NoticesSettings:
    owners = owners or {"web": {"slack": service.url}, "data": {"discord": f"{service.url}/data"}}
    return notices(
        owners=owners,
        **{"link": "https://keep.example.com/r/", **given},
    )


def known(engine: Engine) -> list[tuple[Any, ...]]:
    """Who was told of which mark."""
    return table(
        engine,
        "SELECT a.node_id, a.source, a.author, a.announced_at, n.owner FROM inventory.announcements a "
        "LEFT JOIN inventory.notices n USING (notice_id) ORDER BY a.source, a.author, n.owner, a.node_id",
    )


def tokens(content: Any) -> list[str]:
    return re.findall(r"https://keep\.example\.com/r/keep/([\w-]+)", str(content))


def test_every_owner_gets_one_message_with_all_of_theirs(engine: Engine, service: WebService) -> None:
    found = [
        announceable("v1", owner="web", authors=(EXPIRED, UNUSED)),
        announceable("v2", owner="data"),
        announceable("v3", owner="web"),
    ]
    assert announce(engine, settings(service), found, NOW) == []
    slack, discord = sorted(service.posted, key=lambda content: "embeds" in content)
    assert "sim_volume v1" in str(slack)
    assert "sim_volume v3" in str(slack)
    assert "v2" not in str(slack)
    assert "sim_volume v2" in str(discord)
    assert sorted(known(engine)) == sorted(
        [
            (node("v1"), *EXPIRED, NOW, "web"),
            (node("v1"), *UNUSED, NOW, "web"),
            (node("v2"), *EXPIRED, NOW, "data"),
            (node("v3"), *EXPIRED, NOW, "web"),
        ]
    )
    sent = dict(table(engine, "SELECT owner, token FROM inventory.notices"))
    (for_web,), (for_data,) = tokens(slack), tokens(discord)
    assert sent == {"web": token_hash(for_web), "data": token_hash(for_data)}
    assert len(for_web) >= 43


def test_without_an_address_of_the_keep_page_there_is_no_link(engine: Engine, service: WebService) -> None:
    announce(engine, settings(service, link=None), [announceable(owner="web")], NOW)
    assert table(engine, "SELECT owner, sent_at, token FROM inventory.notices") == [("web", NOW, None)]
    assert "/keep/" not in str(service.posted)


def test_nothing_is_written_down_before_the_message_is_accepted(engine: Engine, service: WebService) -> None:
    seen: list[list[Any]] = []
    service.before_answer = lambda: seen.append(known(engine))
    announce(engine, settings(service), [announceable(owner="web")], NOW)
    assert seen == [[]]
    assert len(known(engine)) == 1


def test_who_could_not_be_told_has_no_grace_begun_and_others_have(
    engine: Engine, service: WebService
) -> None:
    found = [
        announceable("v1", owner="web"),
        announceable("v2", owner="web"),
        announceable("v3", owner="data"),
    ]
    service.answers = [Answer(404)]
    with web_service() as other:
        given = settings(service, {"web": {"slack": service.url}, "data": {"discord": other.url}})
        (note,) = announce(engine, given, found, NOW)
    assert note == "web could not be told: Slack answered 404; 2 resources stay until it is told"
    assert [(node_id, owner) for node_id, *_, owner in known(engine)] == [(node("v3"), "data")]
    assert table(engine, "SELECT owner FROM inventory.notices") == [("data",)]

    later = NOW + timedelta(hours=1)
    assert announce(engine, given, found[:2], later) == []
    assert [row[3:] for row in known(engine)] == [(NOW, "data"), (later, "web"), (later, "web")]


def test_a_service_that_does_not_answer_holds_up_nobody_else(
    engine: Engine, service: WebService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ANSWER_SECONDS", 60)
    go_on = threading.Event()
    service.answers = [Answer(hang=go_on)]
    names = [f"team{number}" for number in range(20)]
    with web_service() as other:
        others = {name: {"slack": f"{other.url}/{name}"} for name in names}
        given = settings(service, {"web": {"slack": service.url}, **others})
        other.before_answer = lambda: len(other.posted) == len(names) and go_on.set()
        found = [announceable(name, owner=name) for name in ("web", *names)]
        (note,) = announce(engine, given, found, NOW)
    assert note.startswith("web could not be told: Slack can't be reached: RemoteDisconnected; ")
    assert {owner for *_, owner in known(engine)} == set(names)


def test_dying_between_message_and_record_tells_twice_and_begins_no_grace(
    engine: Engine, service: WebService
) -> None:
    found = [announceable(owner="web")]
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION inventory.die() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'died'; END $$"
            )
        )
        connection.execute(
            text(
                "CREATE TRIGGER die BEFORE INSERT ON inventory.announcements "
                "FOR EACH ROW EXECUTE FUNCTION inventory.die()"
            )
        )
    try:
        with pytest.raises(DBAPIError, match="died"):
            announce(engine, settings(service), found, NOW)
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP FUNCTION inventory.die CASCADE"))
    assert len(service.posted) == 1
    assert table(engine, "SELECT * FROM inventory.announcements") == []
    assert table(engine, "SELECT * FROM inventory.notices") == []

    announce(engine, settings(service), found, NOW + timedelta(hours=1))
    assert len(service.posted) == 2
    assert [row[3] for row in known(engine)] == [NOW + timedelta(hours=1)]


def test_with_nobody_to_tell_the_plan_is_the_announcement(engine: Engine) -> None:
    assert announce(engine, notices(), [announceable("v1"), announceable("v2")], NOW) == []
    assert sorted(known(engine)) == sorted((node(id_), *EXPIRED, NOW, None) for id_ in ("v1", "v2"))
    assert table(engine, "SELECT * FROM inventory.notices") == []


def test_what_has_no_owner_is_counted_where_others_have_one(engine: Engine, service: WebService) -> None:
    found = [announceable("v1"), announceable("v2", owner="web")]
    assert announce(engine, settings(service), found, NOW) == [
        "no owner is known of 1 resource: only the plan announces them"
    ]
    assert [(row[0], row[4]) for row in known(engine)] == [(node("v2"), "web"), (node("v1"), None)]


def test_nothing_to_announce_tells_nobody(engine: Engine, service: WebService) -> None:
    assert announce(engine, settings(service), [], NOW) == []
    assert service.posted == []


def test_what_is_told_again_counts_from_then_and_by_the_new_link(engine: Engine, service: WebService) -> None:
    later = NOW + timedelta(days=1)
    for now in (NOW, later):
        announce(engine, settings(service), [announceable(owner="web")], now)
    assert known(engine) == [(node("v1"), *EXPIRED, later, "web")]
    last = token_hash(*tokens(service.posted[1]))
    assert table(
        engine,
        "SELECT n.token FROM inventory.announcements JOIN inventory.notices n USING (notice_id)",
    ) == [(last,)]


def test_when_marks_were_announced_is_given_by_mark(engine: Engine) -> None:
    announce(engine, notices(), [announceable("v1", authors=(EXPIRED, UNUSED)), announceable("v2")], NOW)
    with engine.connect() as connection:
        assert announced(connection, [node("v1"), node("v3")]) == {
            (node("v1"), *EXPIRED): NOW,
            (node("v1"), *UNUSED): NOW,
        }
        assert announced(connection, []) == {}


def test_what_an_author_selects_no_more_is_forgotten(engine: Engine) -> None:
    announce(engine, notices(), [announceable("v1", authors=(EXPIRED, UNUSED)), announceable("v2")], NOW)
    with engine.begin() as connection:
        assert forget_announcements(connection, *EXPIRED, [node("v2")]) == 1
    assert sorted(row[:3] for row in known(engine)) == sorted([(node("v1"), *UNUSED), (node("v2"), *EXPIRED)])
    with engine.begin() as connection:
        assert forget_announcements(connection, *UNUSED, []) == 1
        assert forget_announcements(connection, "rule", "expired", []) == 0


def test_what_is_protected_is_told_anew_when_that_ends(engine: Engine) -> None:
    announce(engine, notices(), [announceable(id_) for id_ in ("v1", "v2", "v3", "v4")], NOW)
    with engine.begin() as connection:
        set_marks(
            connection,
            Author("person", "ann"),
            [
                Mark(node("v1"), "protected", "mine"),
                Mark(node("v2"), "protected", "mine", NOW + timedelta(days=1)),
                Mark(node("v3"), "protected", "mine", NOW - timedelta(days=1)),
                Mark(node("v4"), "clean", "not mine"),
            ],
        )
        assert forget_protected(connection) == 2
    assert {row[0] for row in known(engine)} == {node("v3"), node("v4")}


def test_old_notices_go_and_what_they_announced_stays_announced(engine: Engine, service: WebService) -> None:
    announce(engine, settings(service), [announceable("v1", owner="web")], NOW - LINK_LASTS)
    announce(engine, settings(service), [announceable("v2", owner="web")], NOW)
    with engine.begin() as connection:
        assert forget_notices(connection, NOW) == 1
    assert [(row[0], row[4]) for row in known(engine)] == [(node("v2"), "web"), (node("v1"), None)]
