"""An AWS that throttles, fails, hangs and resets: nothing is lost by it, and nothing is asked too often."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from resoto_dagster.model.requests import Asked, Outcome
from resoto_dagster.providers.aws import connections, retries
from resoto_dagster.providers.aws.access import RATES
from resoto_dagster.providers.aws.call_counts import by_outcome
from resoto_dagster.providers.aws.retries import FOR_EVER, PATIENCE, Patience
from resoto_dagster.providers.aws.session import AwsSession
from resoto_dagster.providers.base import ProviderError
from resoto_dagster_tests.providers.aws.front import HANG, RESET, Front, Request
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    OTHER_ACCOUNT,
    OTHER_REGION,
    REGION,
    RecordingSink,
    stored,
)

Client = Callable[..., Any]
Open = Callable[..., AwsSession]

BOTH = [{"id": ACCOUNT}, {"id": OTHER_ACCOUNT, "role": "resoto"}]


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of milliseconds, and as many tries as ever."""
    short = {
        outcome: Patience(patience.times, patience.seconds, first=0.001, last=0.01)
        for outcome, patience in PATIENCE.items()
    }
    monkeypatch.setattr(retries, "PATIENCE", short)


def collected(session: AwsSession, *kinds: str) -> RecordingSink:
    sink = RecordingSink()
    session.collect(kinds, sink)
    assert set(sink.found) | set(sink.failures) == set(sink.announced)
    return sink


def asked_for(action: str) -> Callable[[Request], bool]:
    return lambda asked: asked.action == action


def test_all_is_collected_from_an_aws_that_throttles(
    client: Client, open_session: Open, front: Front
) -> None:
    for number in range(15):
        client("s3").create_bucket(Bucket=f"bucket-{number:02}")
    before = len(front.requests)
    front.limit(a_second=100, at_once=10)
    session = open_session(regions=[REGION, OTHER_REGION], accounts=BOTH)
    sink = collected(session, "aws_s3_bucket", "aws_vpc", "aws_ec2_subnet")
    assert not sink.failures
    assert {bucket.id for bucket in sink.of_kind("aws_s3_bucket")} == {f"bucket-{n:02}" for n in range(15)}
    outcomes = by_outcome(session.requests)
    assert outcomes[Outcome.THROTTLED] == len(front.throttled) > 0
    direct = [asked for asked in front.requests[before:] if asked.action == "AssumeRole"]
    assert outcomes.total() == len(front.requests) - before - len(direct)


def test_whoever_asks_the_same_shares_the_lower_rate(open_session: Open, front: Front) -> None:
    front.refuse(asked_for("DescribeVpcs"), status=503, code="RequestLimitExceeded", times=1)
    (one,), (two,) = open_session()._accounts(), open_session()._accounts()
    elsewhere = two.client("ec2", OTHER_REGION)
    one.client("ec2", REGION).call("describe_vpcs", {})
    rates = {region: RATES.of(ACCOUNT, region, "ec2") for region in (REGION, OTHER_REGION)}
    assert two.client("ec2", REGION)._access.rate is rates[REGION]
    assert elsewhere._access.rate is rates[OTHER_REGION]
    assert [rate.limit is None for rate in rates.values()] == [False, True]


@pytest.mark.parametrize(("code", "times"), [(RESET, 3), (HANG, 1)])
def test_a_broken_connection_is_not_the_end(
    client: Client, open_session: Open, front: Front, monkeypatch: pytest.MonkeyPatch, code: str, times: int
) -> None:
    monkeypatch.setattr(connections, "READ_SECONDS", 5)  # longer than an answer takes on a busy machine
    volume = client("ec2").create_volume(AvailabilityZone=f"{REGION}a", Size=8)["VolumeId"]
    front.refuse(asked_for("DescribeVolumes"), code=code, times=times)
    session = open_session()
    sink = collected(session, "aws_ec2_volume")
    assert [found.id for found in sink.of_kind("aws_ec2_volume")] == [volume]
    assert front.count()["DescribeVolumes"] == times + 1
    assert by_outcome(session.requests)[Outcome.BROKEN] == times


def test_a_deletion_rides_out_throttling_and_resets(client: Client, open_session: Open, front: Front) -> None:
    client("ec2").create_volume(AvailabilityZone=f"{REGION}a", Size=8)
    session = open_session()
    (volume,) = collected(session, "aws_ec2_volume").of_kind("aws_ec2_volume")
    delete = asked_for("DeleteVolume")
    front.refuse(delete, status=503, code="RequestLimitExceeded", times=2)
    front.refuse(delete, code=RESET, times=1)
    front.refuse(delete, status=500, code="InternalError", times=2)
    assert len(session.delete(stored(volume)).request_ids) == 1
    assert front.count()["DeleteVolume"] == 6
    assert session.read(stored(volume)) is None


