"""Which services are there in a region: skipped where that is certain, tried everywhere else."""

import errno
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from resoto_dagster.providers.aws import offering
from resoto_dagster.providers.aws.accounts import Account
from resoto_dagster.providers.aws.clients import new_session
from resoto_dagster.providers.aws.offering import (
    LISTED_EVERYWHERE,
    offered_in_partition,
    offered_in_region,
)
from resoto_dagster.providers.aws.settings import AccountSettings
from resoto_dagster_tests.providers.aws.harness import ACCOUNT


class Resolver:
    """A resolver that knows some names; of the others it says `error`.

    What is no complete name (with a dot at its end) is left to the real one.
    """

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.error = socket.EAI_NONAME
        self.asked: list[str] = []
        self.real = socket.getaddrinfo

    def __call__(self, host: str, *args: Any, **options: Any) -> list[Any]:
        if not host.endswith("."):
            return self.real(host, *args, **options)
        self.asked.append(host.removesuffix("."))
        if self.asked[-1] not in self.known:
            raise socket.gaierror(self.error, "no answer")
        return []


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    """A resolver that knows EC2 in some regions, as every real one does."""
    made = Resolver()
    made.known |= {
        f"ec2.{region}.amazonaws.com"
        for region in ("us-east-1", "eu-west-1", "eu-west-3", "eu-nowhere-9", "us-gov-west-1", "eu-north-1")
    }
    made.known.add("ec2.cn-north-1.amazonaws.com.cn")
    monkeypatch.setattr(offering.socket, "getaddrinfo", made)
    offering._name_exists.cache_clear()
    yield made
    offering._name_exists.cache_clear()


@pytest.fixture
def offered(aws_env: str, resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> Callable[..., bool]:
    """A function that says whether a service is offered in a region."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    return lambda service, region, partition="aws": offered_in_region(
        new_session(), partition, service, region
    )


def test_where_botocore_lists_it_nobody_is_asked(offered: Callable[..., bool], resolver: Resolver) -> None:
    assert offered("ec2", "eu-west-1")
    assert offered("sagemaker", "ap-southeast-3")
    assert offered("rds", "cn-north-1", "aws-cn")
    assert resolver.asked == []


def test_where_botocore_lists_no_regions_the_endpoints_name_decides(
    offered: Callable[..., bool], resolver: Resolver
) -> None:
    resolver.known |= {"bedrock-agent.us-east-1.amazonaws.com", "bedrock-agent.eu-west-1.amazonaws.com"}
    assert offered("bedrock-agent", "eu-west-1")
    assert not offered("bedrock-agent", "eu-west-3")
    assert not offered("bedrock-agent", "cn-north-1", "aws-cn")
    assert not offered("bedrock-agent", "us-gov-west-1", "aws-us-gov")
    assert "bedrock-agent.cn-north-1.amazonaws.com.cn" in resolver.asked


def test_a_name_is_looked_up_once(offered: Callable[..., bool], resolver: Resolver) -> None:
    resolver.known.add("bedrock-agent.us-east-1.amazonaws.com")
    for _ in range(2):
        assert not offered("bedrock-agent", "eu-west-3")
    assert len(resolver.asked) == len(set(resolver.asked)) == 3


def test_a_resolver_that_does_not_know_the_region_says_nothing(
    offered: Callable[..., bool], resolver: Resolver
) -> None:
    resolver.known = {"bedrock-agent.us-east-1.amazonaws.com"}
    assert offered("bedrock-agent", "eu-west-3")


def test_a_resolver_that_does_not_know_the_service_anywhere_says_nothing(
    offered: Callable[..., bool], resolver: Resolver
) -> None:
    assert offered("bedrock-agent", "eu-west-3")


@pytest.mark.parametrize("error", [socket.EAI_AGAIN, errno.EIO])
def test_a_resolver_without_an_answer_says_nothing(
    offered: Callable[..., bool], resolver: Resolver, error: int
) -> None:
    resolver.known.add("bedrock-agent.us-east-1.amazonaws.com")
    resolver.error = error
    assert offered("bedrock-agent", "eu-west-3")
    assert resolver.asked == ["bedrock-agent.eu-west-3.amazonaws.com"]


def test_a_region_that_botocore_does_not_list_is_tried_if_the_service_is_there(
    offered: Callable[..., bool], resolver: Resolver
) -> None:
    assert not offered("devicefarm", "eu-west-1"), "what botocore says counts when there is no telling"
    resolver.known.add("devicefarm.us-west-2.amazonaws.com")
    assert not offered("devicefarm", "eu-west-3")
    resolver.known.add("devicefarm.eu-north-1.amazonaws.com")
    assert offered("devicefarm", "eu-north-1")


def test_a_region_younger_than_botocore(offered: Callable[..., bool], resolver: Resolver) -> None:
    assert offered("devicefarm", "eu-nowhere-9"), "there is no telling"
    offering._name_exists.cache_clear()
    resolver.known |= {"rds.eu-nowhere-9.amazonaws.com", "devicefarm.us-west-2.amazonaws.com"}
    assert offered("rds", "eu-nowhere-9")
    assert not offered("devicefarm", "eu-nowhere-9")


def test_what_botocore_lists_everywhere_is_not_there_for_that(
    offered: Callable[..., bool], resolver: Resolver
) -> None:
    assert offered("qbusiness", "eu-north-1"), "there is no telling"
    resolver.known.add("qbusiness.us-east-1.api.aws")
    offering._name_exists.cache_clear()
    assert offered("qbusiness", "us-east-1")
    assert not offered("qbusiness", "eu-north-1")


def test_those_are_the_services_whose_regions_botocore_makes_up() -> None:
    (commercial, *_) = new_session().get_data("endpoints")["partitions"]
    made_up = {
        service
        for service, known in commercial["services"].items()
        if sum(".api.aws" in endpoint.get("hostname", "") for endpoint in known["endpoints"].values()) > 20
    }
    assert made_up == LISTED_EVERYWHERE


def test_special_endpoints_say_nothing_of_what_is_offered(
    offered: Callable[..., bool], resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    resolver.known.add("bedrock-agent.us-east-1.amazonaws.com")
    assert offered("bedrock-agent", "eu-west-3")
    assert resolver.asked == []


@pytest.mark.parametrize(
    ("service", "partition", "expected"),
    [
        ("iam", "aws-us-gov", True),
        ("cloudfront", "aws", True),
        ("cloudfront", "aws-cn", True),
        ("cloudfront", "aws-us-gov", False),
        ("organizations", "aws-cn", True),
        ("s3", "aws-us-gov", True),
        ("artifact", "aws-us-gov", True),  # botocore lists it nowhere
    ],
)
def test_account_wide_services_are_there_or_not_by_partition(
    service: str, partition: str, expected: bool
) -> None:
    assert offered_in_partition(partition, service) == expected


def test_an_account_asks_of_region_and_partition(
    aws_env: str, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account(AccountSettings(), None, None)
    assert account.id == ACCOUNT
    assert account.offered("devicefarm", "eu-west-1"), "behind an endpoint of its own anything may be"
    assert account.offered("artifact", "global")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    resolver.known.add("devicefarm.us-west-2.amazonaws.com")
    assert account.offered("devicefarm", "us-west-2")
    assert not account.offered("devicefarm", "eu-west-1")
    assert account.offered("iam", "global")
    account.release()
