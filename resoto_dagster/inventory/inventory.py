"""The inventory as hooks, rules and people use it: search it, and mark what should go or stay."""

import uuid
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DataError, OperationalError

from resoto_dagster.inventory.actions import Failure, Retag, check_action, perform
from resoto_dagster.inventory.marks import Author, Mark, MarkName, remove_mark, set_marks
from resoto_dagster.inventory.search.compile import (
    Statement,
    compile_aggregate,
    compile_changes,
    compile_nodes,
    compile_values,
)
from resoto_dagster.inventory.search.kinds import Kinds, kinds_of
from resoto_dagster.inventory.search.parse import SearchError, parse_nodes, parse_search
from resoto_dagster.inventory.search.pipes import chosen, columns_of, summed_up
from resoto_dagster.inventory.search.query import (
    Aggregate,
    ById,
    Format,
    History,
    List,
    Merge,
    Query,
    Write,
)
from resoto_dagster.inventory.snapshots import moment_of
from resoto_dagster.model.resource import Scope, StoredResource

if TYPE_CHECKING:
    import pandas

_COLUMNS = {
    "node_id": "r.node_id",
    "kind": "r.kind",
    "id": "r.id",
    "name": "r.name",
    "cloud": "s.provider",
    "account": "s.account",
    "account_name": "coalesce(a.name, s.account)",
    "region": "r.region",
    "ctime": "coalesce(r.ctime, r.first_seen)",
    "mtime": "coalesce(r.mtime, r.ctime, r.changed_at)",
    "atime": "r.atime",
    "reported": "r.reported",
}
_BEFORE = """(
    SELECT h.reported FROM inventory.history h
    WHERE r.change = 'node_updated' AND h.node_id = r.node_id AND h.at = r.happened_at)"""
_CHANGES = {
    "change": "r.change",
    "changed_at": "r.happened_at",
    **{name: sql for name, sql in _COLUMNS.items() if name not in ("ctime", "mtime", "atime", "reported")},
    "before": f"CASE r.change WHEN 'node_updated' THEN inventory.differing({_BEFORE}, r.reported) END",
    "after": f"CASE r.change WHEN 'node_updated' THEN inventory.differing(r.reported, {_BEFORE}) END",
}
_TIMES = ("ctime", "mtime", "atime", "changed_at")
_SECONDS = 60
# A cursor is read to its end: plans for the first rows only would be slow ones. And of groups that come from
# JSON Postgres expects far more than there are, and would sort them on disk.
_PREPARE = text(
    "SELECT set_config('statement_timeout', :limit, true), set_config('cursor_tuple_fraction', '1', true), "
    "set_config('work_mem', '128MB', true)"
)


@dataclass(frozen=True, slots=True)
class Acted:
    """What became of a search's actions: how many resources they worked on, and where and why they failed.

    `rows` are what the search's pipes give of the resources afterwards.
    """

    resources: int
    failures: tuple[Failure, ...]
    rows: tuple[dict[str, Any], ...]


