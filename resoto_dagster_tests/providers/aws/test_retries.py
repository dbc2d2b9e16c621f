"""Which requests are made again, how often, and when it is enough."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from resoto_dagster.model.requests import Outcome
from resoto_dagster.providers.aws import retries
from resoto_dagster.providers.aws.rates import Rate
from resoto_dagster.providers.aws.retries import PATIENCE, Patience, outcome_of, persist

AT = {"endpoint_url": "https://ec2.us-east-1.amazonaws.com"}


def answered(code: str, status: int = 400, message: str = "") -> ClientError:
    metadata: Any = {"HTTPStatusCode": status}
    error: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}
    return ClientError(error, "DescribeVolumes")


CASES: list[tuple[Exception, Outcome | None]] = [
    (answered("RequestLimitExceeded", 503), Outcome.THROTTLED),
    (answered("Throttling"), Outcome.THROTTLED),
    (answered("ThrottlingException"), Outcome.THROTTLED),
    (answered("ThrottledException"), Outcome.THROTTLED),
    (answered("TooManyRequestsException", 429), Outcome.THROTTLED),
    (answered("SlowDown", 503), Outcome.THROTTLED),
    (answered("PriorRequestNotComplete"), Outcome.THROTTLED),
    (answered("ProvisionedThroughputExceededException"), Outcome.THROTTLED),
    (answered("429", 429), Outcome.THROTTLED),
    (answered("LimitExceededException", 400, "Rate exceeded for stream"), Outcome.THROTTLED),
    (answered("LimitExceededException", 400, "You have reached the limit of 100 stacks"), Outcome.REFUSED),
    (answered("InternalError", 500), Outcome.FAILED),
    (answered("ServiceUnavailable", 503), Outcome.FAILED),
    (answered("502", 502), Outcome.FAILED),
    (answered("501", 501), Outcome.REFUSED),
    (answered("RequestTimeout", 400), Outcome.BROKEN),
    (answered("AccessDenied", 403), Outcome.REFUSED),
    (answered("NoSuchTagSet", 404), Outcome.REFUSED),
    (answered("ExpiredToken", 400), Outcome.REFUSED),
    (ConnectionClosedError(**AT), Outcome.BROKEN),
    (ReadTimeoutError(**AT), Outcome.BROKEN),
    (EndpointConnectionError(**AT, error="no such host"), Outcome.FAILED),
    (ConnectTimeoutError(**AT), Outcome.FAILED),
    (SSLError(**AT, error="self-signed"), Outcome.FAILED),
    (HTTPClientError(error="?"), Outcome.FAILED),
    (ResponseParserError("half a document"), Outcome.FAILED),
    (NoCredentialsError(), None),
    (ParamValidationError(report="?"), None),
    (ValueError("a mistake of ours"), None),
]


@pytest.mark.parametrize(("error", "outcome"), CASES, ids=[str(error)[:60] for error, _ in CASES])
def test_what_came_of_a_request(error: Exception, outcome: Outcome | None) -> None:
    assert outcome_of(error) == outcome


class Time:
    """The time that passes while a request waits, and only then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.waits: list[float] = []
        monkeypatch.setattr(retries.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(retries.random, "uniform", lambda _, longest: longest)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


class Request:
    """A request that fails as it is told to, and then succeeds."""

    def __init__(self, *errors: Exception, for_ever: Exception | None = None) -> None:
        self.errors = list(errors)
        self.for_ever = for_ever
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        if self.errors:
            raise self.errors.pop(0)
        if self.for_ever:
            raise self.for_ever
        return "answer"


def counted(request: Request, time: Time) -> tuple[str | Exception, list[Outcome]]:
    """What becomes of the request, and the outcomes that were counted."""
    outcomes: list[Outcome] = []
    rate = Rate(clock=lambda: time.now)
    wait: Callable[[float], None] = time.wait
    try:
        return persist(request, rate, outcomes.append, wait), outcomes
    except (BotoCoreError, ClientError, ResponseParserError, ValueError) as error:
        return error, outcomes


def test_an_answer_is_asked_for_once(time: Time) -> None:
    request = Request()
    assert counted(request, time) == ("answer", [Outcome.ANSWERED])
    assert (request.made, time.waits) == (1, [])


@pytest.mark.parametrize("error", [answered("AccessDenied", 403), answered("501", 501)])
def test_what_aws_refuses_is_not_asked_again(time: Time, error: Exception) -> None:
    request = Request(error)
    assert counted(request, time) == (error, [Outcome.REFUSED])
    assert (request.made, time.waits) == (1, [])


def test_what_was_no_request_is_not_counted(time: Time) -> None:
    error = NoCredentialsError()
    assert counted(Request(error), time) == (error, [])


def test_throttling_is_waited_out(time: Time) -> None:
    request = Request(*[answered("Throttling")] * 20)
    answer, outcomes = counted(request, time)
    assert answer == "answer"
    assert outcomes == [Outcome.THROTTLED] * 20 + [Outcome.ANSWERED]


def test_pauses_double_up_to_the_longest(time: Time) -> None:
    patience = Patience(times=100, seconds=1000, first=0.5, last=10)
    pauses = [patience.pause(failures, 0) for failures in range(1, 9)]
    assert pauses == [0.5, 1, 2, 4, 8, 10, 10, 10]
    assert patience.pause(100_000, 0) is None


def test_pauses_are_random(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[float, float]] = []
    monkeypatch.setattr(retries.random, "uniform", lambda *between: drawn.append(between) or 0.0)
    PATIENCE[Outcome.THROTTLED].pause(3, 0)
    assert drawn == [(0, 0.8)]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(answered("Throttling"), Outcome.THROTTLED), (ConnectionClosedError(**AT), Outcome.BROKEN)],
)
def test_what_does_not_end_is_given_up_after_minutes(time: Time, error: Exception, outcome: Outcome) -> None:
    start, request = time.now, Request(for_ever=error)
    given_up, outcomes = counted(request, time)
    assert given_up is error
    assert set(outcomes) == {outcome}
    seconds = PATIENCE[outcome].seconds
    assert seconds <= time.now - start < seconds + 60


@pytest.mark.parametrize("error", [answered("500", 500), EndpointConnectionError(**AT, error="no such host")])
def test_a_service_that_fails_is_given_up_after_a_few_tries(time: Time, error: Exception) -> None:
    request = Request(for_ever=error)
    assert counted(request, time) == (error, [Outcome.FAILED] * 5)
    assert time.waits == [0.5, 1, 2, 4]


def test_each_sort_of_failure_has_its_own_patience(time: Time) -> None:
    failures = [answered("500", 500), answered("Throttling"), ConnectionClosedError(**AT)] * 4
    answer, outcomes = counted(Request(*failures), time)
    assert answer == "answer"
    assert len(outcomes) == 13


def test_throttling_lowers_the_rate_and_nothing_else_does(time: Time) -> None:
    rate = Rate(clock=lambda: time.now)
    persist(Request(answered("500", 500), ConnectionClosedError(**AT)), rate, lambda _: None, time.wait)
    assert rate.limit is None
    persist(Request(answered("Throttling")), rate, lambda _: None, time.wait)
    assert rate.limit is not None
    waits_before = len(time.waits)
    for _ in range(3):
        persist(Request(), rate, lambda _: None, time.wait)
    assert len(time.waits) > waits_before, "others wait for their turn, too"
