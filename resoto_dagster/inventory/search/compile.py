"""From a query to one SQL statement with its parameters; no value of a search is ever part of the text."""

from collections.abc import Sequence
from datetime import datetime

from resoto_dagster.inventory.search.aggregate import function, group, unfold
from resoto_dagster.inventory.search.kinds import Kinds
from resoto_dagster.inventory.search.parts import Selection, limiting, ordering, selection
from resoto_dagster.inventory.search.paths import Scope, place_of, single
from resoto_dagster.inventory.search.query import History, Path, Query
from resoto_dagster.inventory.search.sql import BORN, EXPIRES, Parameters, Statement

__all__ = [
    "BORN",
    "EXPIRES",
    "Statement",
    "compile_aggregate",
    "compile_changes",
    "compile_nodes",
    "compile_values",
]


def compile_nodes(query: Query, kinds: Kinds, columns: str, at: datetime | None = None) -> Statement:
    """The statement that answers with `columns` of every node of the query, at a moment of the past if given.

    The columns are SQL over a node `r`, its scope `s` and its account `a`. After them come those of the nodes
    that are merged into it.
    """
    parameters = Parameters(kinds, at)
    found = selection(parameters, query)
    merged = (f", {sql}" for sql in parameters.merged.values())
    return _select(parameters, query, found, columns + "".join(merged))


def compile_values(
    query: Query, kinds: Kinds, paths: Sequence[Path], at: datetime | None = None
) -> Statement:
    """The statement that answers with the values at some paths of every node of the query."""
    parameters = Parameters(kinds, at)
    found = selection(parameters, query)
    columns = [single(parameters, place_of(parameters, path, Scope())) for path in paths]
    return _select(parameters, query, found, ", ".join(columns))


def compile_changes(query: Query, kinds: Kinds, columns: str) -> Statement:
    """The statement that answers with `columns` of every change of the query's history, in their order.

    The columns are SQL as those of nodes; `r` has its `change` and when it `happened_at`, too.
    """
    history = query.pipes[-1]
    assert isinstance(history, History)
    parameters = Parameters(kinds, changes=True)
    found = selection(parameters, query)
    conditions = [
        f"{column} {operator} {parameters.add(value)}"
        for column, operator, value in (
            ("r.happened_at", ">", history.after),
            ("r.happened_at", "<", history.before),
            ("r.change", "=", history.change),
        )
        if value is not None
    ]
    where = "\n    AND ".join((found.where, *conditions))
    ordered = "\nORDER BY r.happened_at, r.kind, r.name, r.id, r.change"
    limit = "" if found.limited else limiting(parameters, query)
    select = parameters.select(columns, f"{found.joins}{where}{ordered}{limit}")
    return Statement(found.tables + select, parameters.values)


def _select(parameters: Parameters, query: Query, found: Selection, columns: str) -> Statement:
    limit = "" if found.limited else limiting(parameters, query)
    ordered = ordering(parameters, query)
    select = parameters.select(columns, f"{found.joins}{found.where}{ordered}{limit}")
    return Statement(found.tables + select, parameters.values)


def compile_aggregate(
    query: Query, kinds: Kinds, at: datetime | None = None, *, ordered: bool = True
) -> Statement:
    """The statement that answers with a row a group: the groups' values, then the functions'."""
    parameters = Parameters(kinds, at)
    assert query.aggregate is not None
    found = selection(parameters, query, summed=True)
    elements = unfold(parameters, query.aggregate.groups)
    groups = [f'{group(parameters, one)} AS "g{i}"' for i, one in enumerate(query.aggregate.groups)]
    functions = [function(parameters, one) for one in query.aggregate.functions]
    places = ", ".join(str(i + 1) for i in range(len(groups)))
    tail = f"\nGROUP BY {places}" if groups else ""
    tail += f"\nORDER BY {places}" if groups and ordered else ""
    columns = ", ".join((*groups, *functions))
    select = parameters.select(columns, f"{found.joins}{elements}{found.where}{tail}")
    return Statement(found.tables + select, parameters.values)
