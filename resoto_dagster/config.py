"""The settings: every one of them with its meaning and its default."""

import os
import re
from datetime import timedelta
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    model_validator,
)

from resoto_dagster.model.durations import parse_duration, spell_duration

Step = Literal["collect", "cleanup_plan", "cleanup", "generate_metrics"]
STEPS: tuple[Step, ...] = get_args(Step)
ACTIONS: tuple[str, ...] = tuple(
    action
    for step in STEPS
    for action in (
        f"pre_{step}",
        step,
        *(("merge_outer_edges",) if step == "collect" else ()),
        f"post_{step}",
    )
)
"""Every action of the workflow, in the order they are emitted."""

GATES: tuple[str, ...] = tuple(
    action for action in ACTIONS if action.startswith(("pre_", "post_")) or action == "cleanup_plan"
)
"""The actions that hooks can be hung on: the workflow waits for them."""

FROZEN_FROM = GATES.index("post_cleanup_plan")
"""From this gate on the plan of the run is frozen: nothing more can be marked to go."""


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError(f"expected a duration as text, e.g. 5m, not {value!r}")
    return parse_duration(value)


def _name(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch("[a-z][a-z0-9_]*", value):
        raise ValueError(f"expected a name of small letters, digits and _, e.g. nightly, not {value!r}")
    return value


def _cron(value: object) -> str:
    from dagster import DagsterInvalidDefinitionError, ScheduleDefinition

    if not isinstance(value, str):
        raise ValueError(f"expected a cron expression as text, e.g. '0 * * * *', not {value!r}")
    try:
        ScheduleDefinition(name="check", job_name="check", cron_schedule=value)
    except DagsterInvalidDefinitionError:
        raise ValueError(f"{value!r} is no cron expression; expected five fields, e.g. '0 * * * *'") from None
    return value


_DOMAIN = r"(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}"
_ADDRESS = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@({_DOMAIN})")


def mail_domain(text: str) -> str | None:
    """The domain of a mail address, in small letters; None for what is no plain address."""
    found = _ADDRESS.fullmatch(text)
    return found[1].lower() if found else None


def _mail_address(value: object) -> str:
    if not isinstance(value, str) or mail_domain(value) is None:
        raise ValueError("expected a mail address, e.g. team@example.com")
    return value


def _mail_domain(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(_DOMAIN, value):
        raise ValueError("expected what stands behind the @ of a mail address, e.g. example.com")
    return value.lower()


def _web_address(value: object) -> str:
    """A URL as it was written. What is refused is not repeated: the path may be a secret."""
    expected = "expected an address that starts with https:// (http:// only to this machine itself)"
    if not isinstance(value, str) or not re.fullmatch("[!-~]+", value):
        raise ValueError(expected)
    try:
        parts = urlsplit(value)
        here = parts.hostname in ("localhost", "127.0.0.1", "::1")
        fine = parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        raise ValueError(expected) from None
    if not fine or parts.scheme not in ("https", *(("http",) if here else ())):
        raise ValueError(expected)
    return value


def _base_address(value: object) -> str:
    address = _web_address(value)
    if "?" in address or "#" in address:
        raise ValueError("expected an address without ? and #")
    return address.rstrip("/")


def _secret(value: object) -> SecretStr:
    """A secret as it was written, or that of the environment's variable which it names as `${NAME}`."""
    if not isinstance(value, str) or not value:
        raise ValueError("expected a text in quotes, or ${NAME} for the environment's variable NAME")
    named = re.fullmatch(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", value)
    if named is None:
        return SecretStr(value)
    found = os.environ.get(named[1], "")
    if not found:
        raise ValueError(f"the environment has no variable {named[1]}")
    return SecretStr(found)


def _secret_address(value: object) -> SecretStr:
    secret = _secret(value)
    _web_address(secret.get_secret_value())
    return secret


Secret = Annotated[SecretStr, BeforeValidator(_secret)]
SecretAddress = Annotated[SecretStr, BeforeValidator(_secret_address)]
MailAddress = Annotated[str, BeforeValidator(_mail_address)]
MailDomain = Annotated[str, BeforeValidator(_mail_domain)]
BaseAddress = Annotated[str, BeforeValidator(_base_address)]
Duration = Annotated[timedelta, BeforeValidator(_duration), PlainSerializer(spell_duration)]
Cron = Annotated[str, BeforeValidator(_cron)]
Name = Annotated[str, BeforeValidator(_name)]
DEFAULT_SCHEDULE = "0 * * * *"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ActionSettings(_Section):
    """How long a gate waits for its hooks, and what happens when one of them does not succeed."""

    timeout: Duration = Field(
        default=timedelta(minutes=5), description="How long the gate waits for its hooks."
    )
    on_error: Literal["continue", "stop"] = Field(
        default="continue", description="Whether the workflow goes on when a hook did not succeed."
    )


class PlannerSettings(_Section):
    """A planner is off until it is enabled."""

    enabled: bool = Field(default=False, description="Whether the planner marks resources.")


class CleaningPlannerSettings(PlannerSettings):
    """A planner that marks what should go."""

    grace: Duration | None = Field(
        default=None, description="How long after it was announced a resource goes; without one, at once."
    )


class UntaggedSettings(CleaningPlannerSettings):
    """Which tags are missed, where, and from which age on."""

    kinds: list[str] = Field(default=[], description="Kinds and base kinds whose resources must be tagged.")
    accounts: dict[str, list[str]] = Field(
        default={}, description="By provider, the ids of the accounts that are looked at."
    )
    tags: list[str] = Field(
        default=["owner", "expiration"], min_length=1, description="The tags that none of them may lack."
    )
    age: Duration = Field(default=timedelta(hours=2), description="Younger ones may still get their tags.")


class VolumesSettings(CleaningPlannerSettings):
    """From when on a volume counts as unused."""

    min_age: Duration = Field(
        default=timedelta(days=14), description="Age, last access and last update must all be above it."
    )


class LoadBalancersSettings(CleaningPlannerSettings):
    """From which age on a load balancer without anything behind it counts as unused."""

    min_age: Duration = Field(default=timedelta(days=7), description="Younger ones are left alone.")


class AwsAccountsSettings(PlannerSettings):
    """The accounts that a planner looks at; none unless they are listed."""

    accounts: list[str] = Field(default=[], description="The ids of AWS accounts.")


class AlarmsSettings(AwsAccountsSettings, CleaningPlannerSettings):
    """The accounts whose alarms are looked at, and how long they stay."""


class ProtectorSettings(PlannerSettings):
    """What is never to be deleted."""

    resources: dict[str, dict[str, dict[str, dict[str, list[str]]]]] = Field(
        default={}, description="Ids by provider, account, region and kind."
    )


class PlannersSettings(_Section):
    """The planners, by name."""

    protector: ProtectorSettings = Field(
        default=ProtectorSettings(), description="Protects what is listed by its id."
    )
    expired: CleaningPlannerSettings = Field(
        default=CleaningPlannerSettings(), description="Marks what is past its expiration tag."
    )
    untagged: UntaggedSettings = Field(
        default=UntaggedSettings(), description="Marks what lacks a tag that it must have."
    )
    volumes: VolumesSettings = Field(
        default=VolumesSettings(), description="Marks volumes that nothing uses."
    )
    aws_load_balancers: LoadBalancersSettings = Field(
        default=LoadBalancersSettings(), description="Marks load balancers with nothing behind them."
    )
    aws_alarms: AlarmsSettings = Field(
        default=AlarmsSettings(), description="Marks alarms on instances that are gone."
    )
    aws_vpcs: AwsAccountsSettings = Field(
        default=AwsAccountsSettings(), description="Marks what hangs on networks that go."
    )


class BudgetSettings(_Section):
    """What one plan may delete; beyond any of it the whole plan is held and none of it is done."""

    resources: int = Field(default=100, ge=0, description="Resources that one run may delete.")
    share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Part of a scope's resources that one run may delete; counted once ten of them would go.",
    )
    money: float = Field(
        default=1000,
        ge=0,
        description="US dollars a month that all of it may cost, as far as prices are known.",
    )


class RuleSettings(_Section):
    """What a search finds is marked in every run."""

    name: Name = Field(description="What the rule is called, in plans and on the command line.")
    search: str = Field(description="What is marked, in the search language.")
    reason: str = Field(min_length=1, description="Why, for whoever reads the plan.")
    mark: Literal["clean", "protect", "tag"] = Field(
        default="clean", description="Whether it should go, must not, or gets tags."
    )
    grace: Duration | None = Field(
        default=None, description="How long after it was announced a resource goes; without one, at once."
    )
    notify: bool = Field(
        default=True, description="Whether its owner is told; otherwise the plan alone announces it."
    )
    tags: dict[str, str] = Field(default={}, description="The tags that it gets.")

    @model_validator(mode="after")
    def _fits_the_mark(self) -> "RuleSettings":
        if (self.mark == "tag") != bool(self.tags):
            raise ValueError("mark: tag needs tags, e.g. {owner: nobody}, and no other mark takes any")
        if self.grace is not None and self.mark != "clean":
            raise ValueError(f"grace is for what should go, not for mark: {self.mark}")
        return self


class TagValidatorSettings(_Section):
    """The longest life that an expiration tag may name, account by account."""

    enabled: bool = Field(
        default=False, description="Whether longer tags are shortened, once cleanup deletes for real."
    )
    accounts: dict[str, dict[str, Duration]] = Field(
        default={}, description="By provider and the id of an account the longest expiration."
    )


class OwnerSettings(_Section):
    """How one owner is told: exactly one of these."""

    slack: SecretAddress | None = Field(default=None, description="The URL of an incoming webhook of Slack.")
    discord: SecretAddress | None = Field(default=None, description="The URL of a webhook of Discord.")
    mail: MailAddress | None = Field(default=None, description="An address that mail is sent to.")

    @model_validator(mode="after")
    def _one_way(self) -> "OwnerSettings":
        if sum(way is not None for way in (self.slack, self.discord, self.mail)) != 1:
            raise ValueError("expected exactly one of: slack, discord, mail")
        return self


class MailSettings(_Section):
    """The server that takes mail to owners."""

    host: str = Field(min_length=1, description="The mail server's name.")
    port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the connection is encrypted."
    )
    user: str | None = Field(default=None, description="Who logs in; by default nobody does.")
    password: Secret | None = Field(default=None, description="The user's password.")
    sender: MailAddress = Field(description="The address that mail comes from.")

    @model_validator(mode="after")
    def _login(self) -> "MailSettings":
        if (self.user is None) != (self.password is None):
            raise ValueError("expected user and password, or neither")
        if self.user is not None and self.security == "none":
            raise ValueError("a password is not sent in the clear; expected security: starttls or tls")
        return self


class NoticesSettings(_Section):
    """How owners are told of what is going to be deleted, and how they keep it. Nobody is by default."""

    owner_tags: list[str] = Field(
        default=["owner"], description="The tags that name an owner; the first one that does counts."
    )
    accounts: dict[str, dict[str, str]] = Field(
        default={}, description="By provider and the id of an account, who owns what bears no owner's name."
    )
    default: str | None = Field(default=None, description="Who owns what nobody else does.")
    approvers: list[str] = Field(default=[], description="The owners who are told of a plan that waits.")
    owners: dict[str, OwnerSettings] = Field(default={}, description="By name, how an owner is told.")
    mail: MailSettings | None = Field(default=None, description="The server that takes mail to owners.")
    mail_domains: list[MailDomain] = Field(
        default=[],
        description="An owner's tag that is a mail address of one of these domains is mailed directly.",
    )
    link: BaseAddress | None = Field(
        default=None, description="Where owners reach the keep page; without it messages have no link."
    )
    host: str = Field(default="127.0.0.1", description="The address that `resoto notices serve` binds.")
    port: int = Field(default=9956, ge=0, le=65535, description="Its port.")
    keep_for: Duration = Field(
        default=timedelta(days=30), description="How long what an owner keeps by the link is protected."
    )

    @property
    def configured(self) -> bool:
        """Whether there is anybody who can be told."""
        return bool(self.owners or (self.mail and self.mail_domains))


class CleanupSettings(_Section):
    """Cleanup is off until it is enabled, does not delete while `dry_run`, and only in listed accounts."""

    enabled: bool = Field(default=False, description="Whether cleanup runs at all.")
    dry_run: bool = Field(default=True, description="Whether the plan is only shown, and nothing deleted.")
    accounts: dict[str, list[str]] = Field(
        default={}, description="By provider, the ids of the accounts in which deleting is allowed."
    )
    budget: BudgetSettings = Field(default=BudgetSettings(), description="The most that one plan may delete.")
    approval: Literal["none", "over_budget", "always"] = Field(
        default="none",
        description="Which plans wait for a person: none, those over budget, or all of them.",
    )
    approval_expires: Duration = Field(
        default=timedelta(hours=24), description="How old a plan may get and still be approved and executed."
    )
    canary: int = Field(
        default=3,
        ge=0,
        description="How many are deleted first, one by one; the rest follows unless most of them failed.",
    )
    max_data_age: Duration = Field(
        default=timedelta(hours=2), description="What was collected longer ago than this is never planned."
    )
    planners: PlannersSettings = Field(default=PlannersSettings(), description="What selects resources.")
    rules: list[RuleSettings] = Field(default=[], description="What selects resources by your own searches.")
    tag_validator: TagValidatorSettings = Field(
        default=TagValidatorSettings(), description="Shortens expiration tags to what an account allows."
    )
    notices: NoticesSettings = Field(
        default=NoticesSettings(), description="How owners are told before their resources are deleted."
    )


class HookModules(_Section):
    """Where the user's hooks are."""

    modules: list[str] = Field(
        default=[], description="Python modules with functions decorated with @hook, beside this file."
    )


class SnapshotSettings(_Section):
    """When a snapshot of the inventory is taken by itself, and how many of them are kept."""

    schedule: Cron = Field(description="When a snapshot is taken.")
    keep: int = Field(ge=0, description="How many are kept; with 0 none is taken.")


# Shortly before the next collect, when the last one has ended.
_SNAPSHOTS: dict[str, dict[str, object]] = {
    "hourly": {"schedule": "55 * * * *", "keep": 24},
    "daily": {"schedule": "55 0 * * *", "keep": 7},
    "weekly": {"schedule": "55 0 * * 1", "keep": 4},
    "monthly": {"schedule": "55 0 1 * *", "keep": 12},
    "yearly": {"schedule": "55 0 1 1 *", "keep": 10},
}


def _with_defaults(value: object) -> object:
    """The schedules of snapshots that are given, over those that there are anyway."""
    if not isinstance(value, dict):
        return value
    given = {
        name: {**_SNAPSHOTS.get(name, {}), **one} if isinstance(one, dict) else one
        for name, one in value.items()
    }
    return {**_SNAPSHOTS, **given}


class MetricSettings(_Section):
    """A metric of one's own, or what is different about one that is there already."""

    enabled: bool = Field(default=True, description="Whether it is generated.")
    help: str | None = Field(default=None, min_length=1, description="What it says, in a line.")
    type: Literal["gauge"] | None = Field(default=None, description="gauge, which it is anyway.")
    search: str | None = Field(
        default=None, description="What it counts: aggregate(LABELS: FUNCTION as NAME): SEARCH."
    )
    max_series: int | None = Field(
        default=None, ge=1, description="The series it has at most, where that differs from all others."
    )


class MetricsSettings(_Section):
    """Where the exporter listens, and the metrics that are the user's own."""

    host: str = Field(default="127.0.0.1", description="The address that `resoto metrics serve` binds.")
    port: int = Field(default=9955, ge=0, le=65535, description="Its port.")
    web_config_file: str = Field(
        default="",
        description="TLS and users, in the file that Prometheus' exporters take; from the working directory.",
    )
    max_series: int = Field(
        default=10_000, ge=1, description="The series a metric has at most: those with the largest values."
    )
    definitions: dict[Name, MetricSettings] = Field(
        default={}, description="Metrics by name: one's own, changed ones, and those that are switched off."
    )


class ProviderSettings(BaseModel):
    """One provider's section: the kinds to collect, and the provider's own settings."""

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)

    kinds: tuple[str, ...]
    own: BaseModel


