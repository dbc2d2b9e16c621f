"""Sums in SQL: the values that are grouped by, and the functions over each group."""

# ruff: noqa: S608  # SQL is what is made here; all values of a search are parameters

from decimal import Decimal

from resoto_dagster.inventory.search.errors import SearchError
from resoto_dagster.inventory.search.paths import Scope, place_of, single
from resoto_dagster.inventory.search.query import Function, Group, Path
from resoto_dagster.inventory.search.sql import Parameters


def group(parameters: Parameters, one: Group) -> str:
    """The value to group by; of JSON its text."""
    place = place_of(parameters, one.path, Scope())
    if place.type == "age":
        raise SearchError(f"{one.path} is another for every resource; it can't be grouped by")
    return f"({single(parameters, place)} #>> '{{}}')" if place.type == "json" else single(parameters, place)


def function(parameters: Parameters, one: Function) -> str:
    """An aggregate function with its argument. Raises SearchError for what can't be a number."""
    if one.operand is None or (one.name == "count" and isinstance(one.operand, Decimal)):
        return "count(*)"
    if isinstance(one.operand, Path) and one.name == "count":
        place = place_of(parameters, one.operand, Scope())
        return (
            f"count(*) FILTER (WHERE {place.sql})"
            if place.type == "flag"
            else f"count({single(parameters, place)})"
        )
    if isinstance(one.operand, Path):
        place = place_of(parameters, one.operand, Scope())
        if place.type != "json":
            raise SearchError(
                f"{one.name}({one.operand}): only numbers can be aggregated, and {one.operand} is none"
            )
        # a CASE is the only place where Postgres promises to look before it casts
        number = f"CASE WHEN jsonb_typeof({place.sql}) = 'number' THEN CAST({place.sql} AS numeric) END"
        if place.sources:
            total = f"sum({number})" if place.many else number
            number = f"(SELECT {total} FROM {', '.join(place.sources)})"
    else:
        number = f"CAST({parameters.add(one.operand)} AS numeric)"
    for operator, value in one.arithmetic:
        number = f"({number}) {operator} CAST({parameters.add(value)} AS numeric)"
    return f"{one.name}({number})"
