"""Durations as people write them in tags and settings: `7d`, `2h30m`, `7 days 4 hours`.

`m` is minutes and `M` months. A year counts 365 days and a month 30; both are lengths, not calendar dates.
"""

import re
from datetime import timedelta
from itertools import pairwise

_UNITS = {
    timedelta(days=365): ("years", "year", "yr", "y"),
    timedelta(days=30): ("months", "month", "mo", "M"),
    timedelta(weeks=1): ("weeks", "week", "w"),
    timedelta(days=1): ("days", "day", "d"),
    timedelta(hours=1): ("hours", "hour", "h"),
    timedelta(minutes=1): ("minutes", "minute", "min", "m"),
    timedelta(seconds=1): ("seconds", "second", "s"),
}
_LENGTH = {name: length for length, names in _UNITS.items() for name in names}
_SHORT = (("y", 31_536_000), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)\s*")
_LONGEST = timedelta(days=365 * 1000)  # what is added to a date then stays one that Python and Postgres know
_EXPECTED = "expected e.g. 30d, 2h30m or '7 days 4 hours' (m is minutes, M is months)"


def parse_duration(text: str) -> timedelta:
    """The length of a duration, always above zero.

    Raises ValueError, in words for a person, for anything that is no duration, for zero and negative ones,
    and for more than 1000 years.
    """
    stripped = text.strip()
    if stripped.startswith("-"):
        raise ValueError(f"duration {text!r} is negative; {_EXPECTED}")
    total, position = timedelta(), 0
    while position < len(stripped):
        part = _PART.match(stripped, position)
        if part is None:
            raise ValueError(f"{text!r} is no duration; {_EXPECTED}")
        if part[2] not in _LENGTH:
            raise ValueError(f"duration {text!r} has the unknown unit {part[2]!r}; {_EXPECTED}")
        try:
            total += float(part[1]) * _LENGTH[part[2]]
        except OverflowError:
            total = timedelta.max
        if total > _LONGEST:
            raise ValueError(f"duration {text!r} is longer than 1000 years; {_EXPECTED}")
        position = part.end()
    if not total:
        raise ValueError(f"duration {text!r} is empty or zero; {_EXPECTED}")
    return total


def spell_duration(length: timedelta) -> str:
    """A duration of whole seconds so that `parse_duration` gives it back: `1d2h30m`."""
    seconds, parts = int(length.total_seconds()), []
    for unit, size in _SHORT:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def format_duration(length: timedelta) -> str:
    """A duration as a person reads an age: its largest unit and the one below, `3d4h`, `12m`, `0s`."""
    seconds = int(length.total_seconds())
    for (unit, size), (lower, lower_size) in pairwise(_SHORT):
        if seconds >= size:
            count, rest = seconds // size, seconds % size // lower_size
            return f"{count}{unit}" + (f"{rest}{lower}" if rest else "")
    return f"{seconds}s"
