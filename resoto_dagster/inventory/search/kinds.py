"""The kinds and properties that a search names: what kinds stand for, and whether there are any such.

A misspelt kind or property would find nothing, or with `not` everything; it is refused before it does harm.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass

from sqlalchemy import Connection, text

from resoto_dagster.inventory.search.errors import SearchError, at_word
from resoto_dagster.inventory.search.parts import chain
from resoto_dagster.inventory.search.query import Context, Hop, IsKind, Merge, Part, Path, Query, With
from resoto_dagster.model.base_kinds import BASE_KINDS, properties_of

# Without a kind all that were collected are meant. Of a kind of which no properties are known any may be one.
_KNOWN = "FROM inventory.properties WHERE (CAST(:kinds AS text[]) IS NULL OR kind = ANY (:kinds))"
_UNKNOWN = f"""
    SELECT used FROM unnest(CAST(:used AS text[])) used
    WHERE EXISTS (SELECT {_KNOWN})
        AND NOT EXISTS (SELECT FROM inventory.kinds WHERE kind = ANY (:kinds) AND NOT EXISTS (
            SELECT FROM inventory.properties p WHERE p.kind = kinds.kind))
        AND NOT EXISTS (SELECT {_KNOWN} AND name = used)
"""  # noqa: S608

Kinds = Mapping[str, list[str]]
"""By the name of a kind or base kind all kinds that count as it."""

_ALIKE = 0.8
"""How much a property must look like another one to be taken for a misspelt one."""

_PROMISED = properties_of(BASE_KINDS) | {"kind", "age", "last_update", "last_access"}
"""What some base kind promises, or every resource has, whether or not a kind declares it."""


def named_kinds(query: Query) -> list[str]:
    """The kinds and base kinds that a search names."""
    return sorted(set(_named(query)))


def kinds_of(connection: Connection, query: Query) -> Kinds:
    """The kinds that the names in a search stand for.

    Raises SearchError for a name that is neither a base kind nor a kind of a provider collected so far, and
    for a property that no kind has while one looks much like it. Before the first collect nothing is known,
    and any name is taken.
    """
    named = named_kinds(query)
    statement = """
        SELECT base, array_agg(kind ORDER BY kind) AS kinds FROM inventory.kinds, unnest(bases) base
        WHERE base = ANY (:named) GROUP BY base
    """
    found: dict[str, list[str]] = {}
    if named:
        found = {row.base: row.kinds for row in connection.execute(text(statement), {"named": named})}
        unknown = [name for name in named if name not in found and name not in BASE_KINDS]
        if unknown:
            _refuse_kind(connection, query, unknown[0])
    for part in chain(query):
        _check_properties(connection, query, part, found)
    return found


def reasons_from(query: Query) -> list[str]:
    """The kinds of other resources that a search asks about, `resource` where it names none of them.

    What is said of neighbours, above all that there are none, is only as true as these are known.
    """
    return sorted(set(_asked_about(query)))


def _asked_about(one: object) -> Iterator[str]:
    for inner in _inside(one):
        if isinstance(inner, With | Hop | Merge):
            yield from set(_named(tuple(_inside(inner)))) or {"resource"}
        yield from _asked_about(inner)


def _refuse_kind(connection: Connection, query: Query, unknown: str) -> None:
    kinds = connection.execute(text("SELECT kind FROM inventory.kinds")).scalars().all()
    if kinds:
        close = difflib.get_close_matches(unknown, sorted({*kinds, *BASE_KINDS}), n=1)
        meant = f"did you mean {close[0]}?" if close else "no provider collected so far has it"
        raise SearchError(at_word(query.text, unknown, f"unknown kind {unknown}; {meant}"))


def _check_properties(connection: Connection, query: Query, part: Part, kinds: Kinds) -> None:
    """Raise SearchError for a property of a part's nodes that looks like a misspelt one."""
    used = set(_properties((part.terms, part.having, part.sort)))
    if part is query:
        used |= set(_properties((query.aggregate, query.pipes)))
    used -= _PROMISED
    of_kinds = next((term.kinds for term in part.terms if isinstance(term, IsKind)), None)
    chosen = None if of_kinds is None else sorted({kind for name in of_kinds for kind in kinds.get(name, ())})
    if not used or chosen == []:
        return
    values = {"used": sorted(used), "kinds": chosen}
    for unknown in connection.execute(text(_UNKNOWN), values).scalars().all():
        names = connection.execute(text(f"SELECT DISTINCT name {_KNOWN}"), values).scalars().all()
        close = difflib.get_close_matches(unknown, sorted({*names, *_PROMISED}), n=1, cutoff=_ALIKE)
        if close and not _is_reported(connection, unknown, chosen):
            problem = f"no resource that is searched has a property {unknown}; did you mean {close[0]}?"
            raise SearchError(at_word(query.text, unknown, problem))


def _is_reported(connection: Connection, name: str, kinds: Sequence[str] | None) -> bool:
    """Whether any resource reports such a property though no kind declares it."""
    statement = """
        SELECT EXISTS (SELECT FROM inventory.resources
        WHERE (CAST(:kinds AS text[]) IS NULL OR kind = ANY (:kinds)) AND reported ? :name)
    """
    return bool(connection.scalar(text(statement), {"name": name, "kinds": kinds}))


def _properties(one: object) -> Iterator[str]:
    """The properties of the nodes themselves that a part of a search uses."""
    if isinstance(one, Path):
        if not one.rooted and isinstance(one.steps[0], str):
            yield one.steps[0]
    elif isinstance(one, Context):
        yield from _properties(one.path)  # what is inside is said of other values
    elif isinstance(one, With | Hop | Merge):
        return  # other nodes
    else:
        for inner in _inside(one):
            yield from _properties(inner)


def _named(one: object) -> Iterator[str]:
    """All kinds that a part of a search names, in conditions and in paths."""
    if isinstance(one, IsKind):
        yield from one.kinds
    elif isinstance(one, Path):
        if one.rooted and len(one.steps) > 1 and one.steps[0] in ("ancestors", "descendants"):
            yield str(one.steps[1])
    else:
        for inner in _inside(one):
            yield from _named(inner)


def _inside(one: object) -> Iterator[object]:
    if isinstance(one, tuple):
        yield from one
    elif is_dataclass(one):
        yield from (getattr(one, field.name) for field in fields(one))
