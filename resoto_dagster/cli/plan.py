"""`resoto plan`: what the cleanup of a run deletes, and why; how plans differ; and their approval."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from resoto_dagster.cli.database import inventory_database, me
from resoto_dagster.cli.output import AsJson, age, cell, count, print_json, say, table

if TYPE_CHECKING:
    from resoto_dagster.cleanup.approval import Approval, Decision
    from resoto_dagster.cleanup.differences import Difference
    from resoto_dagster.cleanup.plan import Plan, PlanItem

app = typer.Typer(name="plan", help="Show what cleanup deletes, and why; approve it.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="PLAN", help="The number of a plan (`resoto plan show`).")]
Reason = Annotated[str, typer.Option(help="Why; it is kept with the plan.")]
Outcomes = Mapping[UUID, tuple[str, str]]
"""How each resource of a plan ended so far, with what was said of it."""


@app.command()
def show(
    run: Annotated[
        str | None, typer.Option(help="The id of the run whose plan it is; default: the last plan.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a plan: what goes, in which order and why, what stays though it was marked, and how it ended.

    A plan is made by each run, also when cleanup is off or a dry run: look at it before switching on more.

    Examples:

    * `resoto plan show`

    * `resoto plan show --json | jq '.items[] | select(.wave != null) | .id'`

    With `--json`: `plan_id`, `run_id`, `created_at`, `hash`, `held` (why none of it is done), `waits` (why it
    must be approved first), `approval` (what was decided, by whom, when and why), `monthly_cost` (US dollars
    of what goes, as far as prices are known), `notes`, `rules` (as they were) and `items`, each with what and
    where it is, `reason`, `author`, `born`, `monthly_cost` (null: not known), `wave` (null: it stays), `kept`
    (why it stays), `waits_for` (what goes before it), `unties` (what lets go of it first), `takes_along`
    (what goes with it without being marked), `outcome` and `detail`; null when there is no plan yet.
    """
    from resoto_dagster.cleanup.approval import approval_of
    from resoto_dagster.cleanup.execute import why_not
    from resoto_dagster.cleanup.journal import answered, outcomes
    from resoto_dagster.cleanup.plan import load_plan
    from resoto_dagster.errors import ResotoError
    from resoto_dagster.settings_file import load_settings

    cleanup = load_settings().cleanup
    with inventory_database() as engine, engine.connect() as connection:
        plan = load_plan(connection, run)
        ended: dict[UUID, tuple[str, str]] = {}
        if plan is not None:
            approval = approval_of(connection, plan.plan_id)
            reason = why_not(plan, approval, cleanup)
            under_way = dict.fromkeys(answered(connection, plan.plan_id), ("deleting", ""))
            ended = {**under_way, **outcomes(connection, plan.plan_id)}
    if plan is None and run is not None:
        raise ResotoError(f"there is no plan of a run {run!r}; `resoto plan show` shows the last one")
    if as_json:
        print_json(_as_json(plan, approval, ended) if plan else None)
    elif plan is None:
        say("there is no plan yet; `resoto run` makes one")
    else:
        _print(plan, approval, ended)
        if plan.going and not ended and plan.held is None:
            say(reason or "nothing of it has been executed yet")


@app.command()
def approve(number: Number, reason: Reason) -> None:
    """Approve a plan that waits: it is executed as it is, or not at all if anything is different by now.

    Dagster's daemon starts that by itself; without one, do it with `resoto plan execute 17`.

    Example: `resoto plan approve 17 --reason 'looked at all of it, the load test is over'`
    """
    _decide(number, "approved", reason)


@app.command()
def reject(number: Number, reason: Reason) -> None:
    """Reject a plan that waits: none of it is ever done. What it marked comes again with the next plan.

    Protect what must stay (`resoto protect`), or change what marks it.

    Example: `resoto plan reject 17 --reason 'the staging network is still needed'`
    """
    _decide(number, "rejected", reason)


