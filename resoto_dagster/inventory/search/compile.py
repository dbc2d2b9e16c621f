"""From a query to one SQL statement with its parameters; no value of a search is ever part of the text."""

from collections.abc import Sequence
from datetime import datetime

from resoto_dagster.inventory.search.aggregate import function, group
from resoto_dagster.inventory.search.kinds import Kinds
from resoto_dagster.inventory.search.parts import limiting, ordering, selection
from resoto_dagster.inventory.search.paths import Scope, place_of, single
from resoto_dagster.inventory.search.query import Path, Query
from resoto_dagster.inventory.search.sql import BORN, EXPIRES, Parameters, Statement

__all__ = ["BORN", "EXPIRES", "Statement", "compile_aggregate", "compile_nodes", "compile_values"]


def compile_nodes(query: Query, kinds: Kinds, columns: str, at: datetime | None = None) -> Statement:
    """The statement that answers with `columns` of every node of the query, at a moment of the past if given.

    The columns are SQL over a node `r`, its scope `s` and its account `a`.
    """
    return _select(Parameters(kinds, at), query, columns)


def compile_values(
    query: Query, kinds: Kinds, paths: Sequence[Path], at: datetime | None = None
) -> Statement:
    """The statement that answers with the values at some paths of every node of the query."""
    parameters = Parameters(kinds, at)
    columns = [single(parameters, place_of(parameters, path, Scope())) for path in paths]
    return _select(parameters, query, ", ".join(columns))


def _select(parameters: Parameters, query: Query, columns: str) -> Statement:
    tables, where = selection(parameters, query)
    limit = "" if query.reverse else limiting(parameters, query)
    ordered = ordering(parameters, query)
    return Statement(f"{tables}SELECT {columns}{parameters.nodes}{where}{ordered}{limit}", parameters.values)


def compile_aggregate(query: Query, kinds: Kinds, at: datetime | None = None) -> Statement:
    """The statement that answers with a row a group: the groups' values, then the functions'."""
    parameters = Parameters(kinds, at)
    assert query.aggregate is not None
    groups = [f'{group(parameters, one)} AS "g{i}"' for i, one in enumerate(query.aggregate.groups)]
    functions = [function(parameters, one) for one in query.aggregate.functions]
    tables, where = selection(parameters, query, summed=True)
    places = ", ".join(str(i + 1) for i in range(len(groups)))
    tail = f"\nGROUP BY {places}\nORDER BY {places}" if groups else ""
    return Statement(
        f"{tables}SELECT {', '.join((*groups, *functions))}{parameters.nodes}{where}{tail}", parameters.values
    )
