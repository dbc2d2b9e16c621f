"""Reading many rows: they are worked on while Postgres is still making the next ones."""

from collections.abc import Iterator, Mapping
from typing import Any, LiteralString

from psycopg.rows import namedtuple_row
from sqlalchemy import Connection

from resoto_dagster.inventory.merge import cursor_of

ROWS = 1_000
"""How many rows are taken over at a time: all at once would be in memory twice."""


def stream(connection: Connection, sql: LiteralString, parameters: Mapping[str, Any]) -> Iterator[Any]:
    """The rows of a statement, with their columns by name; `%(name)s` stands for a parameter in it.

    Nothing else can be asked on the connection until all of them are taken.
    """
    with cursor_of(connection) as cursor:
        cursor.row_factory = namedtuple_row
        yield from cursor.stream(sql, parameters, size=ROWS)
