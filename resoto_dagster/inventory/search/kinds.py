"""The kinds that a search names: what they stand for, and whether there are any such.

A misspelt one would find nothing, and protect nothing.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass

from sqlalchemy import Connection, text

from resoto_dagster.inventory.search.errors import SearchError
from resoto_dagster.inventory.search.query import IsKind, Path, Query
from resoto_dagster.model.base_kinds import BASE_KINDS

Kinds = Mapping[str, list[str]]
"""By the name of a kind or base kind all kinds that count as it."""


def kinds_of(connection: Connection, query: Query) -> Kinds:
    """The kinds that the names in a search stand for.

    Raises SearchError for a name that is neither a base kind nor a kind of a provider collected so far.
    Before the first collect no kind is known, and any is taken.
    """
    named = sorted(set(_named(query)))
    if not named:
        return {}
    statement = """
        SELECT base, array_agg(kind ORDER BY kind) AS kinds FROM inventory.kinds, unnest(bases) base
        WHERE base = ANY (:named) GROUP BY base
    """
    found = {row.base: row.kinds for row in connection.execute(text(statement), {"named": named})}
    unknown = [name for name in named if name not in found and name not in BASE_KINDS]
    if unknown:
        _refuse(connection, unknown[0])
    return found


def _refuse(connection: Connection, unknown: str) -> None:
    kinds = connection.execute(text("SELECT kind FROM inventory.kinds")).scalars().all()
    if kinds:
        close = difflib.get_close_matches(unknown, sorted({*kinds, *BASE_KINDS}), n=1)
        meant = f"did you mean {close[0]}?" if close else "no provider collected so far has it"
        raise SearchError(f"unknown kind {unknown}; {meant}")


def _named(one: object) -> Iterator[str]:
    """All kinds that a part of a search names, in conditions and in paths."""
    if isinstance(one, IsKind):
        yield from one.kinds
    elif isinstance(one, Path):
        if one.rooted and len(one.steps) > 1 and one.steps[0] in ("ancestors", "descendants"):
            yield str(one.steps[1])
    elif isinstance(one, tuple):
        for each in one:
            yield from _named(each)
    elif is_dataclass(one):
        for field in fields(one):
            yield from _named(getattr(one, field.name))
