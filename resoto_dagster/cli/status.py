"""`resoto status`: how well the estate is known."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resoto_dagster.cli.database import inventory_database
from resoto_dagster.cli.output import AsJson, age, count, print_json, say, table

if TYPE_CHECKING:
    from resoto_dagster.inventory.status import AccountStatus, Freshness, ScopeStatus

_STATES: "tuple[Freshness, ...]" = ("fresh", "stale", "failed", "collecting")


def status(
    every: Annotated[
        bool, typer.Option("--all", help="Show every scope, not only those with problems.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how well the estate is known: what is fresh, stale or failed, and why.

    A scope is one kind of resource in one region of an account. A scope that failed keeps its last good
    state, and nothing in it is cleaned up until it could be read again.

    Examples:

    * `resoto status`

    * `resoto status --all`

    * `resoto status --json | jq -r '.scopes[] | select(.freshness == "failed") | .error'`

    With `--json`: `accounts` (each with state and error), `regions` (counts of scopes by freshness, and
    resources) and `scopes` (those with problems; all of them with `--all`).
    """
    from resoto_dagster.inventory.status import account_statuses, scope_statuses
    from resoto_dagster.settings_file import load_settings

    max_age = load_settings().cleanup.max_data_age
    with inventory_database() as engine, engine.connect() as connection:
        accounts = account_statuses(connection)
        scopes = scope_statuses(connection, max_age)
    shown = scopes if every else [scope for scope in scopes if scope.freshness != "fresh"]
    if as_json:
        print_json({"accounts": accounts, "regions": _regions(scopes), "scopes": shown})
    elif not accounts and not scopes:
        say("nothing has been collected yet; `resoto run` does that")
    else:
        _print(accounts, scopes, shown if every else None)


@dataclass
class _Region:
    """The scopes of one region, summed up. `oldest` is when the one read longest ago was read well."""

    provider: str
    account: str
    account_name: str | None
    region: str
    fresh: int = 0
    stale: int = 0
    failed: int = 0
    collecting: int = 0
    resources: int = 0
    oldest: datetime | None = None


def _regions(scopes: "Iterable[ScopeStatus]") -> list[_Region]:
    regions: dict[tuple[str, str, str], _Region] = {}
    for scope in scopes:
        place = (scope.provider, scope.account, scope.region)
        region = regions.setdefault(
            place, _Region(scope.provider, scope.account, scope.account_name, scope.region)
        )
        setattr(region, scope.freshness, getattr(region, scope.freshness) + 1)
        region.resources += scope.resources
        if scope.succeeded_at is not None:
            region.oldest = min(region.oldest or scope.succeeded_at, scope.succeeded_at)
    return list(regions.values())


def _print(
    accounts: "Sequence[AccountStatus]",
    scopes: "Sequence[ScopeStatus]",
    every: "Sequence[ScopeStatus] | None",
) -> None:
    if every is not None:
        _print_scopes(every)
    else:
        _print_regions(_regions(scopes))
    _print_problems(accounts, scopes if every is None else ())
    totals = Counter(scope.freshness for scope in scopes)
    counts = ", ".join(f"{totals[state]} {state}" for state in _STATES if totals[state])
    resources = sum(scope.resources for scope in scopes)
    say(
        f"{count(len(accounts), 'account')}, {count(len(scopes), 'scope')}"
        f"{f' ({counts})' if counts else ''}, {count(resources, 'resource')}"
    )


def _print_scopes(scopes: "Iterable[ScopeStatus]") -> None:
    rows = []
    for scope in scopes:
        place = (scope.provider, scope.account_name or scope.account, scope.region, scope.kind)
        rows.append((*place, scope.freshness, scope.resources, age(scope.succeeded_at), scope.error))
    columns = ("provider", "account", "region", "kind", "state", "resources", "read", "error")
    table(columns, rows, numbers=("resources",))


def _print_regions(regions: Iterable[_Region]) -> None:
    rows = []
    for region in regions:
        place = (region.provider, region.account_name or region.account, region.region)
        counts = (region.fresh, region.stale, region.failed, region.collecting, region.resources)
        rows.append((*place, *counts, age(region.oldest)))
    numbers = (*_STATES, "resources")
    table(("provider", "account", "region", *numbers, "read"), rows, numbers)


@dataclass
class _Problem:
    """Scopes of one account that have the same problem."""

    provider: str
    account: str
    state: str
    error: str | None
    scopes: "list[ScopeStatus]" = field(default_factory=list)

    @property
    def where(self) -> str:
        """What the problem is with: the account, a scope, or how many of them."""
        if not self.scopes:
            return "the account"
        if len(self.scopes) == 1:
            return f"{self.scopes[0].region} {self.scopes[0].kind}"
        regions = {scope.region for scope in self.scopes}
        place = regions.pop() if len(regions) == 1 else count(len(regions), "region")
        return f"{count(len(self.scopes), 'scope')} in {place}"


def _print_problems(accounts: "Iterable[AccountStatus]", scopes: "Iterable[ScopeStatus]") -> None:
    """Print what is not fresh, with its error; the same problem of many scopes once."""
    problems: dict[tuple[Any, ...], _Problem] = {}
    names = {}
    for account in accounts:
        names[account.provider, account.account] = account.name or account.account
        if account.state == "failed":
            key = (account.provider, account.account, "failed", account.error)
            problems[key] = _Problem(*key)
    for scope in scopes:
        if scope.freshness != "fresh":
            error = scope.error if scope.freshness == "failed" else None
            key = (scope.provider, scope.account, scope.freshness, error)
            problems.setdefault(key, _Problem(*key)).scopes.append(scope)
    if problems:
        table(
            ("problem", "provider", "account", "where", "error"),
            (
                (p.state, p.provider, names.get((p.provider, p.account), p.account), p.where, p.error)
                for p in problems.values()
            ),
        )
