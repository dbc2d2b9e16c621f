"""Many aggregations in one scan: the same groups of the same resources, and a function for each of them."""

# ruff: noqa: S608  # SQL is what is made here; all values of a search are parameters

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from resoto_dagster.inventory.search.aggregate import function, group
from resoto_dagster.inventory.search.kinds import Kinds
from resoto_dagster.inventory.search.paths import relative_in
from resoto_dagster.inventory.search.query import (
    Each,
    Everything,
    Function,
    Group,
    IsKind,
    Path,
    Query,
    Template,
    Term,
)
from resoto_dagster.inventory.search.sql import Parameters, Statement
from resoto_dagster.inventory.search.terms import condition

_UUID_LENGTH = 36
_OF_RESOURCE = re.compile(r"\br\.")
Relative = tuple[str, str]
"""`ancestors` or `descendants`, and a kind."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A function over those resources of a group that all terms hold for."""

    terms: tuple[Term, ...]
    function: Function

    @property
    def relative(self) -> Relative | None:
        """The relative of each resource whose number the function takes, if it does."""
        return relative_in(self.function.operand) if isinstance(self.function.operand, Path) else None


@dataclass(frozen=True, slots=True)
class Aggregation:
    """A search that can be measured in one scan with others: what it groups by, and its measure.

    `kinds` are what its resources must be one of; None when any will do.
    """

    kinds: tuple[str, ...] | None
    groups: tuple[Group, ...]
    measure: Measure


def aggregation_of(query: Query) -> Aggregation | None:
    """A search as one function of groups of single resources; None when it is more than that."""
    single = not (query.hop or query.having or query.merges or query.merged or query.limit)
    if query.aggregate is None or not single or len(query.aggregate.functions) != 1:
        return None
    if any(_is_more(path) for one in query.aggregate.groups for path in _paths(one)):
        return None
    named = [term for term in query.terms if isinstance(term, IsKind)]
    if len(named) > 1:
        return None
    rest = tuple(term for term in query.terms if not isinstance(term, IsKind | Everything))
    measure = Measure(rest, query.aggregate.functions[0])
    if measure.relative is not None and (measure.function.name == "count" or _has_elements(measure)):
        return None
    return Aggregation(named[0].kinds if named else None, query.aggregate.groups, measure)


def _paths(one: Group) -> list[Path]:
    if isinstance(one.path, Template):
        return [part for part in one.path.parts if isinstance(part, Path)]
    return [one.path]


def _has_elements(measure: Measure) -> bool:
    operand = measure.function.operand
    return isinstance(operand, Path) and any(isinstance(step, Each) for step in operand.steps)


def _is_more(path: Path) -> bool:
    """Whether grouping by a path needs more than the resource, or gives more than one row for it."""
    return any(isinstance(step, Each) for step in path.steps) or relative_in(path) is not None


def compile_scan(
    of_kinds: Collection[str] | None,
    groups: Sequence[Group],
    measures: Sequence[Measure],
    kinds: Kinds,
    absent: Collection[str],
) -> Statement:
    """The statement that answers with a row a kind and group: the kind, the groups' values, the measures.

    A value that is missing is an empty text; a measure that no resource of a group counts for is null. What
    a relative reports is taken from the neighbours of a resource only. After the measures come for each of
    those that ask for a relative, in their order, how many resources have none among their neighbours and
    may have one further away. There are no resources of the kinds that are `absent`.
    """
    parameters = Parameters(kinds)
    joins, missing = _join_relatives(parameters, measures, absent)
    labels = [group(parameters, one) for one in groups]
    values, farther = [], []
    for measure in measures:
        where = " AND ".join(condition(parameters, term) for term in measure.terms) or None
        values.append(_measured(parameters, measure.function, where))
        if measure.relative is not None:
            lacks = missing[_relative_path(measure)]
            farther.append(f"count(*) FILTER (WHERE {f'{where} AND ' if where else ''}{lacks})")
    return _grouped(parameters, of_kinds, labels, (*values, *farther), joins)


