"""Whether the kinds that a search names are there: a misspelt one would find nothing, and protect nothing."""

import difflib

from sqlalchemy import Connection, text

from resoto_dagster.inventory.search.parse import SearchError
from resoto_dagster.inventory.search.query import IsKind, Query
from resoto_dagster.model.base_kinds import BASE_KINDS


def check_kinds(connection: Connection, query: Query) -> None:
    """Raise SearchError for a kind that is neither a base kind nor one of a provider collected so far.

    Before the first collect no kind is known, and any is taken.
    """
    named = [kind for term in query.terms if isinstance(term, IsKind) for kind in term.kinds]
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
