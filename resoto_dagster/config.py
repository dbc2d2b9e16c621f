"""The settings: every one of them with its meaning and its default."""

import re
from datetime import timedelta
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

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


class UntaggedSettings(PlannerSettings):
    """Which tags are missed, where, and from which age on."""

    kinds: list[str] = Field(default=[], description="Kinds and base kinds whose resources must be tagged.")
    accounts: dict[str, list[str]] = Field(
        default={}, description="By provider, the ids of the accounts that are looked at."
    )
    tags: list[str] = Field(
        default=["owner", "expiration"], min_length=1, description="The tags that none of them may lack."
    )
    age: Duration = Field(default=timedelta(hours=2), description="Younger ones may still get their tags.")


class VolumesSettings(PlannerSettings):
    """From when on a volume counts as unused."""

    min_age: Duration = Field(
        default=timedelta(days=14), description="Age, last access and last update must all be above it."
    )


class LoadBalancersSettings(PlannerSettings):
    """From which age on a load balancer without anything behind it counts as unused."""

    min_age: Duration = Field(default=timedelta(days=7), description="Younger ones are left alone.")


class AwsAccountsSettings(PlannerSettings):
    """The accounts that a planner looks at; none unless they are listed."""

    accounts: list[str] = Field(default=[], description="The ids of AWS accounts.")


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
    expired: PlannerSettings = Field(
        default=PlannerSettings(), description="Marks what is past its expiration tag."
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
    aws_alarms: AwsAccountsSettings = Field(
        default=AwsAccountsSettings(), description="Marks alarms on instances that are gone."
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


class RuleSettings(_Section):
    """What a search finds is marked in every run."""

    name: Name = Field(description="What the rule is called, in plans and on the command line.")
    search: str = Field(description="What is marked, in the search language.")
    reason: str = Field(min_length=1, description="Why, for whoever reads the plan.")
    mark: Literal["clean", "protect"] = Field(
        default="clean", description="Whether it should go, or must not."
    )


class TagValidatorSettings(_Section):
    """The longest life that an expiration tag may name, account by account."""

    enabled: bool = Field(
        default=False, description="Whether longer tags are shortened, once cleanup deletes for real."
    )
    accounts: dict[str, dict[str, Duration]] = Field(
        default={}, description="By provider and the id of an account the longest expiration."
    )


class CleanupSettings(_Section):
    """Cleanup is off until it is enabled, does not delete while `dry_run`, and only in listed accounts."""

    enabled: bool = Field(default=False, description="Whether cleanup runs at all.")
    dry_run: bool = Field(default=True, description="Whether the plan is only shown, and nothing deleted.")
    accounts: dict[str, list[str]] = Field(
        default={}, description="By provider, the ids of the accounts in which deleting is allowed."
    )
    budget: BudgetSettings = Field(default=BudgetSettings(), description="The most that one plan may delete.")
    max_data_age: Duration = Field(
        default=timedelta(hours=2), description="What was collected longer ago than this is never planned."
    )
    planners: PlannersSettings = Field(default=PlannersSettings(), description="What selects resources.")
    rules: list[RuleSettings] = Field(default=[], description="What selects resources by your own searches.")
    tag_validator: TagValidatorSettings = Field(
        default=TagValidatorSettings(), description="Shortens expiration tags to what an account allows."
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
