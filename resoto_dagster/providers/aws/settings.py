"""The section `aws` of the settings."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

DEFAULT_ACCOUNT = "default"
DEFAULT_ROLE = "resoto"
DEFAULT_QUEUE = "resoto-events"
DEFAULT_SESSION = "resoto_dagster"

_ROLE_NAME = re.compile(r"[\w+=,.@/-]+", re.ASCII)
_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}|\{account\}):role/[\w+=,.@/-]+", re.ASCII)
_UNIT = re.compile(r"r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}")
_SESSION = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_QUEUE_NAME = re.compile(r"[\w-]{1,80}", re.ASCII)
_QUEUE_URL = re.compile(r"https?://[\w.:-]+/[0-9]{12}/[\w-]{1,80}", re.ASCII)
_QUEUE_REGION = re.compile(r"https?://(?:sqs(?:-fips)?\.)?([a-z]{2,}(?:-[a-z]+)+-[0-9]+)\.[a-z]")
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)


def _quoted(value: object) -> str:
    """The value as it was given, and what to do about digits without quotes."""
    hint = " (put it into quotes: YAML takes bare digits as a number)" if isinstance(value, int) else ""
    return f"{value!r}{hint}"


def _account_id(value: object) -> object:
    if not _is_id(value):
        raise ValueError(f"an account is a text of 12 digits, not {_quoted(value)}")
    return value


def _account_id_or_default(value: object) -> object:
    if value != DEFAULT_ACCOUNT and not _is_id(value):
        raise ValueError(f"an account is a text of 12 digits or {DEFAULT_ACCOUNT!r}, not {_quoted(value)}")
    return value


def _is_id(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9]{12}", value) is not None


def _region(value: object) -> object:
    if not (isinstance(value, str) and re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-[0-9]+", value)):
        raise ValueError(f"a region looks like us-east-1, not {value!r}")
    return value


def _role(value: object) -> object:
    if value is None or (
        isinstance(value, str) and (_ROLE_NAME.fullmatch(value) or _ROLE_ARN.fullmatch(value))
    ):
        return value
    raise ValueError(
        f"a role is a name, or an ARN like arn:aws:iam::{{account}}:role/{DEFAULT_ROLE}, not {_quoted(value)}"
    )


def _unit(value: object) -> object:
    if not (isinstance(value, str) and _UNIT.fullmatch(value)):
        raise ValueError(f"an organizational unit looks like ou-abcd-12345678, not {value!r}")
    return value


def _session_name(value: object) -> object:
    if not (isinstance(value, str) and _SESSION.fullmatch(value)):
        raise ValueError(f"a session name has 2 to 64 letters, digits and =,.@-, not {_quoted(value)}")
    return value


def _external_id(value: object) -> object:
    if value is not None and not (isinstance(value, str) and _EXTERNAL_ID.fullmatch(value)):
        raise ValueError(f"an external id has at least 2 letters, digits and =,.@:/-, not {_quoted(value)}")
    return value


def _said(value: object) -> object:
    """Refuse a key with nothing behind it: the default would be taken for what was left out."""
    if value is None:
        raise ValueError("expected something, but there is nothing")
    return value


AccountId = Annotated[str, BeforeValidator(_account_id)]
Regions = Literal["all"] | list[Annotated[str, BeforeValidator(_region)]]
OwnRegions = Annotated[Regions | None, BeforeValidator(_said)]
Role = Annotated[str, BeforeValidator(_role)]
ExternalId = Annotated[str | None, BeforeValidator(_external_id)]
SessionName = Annotated[str, BeforeValidator(_session_name)]
Unit = Annotated[str, BeforeValidator(_unit)]


class AccountSettings(BaseModel):
    """An account to collect, and how to get into it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, BeforeValidator(_account_id_or_default)] = Field(
        default=DEFAULT_ACCOUNT,
        description="The account's 12 digits in quotes, or `default`: the credentials' own account.",
    )
    role: Role | None = Field(
        default=None,
        description="Role to assume: its name, or an ARN in which `{account}` stands for the id. "
        "Without one the credentials themselves must belong to the account.",
    )
    external_id: ExternalId = Field(default=None, description="External id that the role asks for.")
    session_name: SessionName = Field(
        default=DEFAULT_SESSION, description="What CloudTrail calls the session in the role."
    )
    profile: str | None = Field(
        default=None,
        min_length=1,
        description="Profile of AWS's configuration files for this account; default: that of the section.",
    )
    regions: OwnRegions = Field(
        default=None,
        description="Regions of this account; an empty list means none. Default: those of the section.",
    )

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.role and self.id == DEFAULT_ACCOUNT:
            raise ValueError("an account with a role needs its id")
        if self.external_id and not self.role:
            raise ValueError("external_id is of use with a role only")
        if self.session_name != DEFAULT_SESSION and not self.role:
            raise ValueError("session_name is of use with a role only")
        arn = _ROLE_ARN.fullmatch(self.role or "")
        if arn and arn[1] not in ("{account}", self.id):
            raise ValueError(f"the role is one of account {arn[1]}, not of {self.id}")
        return self