class Settings(_Section):
    """All settings. `providers` holds a section a provider; without one nothing is collected."""

    schedule: Cron = Field(default=DEFAULT_SCHEDULE, description="When collect_and_cleanup runs.")
    keep_runs: Duration = Field(
        default=timedelta(days=30), description="How long Dagster's records of runs are kept."
    )
    keep_history: Duration = Field(
        default=timedelta(days=180), description="How long what changed in the inventory is kept."
    )
    snapshots: Annotated[dict[Name, SnapshotSettings], BeforeValidator(_with_defaults)] = Field(
        default={}, validate_default=True, description="The snapshots that are taken by themselves, by name."
    )
    providers: dict[str, ProviderSettings] = Field(default={}, description="What is collected.")
    actions: dict[str, ActionSettings] = Field(
        default={}, description="Settings of single gates, e.g. pre_cleanup."
    )
    hooks: HookModules = Field(default=HookModules(), description="The user's hooks.")
    cleanup: CleanupSettings = Field(default=CleanupSettings(), description="What may be deleted.")
    metrics: MetricsSettings = Field(
        default=MetricsSettings(), description="The metrics, and their exporter."
    )

    def action(self, name: str) -> ActionSettings:
        """The settings of a gate. `pre_cleanup` stops the workflow on errors unless told otherwise."""
        default = ActionSettings(on_error="stop") if name == "pre_cleanup" else ActionSettings()
        return self.actions.get(name, default)
