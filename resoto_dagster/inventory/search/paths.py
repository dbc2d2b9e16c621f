"""What a path of a search is in SQL: a column of a node, a time, an age, a mark, or a place in its JSON."""

# ruff: noqa: S608  # SQL is what is made here; all values of a search are parameters

from dataclasses import dataclass
from typing import Literal

from resoto_dagster.inventory.search.errors import SearchError
from resoto_dagster.inventory.search.graph import nearest
from resoto_dagster.inventory.search.query import Each, Path, Step
from resoto_dagster.inventory.search.sql import BORN, EXPIRES, Parameters

_TIMES = {
    "ctime": BORN,
    "mtime": "coalesce(r.mtime, r.ctime, r.changed_at)",
    "atime": "r.atime",
}
_AGES = {"age": _TIMES["ctime"], "last_update": _TIMES["mtime"], "last_access": _TIMES["atime"]}
_TEXTS = {"id": "r.id", "kind": "r.kind", "name": "r.name"}
_REASON = """(
    SELECT m.reason FROM inventory.marks m WHERE m.node_id = r.node_id AND m.mark = '{}'
    ORDER BY m.source, m.author LIMIT 1)"""
_ROOTED_TEXTS: dict[tuple[Step, ...], str] = {
    ("ancestors", "cloud", "reported", "id"): "s.provider",
    ("ancestors", "cloud", "reported", "name"): "s.provider",
    ("ancestors", "account", "reported", "id"): "s.account",
    ("ancestors", "account", "reported", "name"): "coalesce(a.name, s.account)",
    ("ancestors", "region", "reported", "id"): "r.region",
    ("ancestors", "region", "reported", "name"): "r.region",
    ("id",): "CAST(r.node_id AS text)",
    ("metadata", "protected_reason"): _REASON.format("protected"),
}
_MARKED = "EXISTS (SELECT FROM inventory.marks m WHERE m.node_id = r.node_id AND m.mark = '{}')"
_OF_BASE = "EXISTS (SELECT FROM inventory.kinds k WHERE k.kind = r.kind AND '{}' = ANY (k.bases))"
_ROOTED_FLAGS: dict[tuple[Step, ...], str] = {
    ("metadata", "protected"): _MARKED.format("protected"),
    ("metadata", "phantom"): _OF_BASE.format("phantom_resource"),
    ("desired", "clean"): _MARKED.format("clean"),
}
_ROOTED_TIMES: dict[tuple[Step, ...], str] = {("metadata", "expires"): EXPIRES}
_OF_SCOPE = """
    SELECT n.reported FROM {resources} n
    JOIN inventory.scopes ns ON ns.scope_id = n.scope_id
    WHERE ns.provider = s.provider AND ns.account = s.account AND n.id = {id} AND {of_kind} LIMIT 1"""
_PLACES = {"account": "s.account", "region": "r.region"}
"""Where a node is, its collect knows without an edge."""


def relative_in(path: Path) -> tuple[str, str] | None:
    """The direction and the kind of the relative that a path asks about, if edges lead to it."""
    steps = path.steps
    if not path.rooted or steps in _ROOTED_TEXTS or len(steps) < 2:
        return None
    direction, kind = str(steps[0]), str(steps[1])
    if direction == "ancestors" and kind in _PLACES:
        return None
    return (direction, kind) if direction in ("ancestors", "descendants") else None


@dataclass(frozen=True, slots=True)
class Scope:
    """Where paths start: at a node, or at one value of it, which is JSON."""

    value: str = "r.reported"
    of_node: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """What a path is: its type, its SQL, and for JSON what to select from to get at it, if anything.

    The SQL of an age is the time that it counts from. `many`: there is a value a row of `sources`. `text` is
    the SQL of JSON as text; JSON's null is null there.
    """

    type: Literal["text", "time", "age", "flag", "json"]
    sql: str
    sources: tuple[str, ...] = ()
    many: bool = False
    text: str = ""


def place_of(parameters: Parameters, path: Path, scope: Scope) -> Place:
    """What a path is. Raises SearchError for a section that is not known."""
    if path.rooted:
        return _rooted(parameters, path)
    if scope.of_node and len(path.steps) == 1 and isinstance(path.steps[0], str):
        name = path.steps[0]
        if name in _TEXTS:
            return Place("text", _TEXTS[name])
        if name in _TIMES:
            return Place("time", _TIMES[name])
        if name in _AGES:
            return Place("age", _AGES[name])
    return _json(parameters, path.steps, scope.value)