@app.command()
def execute(number: Number) -> None:
    """Execute an approved plan now, in this process, where no daemon of Dagster does.

    Example: `resoto plan execute 17`
    """
    import sys

    from resoto_dagster.cleanup.approval import approval_of
    from resoto_dagster.cleanup.execute import why_not
    from resoto_dagster.cleanup.plan import plan_of_number
    from resoto_dagster.cli.run import print_plan
    from resoto_dagster.errors import ResotoError
    from resoto_dagster.settings_file import load_settings
    from resoto_dagster.workflow.jobs import APPROVED
    from resoto_dagster.workflow.project import CONTINUES_TAG
    from resoto_dagster.workflow.run import run_workflow

    cleanup = load_settings().cleanup
    with inventory_database() as engine:
        with engine.connect() as connection:
            plan = plan_of_number(connection, number)
            reason = why_not(plan, approval_of(connection, number), cleanup)
        if plan.waits is None or reason is not None:
            raise ResotoError(reason or f"plan {number} waits for no approval: its own run executes it")
        ended = run_workflow(APPROVED, tags={CONTINUES_TAG: plan.root_run_id})
        with engine.connect() as connection:
            print_plan(connection, plan)
    if not ended.success:
        print(f"resoto: run {ended.run_id} failed: {ended.error}", file=sys.stderr)
        raise typer.Exit(1)


def _decide(number: int, decision: "Decision", reason: str) -> None:
    from resoto_dagster.cleanup.approval import decide
    from resoto_dagster.cleanup.plan import plan_of_number
    from resoto_dagster.settings_file import load_settings

    cleanup = load_settings().cleanup
    with inventory_database() as engine, engine.begin() as connection:
        plan = plan_of_number(connection, number)
        decide(connection, plan, decision, me().name, reason, cleanup)
    say(f"plan {number} is {decision} by {me().name}: {count(len(plan.going), 'resource')} to delete")