class Inventory:
    """The inventory graph. Searches are in Resoto's language."""

    def __init__(self, engine: Engine, author: Author):
        self._engine = engine
        self._author = author

    def rows(
        self, search: str, at: str | datetime | None = None, *, to_file: bool = False
    ) -> Generator[dict[str, Any], None, None]:
        """What a search finds, one dict at a time, without holding all of it in memory.

        A node has its identity, account, region, times, and `reported`, and what is merged into it; an
        aggregation has its groups and values; a list has its columns, and a format the values in it; a
        history has the changes. With `at`, the inventory as it was at that moment, or at a snapshot's, is
        asked. A `| write` is left to the caller, who says so by `to_file`.
        Raises SearchError, and ResotoError for what is no moment.
        """
        query = _reading(search, to_file=to_file)
        with self._searching() as connection:
            yield from self._asked(connection, query, at)[1]

    def _asked(
        self, connection: Connection, query: Query, at: str | datetime | None = None
    ) -> tuple[list[str], Iterator[dict[str, Any]]]:
        """What each row of the answer has, and the rows."""
        moment = moment_of(connection, at) if isinstance(at, str) else at
        names, statement = _statement(query, kinds_of(connection, query), moment)
        if query.aggregate is None:  # by a cursor, of which Postgres makes no parallel plans
            connection.execution_options(yield_per=1000)
        found = connection.execute(text(statement.sql), statement.parameters)
        rows = (dict(zip(names, row, strict=True)) for row in found)
        if query.merges and _of_nodes(names):
            rows = (_with_merged(query.merges, row) for row in rows)
            return [*_COLUMNS, *(merge.name[0] for merge in query.merges)], chosen(query.pipes, rows)
        return names, chosen(query.pipes, rows)

    def search(self, search: str, at: str | datetime | None = None) -> "pandas.DataFrame":
        """What a search finds, as a table: a column a property that any of the nodes has.

        Columns have the types of what is in them, and nested values stay as they are. Of nothing found there
        are the columns that every answer has. Raises what `rows` raises.
        """
        import pandas

        with self._searching() as connection:
            names, found = self._asked(connection, _reading(search), at)
            rows = list(map(_with_own_properties, found) if _of_nodes(names) else found)
        if _of_nodes(names):
            names.remove("reported")
        table = pandas.DataFrame(rows) if rows else pandas.DataFrame(columns=names)
        for column in table.columns.intersection(list(_TIMES)):
            table[column] = pandas.to_datetime(table[column], utc=True)
        return table.convert_dtypes()

    def explain(self, search: str, at: str | datetime | None = None) -> str:
        """The SQL statement of a search, and how Postgres would go about it. Raises what `rows` does."""
        query = _reading(search)
        with self._searching() as connection:
            moment = moment_of(connection, at) if isinstance(at, str) else at
            _, statement = _statement(query, kinds_of(connection, query), moment)
            plan = connection.execute(text(f"EXPLAIN {statement.sql}"), statement.parameters).scalars()
            return "\n".join((statement.sql.strip(), "", *plan))

    def nodes(self, search: str) -> list[uuid.UUID]:
        """The identities of what a search finds. Raises SearchError, also for an aggregation or a list."""
        query = parse_nodes(search)
        with self._searching() as connection:
            statement = compile_nodes(query, kinds_of(connection, query), "r.node_id")
            return list(connection.execute(text(statement.sql), statement.parameters).scalars())

    def clean(self, search: str, reason: str) -> int:
        """Mark what the search finds to be cleaned up. Returns how many. Raises SearchError."""
        return self._mark(search, "clean", reason)

    def protect(self, search: str, reason: str) -> int:
        """Protect what the search finds from every cleanup. Returns how many. Raises SearchError."""
        return self._mark(search, "protected", reason)

    def unmark(self, search: str, mark: MarkName) -> int:
        """Take back one's own marks on what the search finds. Returns how many. Raises SearchError."""
        nodes = self.nodes(search)
        with self._engine.begin() as connection:
            return remove_mark(connection, self._author, mark, nodes)

    def act(self, search: str, retag: Retag | None = None) -> Acted:
        """Do to what a search finds what its actions say, each to all that was found at the beginning.

        Tags are changed by `retag`; what it fails on is told, and the rest goes on. Raises SearchError, also
        when there is no action.
        """
        query = parse_search(search)
        if not query.actions:
            raise SearchError("the search has no action, e.g. | clean, | protect, | tag update")
        for action in query.actions:
            check_action(action, self._author)
        found = self._stored(replace(query, pipes=(), actions=()))
        failures = [
            failure
            for action in query.actions
            for failure in perform(self._engine, self._author, action, found, retag)
        ]
        same = ById(tuple(str(one.node_id) for one in found))
        then = Query((same,), sort=query.sort, pipes=query.pipes)
        with self._searching() as connection:
            rows = tuple(self._asked(connection, summed_up(then))[1]) if found else ()
        return Acted(len(found), tuple(failures), rows)

    def _stored(self, query: Query) -> list[StoredResource]:
        columns = "r.node_id, s.provider, s.account, s.region, r.kind, r.id, r.name, r.reported"
        with self._searching() as connection:
            statement = compile_nodes(query, kinds_of(connection, query), columns)
            return [
                StoredResource(node, Scope(provider, account, region, kind), *rest)
                for node, provider, account, region, kind, *rest in connection.execute(
                    text(statement.sql), statement.parameters
                )
            ]

    @contextmanager
    def _searching(self) -> Iterator[Connection]:
        """A connection; what only the database can refuse (a regular expression for one) is a SearchError."""
        try:
            with self._engine.connect() as connection:
                connection.execute(_PREPARE, {"limit": f"{_SECONDS}s"})
                yield connection
        except OperationalError as error:
            if not isinstance(error.orig, psycopg.errors.QueryCanceled):
                raise
            raise SearchError(f"the search was given up after {_SECONDS} seconds; narrow it down") from None
        except (DataError, psycopg.DataError) as error:
            cause = str(getattr(error, "orig", error)).partition("\n")[0]
            raise SearchError(f"the database refused: {cause}") from None

    def _mark(self, search: str, mark: MarkName, reason: str) -> int:
        nodes = self.nodes(search)
        with self._engine.begin() as connection:
            return set_marks(connection, self._author, [Mark(node, mark, reason) for node in nodes])


