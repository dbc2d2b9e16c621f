from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resoto_dagster.model.durations import format_duration, parse_duration

LENGTHS = {
    "seconds": timedelta(seconds=1),
    "minutes": timedelta(minutes=1),
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
    "weeks": timedelta(weeks=1),
    "months": timedelta(days=30),
    "years": timedelta(days=365),
}
SPELLINGS = {
    "seconds": ("s", "second", "seconds"),
    "minutes": ("m", "min", "minute", "minutes"),
    "hours": ("h", "hour", "hours"),
    "days": ("d", "day", "days"),
    "weeks": ("w", "week", "weeks"),
    "months": ("M", "mo", "month", "months"),
    "years": ("y", "yr", "year", "years"),
}
LONGEST = timedelta(days=365 * 1000)
EXPECTED = "expected e.g. 30d, 2h30m or '7 days 4 hours' (m is minutes, M is months)"
spelt = st.sampled_from([(unit, name) for unit, names in SPELLINGS.items() for name in names])
parts = st.lists(
    st.tuples(st.integers(1, 140), spelt, st.sampled_from(["", " ", "  "])), min_size=1, max_size=5
)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("30d", timedelta(days=30)),
        ("2h30m", timedelta(minutes=150)),
        ("7d4h", timedelta(days=7, hours=4)),
        ("7 days 4 hours", timedelta(days=7, hours=4)),
        (" 1.5 hours ", timedelta(minutes=90)),
        ("4h7d", timedelta(days=7, hours=4)),
        ("1d 1d", timedelta(days=2)),
        ("1000y", LONGEST),
    ],
)
def test_a_duration_is_read(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@given(parts)
def test_a_duration_is_the_sum_of_its_parts_whatever_their_order_and_spelling(
    given_parts: list[tuple[int, tuple[str, str], str]],
) -> None:
    total = sum((count * LENGTHS[unit] for count, (unit, _), _ in given_parts), timedelta())
    text = "".join(f"{count}{space}{name}{space}" for count, (_, name), space in given_parts)
    backwards = " ".join(f"{count}{name}" for count, (_, name), _ in reversed(given_parts))
    assert parse_duration(text) == parse_duration(backwards) == total


@given(st.integers(0, 900 * 31_536_000))
def test_what_is_formatted_is_read_back_within_the_lower_of_its_two_units(seconds: int) -> None:
    length = timedelta(seconds=seconds)
    text = format_duration(length)
    if seconds == 0:
        assert text == "0s"
        return
    lost = length - parse_duration(text)
    units = (31_536_000, 86_400, 3_600, 60, 1)
    largest = next(size for size in units if seconds >= size)
    lower = next((size for size in units if size < largest), 1)
    assert timedelta() <= lost < timedelta(seconds=lower)
    assert format_duration(parse_duration(text)) == text


@given(st.one_of(st.text(max_size=30), st.text("0123456789.-+ dhmMsywe", max_size=30)))
@example("-7d")
@example("0h")
@example("0.0000001s")
@example("٣d")
@example("9" * 400 + "y")
@example("999999999d 999999999d")
@example("1e5d")
@example("nand")
def test_any_text_is_a_duration_above_zero_or_refused_with_a_reason(text: str) -> None:
    length, problem = None, ""
    try:
        length = parse_duration(text)
    except ValueError as error:
        problem = str(error)
    if length is None:
        assert EXPECTED in problem
        assert repr(text) in problem
    else:
        assert timedelta() < length <= LONGEST


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("-7d", "duration '-7d' is negative"),
        ("0h", "duration '0h' is empty or zero"),
        ("0d 0s", "duration '0d 0s' is empty or zero"),
        ("", "duration '' is empty or zero"),
        ("  ", "duration '  ' is empty or zero"),
        ("7", "'7' is no duration"),
        ("d", "'d' is no duration"),
        ("7d-4h", "'7d-4h' is no duration"),
        ("1,5h", "'1,5h' is no duration"),
        ("never", "'never' is no duration"),
        ("7 D", "duration '7 D' has the unknown unit 'D'"),
        ("3 fortnights", "duration '3 fortnights' has the unknown unit 'fortnights'"),
        ("1001y", "duration '1001y' is longer than 1000 years"),
        ("600y600y", "duration '600y600y' is longer than 1000 years"),
    ],
)
def test_what_is_no_duration_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_duration(text)
    assert str(refused.value) == f"{problem}; {EXPECTED}"


def test_trap_10_small_m_is_minutes_and_large_m_months() -> None:
    assert parse_duration("6m") == timedelta(minutes=6)
    assert parse_duration("6M") == timedelta(days=180)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(milliseconds=999), "0s"),
        (timedelta(seconds=59), "59s"),
        (timedelta(seconds=60), "1m"),
        (timedelta(minutes=61), "1h1m"),
        (timedelta(days=3, hours=4, minutes=5), "3d4h"),
        (timedelta(days=3, minutes=5), "3d"),
        (timedelta(days=400), "1y35d"),
    ],
)
def test_a_duration_is_shown_by_its_two_largest_units(length: timedelta, text: str) -> None:
    assert format_duration(length) == text
