"""The inventory as hooks, rules and people use it: search it, and mark what should go or stay."""

import uuid
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DataError, OperationalError

from resoto_dagster.inventory.marks import Author, Mark, MarkName, remove_mark, set_marks
from resoto_dagster.inventory.search.compile import (
    Statement,
    compile_aggregate,
    compile_nodes,
    compile_values,
)
from resoto_dagster.inventory.search.kinds import Kinds, kinds_of
from resoto_dagster.inventory.search.parse import SearchError, parse_nodes, parse_search
from resoto_dagster.inventory.search.pipes import chosen, columns_of, summed_up
from resoto_dagster.inventory.search.query import Aggregate, Format, List, Query

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
_SECONDS = 60
# A cursor is read to its end: plans for the first rows only would be slow ones.
_PREPARE = text(
    "SELECT set_config('statement_timeout', :limit, true), set_config('cursor_tuple_fraction', '1', true)"
)


class Inventory:
    """The inventory graph. Searches are in Resoto's language."""

    def __init__(self, engine: Engine, author: Author):
        self._engine = engine
        self._author = author

    def rows(self, search: str) -> Generator[dict[str, Any], None, None]:
        """What a search finds, one dict at a time, without holding all of it in memory.

        A node has its identity, account, region, times, and `reported`; an aggregation has its groups and
        values; a list has its columns, and a format the values in it. Raises SearchError.
        """
        query = summed_up(parse_search(search))
        with self._searching() as connection:
            names, statement = _statement(query, kinds_of(connection, query))
            if query.aggregate is None:  # by a cursor, of which Postgres makes no parallel plans
                connection.execution_options(yield_per=1000)
            found = connection.execute(text(statement.sql), statement.parameters)
            yield from chosen(query.pipes, (dict(zip(names, row, strict=True)) for row in found))

    def search(self, search: str) -> "pandas.DataFrame":
        """What a search finds, as a table: a column a property that any of the nodes has.

        Nested values stay as they are. Raises SearchError.
        """
        import pandas

        rows = [
            {**{key: value for key, value in row.items() if key != "reported"}, **_own(row.get("reported"))}
            for row in self.rows(search)
        ]
        return pandas.DataFrame(rows)

    def explain(self, search: str) -> str:
        """The SQL statement of a search, and how Postgres would go about it. Raises SearchError."""
        query = summed_up(parse_search(search))
        with self._searching() as connection:
            _, statement = _statement(query, kinds_of(connection, query))
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


def _statement(query: Query, kinds: Kinds) -> tuple[list[str], Statement]:
    """The names of what a search answers with, and the statement that gives it."""
    if query.aggregate is not None:
        names = _names(query.aggregate)
        return names, compile_aggregate(query, kinds)
    for pipe in query.pipes:
        if isinstance(pipe, List | Format):
            columns = columns_of(pipe)
            paths = [one.path for one in columns]
            return [column.name for column in columns], compile_values(query, kinds, paths)
    return list(_COLUMNS), compile_nodes(query, kinds, ", ".join(_COLUMNS.values()))


def _names(aggregate: Aggregate) -> list[str]:
    names = [part.name for part in aggregate.groups] + [part.as_name for part in aggregate.functions]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise SearchError(f"{twice[0]!r} would stand twice in the result; name one of them with as")
    return names


def _own(reported: dict[str, Any] | None) -> dict[str, Any]:
    """The reported properties that no column of every node carries already."""
    return {key: value for key, value in (reported or {}).items() if key not in _COLUMNS}
