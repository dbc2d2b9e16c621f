"""Requests that are made again, since AWS throttled or failed, or the connection broke."""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    HTTPClientError,
    IncompleteReadError,
    ReadTimeoutError,
)
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError

from resoto_dagster.model.requests import Outcome
from resoto_dagster.providers.aws.rates import Rate

T = TypeVar("T")

_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "TooManyRequests",
        "TooManyRequestsException",
    }
)
_THROTTLING = "Throttl"
"""What the other codes of throttling begin with."""
_TOO_FAST = "rate exceeded"
"""What the message says where one code stands for limits of all sorts."""
_LATE = frozenset({"RequestTimeout", "RequestTimeoutException"})
_FAILED_STATUS = frozenset({500, 502, 503, 504})
_TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class Patience:
    """For how long a request is made again: so many times at most, for so many seconds at most.

    The pauses are random, up to a longest one that doubles each time, from `first` to `last` seconds.
    """

    times: int
    seconds: float
    first: float
    last: float

    def pause(self, failures: int, elapsed: float) -> float | None:
        """Seconds to wait after so many failures, the first of them so long ago; None when it is enough."""
        if failures > self.times or elapsed > self.seconds:
            return None
        return random.uniform(0, min(self.last, self.first * 2 ** min(failures - 1, 30)))


FOR_EVER = 1_000_000
PATIENCE: Mapping[Outcome, Patience] = {
    Outcome.THROTTLED: Patience(times=FOR_EVER, seconds=600, first=0.2, last=10),
    Outcome.BROKEN: Patience(times=FOR_EVER, seconds=180, first=0.5, last=10),
    Outcome.FAILED: Patience(times=4, seconds=60, first=0.5, last=10),
    Outcome.REFUSED: Patience(times=0, seconds=0, first=0, last=0),
}
"""A service that does not exist fails as one that is broken: neither is waited for long."""


def outcome_of(error: Exception) -> Outcome | None:
    """What came of a request that ended in an error; None when there was no request at all."""
    if isinstance(error, ClientError):
        return _answered(error)
    if isinstance(error, ConnectionClosedError | ReadTimeoutError | IncompleteReadError):
        return Outcome.BROKEN
    if isinstance(error, HTTPClientError | NoConnectionError | ResponseParserError):
        return Outcome.FAILED  # also where no such host is
    return None


def _answered(error: ClientError) -> Outcome:
    answer: Mapping[str, Mapping[str, object]] = error.response  # type: ignore[assignment]
    said = answer.get("Error", {})
    code, message = str(said.get("Code")), str(said.get("Message"))
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if (
        code in _THROTTLED
        or code.startswith(_THROTTLING)
        or status == _TOO_MANY_REQUESTS
        or _TOO_FAST in message.lower()
    ):
        return Outcome.THROTTLED
    if code in _LATE:
        return Outcome.BROKEN
    return Outcome.FAILED if status in _FAILED_STATUS else Outcome.REFUSED


def persist(
    request: Callable[[], T], rate: Rate, count: Callable[[Outcome], None], wait: Callable[[float], None]
) -> T:
    """Make a request at the rate, again and again where that helps, and return its answer.

    Every request is counted. Raises the error of the last one.
    """
    failures: Counter[Outcome] = Counter()
    since: dict[Outcome, float] = {}
    while True:
        seconds, token = rate.reserve()
        if seconds:
            wait(seconds)
        try:
            answer = request()
        except Exception as error:
            outcome = outcome_of(error)
            if outcome is None:
                raise
            count(outcome)
            if outcome is Outcome.THROTTLED:
                rate.throttled(token)
            failures[outcome] += 1
            elapsed = time.monotonic() - since.setdefault(outcome, time.monotonic())
            pause = PATIENCE[outcome].pause(failures[outcome], elapsed)
            if pause is None:
                raise
        else:
            count(Outcome.ANSWERED)
            return answer
        wait(pause)
