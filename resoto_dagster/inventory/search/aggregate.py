"""Sums in SQL: the values that are grouped by, and the functions over each group."""

# ruff: noqa: S608  # SQL is what is made here; all values of a search are parameters

from collections.abc import Iterable
from decimal import Decimal

from resoto_dagster.inventory.search.errors import SearchError
from resoto_dagster.inventory.search.paths import Scope, elements, place_of, single
from resoto_dagster.inventory.search.query import Each, Function, Group, Path, Template
from resoto_dagster.inventory.search.sql import Parameters


def unfold(parameters: Parameters, groups: Iterable[Group]) -> str:
    """What to add to the FROM so that there is a row for each element of the arrays that are grouped by.

    Functions over the same arrays then count each element once.
    """
    joins = ""
    for path in (one.path for one in groups):
        if not isinstance(path, Path) or path.rooted:
            continue
        for position, step in enumerate(path.steps):
            if isinstance(step, Each) and path.steps[: position + 1] not in parameters.unfolded:
                array = place_of(parameters, Path(path.steps[:position]), Scope())
                alias = parameters.alias()
                joins += f"\nCROSS JOIN LATERAL {elements(array.sql)} {alias}(value)"
                parameters.unfolded[path.steps[: position + 1]] = f"{alias}.value"
    return joins


def group(parameters: Parameters, one: Group) -> str:
    """The value to group by; of JSON its text."""
    if isinstance(one.path, Template):
        parts = (_text_of(parameters, part) for part in one.path.parts)
        return f"concat({', '.join(parts)})"
    return _grouped(parameters, one.path)


def _text_of(parameters: Parameters, part: str | Path) -> str:
    if isinstance(part, Path):
        return _grouped(parameters, part)
    return f"CAST({parameters.add(part)} AS text)"


def _grouped(parameters: Parameters, path: Path) -> str:
    place = place_of(parameters, path, Scope())
    if place.type == "age":
        raise SearchError(f"{path} is another for every resource; it can't be grouped by")
    if place.type != "json":
        return single(parameters, place)
    return f"({single(parameters, place)} #>> '{{}}')" if place.sources else place.text


def function(parameters: Parameters, one: Function, where: str | None = None) -> str:
    """An aggregate function with its argument, over the rows that `where` holds for.

    Raises SearchError for what can't be a number.
    """
    rows = f" FILTER (WHERE {where})" if where else ""
    if one.operand is None or (one.name == "count" and isinstance(one.operand, Decimal)):
        return f"count(*){rows}"
    if isinstance(one.operand, Path) and one.name == "count":
        place = place_of(parameters, one.operand, Scope())
        if place.type == "flag":
            return f"count(*) FILTER (WHERE {f'{where} AND ' if where else ''}{place.sql})"
        return f"count({single(parameters, place)}){rows}"
    if one.name == "sum" and isinstance(one.operand, Decimal) and not one.arithmetic:
        return f"NULLIF(count(*){rows}, 0) * CAST({parameters.add(one.operand)} AS numeric)"
    if isinstance(one.operand, Path) and one.operand.steps in parameters.relatives:
        number = parameters.relatives[one.operand.steps]
    elif isinstance(one.operand, Path):
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
    result = f"{one.name}({{}}){rows}"
    if one.name == "sum" and all(operator == "*" for operator, _ in one.arithmetic):
        number, result = result.format(number), "{}"  # a sum is multiplied once
    for operator, value in one.arithmetic:
        number = f"({number}) {operator} CAST({parameters.add(value)} AS numeric)"
    return result.format(number)