def test_a_waiter_rides_out_throttling(client: Client, open_session: Open, front: Front) -> None:
    made = client("ec2").run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"][0]
    session = open_session()
    collected(session, "aws_vpc")
    front.refuse(asked_for("DescribeInstances"), status=503, code="RequestLimitExceeded", times=2)
    ec2 = session._accounts()[0].client("ec2", REGION)
    ec2.wait("instance_running", "run_instances", {"InstanceIds": [made["InstanceId"]]})
    assert front.count()["DescribeInstances"] == 3


@pytest.mark.parametrize(("status", "times"), [(500, 5), (503, 5), (501, 1)])
def test_a_service_that_is_not_there_is_given_up_soon(
    open_session: Open, front: Front, status: int, times: int
) -> None:
    front.refuse(asked_for("DescribeVpcs"), status=status, code="NotImplemented")
    sink = collected(open_session(), "aws_vpc", "aws_ec2_subnet")
    assert [scope.kind for scope in sink.failures] == ["aws_vpc"]
    assert [scope.kind for scope in sink.found] == ["aws_ec2_subnet"]
    assert front.count()["DescribeVpcs"] == times


def test_an_aws_that_throttles_for_ever_fails_its_scope_alone(
    open_session: Open, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    throttled = {Outcome.THROTTLED: Patience(FOR_EVER, 0.05, 0.001, 0.002)}
    monkeypatch.setattr(retries, "PATIENCE", retries.PATIENCE | throttled)
    front.refuse(asked_for("DescribeVpcs"), status=503, code="RequestLimitExceeded")
    sink = collected(open_session(), "aws_vpc", "aws_account")
    assert list(sink.failures.values()) == ["RequestLimitExceeded: ec2:DescribeVpcs: You are not authorized."]
    assert [scope.kind for scope in sink.found] == ["aws_account"]


def test_requests_are_counted_by_account_service_and_outcome(
    client: Client, open_session: Open, front: Front
) -> None:
    client("s3").create_bucket(Bucket="bucket")
    front.refuse(asked_for("DescribeVpcs"), status=503, code="RequestLimitExceeded", times=2)
    front.deny("DescribeSubnets")
    session = open_session(accounts=BOTH)
    collected(session, "aws_vpc", "aws_ec2_subnet", "aws_s3_bucket")
    counts = session.requests
    assert counts[Asked(None, "sts", Outcome.ANSWERED)] == 2, "who they are was not known yet"
    assert {asked: count for asked, count in counts.items() if asked.service == "ec2"} == {
        # the regions that are enabled, and the networks
        Asked(ACCOUNT, "ec2", Outcome.ANSWERED): 2,
        Asked(OTHER_ACCOUNT, "ec2", Outcome.ANSWERED): 2,
        Asked(ACCOUNT, "ec2", Outcome.REFUSED): 1,
        Asked(OTHER_ACCOUNT, "ec2", Outcome.REFUSED): 1,
        **{asked: count for asked, count in counts.items() if asked.outcome is Outcome.THROTTLED},
    }
    assert by_outcome(counts)[Outcome.THROTTLED] == 2
    # list, location, versioning, acl and logging; there are no tags, encryption, policy and block
    of_bucket = {asked.outcome: n for asked, n in counts.items() if asked[:2] == (ACCOUNT, "s3")}
    assert of_bucket == {Outcome.ANSWERED: 5, Outcome.REFUSED: 4}
    assert open_session().requests.total() == 0


def test_whoever_waits_is_woken_when_the_account_is_left(open_session: Open, front: Front) -> None:
    long = Patience(FOR_EVER, 600, first=300, last=600)
    waiting = threading.Event()

    class Waiting(Patience):
        def pause(self, failures: int, elapsed: float) -> float | None:
            waiting.set()
            return 300

    retries.PATIENCE[Outcome.THROTTLED] = Waiting(long.times, long.seconds, long.first, long.last)  # type: ignore[index]
    front.refuse(asked_for("DescribeVpcs"), status=503, code="RequestLimitExceeded")
    session = open_session()
    failed: list[str] = []

    def ask() -> None:
        try:
            session._accounts()[0].client("ec2", REGION).call("describe_vpcs", {})
        except ProviderError as error:
            failed.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    assert waiting.wait(30)
    session.close()
    thread.join(30)
    assert failed == ["ec2 is not asked any more: the account was closed"]
