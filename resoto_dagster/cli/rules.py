"""`resoto rules`: what your rules mark, and would have marked."""

from typing import TYPE_CHECKING, Annotated

import typer

from resoto_dagster.cli.database import inventory_database
from resoto_dagster.cli.output import AsJson, count, print_json, say, table
from resoto_dagster.errors import ResotoError

if TYPE_CHECKING:
    from resoto_dagster.cleanup.rules import Marking
    from resoto_dagster.config import CleanupSettings, RuleSettings

app = typer.Typer(
    name="rules",
    help="Try the rules of resoto.yaml, before they mark anything. Nothing here marks.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="The name of a rule in resoto.yaml.")]


@app.command("test")
def try_now(name: Name, as_json: AsJson = False) -> None:
    """Show what a rule would mark now, and the accounts that it would sit out.

    What it marks is not what goes: the plan keeps what is protected, needed, stale or in another account.

    Example: `resoto rules test old_snapshots`

    With `--json`: `marked`, each with kind, id, name, account and region, and `notes`.
    """
    from resoto_dagster.cleanup.rules import choose
    from resoto_dagster.inventory.inventory import Inventory
    from resoto_dagster.inventory.marks import Author

    rule, settings = _rule(name)
    with inventory_database() as engine:
        with engine.connect() as connection:
            chosen = choose(connection, rule, settings, root_run_id="")
        nodes = {one.node_id for one in chosen.selected}
        rows = Inventory(engine, Author("rule", name)).rows(rule.search)
        marked = [
            {column: row[column] for column in ("kind", "id", "name", "account_name", "region")}
            for row in rows
            if row["node_id"] in nodes
        ]
    if as_json:
        print_json({"marked": marked, "notes": chosen.notes})
        return
    if marked:
        table(list(marked[0]), [list(row.values()) for row in marked])
    say(f"{count(len(marked), 'resource')} would be {_done(rule)}: {rule.reason}")
    for note in chosen.notes:
        say(note)


@app.command()
def backtest(
    name: Name,
    days: Annotated[int, typer.Option(min=1, help="How far to look back.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Show what a rule would have marked at each past run, and what became of it.

    What was in use again later is what the rule should not have marked. When something was last accessed is
    known of now only: a search for it finds nothing in the past.

    Example: `resoto rules backtest old_snapshots --days 7`

    With `--json`: `runs` (how many were looked at) and `marked`, each with kind, id, name, account, region,
    `first` and `last` (the runs in which it would have been marked), `ended` (the first one in which it would
    not any more, or null) and `gone` (whether it was gone by then).
    """
    from datetime import timedelta

    from resoto_dagster.cleanup.rules import backtest as look_back
    from resoto_dagster.cleanup.rules import past_runs

    rule, _ = _rule(name)
    with inventory_database() as engine:
        with engine.connect() as connection:
            runs = past_runs(connection, timedelta(days=days))
        marked = look_back(engine, rule, runs)
    if as_json:
        print_json({"runs": len(runs), "marked": marked})
        return
    if marked:
        table(
            ("kind", "id", "name", "account", "region", "first", "last", "then"),
            [
                (
                    *(one.kind, one.id, one.name, one.account, one.region),
                    f"{one.first:%Y-%m-%d %H:%M}Z",
                    f"{one.last:%Y-%m-%d %H:%M}Z",
                    _then(one),
                )
                for one in marked
            ],
        )
    again = sum(one.ended is not None and not one.gone for one in marked)
    say(
        f"{count(len(marked), 'resource')} would have been {_done(rule)} in "
        f"{count(len(runs), 'run')}; {again} of them not any more later, though they were still there"
    )


def _rule(name: str) -> "tuple[RuleSettings, CleanupSettings]":
    from difflib import get_close_matches

    from resoto_dagster.settings_file import config_path, load_settings

    cleanup = load_settings().cleanup
    rules = {rule.name: rule for rule in cleanup.rules}
    if name not in rules:
        meant = get_close_matches(name, rules, 1)
        hint = f"did you mean {meant[0]}?" if meant else f"it has {', '.join(rules) or 'none'}"
        raise ResotoError(f"{config_path()} has no rule {name}; {hint}")
    return rules[name], cleanup


def _done(rule: "RuleSettings") -> str:
    if rule.mark == "tag":
        return f"tagged {', '.join(f'{key}={value}' for key, value in rule.tags.items())}"
    return "marked to go" if rule.mark == "clean" else "marked to stay"


def _then(marking: "Marking") -> str:
    if marking.ended is None:
        return "still marked"
    return f"{'gone' if marking.gone else 'in use again'} {marking.ended:%Y-%m-%d %H:%M}Z"