class AccountSelection(BaseModel):
    """Accounts of an organization: all that any of the three lists names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accounts: list[AccountId] = Field(default=[], description="Ids of accounts, in quotes.")
    names: list[Annotated[str, Field(min_length=1)]] = Field(
        default=[], description="Names of accounts; `*` stands for any text, `?` for any character."
    )
    units: list[Unit] = Field(
        default=[], description="Ids of organizational units, or of a root, with all accounts below them."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("expected at least one of: accounts, names, units")
        return self


class OrganizationSettings(BaseModel):
    """All accounts of an organization, or some of them. Those that are not active are left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    list_from: AccountSettings = Field(
        default=AccountSettings(),
        description="The management or a delegated account, where the accounts are listed, and how to get "
        "into it. It is read with these very credentials. Default: the credentials' own account.",
    )
    role: Role = Field(default=DEFAULT_ROLE, description="Role to assume in each of the other accounts.")
    external_id: ExternalId = Field(default=None, description="External id that the role asks for.")
    session_name: SessionName = Field(
        default=DEFAULT_SESSION, description="What CloudTrail calls the session in the role."
    )
    regions: OwnRegions = Field(
        default=None,
        description="Regions of these accounts; an empty list means none. Default: those of the section.",
    )
    include: Annotated[AccountSelection | None, BeforeValidator(_said)] = Field(
        default=None, description="Accounts to collect; empty lists mean none. Default: all."
    )
    exclude: Annotated[AccountSelection | None, BeforeValidator(_said)] = Field(
        default=None, description="Accounts to leave out, whatever `include` says. Default: none."
    )

    @field_validator("role")
    @classmethod
    def _of_each_account(cls, role: str) -> str:
        arn = _ROLE_ARN.fullmatch(role)
        if arn and arn[1] != "{account}":
            raise ValueError(f"expected a role's name, or an ARN with {{account}} for the id, not {role!r}")
        return role

    @model_validator(mode="after")
    def _leaves_something(self) -> Self:
        if self.exclude is None:
            return self
        everything = [
            *(name for name in self.exclude.names if not name.strip("*")),
            *(unit for unit in self.exclude.units if unit.startswith("r-")),
        ]
        if everything:
            raise ValueError(f"exclude leaves no account: {everything[0]!r} is all of them")
        if self.include is not None:
            for field in AccountSelection.model_fields:
                both = set(getattr(self.include, field)) & set(getattr(self.exclude, field))
                if both:
                    raise ValueError(f"both in include and in exclude: {', '.join(sorted(both))}")
        return self


