"""The section `aws` of the settings."""

import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

DEFAULT_ACCOUNT = "default"


def _account_id(value: object) -> object:
    if value != DEFAULT_ACCOUNT and not (isinstance(value, str) and re.fullmatch(r"[0-9]{12}", value)):
        hint = " (put it into quotes: YAML takes bare digits as a number)" if isinstance(value, int) else ""
        raise ValueError(f"an account is a text of 12 digits or {DEFAULT_ACCOUNT!r}, not {value!r}{hint}")
    return value


def _region(value: object) -> object:
    if not (isinstance(value, str) and re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-[0-9]+", value)):
        raise ValueError(f"a region looks like us-east-1, not {value!r}")
    return value


class AccountSettings(BaseModel):
    """An account to collect, and how to get into it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, BeforeValidator(_account_id)] = Field(
        default=DEFAULT_ACCOUNT,
        description="The account's 12 digits in quotes, or `default`: the credentials' own account.",
    )
    role: str | None = Field(
        default=None,
        min_length=1,
        description="Role to assume: its name, or an ARN in which `{account}` stands for the id. "
        "Without one the credentials themselves must belong to the account.",
    )
    external_id: str | None = Field(
        default=None, min_length=2, description="External id that the role asks for."
    )
    profile: str | None = Field(
        default=None,
        description="Profile of AWS's configuration files for this account; default: that of the section.",
    )

    @model_validator(mode="after")
    def _role_needs_id(self) -> Self:
        if self.role and self.id == DEFAULT_ACCOUNT:
            raise ValueError("an account with a role needs its id")
        if self.external_id and not self.role:
            raise ValueError("external_id is of use with a role only")
        return self


class AwsSettings(BaseModel):
    """What to collect of AWS. Credentials and endpoints come the way botocore finds them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accounts: list[AccountSettings] = Field(
        default=[AccountSettings()],
        description="Accounts to collect; an empty list means none. Default: the credentials' own account.",
    )
    regions: Literal["all"] | list[Annotated[str, BeforeValidator(_region)]] = Field(
        default="all", description="Regions to collect, or `all`: all that are enabled in the account."
    )
    profile: str | None = Field(
        default=None,
        description="Profile of AWS's configuration files; default: the credentials botocore finds.",
    )

    @field_validator("accounts")
    @classmethod
    def _once(cls, accounts: list[AccountSettings]) -> list[AccountSettings]:
        ids = [account.id for account in accounts]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"listed twice: {', '.join(twice)}")
        return accounts
