from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import Engine

from resoto_dagster.cleanup.planners.expired import select, unreadable
from resoto_dagster.config import PlannerSettings
from resoto_dagster.inventory.inventory import Inventory
from resoto_dagster.inventory.marks import Author
from resoto_dagster.model.expiry import Expiry, ctime_of, expiry_of
from resoto_dagster_tests.estate import NOW, collect, node, resource, scope, table

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
DURATION = "expected e.g. 30d, 2h30m or '7 days 4 hours' (m is minutes, M is months)"
TIMESTAMP = "expected ISO 8601, e.g. 2026-01-31T12:00:00Z"
tag_names = st.sampled_from(["resoto:expires", "resoto:expiration", "expiration", "resoto:ctime", "owner"])
values = st.one_of(
    st.text(max_size=25),
    st.sampled_from(["never", "7d", "-7d", "0h", "2026-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31"]),
    st.datetimes(timezones=st.none() | st.timezones()).map(str),
)


@pytest.mark.parametrize(
    ("tags", "expiry"),
    [
        ({}, Expiry()),
        ({"owner": "ann"}, Expiry()),
        ({"expiration": "7d"}, Expiry(after=timedelta(days=7))),
        ({"resoto:expiration": "7d", "expiration": "1d"}, Expiry(after=timedelta(days=7))),
        ({"resoto:expiration": "never", "expiration": "1d"}, Expiry()),
        ({"expiration": " never "}, Expiry()),
        ({"resoto:expires": "2026-01-01T00:00:00Z", "expiration": "never"}, Expiry(at=NEW_YEAR)),
        ({"resoto:expires": " 2026-01-01T02:00:00+02:00 "}, Expiry(at=NEW_YEAR)),
        ({"resoto:expires": "2026-01-01"}, Expiry(at=NEW_YEAR)),
        (
            {"resoto:expires": "soon", "expiration": "1d"},
            Expiry(problem=f"tag resoto:expires='soon' is no timestamp; {TIMESTAMP}"),
        ),
        (
            {"resoto:expires": "0001-01-01T00:00:00+14:00"},
            Expiry(problem="tag resoto:expires='0001-01-01T00:00:00+14:00' is not in the years 1900 to 8900"),
        ),
        (
            {"resoto:expiration": "soon", "expiration": "1d"},
            Expiry(problem=f"tag resoto:expiration='soon': 'soon' is no duration; {DURATION}"),
        ),
        (
            {"expiration": "Never"},
            Expiry(problem=f"tag expiration='Never': 'Never' is no duration; {DURATION}"),
        ),
        ({"expiration": ""}, Expiry(problem=f"tag expiration='': duration '' is empty or zero; {DURATION}")),
    ],
)
def test_what_the_tags_say_of_the_end(tags: dict[str, str], expiry: Expiry) -> None:
    assert expiry_of(tags) == expiry


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("-7d", "duration '-7d' is negative"),
        ("0h", "duration '0h' is empty or zero"),
        ("300000y", "duration '300000y' is longer than 1000 years"),
    ],
)
def test_trap_10_zero_negative_and_endless_durations_never_expire_and_say_why(
    engine: Engine, value: str, problem: str
) -> None:
    collect(
        engine,
        {scope(): [resource("bad", tags={"expiration": value}), resource("good", tags={"expiration": "1d"})]},
    )
    with engine.connect() as connection:
        assert [mark.node_id for mark in select(connection, PlannerSettings())] == [node("good")]
        (told,) = unreadable(connection)
    assert told == f"sim/a1/r1/sim_volume/bad: tag expiration={value!r}: {problem}; {DURATION}"


@given(st.dictionaries(tag_names, values), st.randoms())
@example({"resoto:expires": "9999-12-31T23:59:59-12:00", "resoto:ctime": "0001-01-01T00:00:00+14:00"}, None)
def test_any_tags_in_any_order_say_one_thing_and_never_raise(tags: dict[str, str], random) -> None:
    shuffled = list(tags.items())
    if random is not None:
        random.shuffle(shuffled)
    expiry = expiry_of(tags)
    assert expiry_of(dict(shuffled)) == expiry
    assert sum(field is not None for field in (expiry.at, expiry.after, expiry.problem)) <= 1
    assert expiry.after is None or expiry.after > timedelta()
    born, problem = ctime_of(tags, NOW)
    assert born is not None
    assert problem is None or born == NOW
    for moment in (born, expiry.at):
        if moment is not None:
            assert moment.astimezone(timezone(timedelta(hours=-23))) + (
                expiry.after or timedelta()
            ) <= datetime.max.replace(tzinfo=UTC)
            assert moment.astimezone(timezone(timedelta(hours=23))).year > 1


@pytest.mark.parametrize(
    ("tags", "reported", "expected", "problem"),
    [
        ({}, NOW, NOW, None),
        ({}, None, None, None),
        ({"resoto:ctime": "2026-01-01T00:00:00Z"}, None, NEW_YEAR, None),
        ({"resoto:ctime": "2026-01-01T01:00:00+01:00"}, NOW, NEW_YEAR, None),
        ({"resoto:ctime": "old"}, NOW, NOW, f"tag resoto:ctime='old' is no timestamp; {TIMESTAMP}"),
        (
            {"resoto:ctime": "0001-01-01"},
            NOW,
            NOW,
            "tag resoto:ctime='0001-01-01' is not in the years 1900 to 8900",
        ),
    ],
)
def test_a_tag_overrides_the_creation_time(
    tags: dict[str, str], reported: datetime | None, expected: datetime | None, problem: str | None
) -> None:
    assert ctime_of(tags, reported) == (expected, problem)


def test_times_at_the_edge_of_what_tags_may_say_can_be_stored_searched_and_read(engine: Engine) -> None:
    tags = {"resoto:ctime": "8900-12-31T23:59:59-12:00", "expiration": "1000y"}
    old = {"resoto:ctime": "1900-01-01T00:00:00+14:00", "resoto:expires": "1900-01-01T00:00:00+14:00"}
    collect(engine, {scope(): [resource("late", tags=tags), resource("early", tags=old)]})
    inventory = Inventory(engine, Author("person", "ann"))
    found = {row["id"]: row["ctime"].year for row in inventory.rows("/metadata.expires != null")}
    assert found == {"late": 8901, "early": 1899}
    assert table(engine, "SELECT id FROM inventory.resources WHERE tag_problem IS NOT NULL") == []
    with engine.connect() as connection:
        assert [mark.node_id for mark in select(connection, PlannerSettings())] == [node("early")]
