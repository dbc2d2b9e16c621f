"""Accounts and regions."""

from collections.abc import Callable
from typing import Any

import botocore.session
import pytest

from resoto_dagster.providers.aws.locations import LOCATIONS
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, belongs_to

Client = Callable[..., Any]
Collect = Callable[..., list[Any]]


@pytest.mark.parametrize("alias", [None, "production"])
def test_account(client: Client, collect_kind: Collect, alias: str | None) -> None:
    if alias:
        client("iam").create_account_alias(AccountAlias=alias)
    (found,) = collect_kind("aws_account")
    assert (found.id, found.name, found.region) == (ACCOUNT, alias or ACCOUNT, "global")
    assert found.properties["arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert set(found.properties) <= {"arn", "account_aliases"}
    assert found.edges == ()


def test_region(client: Client, collect_kind: Collect) -> None:
    enabled = {region["RegionName"] for region in client("ec2").describe_regions()["Regions"]}
    found = {region.id: region for region in collect_kind("aws_region")}
    assert set(found) == enabled
    frankfurt = found["eu-central-1"]
    assert (frankfurt.name, frankfurt.region) == ("eu-central-1", "global")
    assert frankfurt.properties["long_name"] == "Europe (Frankfurt)"
    assert frankfurt.properties["latitude"] == pytest.approx(50.11)
    assert frankfurt.properties["longitude"] == pytest.approx(8.68)
    assert frankfurt.edges == (belongs_to("aws_account", ACCOUNT),)


def test_every_region_that_botocore_knows_has_its_place() -> None:
    models = botocore.session.Session()
    known = {
        region
        for partition in ("aws", "aws-cn", "aws-us-gov")
        for region in models.get_available_regions("ec2", partition)
    }
    assert known <= set(LOCATIONS)