class EventsSettings(BaseModel):
    """The SQS queue into which EventBridge puts what CloudTrail says of changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    queue: str = Field(description="The queue's URL, or its name.")
    region: Annotated[str | None, BeforeValidator(_region)] = Field(
        default=None, description="The queue's region, where the URL does not say it."
    )
    account: AccountSettings = Field(
        default=AccountSettings(),
        description="The account that may read the queue, and how to get into it. "
        "Default: the credentials' own account.",
    )

    @field_validator("queue")
    @classmethod
    def _names_a_queue(cls, queue: str) -> str:
        if not (_QUEUE_NAME.fullmatch(queue) or _QUEUE_URL.fullmatch(queue)):
            raise ValueError(
                "a queue is the URL or the name of an SQS queue that is no FIFO queue, "
                f"e.g. https://sqs.us-east-1.amazonaws.com/111111111111/{DEFAULT_QUEUE}, not {queue!r}"
            )
        return queue

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        in_url = _region_in(self.queue)
        if self.region is None and in_url is None:
            raise ValueError(f"the queue {self.queue!r} needs a region: its name or URL does not say one")
        if self.region and in_url and self.region != in_url:
            raise ValueError(f"region is {self.region}, and the queue's URL says {in_url}")
        if self.account.regions is not None:
            raise ValueError("account.regions is of no use here: the queue is in one region")
        return self

    @property
    def in_region(self) -> str:
        """The region that the queue is in."""
        region = self.region or _region_in(self.queue)
        assert region is not None
        return region

    @property
    def named(self) -> bool:
        """Whether the queue is given by its name."""
        return _QUEUE_NAME.fullmatch(self.queue) is not None


def _region_in(url: str) -> str | None:
    """The region that the URL of a queue names."""
    found = _QUEUE_REGION.match(url)
    return found and found[1]


class AwsSettings(BaseModel):
    """What to collect of AWS. Credentials and endpoints come the way botocore finds them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accounts: list[AccountSettings] = Field(
        default=[AccountSettings()],
        description="Accounts to collect; an empty list means none. Default: the credentials' own account, "
        "or none beside those of an organization.",
    )
    organization: Annotated[OrganizationSettings | None, BeforeValidator(_said)] = Field(
        default=None,
        description="An organization whose accounts to collect, beside those under `accounts`, which are "
        "read as it says there.",
    )
    regions: Regions = Field(
        default="all",
        description="Regions to collect, or `all`: all that are enabled in the account. "
        "An empty list means none.",
    )
    profile: str | None = Field(
        default=None,
        min_length=1,
        description="Profile of AWS's configuration files; default: the credentials botocore finds.",
    )
    events: Annotated[EventsSettings | None, BeforeValidator(_said)] = Field(
        default=None,
        description="A queue of CloudTrail's events, by which what was touched is collected within a minute. "
        "Default: none.",
    )

    @model_validator(mode="before")
    @classmethod
    def _none_beside_an_organization(cls, section: Any) -> Any:
        if isinstance(section, Mapping) and "organization" in section and "accounts" not in section:
            return {**section, "accounts": []}
        return section

    @field_validator("accounts")
    @classmethod
    def _once(cls, accounts: list[AccountSettings]) -> list[AccountSettings]:
        ids = [account.id for account in accounts]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"listed twice: {', '.join(_with_roles(name, accounts) for name in twice)}")
        return accounts

    @model_validator(mode="after")
    def _not_excluded(self) -> Self:
        if self.organization and self.organization.exclude:
            listed = {account.id for account in self.accounts}
            both = sorted(listed.intersection(self.organization.exclude.accounts))
            if both:
                raise ValueError(
                    f"listed under accounts, and excluded from the organization: {', '.join(both)}"
                )
        return self


def _with_roles(name: str, accounts: Iterable[AccountSettings]) -> str:
    """The account, with its roles if they differ."""
    roles = sorted({account.role or "none" for account in accounts if account.id == name})
    return name if len(roles) == 1 else f"{name} (roles {', '.join(roles)})"