def compile_farther(
    of_kinds: Collection[str] | None, groups: Sequence[Group], measure: Measure, kinds: Kinds
) -> Statement:
    """The same for one measure, and the resources whose relative is not among their neighbours."""
    assert measure.relative is not None
    parameters = Parameters(kinds)
    labels = [group(parameters, one) for one in groups]
    conditions = [condition(parameters, term) for term in measure.terms]
    near = _neighbours(parameters, _relative_path(measure))
    conditions.append(f"r.node_id NOT IN (SELECT node_id FROM ({near}) n)")
    value = _measured(parameters, measure.function, " AND ".join(conditions))
    return _grouped(parameters, of_kinds, labels, (value,), "")


def _grouped(
    parameters: Parameters,
    of_kinds: Collection[str] | None,
    labels: Sequence[str],
    values: Sequence[str],
    joins: str,
) -> Statement:
    """The statement: grouped by scopes and what resources say, and what scopes say looked up once a group."""
    inner = {place: label for place, label in enumerate(labels) if _OF_RESOURCE.search(label)}
    columns = ["r.scope_id", *(f"{label} AS l{place}" for place, label in inner.items())]
    columns += [f"{value} AS v{place}" for place, value in enumerate(values)]
    where = "" if of_kinds is None else f"\nWHERE {parameters.of_kind('r', *of_kinds)}"
    places = ", ".join(str(place + 1) for place in range(1 + len(inner)))
    found = parameters.select(", ".join(columns), f"{joins}{where}\nGROUP BY {places}")
    outer = [f"found.l{place}" if place in inner else label for place, label in enumerate(labels)]
    shown = (
        "s.kind",
        *(f"coalesce(CAST({label} AS text), '')" for label in outer),
        *(f"found.v{place}" for place in range(len(values))),
    )
    sql = f"""
        SELECT {", ".join(shown)} FROM ({found}) found
        JOIN inventory.scopes s ON s.scope_id = found.scope_id
        LEFT JOIN inventory.accounts a ON a.provider = s.provider AND a.account = s.account"""
    return Statement(sql, parameters.values)


def _measured(parameters: Parameters, one: Function, where: str | None) -> str:
    value = function(parameters, one, where)
    if one.name != "count" or where is None:
        return value
    return f"CASE WHEN count(*) FILTER (WHERE {where}) > 0 THEN {value} END"


def _join_relatives(
    parameters: Parameters, measures: Sequence[Measure], absent: Collection[str]
) -> tuple[str, dict[Path, str]]:
    """Joins of the neighbours that measures ask about, and by path the SQL of whether a resource has none."""
    joins, missing = "", {}
    for path in dict.fromkeys(_relative_path(one) for one in measures if one.relative is not None):
        kind = str(path.steps[1])
        if kind in absent:
            parameters.relatives[path.steps] = "CAST(NULL AS numeric)"
            missing[path] = "false"
            continue
        found = parameters.alias()
        joins += f"\nLEFT JOIN ({_neighbours(parameters, path)}) {found} ON {found}.node_id = r.node_id"
        number = f"substr({found}.neighbour, {_UUID_LENGTH + 1})"
        parameters.relatives[path.steps] = f"CAST(NULLIF({number}, '') AS numeric)"
        missing[path] = f"{found}.node_id IS NULL"
    return joins, missing


def _relative_path(measure: Measure) -> Path:
    assert isinstance(measure.function.operand, Path)
    return measure.function.operand


def _neighbours(parameters: Parameters, path: Path) -> str:
    """A SELECT of all nodes with a neighbour of the path's kind: the first of those by its id, as a text.

    After the id stands the number at the path, if there is one: so the least text is the first neighbour's,
    and what it reports is looked at once for each neighbour, not for each resource.
    """
    near, far = ("dst", "src") if path.steps[0] == "ancestors" else ("src", "dst")
    value = f"(n.reported #> {parameters.array(map(str, path.steps[3:]))})"
    return f"""
        SELECT e.{near} AS node_id, min(n.neighbour) AS neighbour
        FROM (
            SELECT n.node_id, CAST(n.node_id AS text) COLLATE "C"
                || CASE jsonb_typeof({value}) WHEN 'number' THEN CAST({value} AS text) ELSE '' END
                AS neighbour
            FROM {parameters.resources} n WHERE {parameters.of_kind("n", str(path.steps[1]))} OFFSET 0
        ) n
        JOIN {parameters.edges} e ON e.{far} = n.node_id AND e.type = 'default' GROUP BY 1"""
