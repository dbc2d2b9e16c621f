"""Requests to the APIs of providers: what came of each, and by what they are counted."""

from enum import StrEnum
from typing import NamedTuple


class Outcome(StrEnum):
    """What came of one request."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """The API said no for good: not allowed, not there, not valid."""
    THROTTLED = "throttled"
    FAILED = "failed"
    """The API failed, or answered what nobody can read."""
    BROKEN = "broken"
    """The connection broke, or no answer came in time."""


class Asked(NamedTuple):
    """Requests that are counted together; the account is None before it is known which one it is."""

    account: str | None
    service: str
    outcome: Outcome
