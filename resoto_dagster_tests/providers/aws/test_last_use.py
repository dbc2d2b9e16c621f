"""When disks were last used, as moto's CloudWatch tells; how often it is asked."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from resoto_dagster.providers.aws import last_use
from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster.providers.base import ProviderSession
from resoto_dagster_tests.providers.aws.front import Front
from resoto_dagster_tests.providers.aws.harness import REGION, RecordingSink, stored

Client = Callable[..., Any]
Collect = Callable[..., list[Any]]
DAY = timedelta(days=1)


def today() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture
def make_volume(client: Client) -> Callable[[], str]:
    def make() -> str:
        volume: str = client("ec2").create_volume(AvailabilityZone=f"{REGION}a", Size=8)["VolumeId"]
        return volume

    return make


def old(front: Front, days: int) -> datetime:
    """Have all volumes be created some days ago; moto creates all of them now."""
    created = today() - days * DAY
    stamp = created.strftime("<createTime>%Y-%m-%dT%H:%M:%S.000Z</createTime>").encode()

    def rewrite(request: Any, content: bytes) -> bytes:
        if request.action != "DescribeVolumes":
            return content
        head, *rest = content.split(b"<createTime>")
        return head + b"".join(stamp + part.partition(b"</createTime>")[2] for part in rest)

    front.rewrites.append(rewrite)
    return created


def put(client: Client, volume: str, metric: str, *moments: datetime, value: float = 3) -> None:
    client("cloudwatch").put_metric_data(
        Namespace="AWS/EBS",
        MetricData=[
            {
                "MetricName": metric,
                "Dimensions": [{"Name": "VolumeId", "Value": volume}],
                "Timestamp": moment,
                "Value": value,
                "Unit": "Count",
            }
            for moment in moments
        ],
    )


def test_the_last_day_with_data_counts(
    client: Client, front: Front, make_volume: Callable[[], str], collect_kind: Collect
) -> None:
    old(front, 300)
    volume = make_volume()
    day = today() - 10 * DAY
    put(client, volume, "VolumeReadOps", day + timedelta(hours=7), day - 5 * DAY)
    put(client, volume, "VolumeWriteOps", day - 20 * DAY + timedelta(hours=1), value=0)
    put(client, "vol-another", "VolumeReadOps", today() - DAY)
    (found,) = collect_kind("aws_ec2_volume")
    assert (found.atime, found.mtime) == (day + DAY, day - 19 * DAY)


def test_one_without_data_counts_as_used_when_it_was_looked_for(
    front: Front, make_volume: Callable[[], str], collect_kind: Collect
) -> None:
    old(front, 300)
    make_volume()
    (found,) = collect_kind("aws_ec2_volume")
    assert found.atime == found.mtime == today() - last_use.DAYS * DAY


def test_one_that_was_created_later_counts_from_then(
    front: Front, make_volume: Callable[[], str], collect_kind: Collect
) -> None:
    created = old(front, 3)
    make_volume()
    (found,) = collect_kind("aws_ec2_volume")
    assert found.atime == found.mtime == found.ctime == created


def test_data_of_today_is_of_today(
    client: Client, front: Front, make_volume: Callable[[], str], collect_kind: Collect
) -> None:
    old(front, 300)
    put(client, make_volume(), "VolumeReadOps", datetime.now(UTC))
    (found,) = collect_kind("aws_ec2_volume")
    assert found.atime == today()


def test_an_attached_one_is_used_today_and_costs_no_question(
    client: Client, front: Front, collect_kind: Collect
) -> None:
    client("ec2").run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)
    old(front, 300)
    (found,) = collect_kind("aws_ec2_volume")
    assert found.properties["volume_status"] == "in-use"
    assert found.atime == found.mtime == today()
    assert front.count()["GetMetricData"] == 0


def test_hundreds_are_asked_for_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
    front: Front,
    client: Client,
    make_volume: Callable[[], str],
    collect_kind: Collect,
) -> None:
    monkeypatch.setattr(last_use, "QUERIES", 6)
    old(front, 300)
    volumes = [make_volume() for _ in range(7)]
    for days, volume in enumerate(volumes, 1):
        put(client, volume, "VolumeWriteOps", today() - days * DAY)
    found = {one.id: one for one in collect_kind("aws_ec2_volume")}
    assert [found[volume].mtime for volume in volumes] == [today() - days * DAY for days in range(7)]
    assert front.count()["GetMetricData"] == 3


def test_one_that_is_read_again_has_what_was_planned(
    front: Front, make_volume: Callable[[], str], session: ProviderSession
) -> None:
    old(front, 300)
    make_volume()
    sink = RecordingSink()
    session.collect(["aws_ec2_volume"], sink)
    (found,) = sink.of_kind("aws_ec2_volume")
    again = session.read(stored(found))
    assert again == found
    assert "mtime" in KINDS["aws_ec2_volume"].unsettled  # which may be another day's when it is deleted


def test_a_refusal_names_what_is_missing(
    front: Front, make_volume: Callable[[], str], session: ProviderSession
) -> None:
    make_volume()
    front.deny("GetMetricData")
    sink = RecordingSink()
    session.collect(["aws_ec2_volume"], sink)
    (reason,) = sink.failures.values()
    assert reason == "UnauthorizedOperation: cloudwatch:GetMetricData"
