"""The section `aws`: what is taken, and how the rest is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from resoto_dagster.providers.aws.settings import (
    AccountSelection,
    AccountSettings,
    AwsSettings,
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
