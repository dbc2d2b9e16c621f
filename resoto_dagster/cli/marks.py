"""`resoto protect`, `keep`, `clean` and `unmark`: a person's own marks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from uuid import UUID

import typer

from resoto_dagster.cli.database import inventory_database, me
from resoto_dagster.cli.output import AsJson, count, print_json, say, table
from resoto_dagster.errors import ResotoError

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from resoto_dagster.inventory.marks import MarkName

Ids = Annotated[
    list[str] | None, typer.Argument(metavar="ID...", help="Ids of resources, as the cloud calls them.")
]
Search = Annotated[
    str | None, typer.Option(help="A search instead of ids: what it finds now is marked.", metavar="QUERY")
]
Reason = Annotated[str, typer.Option(help="Why; shown in plans, so that nobody has to guess.")]


class _Found(NamedTuple):
    """One resource that is marked; printed as JSON by these names."""

    node_id: UUID
    kind: str
    id: str
    name: str
    cloud: str
    account: str
    account_name: str
    region: str


_COLUMNS = (
    "r.node_id, r.kind, r.id, r.name, s.provider, s.account, "
    "coalesce(a.name, s.account) AS account_name, r.region"
)


def protect(reason: Reason, ids: Ids = None, search: Search = None, as_json: AsJson = False) -> None:
    """Keep resources from every cleanup, whatever else marks them.

    Your mark bears your login name, and stays until you take it back with `resoto unmark`.

    Examples:

    * `resoto protect vol-0a1b2c --reason 'the last backup of 2019'`

    * `resoto protect --search 'is(database) and tags.stage = prod' --reason production`

    With `--json`: `marked` (how many) and `resources`.
    """
    _mark("protected", reason, ids, search, as_json)


def keep(
    reason: Reason,
    ids: Ids = None,
    search: Search = None,
    length: Annotated[
        str, typer.Option("--for", help="For how long: 30d, 12h, 2w.", metavar="DURATION")
    ] = "30d",
    as_json: AsJson = False,
) -> None:
    """Keep resources from every cleanup for a while, whatever else marks them.

    As `resoto protect`, but it ends by itself; a later one of yours replaces it.

    Example: `resoto keep vol-0a1b2c --for 14d --reason 'the audit is until May'`

    With `--json`: `marked` (how many) and `resources`.
    """
    from datetime import UTC, datetime

    from resoto_dagster.model.durations import parse_duration

    try:
        until = datetime.now(UTC) + parse_duration(length)
    except ValueError as error:
        raise ResotoError(f"--for: {error}") from None
    _mark("protected", reason, ids, search, as_json, until)


def clean(reason: Reason, ids: Ids = None, search: Search = None, as_json: AsJson = False) -> None:
    """Have the next cleanup delete resources.

    They are planned by every run until they are gone or you take the mark back. What is protected, or
    needed by something that stays, is kept; nothing is deleted while cleanup is off or a dry run.

    Example: `resoto clean vol-0a1b2c --reason 'left over from the test of May'`

    With `--json`: `marked` (how many) and `resources`.
    """
    _mark("clean", reason, ids, search, as_json)


def unmark(ids: Ids = None, search: Search = None, as_json: AsJson = False) -> None:
    """Take back your own marks, those to clean and those to protect.

    What planners, hooks and others have marked stays as it is, and is shown.

    Example: `resoto unmark vol-0a1b2c`

    With `--json`: `unmarked` (how many marks) and `remaining` (each with `node_id`, `mark`, `source`,
    `author` and `reason`).
    """
    from resoto_dagster.inventory.marks import remove_mark

    with inventory_database() as engine:
        found = _find(engine, ids, search)
        nodes = [resource.node_id for resource in found]
        with engine.begin() as connection:
            removed = sum(remove_mark(connection, me(), mark, nodes) for mark in ("clean", "protected"))
            remaining = _marks(connection, nodes)
    if as_json:
        print_json({"unmarked": removed, "remaining": remaining})
        return
    say(f"{count(removed, 'mark')} taken back")
    if remaining:
        say("these stay:")
        names = {resource.node_id: resource.id for resource in found}
        table(
            ("id", "mark", "by", "reason"),
            (
                (names[mark["node_id"]], mark["mark"], f"{mark['source']} {mark['author']}", mark["reason"])
                for mark in remaining
            ),
        )


def _mark(
    mark: "MarkName",
    reason: str,
    ids: list[str] | None,
    search: str | None,
    as_json: bool,
    until: "datetime | None" = None,
) -> None:
    from resoto_dagster.inventory.marks import Mark, set_marks

    if not reason.strip():
        raise ResotoError("--reason is empty; say why, so that nobody has to guess")
    with inventory_database() as engine:
        found = _find(engine, ids, search)
        with engine.begin() as connection:
            set_marks(connection, me(), [Mark(resource.node_id, mark, reason, until) for resource in found])
    if as_json:
        print_json({"marked": len(found), "resources": [resource._asdict() for resource in found]})
        return
    _print(found)
    done = "protected" if mark == "protected" else "marked to be cleaned"
    ends = f" until {until:%Y-%m-%d %H:%M}Z" if until else ""
    say(f"{count(len(found), 'resource')} {done} by {me().name}{ends}")


def _print(found: Sequence[_Found]) -> None:
    if found:
        table(
            ("kind", "id", "name", "cloud", "account", "region"),
            ((r.kind, r.id, r.name, r.cloud, r.account_name, r.region) for r in found),
        )


def _find(engine: "Engine", ids: list[str] | None, search: str | None) -> list[_Found]:
    """The resources that are meant. Raises ResotoError unless each id is that of exactly one."""
    from resoto_dagster.inventory.search.parse import parse_nodes
    from resoto_dagster.inventory.search.query import Path, Predicate, Query

    if bool(ids) == (search is not None):
        raise ResotoError("name resources by their ids, or find them with --search")
    with engine.connect() as connection:
        if search is not None:
            return _resources(connection, parse_nodes(search))
        found = []
        for wanted in dict.fromkeys(ids or ()):
            matching = _resources(connection, Query((Predicate(Path(("id",)), "=", wanted),)))
            if not matching:
                raise ResotoError(f"no resource has the id {wanted!r}; nothing was marked or unmarked")
            if len(matching) > 1:
                raise ResotoError(_ambiguous(wanted, matching))
            found += matching
        return found


def _resources(connection: "Connection", query: Any) -> list[_Found]:
    from sqlalchemy import text

    from resoto_dagster.inventory.search.compile import compile_nodes
    from resoto_dagster.inventory.search.kinds import kinds_of

    statement = compile_nodes(query, kinds_of(connection, query), _COLUMNS)
    return [_Found(*row) for row in connection.execute(text(statement.sql), statement.parameters)]


def _ambiguous(wanted: str, matching: Sequence[_Found]) -> str:
    example = matching[0]
    lines = [
        f"{len(matching)} resources have the id {wanted!r}; say which with --search, "
        f'e.g. --search \'is({example.kind}) and id = "{wanted}" and '
        f'/ancestors.account.reported.id = "{example.account}" and '
        f'/ancestors.region.reported.id = "{example.region}"\''
    ]
    lines += [f"  {r.kind} {r.name} in {r.cloud} {r.account_name} ({r.account}) {r.region}" for r in matching]
    return "\n".join(lines)


def _marks(connection: "Connection", nodes: Sequence[UUID]) -> list[dict[str, Any]]:
    from sqlalchemy import text

    rows = connection.execute(
        text(
            "SELECT node_id, mark, source, author, reason FROM inventory.marks WHERE node_id = ANY (:nodes) "
            "ORDER BY node_id, mark, source, author"
        ),
        {"nodes": list(nodes)},
    )
    return [dict(row) for row in rows.mappings()]
