"""`resoto run`: the workflow, now."""

import sys
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from resoto_dagster.cli.database import inventory_database
from resoto_dagster.cli.output import AsJson, cell, count, print_json, say, table
from resoto_dagster.cli.progress import Progress

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from resoto_dagster.cleanup.plan import Plan
    from resoto_dagster.workflow.run import RunSummary

Job = Annotated[
    Literal["collect_and_cleanup", "collect", "cleanup", "metrics"],
    typer.Argument(metavar="JOB", help="collect_and_cleanup, or one part of it: collect, cleanup, metrics."),
]


def run(job: Job = "collect_and_cleanup", as_json: AsJson = False) -> None:
    """Run the workflow now, in this process, and show what it did.

    Collects all accounts of resoto.yaml, plans what should go, deletes it if cleanup is switched on, and
    generates metrics; the same as the schedule does every hour, and seen in Dagster's UI like any run.

    Examples:

    * `resoto run`

    * `resoto run collect` collects and generates metrics, and plans nothing

    Ends with 0 also when scopes failed: they are named, and keep their last good state. Ends with 1 when
    the run itself failed.

    With `--json`: `run_id`, `success`, `error`, `accounts` (scopes and resources of each),
    `problems` (what was not read, and why), `plan` and `metrics` (either may be null).
    """
    from resoto_dagster.workflow.run import run_workflow

    run_id = str(uuid.uuid4())
    with inventory_database() as engine:
        if as_json:
            ended = run_workflow(job, run_id)
        else:
            say(f"run {run_id} of {job}")
            with Progress(engine, run_id):
                ended = run_workflow(job, run_id)
        with engine.connect() as connection:
            if as_json:
                print_json(_as_json(connection, ended))
            else:
                print_run(connection, ended)
    if not ended.success:
        print(f"resoto: run {run_id} failed: {ended.error}", file=sys.stderr)
        raise typer.Exit(1)


def _accounts(connection: "Connection", run_id: str) -> list[dict[str, Any]]:
    """What the run's collect found, account by account."""
    from sqlalchemy import text

    rows = connection.execute(
        text(
            """
            SELECT s.provider, s.account, coalesce(a.name, s.account) AS account_name,
                count(*) FILTER (WHERE s.state = 'fresh') AS fresh,
                count(*) FILTER (WHERE s.state <> 'fresh') AS failed,
                coalesce(sum(s.resources), 0) AS resources,
                coalesce(sum(s.added) FILTER (WHERE s.state = 'fresh'), 0) AS added,
                coalesce(sum(s.changed) FILTER (WHERE s.state = 'fresh'), 0) AS changed,
                coalesce(sum(s.removed) FILTER (WHERE s.state = 'fresh'), 0) AS removed
            FROM inventory.scopes s LEFT JOIN inventory.accounts a USING (provider, account)
            WHERE s.run_id = :run_id GROUP BY s.provider, s.account, a.name ORDER BY s.provider, s.account
            """
        ),
        {"run_id": run_id},
    )
    return [dict(row) for row in rows.mappings()]


def _problems(connection: "Connection", run_id: str) -> list[dict[str, Any]]:
    """What the run could not read: the accounts, and the scopes that have one error in common."""
    from sqlalchemy import text

    rows = connection.execute(
        text(
            """
            SELECT p.provider, p.account, coalesce(a.name, p.account) AS account_name,
                count(p.kind) AS scopes, array_remove(array_agg(DISTINCT p.region), NULL) AS regions,
                array_remove(array_agg(DISTINCT p.kind), NULL) AS kinds, p.error
            FROM (
                SELECT provider, account, region, kind, coalesce(error, state) AS error FROM inventory.scopes
                WHERE run_id = :run_id AND state <> 'fresh'
                UNION ALL
                SELECT provider, account, NULL, NULL, coalesce(error, state) FROM inventory.accounts
                WHERE run_id = :run_id AND state <> 'fresh'
            ) p
            JOIN inventory.accounts a USING (provider, account)
            GROUP BY p.provider, p.account, a.name, p.error ORDER BY p.provider, p.account, p.error
            """
        ),
        {"run_id": run_id},
    )
    return [dict(row) for row in rows.mappings()]