def _rooted(parameters: Parameters, path: Path) -> Place:
    steps = path.steps
    for name, value in parameters.merged.items():
        if steps[: len(name)] == name:
            return _json(parameters, steps[len(name) :], value)
    if steps in _ROOTED_TEXTS:
        return Place("text", _ROOTED_TEXTS[steps])
    if steps in _ROOTED_FLAGS:
        if steps != ("metadata", "phantom"):
            _of_now(parameters, path)
        return Place("flag", _ROOTED_FLAGS[steps])
    if steps in _ROOTED_TIMES:
        return Place("time", _ROOTED_TIMES[steps])
    if steps[0] in ("desired", "metadata"):
        _of_now(parameters, path)
        alias = parameters.alias()
        section, rest = (
            (_section(parameters, steps[0]), ()) if len(steps) == 1 else _annotation(parameters, steps)
        )
        place = _json(parameters, rest, f"{alias}.value")
        source = f"(SELECT ({section}) AS value OFFSET 0) {alias}"
        return Place("json", place.sql, (source, *place.sources), place.many)
    if steps[0] == "reported":
        return _json(parameters, steps[1:], "r.reported")
    if steps[0] in ("ancestors", "descendants") and len(steps) > 3 and steps[2] == "reported":
        inbound, kind = steps[0] == "ancestors", str(steps[1])
        relative = parameters.alias()
        if inbound and kind in _PLACES:
            selected = _OF_SCOPE.format(
                resources=parameters.resources, id=_PLACES[kind], of_kind=parameters.of_kind("n", kind)
            )
        else:
            selected = nearest(parameters, kind, inbound=inbound)
        place = _json(parameters, steps[3:], f"{relative}.reported")
        # OFFSET keeps Postgres from looking for the relative again wherever its value is used
        source = f"(SELECT ({selected}) AS reported OFFSET 0) {relative}"
        return Place("json", place.sql, (source, *place.sources), place.many)
    known = ", ".join("/" + ".".join(map(str, one)) for one in (*_ROOTED_FLAGS, *_ROOTED_TIMES))
    raise SearchError(
        f"unknown section {path}; known are /reported.…, /ancestors.KIND.reported.…, "
        f"/descendants.KIND.reported.…, {known}"
    )


def _of_now(parameters: Parameters, path: Path) -> None:
    """Raise SearchError for what only the present has, when the past is asked."""
    if parameters.at is not None or parameters.changes:
        raise SearchError(f"{path}: what people set is not kept of the past; search the present for it")


def _annotation(parameters: Parameters, steps: tuple[Step, ...]) -> tuple[str, tuple[Step, ...]]:
    """A SELECT of what people have set under a name, and what is left of the path."""
    section, name = parameters.add(str(steps[0])), parameters.add(str(steps[1]))
    select = f"""
        SELECT n.value FROM inventory.annotations n
        WHERE n.node_id = r.node_id AND n.section = {section} AND n.name = {name}"""
    return select, steps[2:]


def _section(parameters: Parameters, section: Step) -> str:
    """A SELECT of all that is in a section, as one object."""
    own = " || ".join(
        f"CASE WHEN {flag} THEN jsonb_build_object('{steps[1]}', true) ELSE '{{}}' END"
        for steps, flag in _ROOTED_FLAGS.items()
        if steps[0] == section
    )
    return f"""
        SELECT coalesce(jsonb_object_agg(n.name, n.value ORDER BY n.name), '{{}}') || {own}
        FROM inventory.annotations n WHERE n.node_id = r.node_id AND n.section = {parameters.add(section)}"""


def _json(parameters: Parameters, steps: tuple[Step, ...], base: str) -> Place:
    """A place below some JSON; every [*] is one more table of elements."""
    sources: list[str] = []
    keys: list[str] = []
    value = base
    for position, step in enumerate(steps):
        unfolded = parameters.unfolded.get(steps[: position + 1]) if base == "r.reported" else None
        if unfolded:
            sources, value, keys = [], unfolded, []
        elif isinstance(step, Each):
            alias = parameters.alias()
            sources.append(f"{elements(_below(parameters, value, keys))} {alias}(value)")
            value, keys = f"{alias}.value", []
        else:
            keys.append(str(step))
    if not keys:
        return Place("json", value, tuple(sources), bool(sources), f"({value} #>> '{{}}')")
    way = parameters.array(keys)
    return Place("json", f"({value} #> {way})", tuple(sources), bool(sources), f"({value} #>> {way})")


def _below(parameters: Parameters, value: str, keys: list[str]) -> str:
    return f"({value} #> {parameters.array(keys)})" if keys else value


def elements(array: str) -> str:
    """The elements of a JSON array; none of what is no array."""
    return (
        f"jsonb_array_elements(CASE WHEN jsonb_typeof({array}) = 'array' THEN {array} "
        "ELSE CAST('[]' AS jsonb) END)"
    )


def single(parameters: Parameters, place: Place) -> str:
    """The SQL of a place as one value: of many values an array; JSON's null is null."""
    if place.type == "age":
        return f"{parameters.now} - {place.sql}"
    if place.type != "json":
        return place.sql
    value = f"NULLIF({place.sql}, CAST('null' AS jsonb))"
    if not place.sources:
        return value
    return f"(SELECT {f'jsonb_agg({value})' if place.many else value} FROM {', '.join(place.sources)})"
