"""The section `aws`: what is taken, and how the rest is refused."""

import re
from typing import Any

import pytest
from pydantic import ValidationError

from resoto_dagster.providers.aws.settings import (
    AccountSelection,
    AccountSettings,
    AwsSettings,
    EventsSettings,
    OrganizationSettings,
)


def test_nothing_configured_means_the_own_account_in_all_regions() -> None:
    settings = AwsSettings()
    assert [account.id for account in settings.accounts] == ["default"]
    assert settings.regions == "all"


def test_an_empty_list_of_accounts_stays_empty() -> None:
    assert AwsSettings(accounts=[]).accounts == []


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"accounts": [{"id": 111111111111}]}, "put it into quotes"),
        ({"accounts": [{"id": "11111111111"}]}, "a text of 12 digits or 'default', not '11111111111'"),
        ({"accounts": [{"id": "1111-1111-1111"}]}, "a text of 12 digits"),
        ({"accounts": [{"id": "111111111111"}, {"id": "111111111111"}]}, "listed twice: 111111111111"),
        ({"accounts": [{}, {}]}, "listed twice: default"),
        ({"accounts": [{"role": "resoto"}]}, "an account with a role needs its id"),
        (
            {"accounts": [{"id": "111111111111", "external_id": "x1"}]},
            "external_id is of use with a role only",
        ),
        ({"accounts": [{"id": "111111111111", "roles": "resoto"}]}, "Extra inputs are not permitted"),
        (
            {"accounts": [{"id": "111111111111", "session_name": "x1"}]},
            "session_name is of use with a role only",
        ),
        (
            {"accounts": [{"id": "111111111111", "role": "a", "external_id": "x"}]},
            "an external id has at least 2 letters, digits and =,.@:/-, not 'x'",
        ),
        (
            {"accounts": [{"id": "111111111111", "role": "a", "session_name": "a b"}]},
            "a session name has 2 to 64 letters, digits and =,.@-, not 'a b'",
        ),
        ({"accounts": [{"id": "111111111111", "role": 5}]}, "a role is a name, or an ARN"),
        ({"accounts": [{"profile": ""}]}, "at least 1 character"),
        ({"acounts": []}, "Extra inputs are not permitted"),
        ({"regions": "us-east-1"}, "'all'"),
        ({"regions": ["us-east"]}, "a region looks like us-east-1, not 'us-east'"),
        ({"regions": ["all"]}, "a region looks like us-east-1, not 'all'"),
    ],
)
def test_what_can_not_be_meant_is_refused(section: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError) as refused:
        AwsSettings.model_validate(section)
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    "role",
    [
        "resoto",
        "path/to/resoto",
        "arn:aws:iam::{account}:role/resoto",
        "arn:aws-cn:iam::111111111111:role/path/resoto",
    ],
)
def test_a_role_is_a_name_or_an_arn(role: str) -> None:
    (account,) = AwsSettings.model_validate({"accounts": [{"id": "111111111111", "role": role}]}).accounts
    assert account.role == role


def test_an_organization_stands_in_place_of_the_own_account() -> None:
    settings = AwsSettings.model_validate({"organization": {}})
    assert settings.accounts == []
    assert settings.organization is not None
    assert settings.organization.role == "resoto"
    assert settings.organization.list_from.id == "default"
    assert (settings.organization.include, settings.organization.exclude) == (None, None)


def test_accounts_may_stand_beside_an_organization() -> None:
    settings = AwsSettings.model_validate({"organization": {}, "accounts": [{}]})
    assert [account.id for account in settings.accounts] == ["default"]


@pytest.mark.parametrize(
    "section",
    [
        {},
        {"organization": {}},
        {"organization": {"exclude": {"names": ["a"]}}},
        {"accounts": [{"regions": []}]},
    ],
)
def test_what_holds_can_be_said_again(section: dict[str, Any]) -> None:
    settings = AwsSettings.model_validate(section)
    said = settings.model_dump(mode="json", exclude_none=True)
    assert AwsSettings.model_validate(said) == settings


def test_every_field_is_described() -> None:
    models = [AwsSettings, AccountSettings, OrganizationSettings, AccountSelection]
    assert all(field.description for model in models for field in model.model_fields.values())


URL = "https://sqs.eu-central-1.amazonaws.com/111111111111/resoto-events"


def test_events_are_off_by_default() -> None:
    assert AwsSettings().events is None


@pytest.mark.parametrize(
    ("events", "region", "named"),
    [
        ({"queue": URL}, "eu-central-1", False),
        ({"queue": URL, "region": "eu-central-1"}, "eu-central-1", False),
        (
            {"queue": URL.replace(".com", ".com.cn").replace("eu-central-1", "cn-north-1")},
            "cn-north-1",
            False,
        ),
        ({"queue": URL.replace("sqs.", "sqs-fips.")}, "eu-central-1", False),
        ({"queue": "https://eu-west-1.queue.amazonaws.com/111111111111/a"}, "eu-west-1", False),
        (
            {"queue": "http://127.0.0.1:5000/111111111111/a-queue", "region": "us-east-1"},
            "us-east-1",
            False,
        ),
        ({"queue": "resoto-events", "region": "us-gov-west-1"}, "us-gov-west-1", True),
    ],
)
def test_a_queue_is_named_by_its_url_or_its_name_and_is_in_a_region(
    events: dict[str, Any], region: str, named: bool
) -> None:
    settings = EventsSettings.model_validate(events)
    assert (settings.in_region, settings.named) == (region, named)
    assert settings.account == AccountSettings()


def test_the_account_of_the_queue_is_entered_as_any_other() -> None:
    account = {"id": "222222222222", "role": "reader", "external_id": "x-1", "profile": "work"}
    settings = EventsSettings.model_validate({"queue": URL, "account": account})
    assert settings.account == AccountSettings.model_validate(account)


@pytest.mark.parametrize(
    ("events", "problem"),
    [
        ({}, "Field required"),
        ({"queue": "resoto-events"}, "the queue 'resoto-events' needs a region"),
        ({"queue": "http://127.0.0.1/111111111111/a"}, "needs a region"),
        ({"queue": "events.fifo", "region": "us-east-1"}, "an SQS queue that is no FIFO queue"),
        ({"queue": f"{URL}.fifo"}, "an SQS queue that is no FIFO queue"),
        ({"queue": "arn:aws:sqs:us-east-1:111111111111:a"}, "a queue is the URL or the name"),
        ({"queue": "https://sqs.us-east-1.amazonaws.com/a"}, "a queue is the URL or the name"),
        ({"queue": URL, "region": "us-east-1"}, "region is us-east-1, and the queue's URL says eu-central-1"),
        ({"queue": URL, "region": "frankfurt"}, "a region looks like us-east-1, not 'frankfurt'"),
        ({"queue": URL, "account": {"regions": ["us-east-1"]}}, "account.regions is of no use here"),
        ({"queue": URL, "account": {"role": "reader"}}, "an account with a role needs its id"),
        ({"queue": URL, "url": URL}, "Extra inputs are not permitted"),
        (None, "expected something, but there is nothing"),
    ],
)
def test_a_queue_that_can_not_be_meant_is_refused(events: dict[str, Any] | None, problem: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(problem)):
        AwsSettings.model_validate({"events": events})
