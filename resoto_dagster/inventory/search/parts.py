"""The parts of a search in SQL: the nodes of each, the way from one to the next, and what order they have."""

# ruff: noqa: S608  # SQL is what is made here; all values of a search are parameters

from collections.abc import Iterable
from dataclasses import dataclass, replace

from resoto_dagster.inventory.search.graph import walk
from resoto_dagster.inventory.search.paths import Scope, place_of, single
from resoto_dagster.inventory.search.query import Merge, Part, With
from resoto_dagster.inventory.search.sql import Parameters
from resoto_dagster.inventory.search.terms import condition

_ORDER = ("r.kind", "r.name", "r.id", "r.node_id")
"""What found nodes are ordered by when a search doesn't say, and where it leaves a choice."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The nodes of a search: the WITH clause of what comes before, and joins and WHERE of the last part.

    `limited`: the limit of the last part has been taken account of.
    """

    tables: str
    joins: str
    where: str
    limited: bool


def chain(part: Part) -> list[Part]:
    """A part and all that lead to it, the first one first."""
    parts = [part]
    while parts[-1].hop is not None:
        parts.append(parts[-1].hop.origin)
    return parts[::-1]


def selection(parameters: Parameters, query: Part, *, summed: bool = False) -> Selection:
    """The nodes that the last part of a search finds, to be `summed` up or not."""
    return _selected(parameters, chain(query), [], None, summed=summed)


def _selected(
    parameters: Parameters, parts: list[Part], tables: list[str], before: str | None, *, summed: bool = False
) -> Selection:
    """The nodes of the last of some parts, which lead on from the table `before` if there is one."""
    *earlier, last = parts
    # What is summed up or turned round comes after the limit; and the fewer are merged into, the better.
    chosen_by = _chosen_by_merged(last)
    limited = last.limit is not None and bool(summed or last.reverse or (last.merges and not chosen_by))
    if limited:
        earlier.append(last if chosen_by else replace(last, merges=()))
        last = Part((), merges=last.merges)
    for part in earlier:
        rest = "".join(_nodes(parameters, part, before))
        if part.limit is not None:
            rest += ordering(parameters, replace(part, reverse=False)) + limiting(parameters, part)
        before = parameters.alias()
        tables.append(f"{before} AS ({parameters.select('r.node_id', rest)})")
    joins, where = _nodes(parameters, last, before)
    with_clause = f"WITH {', '.join(tables)}\n" if tables else ""
    return Selection(with_clause, joins, where, limited)


def _chosen_by_merged(part: Part) -> bool:
    """Whether it depends on what is merged into nodes which of them are found."""
    names = [merge.name for merge in part.merges]
    keys = [key.path.steps for key in part.sort if key.path.rooted]
    return bool(part.merged) or any(steps[: len(name)] == name for steps in keys for name in names)


def ordering(parameters: Parameters, part: Part) -> str:
    """The ORDER BY of a part. Null is less than anything else."""
    keys = []
    for key in part.sort:
        down = key.descending != part.reverse
        value = single(parameters, place_of(parameters, key.path, Scope()))
        keys.append(f"{value} {'DESC NULLS LAST' if down else 'ASC NULLS FIRST'}")
    last = (f"{one} DESC" for one in _ORDER) if part.reverse else _ORDER
    return "\nORDER BY " + ", ".join((*keys, *last))


def limiting(parameters: Parameters, part: Part) -> str:
    """The LIMIT of a part, if it has one."""
    if part.limit is None:
        return ""
    return f"\nLIMIT {parameters.add(part.limit.count)} OFFSET {parameters.add(part.limit.offset)}"


def _nodes(parameters: Parameters, part: Part, before: str | None) -> tuple[str, str]:
    """Joins and WHERE of a part; what is merged into its nodes is known to `parameters` from then on."""
    parameters.merged = {}
    where = _where(parameters, part, before)
    merged, joins = {}, ""
    for merge in part.merges:
        alias = parameters.alias()
        joins += f"\nCROSS JOIN LATERAL (SELECT {_merged(parameters, merge)} AS value) {alias}"
        merged[merge.name] = f"{alias}.value"
    parameters.merged = merged
    conditions = [condition(parameters, term) for term in part.merged]
    return joins, "\n    AND ".join((where, *conditions))


def _where(parameters: Parameters, part: Part, before: str | None) -> str:
    conditions = [condition(parameters, term) for term in part.terms]
    if before is not None:
        start = f"SELECT node_id FROM {before}"
        reached = start if part.hop is None else walk(parameters, part.hop.navigation, start)
        conditions.insert(0, f"r.node_id IN ({reached})")
    if part.having is not None:
        conditions.append(_having(parameters, part.having))
    return "\nWHERE " + "\n    AND ".join(conditions)


def _having(parameters: Parameters, having: With) -> str:
    """Whether as many nodes are reached from the node `r` as it says."""
    reached = walk(parameters, having.navigation, "SELECT r.node_id")
    inner = Part((having.condition,), having.inner)
    where = f"{_where(parameters, inner, None)}\n    AND r.node_id IN (SELECT node_id FROM reached)"
    if having.count == 0 and having.comparison in ("=", ">"):
        negation = "NOT " if having.comparison == "=" else ""
        return f"{negation}EXISTS (WITH reached AS ({reached}) {parameters.select('', where)})"
    operator = "<>" if having.comparison == "!=" else having.comparison
    count = parameters.add(having.count)
    return f"(WITH reached AS ({reached}) {parameters.select('count(*)', where)}) {operator} {count}"


def _merged(parameters: Parameters, merge: Merge) -> str:
    """A SELECT in parentheses of the node that is merged into the node `r`, or of a list of all of them."""
    origin = parameters.alias()
    _, *parts = chain(merge.query)
    found = _selected(parameters, parts, [f"{origin} AS (SELECT r.node_id)"], origin)
    document = _document(parameters, parts[-1].merges)
    limit = "" if found.limited else limiting(parameters, parts[-1])
    rest = f"{found.joins}{found.where}{ordering(parameters, parts[-1])}{limit}"
    nodes = found.tables + parameters.select(f"{document} AS node", rest)
    if merge.many:
        return f"(SELECT coalesce(jsonb_agg(node), CAST('[]' AS jsonb)) FROM ({nodes}) nodes)"
    return f"(SELECT node FROM ({nodes}) nodes LIMIT 1)"


def _document(parameters: Parameters, merges: Iterable[Merge]) -> str:
    """A node as JSON, with all that is merged into it."""
    pairs = ["'id', r.node_id", "'reported', r.reported"]
    for merge in merges:
        value = parameters.merged[merge.name]
        for step in reversed(merge.name[1:]):
            value = f"jsonb_build_object(CAST({parameters.add(step)} AS text), {value})"
        pairs.append(f"CAST({parameters.add(merge.name[0])} AS text), {value}")
    return f"jsonb_build_object({', '.join(pairs)})"
