"""Moments as people write them: timestamps, and times from now such as `-30d`."""

import re
from datetime import UTC, datetime, timedelta

from resoto_dagster.model.durations import parse_duration

_FROM_NOW = re.compile(r"([+-])\s*(\d.*)", re.DOTALL)


def from_now(text: str) -> timedelta | None:
    """How far from now a text such as `-30d` or `+2h` is; None for what is no such text.

    Raises ValueError in words for a person.
    """
    relative = _FROM_NOW.fullmatch(text.strip())
    if relative is None:
        return None
    length = parse_duration(relative[2])
    return length if relative[1] == "+" else -length


def timestamp(text: str) -> datetime:
    """The moment of an ISO 8601 timestamp, in UTC unless it says otherwise.

    Raises ValueError in words for a person.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"{text!r} is no timestamp; expected e.g. 2026-01-31T12:00:00Z, or -30d for 30 days ago"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def moment(text: str) -> datetime:
    """The moment of a timestamp, or of a time from now. Raises ValueError in words for a person."""
    distance = from_now(text)
    return timestamp(text) if distance is None else datetime.now(UTC) + distance