def _where(problem: dict[str, Any]) -> str:
    if problem["scopes"] == 0:
        return "the account"
    region, kind = problem["regions"][0], problem["kinds"][0]
    return f"{region} {kind}" if problem["scopes"] == 1 else count(problem["scopes"], "scope")


def _print_collect(connection: "Connection", run_id: str) -> None:
    accounts, problems = _accounts(connection, run_id), _problems(connection, run_id)
    columns = ("fresh", "failed", "resources", "added", "changed", "removed")
    if not accounts and not problems:
        say("nothing was collected")
    if accounts:
        table(
            ("provider", "account", *columns),
            ((a["provider"], a["account_name"], *(a[column] for column in columns)) for a in accounts),
            numbers=columns,
        )
    if problems:
        table(
            ("not read", "provider", "account", "error"),
            ((_where(p), p["provider"], p["account_name"], p["error"]) for p in problems),
        )
        say("what was not read keeps its last good state; nothing in it is cleaned up")


def print_plan(connection: "Connection", plan: "Plan") -> None:
    """Print what a plan deletes and how that ended, in a few lines."""
    from resoto_dagster.cleanup.approval import approval_of
    from resoto_dagster.cleanup.journal import outcomes

    waves = Counter(item.wave for item in plan.going)
    by_wave = "".join(f", {number} in wave {wave}" for wave, number in sorted(waves.items()))
    along = sum(len(item.takes_along) for item in plan.going)
    with_them = f", and {along} more with them" if along else ""
    say(f"plan {plan.plan_id}: {count(len(plan.going), 'resource')} to delete{by_wave}{with_them}")
    if plan.held is not None:
        say(f"HELD, none of it is done: {plan.held}")
    elif plan.waits is not None and approval_of(connection, plan.plan_id) is None:
        say(f"WAITS FOR APPROVAL (`resoto plan approve {plan.plan_id}`): {plan.waits}")
    if plan.notes:
        say(f"{count(len(plan.notes), 'note')}, shown by `resoto plan show`")
    for reason, number in Counter(item.kept for item in plan.kept).most_common():
        say(f"{number} kept: {reason}")
    ended = outcomes(connection, plan.plan_id)
    if ended:
        totals = Counter(outcome for outcome, _ in ended.values())
        say(f"outcomes: {', '.join(f'{number} {outcome}' for outcome, number in totals.most_common())}")
    for (outcome, detail), number in Counter(ended.values()).most_common():
        if outcome in ("failed", "skipped"):
            say(f"{number} {outcome}: {detail}")


def print_run(connection: "Connection", ended: "RunSummary") -> None:
    """Print what a run did."""
    from resoto_dagster.cleanup.plan import load_plan
    from resoto_dagster.metrics.generate import latest_snapshot

    _print_collect(connection, ended.run_id)
    plan = load_plan(connection, ended.run_id)
    if plan is not None:
        print_plan(connection, plan)
    snapshot = latest_snapshot(connection)
    if snapshot is not None:
        series = sum(len(family.samples) for family in snapshot.families)
        stale = sum(family.error is not None for family in snapshot.families)
        old = f", {count(stale, 'metric')} stale" if stale else ""
        say(f"metrics: {series} values generated {cell(snapshot.generated_at)}{old}")
    if ended.success:
        say(f"run {ended.run_id} succeeded")


def _as_json(connection: "Connection", ended: "RunSummary") -> dict[str, Any]:
    from resoto_dagster.cleanup.journal import outcomes
    from resoto_dagster.cleanup.plan import load_plan
    from resoto_dagster.metrics.generate import latest_snapshot

    plan, snapshot = load_plan(connection, ended.run_id), latest_snapshot(connection)
    accounts = _accounts(connection, ended.run_id)
    return {
        "run_id": ended.run_id,
        "success": ended.success,
        "error": ended.error,
        "accounts": accounts,
        "problems": _problems(connection, ended.run_id),
        "plan": None
        if plan is None
        else {
            "plan_id": plan.plan_id,
            "held": plan.held,
            "waits": plan.waits,
            "to_delete": len(plan.going),
            "kept": len(plan.kept),
            "outcomes": Counter(outcome for outcome, _ in outcomes(connection, plan.plan_id).values()),
        },
        "metrics": None
        if snapshot is None
        else {"snapshot_id": snapshot.snapshot_id, "generated_at": snapshot.generated_at},
    }
