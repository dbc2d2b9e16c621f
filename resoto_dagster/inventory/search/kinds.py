"""Whether the kinds that a search names are there: a misspelt one would find nothing, and protect nothing."""

import difflib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from sqlalchemy import Connection, text

from resoto_dagster.inventory.search.errors import SearchError
from resoto_dagster.inventory.search.query import IsKind, Path, Query
from resoto_dagster.model.base_kinds import BASE_KINDS


def check_kinds(connection: Connection, query: Query) -> None:
    """Raise SearchError for a kind that is neither a base kind nor one of a provider collected so far.

    Before the first collect no kind is known, and any is taken.
    """
    named = list(_named(query))
    if all(kind in BASE_KINDS for kind in named):
        return
    kinds = connection.execute(text("SELECT kind FROM inventory.kinds")).scalars().all()
    if not kinds:
        return
    known = {*kinds, *BASE_KINDS}
    for kind in named:
        if kind not in known:
            close = difflib.get_close_matches(kind, sorted(known), n=1)
            meant = f"did you mean {close[0]}?" if close else "no provider collected so far has it"
            raise SearchError(f"unknown kind {kind}; {meant}")


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
