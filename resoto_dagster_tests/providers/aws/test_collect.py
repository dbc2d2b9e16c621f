"""A collect: what is announced, what fails, and what a failure leaves alone."""

import gc
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from resoto_dagster.model.resource import Scope
from resoto_dagster.providers.aws import clients
from resoto_dagster.providers.aws.collect import _Collect
from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster.providers.aws.session import AwsSession
from resoto_dagster.providers.aws.settings import AwsSettings
from resoto_dagster.providers.base import ProviderSession
from resoto_dagster_tests.providers.aws.front import Front
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    OTHER_ACCOUNT,
    OTHER_REGION,
    REGION,
    RecordingSink,
    belongs_to,
    stored,
)

Client = Callable[..., Any]
Open = Callable[..., ProviderSession]

BOTH = [{"id": ACCOUNT}, {"id": OTHER_ACCOUNT, "role": "resoto"}]


def collected(session: ProviderSession, *kinds: str) -> RecordingSink:
    sink = RecordingSink()
    session.collect(kinds, sink)
    assert set(sink.found) | set(sink.failures) == set(sink.announced)
    return sink


def make_volume(client: Any, **more: Any) -> str:
    volume_id: str = client.create_volume(AvailabilityZone=f"{client.meta.region_name}a", Size=8, **more)[
        "VolumeId"
    ]
    return volume_id


def make_instances(client: Any, count: int) -> list[str]:
    made = client.run_instances(
        ImageId="ami-12345678", InstanceType="t3.micro", MinCount=count, MaxCount=count
    )
    return [instance["InstanceId"] for instance in made["Instances"]]


def test_every_account_and_region_is_a_scope_of_its_own(client: Client, open_session: Open) -> None:
    made = {
        (account, region): make_volume(client("ec2", region, account))
        for account in (ACCOUNT, OTHER_ACCOUNT)
        for region in (REGION, OTHER_REGION)
    }
    sink = collected(
        open_session(accounts=BOTH, regions=[REGION, OTHER_REGION]), "aws_ec2_volume", "aws_account"
    )
    assert sink.accounts == [ACCOUNT, OTHER_ACCOUNT]
    assert set(sink.announced) == {
        *(Scope("aws", account, region, "aws_ec2_volume") for account, region in made),
        *(Scope("aws", account, "global", "aws_account") for account in (ACCOUNT, OTHER_ACCOUNT)),
    }
    assert not sink.failures
    for (account, region), volume_id in made.items():
        (volume,) = sink.found[Scope("aws", account, region, "aws_ec2_volume")]
        assert (volume.id, volume.region) == (volume_id, region)
        assert volume.properties["arn"] == f"arn:aws:ec2:{region}:{account}:volume/{volume_id}"
        assert belongs_to("aws_region", region) in volume.edges


def test_no_accounts_means_none(open_session: Open) -> None:
    sink = collected(open_session(accounts=[]), "aws_ec2_volume")
    assert (sink.accounts, sink.announced, sink.account_failures) == ([], [], {})


def test_an_empty_scope_is_collected(open_session: Open) -> None:
    sink = collected(open_session(), "aws_ec2_volume")
    assert sink.found == {Scope("aws", ACCOUNT, REGION, "aws_ec2_volume"): []}


def test_a_refused_list_call_fails_its_scope_alone(client: Client, open_session: Open, front: Front) -> None:
    volume_id = make_volume(client("ec2", REGION))
    front.deny("DescribeVolumes", region=OTHER_REGION)
    sink = collected(open_session(regions=[REGION, OTHER_REGION]), "aws_ec2_volume", "aws_vpc")
    assert sink.failures == {
        Scope("aws", ACCOUNT, OTHER_REGION, "aws_ec2_volume"): "UnauthorizedOperation: ec2:DescribeVolumes"
    }
    assert [volume.id for volume in sink.of_kind("aws_ec2_volume")] == [volume_id]
    assert len(sink.of_kind("aws_vpc")) == 2


