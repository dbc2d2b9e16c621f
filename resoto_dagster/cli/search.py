"""`resoto search`."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resoto_dagster.cli.database import inventory_database, me
from resoto_dagster.cli.output import AsJson, age, as_json_line, cell, count, plain, say, table
from resoto_dagster.errors import ResotoError

if TYPE_CHECKING:
    from resoto_dagster.inventory.inventory import Acted, Inventory
    from resoto_dagster.inventory.search.query import Query

_COLUMNS = ("kind", "id", "name", "cloud", "account", "region", "age")


def search(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="A search in Resoto's language, in quotes.")],
    limit: Annotated[
        int | None, typer.Option(min=1, help="Print so many at most. Without it everything is printed.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="MOMENT", help="Ask the past: a timestamp, a time ago (-2d), or a snapshot."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the SQL and Postgres' plan, and search nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Search the inventory.

    Finds resources by kind (`is(volume)` holds for every cloud), by what they report, and by how old
    they are; or sums them up; or marks, annotates and tags what it finds.

    Examples:

    * `resoto search 'is(volume) and volume_status = available and age > 30d'`

    * `resoto search 'is(instance) and tags.owner = null' --limit 20`

    * `resoto search 'aggregate(kind: sum(1) as count): all'`

    * `resoto search 'is(instance) --> is(volume) | list --csv id, volume_size as size | write volumes.csv'`

    * `resoto search 'is(volume)' --at -7d`

    * `resoto search 'is(volume) | history --after -1d --change node_deleted'`

    * `resoto search 'is(instance) and name ~ "^demo" | tag update owner sales'`

    With `--json` each line is one JSON object: of a resource `node_id`, `kind`, `id`, `name`, `cloud`,
    `account`, `account_name`, `region`, `ctime`, `mtime`, `atime` and `reported`, which is all that the
    API said; of an aggregation its groups and values; of a history the changes.

    Ends with 1 when an action failed on a resource; each of them is named.
    """
    from resoto_dagster.inventory.inventory import Inventory
    from resoto_dagster.inventory.search.parse import parse_search

    parsed = parse_search(query)
    with inventory_database() as engine:
        inventory = Inventory(engine, me())
        if explain:
            for line in inventory.explain(query, at).splitlines():
                say(line)
        elif parsed.actions:
            if at is not None:
                raise ResotoError("--at asks the past, and nothing can be done to that")
            _act(inventory, query, parsed, as_json)
        else:
            _show(parsed, islice(inventory.rows(query, at, to_file=True), limit), as_json, limit)


def _act(inventory: "Inventory", query: str, parsed: "Query", as_json: bool) -> None:
    """Do what the search says, show what it left, and tell of what failed."""
    from resoto_dagster.workflow.project import Project

    with ExitStack() as stack:
        acted = inventory.act(query, Project.load().retagger(stack))
    _show(parsed, acted.rows, as_json)
    if not as_json:
        done = ", ".join(f"| {action}" for action in parsed.actions)
        say(f"{done}: {count(acted.resources - len(acted.failures), 'resource')} by {me().name}")
    _tell_failures(acted)


def _tell_failures(acted: "Acted") -> None:
    for resource, reason in acted.failures:
        print(plain(f"resoto: {resource.scope.kind} {resource.id}: {reason}"), file=sys.stderr)
    if acted.failures:
        raise typer.Exit(1)


def _show(query: "Query", rows: Iterable[dict[str, Any]], as_json: bool, limit: int | None = None) -> None:
    """Print the rows as the last pipe says, or write them to the file that it names."""
    from resoto_dagster.inventory.search.pipes import lines
    from resoto_dagster.inventory.search.query import Head, History, Tail, Write

    *earlier, last = query.pipes or (None,)
    if isinstance(last, Write):
        shown = next((pipe for pipe in reversed(earlier) if not isinstance(pipe, Head | Tail | None)), None)
        text = map(as_json_line, rows) if as_json or shown is None else lines(shown, rows)
        written = _write(last.file, text)
        say(f"{count(written, 'line')} written to {last.file}")
    elif as_json:
        for row in rows:
            print(as_json_line(row))
    elif isinstance(last, History):
        _print_changes(list(rows))
    elif last is not None and not isinstance(last, Head | Tail):
        for line in lines(last, rows):
            say(line)
    else:
        _print(list(rows), limit)


def _write(file: str, text: Iterable[str]) -> int:
    """Write lines to a file. Returns how many."""
    written = 0
    try:
        with Path(file).open("w", encoding="utf-8") as target:
            for written, line in enumerate(text, 1):  # noqa: B007  # the last number is the answer
                target.write(f"{line}\n")
    except OSError as error:
        raise ResotoError(f"{file} can't be written: {error.strerror}") from None
    return written


def _print(rows: list[dict[str, Any]], limit: int | None) -> None:
    if rows and "node_id" in rows[0]:
        table(
            _COLUMNS,
            (
                (
                    *(row[column] for column in ("kind", "id", "name", "cloud")),
                    row["account_name"],
                    row["region"],
                    age(row["ctime"]),
                )
                for row in rows
            ),
        )
    elif rows:
        table(list(rows[0]), (list(row.values()) for row in rows))
    more = "; there may be more, the limit is reached" if limit is not None and len(rows) == limit else ""
    say(f"{count(len(rows), 'row')}{more}" if rows else "nothing found")


def _print_changes(rows: list[dict[str, Any]]) -> None:
    columns = ("changed_at", "change", "kind", "id", "name", "cloud", "account_name", "region")
    if rows:
        table(
            (*columns, "what"),
            ((*(row[column] for column in columns), ", ".join(_differences(row))) for row in rows),
        )
    say(count(len(rows), "change") if rows else "nothing changed")


def _differences(row: dict[str, Any]) -> Iterator[str]:
    """What an update changed: `volume_size: 8 → 16`."""
    before, after = row["before"] or {}, row["after"] or {}
    for name in sorted({*before, *after}):
        yield f"{name}: {cell(before.get(name))} → {cell(after.get(name))}"
