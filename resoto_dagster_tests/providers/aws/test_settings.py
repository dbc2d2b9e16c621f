"""The section `aws`: what is taken, and how the rest is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from resoto_dagster.providers.aws.settings import AwsSettings


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


def test_every_field_is_described() -> None:
    models = [AwsSettings, *(AwsSettings.model_fields["accounts"].annotation.__args__)]
    assert all(field.description for model in models for field in model.model_fields.values())
