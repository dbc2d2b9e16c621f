"""When a resource expires, by its tags.

`resoto:expires` (an ISO 8601 timestamp) wins; else the first of `resoto:expiration` and `expiration` counts
from the resource's creation: a duration, or `never`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from resoto_dagster.model.durations import parse_duration

CTIME_TAG = "resoto:ctime"
EXPIRES_TAG = "resoto:expires"
EXPIRATION_TAGS = ("resoto:expiration", "expiration")
NEVER = "never"
# In any time zone, and 1000 years later, these are dates that Python and Postgres know.
_FIRST_YEAR, _LAST_YEAR = 1900, 8900


@dataclass(frozen=True, slots=True)
class Expiry:
    """What the tags say: a moment, or a time after creation, or nothing; and what can't be understood.

    A tag that can't be understood never lets a resource expire.
    """

    at: datetime | None = None
    after: timedelta | None = None
    problem: str | None = None


def _timestamp(tag: str, value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        raise ValueError(
            f"tag {tag}={value!r} is no timestamp; expected ISO 8601, e.g. 2026-01-31T12:00:00Z"
        ) from None
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"tag {tag}={value!r} is not in the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def ctime_of(tags: Mapping[str, str], reported: datetime | None) -> tuple[datetime | None, str | None]:
    """The creation time with the tag that overrides it, and the problem when that tag is unreadable."""
    if CTIME_TAG not in tags:
        return reported, None
    try:
        return _timestamp(CTIME_TAG, tags[CTIME_TAG]), None
    except ValueError as error:
        return reported, str(error)


def expiry_of(tags: Mapping[str, str]) -> Expiry:
    """What the tags say of the resource's end."""
    if EXPIRES_TAG in tags:
        try:
            return Expiry(at=_timestamp(EXPIRES_TAG, tags[EXPIRES_TAG]))
        except ValueError as error:
            return Expiry(problem=str(error))
    tag = next((tag for tag in EXPIRATION_TAGS if tag in tags), None)
    if tag is None or tags[tag].strip() == NEVER:
        return Expiry()
    try:
        return Expiry(after=parse_duration(tags[tag]))
    except ValueError as error:
        return Expiry(problem=f"tag {tag}={tags[tag]!r}: {error}")