def _reading(search: str, *, to_file: bool = False) -> Query:
    """The query of a search that changes nothing. Raises SearchError."""
    query = summed_up(parse_search(search))
    if query.pipes and isinstance(query.pipes[-1], Write) and not to_file:
        raise SearchError(f"| {query.pipes[-1]} is for the command line")
    if query.actions:
        raise SearchError(f"| {query.actions[0]} changes something; here a search only reads")
    return query


def _statement(query: Query, kinds: Kinds, at: datetime | None) -> tuple[list[str], Statement]:
    """The names of what a search answers with, and the statement that gives it."""
    if query.aggregate is not None:
        names = _names(query.aggregate)
        return names, compile_aggregate(query, kinds, at)
    for pipe in query.pipes:
        if isinstance(pipe, List | Format):
            columns = columns_of(pipe)
            paths = [one.path for one in columns]
            return [column.name for column in columns], compile_values(query, kinds, paths, at)
        if isinstance(pipe, History):
            if at is not None:
                raise SearchError("| history says itself from when and until when: --after, --before")
            return list(_CHANGES), compile_changes(query, kinds, ", ".join(_CHANGES.values()))
    names = [*_COLUMNS, *(".".join(merge.name) for merge in query.merges)]
    return names, compile_nodes(query, kinds, ", ".join(_COLUMNS.values()), at)


def _with_merged(merges: Sequence[Merge], row: dict[str, Any]) -> dict[str, Any]:
    """A node's row with what is merged into it in place: `ancestors.account` is an object in an object."""
    for merge in merges:
        value = row.pop(".".join(merge.name))
        inner = row
        for step in merge.name[:-1]:
            inner = inner.setdefault(step, {})
        inner[merge.name[-1]] = value
    return row


def _names(aggregate: Aggregate) -> list[str]:
    names = [part.name for part in aggregate.groups] + [part.as_name for part in aggregate.functions]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise SearchError(f"{twice[0]!r} would stand twice in the result; name one of them with as")
    return names


def _of_nodes(names: Sequence[str]) -> bool:
    """Whether these are the names of what is known of nodes, not of values that a search has picked."""
    return list(names[: len(_COLUMNS)]) == list(_COLUMNS)


def _with_own_properties(row: dict[str, Any]) -> dict[str, Any]:
    """A node's row with what it reports beside the columns that every node has."""
    reported = row.pop("reported")
    return {**row, **{key: value for key, value in reported.items() if key not in _COLUMNS}}