def test_a_refused_detail_call_fails_the_scope(client: Client, open_session: Open, front: Front) -> None:
    make_instances(client("ec2"), 1)
    front.deny("DescribeInstanceTypes")
    sink = collected(open_session(), "aws_ec2_instance", "aws_vpc")
    assert list(sink.failures.values()) == ["UnauthorizedOperation: ec2:DescribeInstanceTypes"]
    assert [scope.kind for scope in sink.failures] == ["aws_ec2_instance"]
    assert [scope.kind for scope in sink.found] == ["aws_vpc"]


def test_a_refused_tag_call_does_not_look_like_missing_tags(
    client: Client, open_session: Open, front: Front
) -> None:
    client("elb").create_load_balancer(
        LoadBalancerName="web",
        Listeners=[{"Protocol": "tcp", "LoadBalancerPort": 80, "InstancePort": 80}],
        AvailabilityZones=[f"{REGION}a"],
        Tags=[{"Key": "owner", "Value": "me"}],
    )
    front.deny("DescribeTags", code="AccessDenied")
    sink = collected(open_session(), "aws_elb")
    assert not sink.found
    assert list(sink.failures.values()) == ["AccessDenied: elasticloadbalancing:DescribeTags"]


@pytest.mark.parametrize("last_page_fails", [False, True])
def test_a_scope_counts_when_it_was_read_to_its_last_page(
    client: Client, front: Front, last_page_fails: bool
) -> None:
    made = [instance for _ in range(12) for instance in make_instances(client("ec2"), 1)]
    if last_page_fails:
        front.refuse(lambda asked: asked.action == "DescribeInstances" and "NextToken=" in asked.body)
    kind = KINDS["aws_ec2_instance"]
    paged = replace(kind, api=replace(kind.api, page_size=5))
    session = AwsSession(AwsSettings(regions=[REGION]), {paged.name: paged})
    try:
        sink = collected(session, paged.name)
    finally:
        session.close()
    assert front.count()["DescribeInstances"] == (2 if last_page_fails else 3)
    if last_page_fails:
        assert list(sink.failures.values()) == ["UnauthorizedOperation: ec2:DescribeInstances"]
    else:
        assert [instance.id for instance in sink.of_kind(paged.name)] == sorted(made)


def test_a_failure_other_than_a_refusal_is_told_in_one_line(open_session: Open, front: Front) -> None:
    front.refuse(lambda asked: asked.action == "DescribeVpcs", status=400, code="InvalidParameterValue")
    sink = collected(open_session(), "aws_vpc")
    assert list(sink.failures.values()) == [
        "InvalidParameterValue: ec2:DescribeVpcs: You are not authorized."
    ]


def test_a_throttled_call_is_made_again(open_session: Open, front: Front) -> None:
    front.refuse(
        lambda asked: asked.action == "DescribeVpcs", status=503, code="RequestLimitExceeded", times=2
    )
    sink = collected(open_session(), "aws_vpc")
    assert not sink.failures
    assert front.count()["DescribeVpcs"] == 3


def test_what_holds_everywhere_is_asked_once(client: Client, open_session: Open, front: Front) -> None:
    for region in (REGION, OTHER_REGION):
        make_instances(client("ec2", region), 3)
    sink = collected(open_session(regions=[REGION, OTHER_REGION]), "aws_ec2_instance")
    instances = sink.of_kind("aws_ec2_instance")
    assert len(instances) == 6
    assert {instance.properties["instance_cores"] for instance in instances} == {2}
    assert front.count()["DescribeInstanceTypes"] == 1


def test_what_went_after_it_was_listed_is_left_out(client: Client, open_session: Open, front: Front) -> None:
    for name in ("stays", "goes"):
        client("s3").create_bucket(Bucket=name)
    front.refuse(
        lambda asked: asked.path.startswith("/goes") and "tagging" in asked.path,
        status=404,
        code="NoSuchBucket",
    )
    sink = collected(open_session(), "aws_s3_bucket")
    assert not sink.failures
    assert [bucket.id for bucket in sink.of_kind("aws_s3_bucket")] == ["stays"]


