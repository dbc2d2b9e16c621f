"""`resoto search`."""

from itertools import islice
from typing import Annotated, Any

import typer

from resoto_dagster.cli.database import inventory_database, me
from resoto_dagster.cli.output import AsJson, age, count, print_json, say, table

_COLUMNS = ("kind", "id", "name", "cloud", "account", "region", "age")


def search(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="A search in Resoto's language, in quotes.")],
    limit: Annotated[
        int | None, typer.Option(min=1, help="Print so many at most. Without it everything is printed.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search the inventory.

    Finds resources by kind (`is(volume)` holds for every cloud), by what they report, and by how old
    they are; or sums them up.

    Examples:

    * `resoto search 'is(volume) and volume_status = available and age > 30d'`

    * `resoto search 'is(instance) and tags.owner = null' --limit 20`

    * `resoto search 'aggregate(kind: sum(1) as count): all'`

    * `resoto search 'is(instance) --> is(volume) | list --csv id, volume_size as size'`

    With `--json` each line is one JSON object: of a resource `node_id`, `kind`, `id`, `name`, `cloud`,
    `account`, `account_name`, `region`, `ctime`, `mtime`, `atime` and `reported`, which is all that the
    API said; of an aggregation its groups and values.
    """
    from resoto_dagster.inventory.inventory import Inventory
    from resoto_dagster.inventory.search.parse import parse_search
    from resoto_dagster.inventory.search.pipes import lines
    from resoto_dagster.inventory.search.query import Head, Tail

    pipes = parse_search(query).pipes
    with inventory_database() as engine:
        rows = islice(Inventory(engine, me()).rows(query), limit)
        if as_json:
            for row in rows:
                print_json(row, line=True)
        elif pipes and not isinstance(pipes[-1], Head | Tail):
            for line in lines(pipes[-1], rows):
                say(line)
        else:
            _print(list(rows), limit)


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
