"""Prices of types of instances and volumes, from a price list of a test's own; and none without it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from resoto_dagster.providers.aws import prices
from resoto_dagster_tests.providers.aws.front import Front
from resoto_dagster_tests.providers.aws.harness import OTHER_REGION, REGION
from resoto_dagster_tests.providers.aws.synthetic import Params, Synthetic

Client = Callable[..., Any]
Collect = Callable[..., list[Any]]
PRICES = {
    ("m5.large", REGION): "0.0960000000",
    ("gp3", REGION): "0.0800000000",
    ("gp3", OTHER_REGION): "0.088",
}


def product(usd: str) -> str:
    """A product as the price list has it, with a reservation that costs nothing beside."""
    dimensions = {"A.B": {"unit": "Hrs", "pricePerUnit": {"USD": usd}}}
    free = {"C.D": {"unit": "Hrs", "pricePerUnit": {"USD": "0.0000000000"}}}
    terms = {"OnDemand": {"A": {"priceDimensions": dimensions}, "C": {"priceDimensions": free}}}
    return json.dumps({"product": {"sku": "A"}, "terms": terms, "serviceCode": "AmazonEC2"})


def listed(params: Params) -> dict[str, Any]:
    """What a price list answers that knows the prices above."""
    wanted = {one["Field"]: one["Value"] for one in params["Filters"]}
    key = wanted.get("instanceType") or wanted["volumeApiName"], wanted["regionCode"]
    return {"FormatVersion": "aws_v1", "PriceList": [product(PRICES[key])] if key in PRICES else []}


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Where prices are kept, empty at first."""
    monkeypatch.setenv("RESOTO_HOME", str(tmp_path / "state"))
    prices.price_list.cache_clear()
    yield tmp_path / "state" / "prices"
    prices.price_list.cache_clear()


@pytest.fixture(autouse=True)
def without_quotas(front: Front) -> None:
    """No type of volume has a quota; moto knows none of EBS."""
    front.answer("ListServiceQuotas", {"Quotas": []})


@pytest.fixture
def price_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Synthetic]:
    """A server for the price list alone."""
    server = Synthetic()
    server.answer("pricing", "GetProducts", listed)
    monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", server.url)
    yield server
    server.close()
    assert server.problems == []


def volume(client: Client, region: str = REGION, type_: str = "gp3") -> None:
    client("ec2", region).create_volume(AvailabilityZone=f"{region}a", Size=8, VolumeType=type_)


def costs(found: list[Any]) -> list[float | None]:
    return [one.properties.get("ondemand_cost") for one in found]


def test_types_cost_what_the_price_list_says(
    price_server: Synthetic, client: Client, collect_kind: Collect
) -> None:
    client("ec2").run_instances(ImageId="ami-12345678", InstanceType="m5.large", MinCount=1, MaxCount=1)
    assert costs(collect_kind("aws_ec2_instance_type")) == [0.096]
    volume(client)
    volume(client, OTHER_REGION)
    found = collect_kind("aws_ec2_volume_type", regions=[REGION, OTHER_REGION])
    assert {(one.id, one.region): one.properties.get("ondemand_cost") for one in found} == {
        ("gp2", REGION): None,  # the instance's own
        ("gp3", REGION): 0.08,
        ("gp3", OTHER_REGION): 0.088,
    }
    assert {call.region for call in price_server.calls if call.service == "pricing"} == {"us-east-1"}


def test_a_price_is_asked_for_once_a_week(
    price_server: Synthetic,
    client: Client,
    collect_kind: Collect,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    volume(client)
    volume(client, type_="sc1")  # which is on no list: that is remembered, too
    for _ in range(3):
        assert costs(collect_kind("aws_ec2_volume_type")) == [0.08, None]
        prices.price_list.cache_clear()  # as in another process
    assert len(price_server.asked("pricing", "GetProducts")) == 2
    assert [file.name for file in folder.iterdir()] == [f"aws-{REGION}.json"]
    monkeypatch.setattr(prices, "FRESH", -1)
    collect_kind("aws_ec2_volume_type")
    assert len(price_server.asked("pricing", "GetProducts")) == 4


def test_without_the_price_list_nothing_costs_zero(
    front: Front, client: Client, collect_kind: Collect, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And everything else is collected; it is said once, and not asked for type by type."""
    for type_ in ("gp3", "sc1", "st1"):
        volume(client, type_=type_)
    front.deny("GetProducts", code="AccessDeniedException")
    assert costs(collect_kind("aws_ec2_volume_type")) == [None, None, None]
    collect_kind("aws_ec2_volume_type")
    assert not folder.exists()
    told = [record.getMessage() for record in caplog.records if record.name == prices.__name__]
    assert told == [
        "prices are not known in account 123456789012: AccessDeniedException: pricing:GetProducts"
    ]
    assert 1 <= front.count()["GetProducts"] <= 3


def test_an_old_price_is_better_than_none(
    price_server: Synthetic,
    client: Client,
    collect_kind: Collect,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    volume(client)
    collect_kind("aws_ec2_volume_type")
    monkeypatch.setattr(prices, "FRESH", -1)
    price_server.refuse("pricing", "GetProducts", "AccessDeniedException")
    assert costs(collect_kind("aws_ec2_volume_type")) == [0.08]


def test_a_file_that_was_cut_off_is_asked_for_anew(
    price_server: Synthetic, client: Client, collect_kind: Collect, folder: Path
) -> None:
    folder.mkdir(parents=True)
    (folder / f"aws-{REGION}.json").write_text('{"productFamily=')
    volume(client)
    assert costs(collect_kind("aws_ec2_volume_type")) == [0.08]
    assert json.loads((folder / f"aws-{REGION}.json").read_text())