def test_what_the_sink_raises_ends_the_collect(open_session: Open) -> None:
    class Broken(RecordingSink):
        def collected(self, scope: Scope, resources: Any) -> None:
            raise ConnectionError("the inventory is gone")

    with pytest.raises(ConnectionError, match="the inventory is gone"):
        open_session().collect(["aws_vpc", "aws_ec2_volume"], Broken())


def test_a_mistake_in_one_kind_fails_its_scopes_alone(aws_env: str, caplog: pytest.LogCaptureFixture) -> None:
    broken = replace(KINDS["aws_ec2_subnet"], id="Subnet")
    session = AwsSession(
        AwsSettings(regions=[REGION]), {"aws_ec2_subnet": broken, "aws_vpc": KINDS["aws_vpc"]}
    )
    try:
        sink = collected(session, "aws_ec2_subnet", "aws_vpc")
    finally:
        session.close()
    assert [scope.kind for scope in sink.found] == ["aws_vpc"]
    assert list(sink.failures.values()) == [
        "LookupError: describe_subnets: an item of aws_ec2_subnet has no id"
    ]
    assert "aws_ec2_subnet could not be read" in caplog.text


def test_scopes_that_wait_for_details_do_not_keep_them_from_running(
    client: Client, open_session: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resoto_dagster.providers.aws.collect.CONNECTIONS", 2)  # one thread of each sort
    for region in (REGION, OTHER_REGION):
        make_instances(client("ec2", region), 1)
    client("s3").create_bucket(Bucket="bucket")
    sink = collected(
        open_session(regions=[REGION, OTHER_REGION]),
        "aws_ec2_instance",
        "aws_ec2_instance_type",
        "aws_s3_bucket",
        "aws_account",
    )
    assert not sink.failures
    assert len(sink.found) == 6


def collected_only(session: ProviderSession, *only: Scope) -> RecordingSink:
    sink = RecordingSink()
    session.collect({scope.kind for scope in only}, sink, only=only)
    assert set(sink.found) | set(sink.failures) == set(sink.announced)
    return sink


def test_a_part_is_read_and_nothing_else(client: Client, open_session: Open, front: Front) -> None:
    volume = make_volume(client("ec2"))
    make_volume(client("ec2", OTHER_REGION))
    client("iam").create_user(UserName="one")
    session = open_session(accounts=BOTH, regions=[REGION, OTHER_REGION])
    volumes = Scope("aws", ACCOUNT, REGION, "aws_ec2_volume")
    vpcs = Scope("aws", ACCOUNT, OTHER_REGION, "aws_vpc")
    users = Scope("aws", ACCOUNT, "global", "aws_iam_user")
    front.requests.clear()
    sink = collected_only(session, volumes, vpcs, users)
    assert sink.accounts == [ACCOUNT]
    assert set(sink.found) == {volumes, vpcs, users}
    assert [one.id for one in sink.found[volumes]] == [volume]
    assert [one.name for one in sink.found[users]] == ["one"]
    asked = {(one.action, one.region) for one in front.requests if one.service == "ec2"}
    assert asked == {
        ("DescribeRegions", REGION),
        ("DescribeVolumes", REGION),
        ("DescribeVpcs", OTHER_REGION),
    }
    assert front.count()["AssumeRole"] == 0, "the other account is not entered"


def test_of_a_part_only_what_is_configured_is_read(open_session: Open) -> None:
    session = open_session()
    sink = collected_only(
        session,
        Scope("aws", OTHER_ACCOUNT, REGION, "aws_vpc"),
        Scope("aws", ACCOUNT, OTHER_REGION, "aws_vpc"),
        Scope("aws", ACCOUNT, "global", "aws_vpc"),
    )
    assert (sink.announced, sink.account_failures) == ([], {})


def test_a_part_of_an_account_that_can_not_be_entered_fails_the_account(
    open_session: Open, front: Front
) -> None:
    front.refuse(lambda asked: asked.action == "AssumeRole")
    sink = collected_only(open_session(accounts=BOTH), Scope("aws", OTHER_ACCOUNT, REGION, "aws_vpc"))
    assert list(sink.account_failures) == sink.accounts == [OTHER_ACCOUNT]


def test_a_part_fails_what_it_might_be_in(open_session: Open, front: Front) -> None:
    front.refuse(lambda asked: asked.service == "organizations")
    session = open_session(organization={}, accounts=[{"id": ACCOUNT}])
    sink = collected_only(session, Scope("aws", OTHER_ACCOUNT, REGION, "aws_vpc"))
    assert list(sink.account_failures) == sink.accounts == ["organization"]


def test_nothing_is_read_of_an_empty_part(open_session: Open) -> None:
    assert collected_only(open_session()).announced == []


def test_an_account_is_entered_when_its_turn_is_near(
    open_session: Open, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("CONNECTIONS", 2), ("_AHEAD", 1), ("_ENTERED", 1)):
        monkeypatch.setattr(f"resoto_dagster.providers.aws.collect.{name}", value)
    names = [f"{number:012}" for number in range(1, 5)]
    session = open_session(accounts=[{"id": name, "role": "resoto"} for name in names])
    sink = collected(session, "aws_vpc", "aws_ec2_subnet")
    assert len(sink.found) == 8
    actions = [asked.action for asked in front.requests]
    entered = [at for at, action in enumerate(actions) if action == "AssumeRole"]
    assert len(entered) == 4
    for number, at in enumerate(entered):
        assert actions[:at].count("DescribeVpcs") == actions[:at].count("DescribeSubnets") == number


def test_an_account_is_left_when_its_last_scope_was_read(open_session: Open, aws_env: str) -> None:
    session = open_session(accounts=BOTH)
    lent = dict(clients._SHARING._lent)
    sink = collected(session, "aws_vpc")
    assert len(sink.found) == 2
    assert clients._SHARING._lent == lent
    (vpc,) = sink.found[Scope("aws", OTHER_ACCOUNT, REGION, "aws_vpc")]
    assert session.read(stored(vpc, OTHER_ACCOUNT)) is not None, "it can be entered again"


def test_python_looks_for_garbage_less_often_meanwhile(open_session: Open) -> None:
    usual, seen = gc.get_threshold(), set()

    class Looking(RecordingSink):
        def collected(self, scope: Scope, resources: Any) -> None:
            seen.add(gc.get_threshold() > usual)

    open_session().collect(["aws_vpc"], Looking())
    assert seen == {True}
    assert gc.get_threshold() == usual


@pytest.fixture
def side_by_side() -> Iterator[Callable[..., None]]:
    """How the details of a scope are asked for, with three to help."""
    with ThreadPoolExecutor(3) as helpers:
        yield _Collect([], None, None, helpers, helpers, None)._side_by_side  # type: ignore[arg-type]


def test_calls_are_made_side_by_side(side_by_side: Callable[..., None]) -> None:
    together = threading.Barrier(4)
    side_by_side([lambda: together.wait(30)] * 4)
    assert not together.broken


def test_calls_are_made_though_nobody_is_free_to_help() -> None:
    free, busy = threading.Event(), threading.Event()
    made: list[int] = []
    with ThreadPoolExecutor(1) as helpers:
        helpers.submit(lambda: busy.set() or free.wait(30))
        assert busy.wait(30)
        collect = _Collect([], None, None, helpers, helpers, None)  # type: ignore[arg-type]
        collect._side_by_side([lambda at=at: made.append(at) for at in range(5)])
        free.set()
    assert made == [0, 1, 2, 3, 4]


def test_no_more_calls_are_made_after_one_failed(side_by_side: Callable[..., None]) -> None:
    made: list[int] = []

    def fail() -> None:
        raise LookupError("the first one")

    together = threading.Barrier(4)
    calls = [lambda: together.wait(30)] * 4 + [fail] * 4 + [lambda: made.append(1)] * 100
    with pytest.raises(LookupError, match="the first one"):
        side_by_side(calls)
    assert made == [], "each of the four threads met a failure"
