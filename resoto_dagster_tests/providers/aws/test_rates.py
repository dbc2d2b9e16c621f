"""The rate at which AWS is asked: without a limit, until AWS says that it was too fast."""

import gc
import threading

import pytest

from resoto_dagster.providers.aws.rates import HIGHEST, LOWEST, Rate, Rates


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rate(clock: Clock) -> Rate:
    return Rate(clock)


def asked(rate: Rate, clock: Clock, calls: int, seconds: float) -> int:
    """Ask so often in so many seconds; what to tell `throttled` of the last call."""
    for _ in range(calls):
        clock.now += seconds / calls
        _, token = rate.reserve()
    return token


def test_nobody_waits_before_aws_throttles(rate: Rate, clock: Clock) -> None:
    assert {rate.reserve()[0] for _ in range(1000)} == {0.0}
    assert rate.limit is None


def test_throttling_halves_what_the_rate_came_to(rate: Rate, clock: Clock) -> None:
    rate.throttled(asked(rate, clock, calls=200, seconds=2))
    assert rate.limit == pytest.approx(50, rel=0.05)
    waits = [rate.reserve()[0] for _ in range(3)]
    assert waits == pytest.approx([1 / 50, 2 / 50, 3 / 50], rel=0.1)


def test_calls_of_before_say_nothing_of_the_lower_rate(rate: Rate, clock: Clock) -> None:
    token = asked(rate, clock, calls=200, seconds=2)
    for _ in range(30):
        rate.throttled(token)
    assert rate.limit == pytest.approx(50, rel=0.05)
    _, later = rate.reserve()
    rate.throttled(later)
    assert rate.limit == pytest.approx(25, rel=0.05)


def test_the_rate_does_not_fall_below_the_lowest(rate: Rate, clock: Clock) -> None:
    for _ in range(50):
        rate.throttled(rate.reserve()[1])
    assert rate.limit == LOWEST
    clock.now += 0.001
    assert rate.limit >= LOWEST


def test_the_rate_grows_slowly_up_to_no_limit(rate: Rate, clock: Clock) -> None:
    rate.throttled(asked(rate, clock, calls=20, seconds=2))
    assert rate.limit == pytest.approx(5, rel=0.1)
    before = rate.limit
    clock.now += 3
    assert rate.limit == pytest.approx(before + 3)
    rate.throttled(rate.reserve()[1])
    rate = Rate(clock)
    rate.throttled(asked(rate, clock, calls=400, seconds=2))
    assert rate.limit == pytest.approx(100, rel=0.05)
    clock.now += 1
    assert rate.limit == pytest.approx(105, rel=0.05)
    clock.now += HIGHEST
    assert rate.limit is None
    assert rate.reserve()[0] == 0


def test_a_pause_saves_calls_of_one_second(rate: Rate, clock: Clock) -> None:
    rate.throttled(asked(rate, clock, calls=40, seconds=2))
    clock.now += 5
    limit = rate.limit
    assert limit is not None
    at_once = [wait for wait in (rate.reserve()[0] for _ in range(100)) if wait == 0]
    assert len(at_once) == pytest.approx(limit, abs=1)


def test_whoever_asks_the_same_shares_the_rate() -> None:
    rates = Rates()
    rate = rates.of("123456789012", "us-east-1", "ec2")
    assert rates.of("123456789012", "us-east-1", "ec2") is rate
    others = [
        rates.of("222222222222", "us-east-1", "ec2"),
        rates.of("123456789012", "eu-west-1", "ec2"),
        rates.of("123456789012", "us-east-1", "rds"),
    ]
    assert rate not in others
    rate.throttled(rate.reserve()[1])
    lowered = rate.limit
    del rate
    gc.collect()
    assert lowered is not None
    assert rates.of("123456789012", "us-east-1", "ec2").limit is None, "kept for as long as somebody asks"


def test_many_threads_share_a_rate(rate: Rate) -> None:
    rate.throttled(rate.reserve()[1])
    waits: list[float] = []

    def ask() -> None:
        waits.extend(rate.reserve()[0] for _ in range(50))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(waits)) == 400, "no two calls have the same turn"
