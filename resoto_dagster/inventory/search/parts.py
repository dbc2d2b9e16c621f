"""The parts of a search in SQL: the nodes of each, the way from one to the next, and what order they have."""

# ruff: noqa: S608  # SQL is what is made here; all values of a search are parameters

from dataclasses import replace

from resoto_dagster.inventory.search.graph import walk
from resoto_dagster.inventory.search.paths import Scope, place_of, single
from resoto_dagster.inventory.search.query import Part, With
from resoto_dagster.inventory.search.sql import Parameters
from resoto_dagster.inventory.search.terms import condition

_ORDER = ("r.kind", "r.name", "r.id", "r.node_id")
"""What found nodes are ordered by when a search doesn't say, and where it leaves a choice."""


def chain(part: Part) -> list[Part]:
    """A part and all that lead to it, the first one first."""
    parts = [part]
    while parts[-1].hop is not None:
        parts.append(parts[-1].hop.origin)
    return parts[::-1]


def selection(parameters: Parameters, query: Part, *, summed: bool = False) -> tuple[str, str]:
    """The WITH clause of all that comes before, and the WHERE of the nodes that the last part finds.

    The limit of the last part is left to the caller, unless its nodes are summed up or reversed after it.
    """
    tables: list[str] = []
    before: str | None = None
    *earlier, last = chain(query)
    if last.limit is not None and (summed or last.reverse):
        earlier.append(last)
        last = Part(())
    for position, part in enumerate(earlier):
        nodes = f"SELECT r.node_id{parameters.nodes}{_where(parameters, part, before)}"
        if part.limit is not None:
            nodes += ordering(parameters, replace(part, reverse=False)) + limiting(parameters, part)
        tables.append(f"part{position} AS ({nodes})")
        before = f"part{position}"
    where = (
        _where(parameters, last, before)
        if last.terms
        else f"\nWHERE r.node_id IN (SELECT node_id FROM {before})"
    )
    return (f"WITH {', '.join(tables)}\n" if tables else ""), where


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


def _where(parameters: Parameters, part: Part, before: str | None) -> str:
    conditions = [condition(parameters, term) for term in part.terms]
    if part.hop is not None and before is not None:
        reached = walk(parameters, part.hop.navigation, f"SELECT node_id FROM {before}")
        conditions.insert(0, f"r.node_id IN ({reached})")
    if part.having is not None:
        conditions.append(_having(parameters, part.having))
    return "\nWHERE " + "\n    AND ".join(conditions)


def _having(parameters: Parameters, having: With) -> str:
    """Whether as many nodes are reached from the node `r` as it says."""
    reached = walk(parameters, having.navigation, "SELECT r.node_id")
    inner = Part((having.condition,), having.inner)
    where = _where(parameters, inner, None)
    nodes = f"{parameters.nodes}{where}\n    AND r.node_id IN (SELECT node_id FROM reached)"
    if having.count == 0 and having.comparison in ("=", ">"):
        negation = "NOT " if having.comparison == "=" else ""
        return f"{negation}EXISTS (WITH reached AS ({reached}) SELECT{nodes})"
    operator = "<>" if having.comparison == "!=" else having.comparison
    count = parameters.add(having.count)
    return f"(WITH reached AS ({reached}) SELECT count(*){nodes}) {operator} {count}"