@app.command()
def diff(
    run: Annotated[
        str | None, typer.Option(help="The id of the run with the later plan; default: the last plan.")
    ] = None,
    earlier_run: Annotated[
        str | None,
        typer.Option("--from", help="The id of the run with the earlier plan; default: the plan before."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how a plan differs from an earlier one: what goes now and did not, and what does not any more.

    Example: `resoto plan diff`

    With `--json`: each resource with `before` and `after`, what the plans say of it: `to delete`, why it is
    `kept`, or null where one does not name it.
    """
    from resoto_dagster.cleanup.differences import differences
    from resoto_dagster.cleanup.plan import load_plan
    from resoto_dagster.errors import ResotoError

    with inventory_database() as engine, engine.connect() as connection:
        later = load_plan(connection, run)
        earlier = load_plan(connection, earlier_run, before=later.plan_id) if later else None
    if later is None or earlier is None:
        missing = run if later is None else earlier_run
        named = (
            f"there is no plan of a run {missing!r} to compare" if missing else "there are no two plans yet"
        )
        raise ResotoError(f"{named}; each `resoto run` makes one")
    found = differences(earlier, later)
    if as_json:
        print_json([_difference_as_json(one) for one in found])
        return
    made = (f"plan {plan.plan_id}, made {cell(plan.created_at)}" for plan in (earlier, later))
    say(", and ".join(made))
    if found:
        table(
            ("what", "where", "marked because", "before", "now"),
            (
                (
                    _what(i.item),
                    _where(i.item),
                    _why(i.item),
                    i.before or "not marked",
                    i.after or "not marked",
                )
                for i in found
            ),
        )
    say(f"{count(len(found), 'resource')} planned otherwise")


def _difference_as_json(one: "Difference") -> dict[str, Any]:
    scope = one.item.resource.scope
    return {
        "kind": scope.kind,
        "id": one.item.resource.id,
        "name": one.item.resource.name,
        "cloud": scope.provider,
        "account": scope.account,
        "region": one.item.region,
        "reason": one.item.reason,
        "author": one.item.author,
        "before": one.before,
        "after": one.after,
    }


def _what(item: "PlanItem") -> str:
    name = item.resource.name
    return f"{item.resource.scope.kind} {item.resource.id}" + (
        f" ({name})" if name != item.resource.id else ""
    )


def _along(item: "PlanItem") -> str:
    taken = ", ".join(map(str, item.takes_along))
    return f", and with it {taken}" if taken else ""


def _where(item: "PlanItem") -> str:
    scope = item.resource.scope
    return f"{scope.provider} {item.account_name or scope.account} {item.region}"


def _why(item: "PlanItem") -> str:
    return f"{item.reason} [{item.author}]"


def _outcome(outcomes: Outcomes, item: "PlanItem") -> str:
    outcome, detail = outcomes.get(item.resource.node_id, ("", ""))
    return f"{outcome}: {detail}" if detail and outcome not in ("gone", "would_delete") else outcome


def _cost(monthly: float | None) -> str:
    return "?" if monthly is None else f"{monthly:,.2f}"


def _order(plan: "Plan", item: "PlanItem") -> str:
    """What has to happen before an item goes."""
    named = {one.resource.node_id: one.resource.id for one in plan.items}
    gone = [named[node] for node in item.waits_for if node in named]
    untied = [f"{named[node]} lets go" for node in item.unties]
    return ", ".join(sorted(gone) + sorted(untied))


def _print(plan: "Plan", approval: "Approval | None", outcomes: Outcomes) -> None:
    say(f"plan {plan.plan_id} of run {plan.root_run_id}, made {cell(plan.created_at)}")
    if plan.held is not None:
        say(f"HELD, none of it is done: {plan.held}")
    elif plan.waits is not None:
        say(f"{'decided' if approval else 'WAITS FOR APPROVAL'}: {approval or plan.waits}")
    for note in plan.notes:
        say(f"note: {note}")
    if plan.going:
        table(
            ("wave", "what goes", "where", "why", "age", "$/month", "after", "outcome"),
            (
                (
                    *(i.wave, _what(i) + _along(i), _where(i), _why(i), age(i.born), _cost(i.monthly_cost)),
                    *(_order(plan, i), _outcome(outcomes, i)),
                )
                for i in plan.going
            ),
            numbers=("wave", "$/month"),
        )
    if plan.kept:
        table(
            ("what stays", "where", "marked because", "age", "$/month", "stays because"),
            ((_what(i), _where(i), _why(i), age(i.born), _cost(i.monthly_cost), i.kept) for i in plan.kept),
            numbers=("$/month",),
        )
    waves = len({item.wave for item in plan.going})
    in_waves = f" in {count(waves, 'wave')}" if waves else ""
    unknown = sum(item.monthly_cost is None for item in plan.going)
    saves = f"; saves ${plan.monthly_cost:,.2f} a month, with {unknown} of unknown cost" if plan.going else ""
    say(f"{count(len(plan.going), 'resource')} to delete{in_waves}, {len(plan.kept)} marked but kept{saves}")


def _as_json(plan: "Plan", approval: "Approval | None", outcomes: Outcomes) -> dict[str, Any]:
    ids = {item.resource.node_id: item.resource.id for item in plan.items}
    return {
        "plan_id": plan.plan_id,
        "run_id": plan.root_run_id,
        "created_at": plan.created_at,
        "hash": plan.hash,
        "held": plan.held,
        "waits": plan.waits,
        "approval": approval,
        "monthly_cost": plan.monthly_cost,
        "notes": plan.notes,
        "rules": plan.rules,
        "items": [
            _item_as_json(item, ids, *outcomes.get(item.resource.node_id, (None, None)))
            for item in plan.items
        ],
    }


def _item_as_json(
    item: "PlanItem", ids: Mapping[UUID, str], outcome: str | None, detail: str | None
) -> dict[str, Any]:
    scope = item.resource.scope
    return {
        "node_id": item.resource.node_id,
        "kind": scope.kind,
        "id": item.resource.id,
        "name": item.resource.name,
        "cloud": scope.provider,
        "account": scope.account,
        "account_name": item.account_name,
        "region": item.region,
        "reason": item.reason,
        "author": item.author,
        "born": item.born,
        "monthly_cost": item.monthly_cost,
        "wave": item.wave,
        "kept": item.kept,
        "waits_for": sorted(ids[node] for node in item.waits_for if node in ids),
        "unties": sorted(ids[node] for node in item.unties),
        "takes_along": [{"kind": one.scope.kind, "id": one.id} for one in item.takes_along],
        "outcome": outcome,
        "detail": detail,
    }
