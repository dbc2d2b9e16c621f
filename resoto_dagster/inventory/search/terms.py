"""Conditions in SQL. A comparison only holds for a value of the same type, and never for null, except
`= null` and `!= null`.
"""

# ruff: noqa: S608  # SQL is what is made here; all values of a search are parameters

import ipaddress
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, assert_never

import orjson

from resoto_dagster.inventory.search.errors import SearchError
from resoto_dagster.inventory.search.moments import from_now, timestamp
from resoto_dagster.inventory.search.paths import Place, Scope, elements, place_of
from resoto_dagster.inventory.search.query import (
    ById,
    Combined,
    Context,
    Each,
    Everything,
    FullText,
    HasKey,
    InSubnet,
    IsKind,
    Not,
    Object,
    Predicate,
    Term,
    Value,
    as_text,
)
from resoto_dagster.inventory.search.sql import Parameters
from resoto_dagster.model.durations import parse_duration

_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "<>"}
_TODAY = "date_trunc('day', {now}, 'UTC')"
_MOMENTS = {
    "@NOW@": "{now}",
    "@UTC@": "{now}",
    "@TODAY@": _TODAY,
    "@YESTERDAY@": f"({_TODAY} - INTERVAL '1 day')",
    "@TOMORROW@": f"({_TODAY} + INTERVAL '1 day')",
}
_DAYS = frozenset({"@TODAY@", "@YESTERDAY@", "@TOMORROW@"})


def condition(parameters: Parameters, term: Term, scope: Scope | None = None) -> str:
    """The SQL of a condition on the node `r`, or on the value that the scope names. Raises SearchError."""
    scope = scope or Scope()
    match term:
        case Everything():
            return "true"
        case IsKind():
            return parameters.of_kind("r", *term.kinds)
        case ById():
            return _by_id(parameters, term)
        case FullText():
            return _full_text(parameters, term)
        case Not():
            return f"NOT coalesce({condition(parameters, term.condition, scope)}, false)"
        case Combined():
            inner = (condition(parameters, one, scope) for one in term.conditions)
            return f"({f' {term.word.upper()} '.join(inner)})"
        case Context():
            place = place_of(parameters, term.path, scope)
            inside = condition(parameters, term.condition, Scope(place.sql, of_node=False))
            return _of_any(place, inside)
        case HasKey():
            place = _json_place(parameters, term.path, scope)
            keys = parameters.array(list(term.keys))
            return _of_any(place, f"(jsonb_typeof({place.sql}) = 'object' AND {place.sql} ?& {keys})")
        case InSubnet():
            return _in_subnet(parameters, term, scope)
        case Predicate():
            return _predicate(parameters, term, scope)
        case _:
            assert_never(term)


def _by_id(parameters: Parameters, term: ById) -> str:
    known = f"r.id = ANY ({parameters.array(term.ids)})"
    nodes = [node for node in map(_node_id, term.ids) if node is not None]
    return f"({known} OR r.node_id = ANY ({parameters.add(nodes)}))" if nodes else known


def _node_id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _full_text(parameters: Parameters, term: FullText) -> str:
    phrase = f"inventory.phrase({parameters.add(term.text)})"
    if parameters.changes:
        return f"inventory.words(r.reported) @@ {phrase}"
    known = f"r.node_id IN (SELECT * FROM inventory.matching({phrase}))"
    if parameters.at is None:
        return known
    return f"CASE WHEN r.past THEN inventory.words(r.reported) @@ {phrase} ELSE {known} END"


def _of_any(place: Place, inside: str) -> str:
    return f"EXISTS (SELECT FROM {', '.join(place.sources)} WHERE {inside})" if place.sources else inside


def _json_place(parameters: Parameters, path: Any, scope: Scope) -> Place:
    place = place_of(parameters, path, scope)
    if place.type != "json":
        raise SearchError(f"{path} is no object or address")
    return place


def _in_subnet(parameters: Parameters, term: InSubnet, scope: Scope) -> str:
    try:
        network = ipaddress.ip_network(term.network, strict=False)
    except ValueError:
        raise SearchError(f'{term}: {term.network!r} is no network, e.g. "10.0.0.0/8"') from None
    place = _json_place(parameters, term.path, scope)
    wanted = f"CAST({parameters.add(str(network))} AS inet)"

    def inside(value: str) -> str:
        text = f"({value} #>> '{{}}')"
        valid = f"jsonb_typeof({value}) = 'string' AND pg_input_is_valid({text}, 'inet')"
        return f"CASE WHEN {valid} THEN CAST({text} AS inet) <<= {wanted} ELSE false END"

    return _of_any(place, _of_elements(parameters, place.sql, inside))


def _predicate(parameters: Parameters, term: Predicate, scope: Scope) -> str:
    place = place_of(parameters, term.path, scope)
    if place.type == "json":
        if scope.of_node and _indexed(term):
            return _contained(parameters, term)
        return _property(parameters, term, place)
    if term.modifier is not None:
        held = _predicate(parameters, replace(term, modifier=None), scope)
        return f"({place.sql} IS NOT NULL AND NOT {held})" if term.modifier == "none" else held
    if place.type == "flag":
        return _flag(term, place.sql)
    null = _null(term, place.sql)
    if null:
        return null
    if place.type == "age":
        return _age(parameters, term, place.sql)
    return _time(parameters, term, place.sql) if place.type == "time" else _text(parameters, term, place.sql)


def _single(term: Predicate, what: str, convert: Callable[[str], Any]) -> Any:
    if term.comparison not in _MIRRORED or not isinstance(term.value, str):
        raise SearchError(f"{term.path} compares (= != < <= > >=) with {what}, not {_shown(term.value)}")
    try:
        return convert(term.value)
    except ValueError as error:
        raise SearchError(f"{term.path}: {error}") from None


def _null(term: Predicate, expression: str) -> str | None:
    if term.value is not None:
        return None
    if term.comparison not in ("=", "!="):
        raise SearchError(f"{term.path}: null compares with = and != only")
    return f"{expression} IS {'NOT ' if term.comparison == '!=' else ''}NULL"


def _age(parameters: Parameters, term: Predicate, since: str) -> str:
    length: timedelta = _single(term, "a duration, e.g. 30d", parse_duration)
    return (
        f"{since} {_MIRRORED[term.comparison]} {parameters.now} - CAST({parameters.add(length)} AS interval)"
    )


def _time(parameters: Parameters, term: Predicate, expression: str) -> str:
    operator = "<>" if term.comparison == "!=" else term.comparison
    if term.comparison in _MIRRORED and isinstance(term.value, str) and term.value in _MOMENTS:
        return f"{expression} {operator} {_MOMENTS[term.value].format(now=parameters.now)}"
    expected = "a timestamp, e.g. 2026-01-31T12:00:00Z, or -30d"
    distance = _single(term, expected, from_now)
    if distance is not None:
        return f"{expression} {operator} {parameters.now} + CAST({parameters.add(distance)} AS interval)"
    return (
        f"{expression} {operator} CAST({parameters.add(_single(term, expected, timestamp))} AS timestamptz)"
    )


def _flag(term: Predicate, expression: str) -> str:
    if term.comparison not in ("=", "!=") or not isinstance(term.value, bool):
        raise SearchError(f"{term.path} is true or false; compare it with = or !=")
    wanted = term.value == (term.comparison == "=")
    return expression if wanted else f"NOT {expression}"


def _text(parameters: Parameters, term: Predicate, column: str) -> str:
    if isinstance(term.value, tuple):
        if term.comparison in ("=", "!="):
            raise SearchError(f"{term.path} is a text; it compares with a list by in and not in")
        negation = "NOT " if term.comparison == "not in" else ""
        return f"{negation}{column} = ANY ({parameters.array([as_text(value) for value in term.value])})"
    # regular expressions take upper and lower case for the same, as Resoto's do
    operator = {"!=": "<>", "~": "~*", "!~": "!~*"}.get(term.comparison, term.comparison)
    return f"{column} {operator} {_text_value(parameters, as_text(term.value))}"


def _text_value(parameters: Parameters, value: str) -> str:
    """A text as a parameter; of @NOW@ and its like the moment as it is reported, in UTC."""
    if value not in _MOMENTS:
        return parameters.add(value)
    moment = _MOMENTS[value].format(now=parameters.now)
    return _reported_time(parameters, moment, day=value in _DAYS)


def _reported_time(parameters: Parameters, moment: str, *, day: bool = False) -> str:
    """A moment as the text that an API reports."""
    pattern = parameters.add("YYYY-MM-DD" if day else 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    return f"to_char(({moment}) AT TIME ZONE 'UTC', {pattern})"


def _distance(text: str) -> timedelta | None:
    """How far from now a text is, if it says so."""
    try:
        return from_now(text)
    except ValueError:
        return None


def _property(parameters: Parameters, term: Predicate, place: Place) -> str:
    whole = isinstance(term.value, tuple) and term.comparison in ("=", "!=")
    test = _test(parameters, term)
    if term.modifier in ("all", "none"):
        return _of_all(parameters, place, test, holds=term.modifier == "all")
    if term.modifier is None and (whole or term.value is None or _contains(term)):
        return _of_any(place, test(place.sql))
    return _of_any(place, _of_elements(parameters, place.sql, test))


def _contains(term: Predicate) -> bool:
    """Whether equality can be asked of a value and of an array's elements at once."""
    return term.comparison == "=" and not isinstance(term.value, Object | tuple)


def _indexed(term: Predicate) -> bool:
    """Whether the index of all that is reported can answer: it knows keys and elements, not their places."""
    keys = all(isinstance(step, Each) or not str(step).isdigit() for step in term.path.steps)
    if term.path.rooted or not keys:
        return False
    plain = not (isinstance(term.value, str) and term.value in _MOMENTS)
    return plain and term.modifier is None and term.value is not None and _contains(term)


def _contained(parameters: Parameters, term: Predicate) -> str:
    """Equality as the containment of a document: the value at the path, or an array there with the value."""

    def document(leaf: str) -> str:
        for step in reversed(term.path.steps):
            leaf = f"[{leaf}]" if isinstance(step, Each) else f"{{{_json(str(step))}:{leaf}}}"
        return f"r.reported @> CAST({parameters.add(leaf)} AS jsonb)"

    value = _json(term.value)
    return f"({document(value)} OR {document(f'[{value}]')})"


def _of_elements(parameters: Parameters, value: str, test: Callable[[str], str]) -> str:
    """The test of any element of an array, or of what is no array."""
    alias = parameters.alias()
    found = f"EXISTS (SELECT FROM {elements(value)} {alias}(value) WHERE {test(f'{alias}.value')})"
    return f"(CASE WHEN jsonb_typeof({value}) = 'array' THEN {found} ELSE {test(value)} END)"


def _of_all(parameters: Parameters, place: Place, test: Callable[[str], str], *, holds: bool) -> str:
    """Whether the test holds for all elements, or for none. Of null it is neither."""
    alias = parameters.alias()
    value = place.sql
    each = f"CASE WHEN jsonb_typeof({value}) = 'array' THEN {value} ELSE jsonb_build_array({value}) END"
    against = f"NOT coalesce({test(f'{alias}.value')}, false)" if holds else test(f"{alias}.value")
    rows = ", ".join((*place.sources, f"jsonb_array_elements({each}) {alias}(value)"))
    there = _of_any(place, f"coalesce(jsonb_typeof({value}), 'null') <> 'null'")
    known = f"{value} IS NOT NULL"
    return f"({there} AND NOT EXISTS (SELECT FROM {rows} WHERE {known} AND {against}))"


def _test(parameters: Parameters, term: Predicate) -> Callable[[str], str]:
    """The comparison as a function of the SQL of one JSON value; its parameters are there once."""
    value, comparison = term.value, term.comparison
    if value is None:
        if comparison not in ("=", "!="):
            raise SearchError(f"{term.path}: null compares with = and != only")
        operator = "=" if comparison == "=" else "<>"
        return lambda place: f"coalesce(jsonb_typeof({place}), 'null') {operator} 'null'"
    if comparison in ("in", "not in"):
        assert isinstance(value, tuple)
        values = f"CAST({parameters.add([_json(one) for one in value])} AS jsonb[])"
        if comparison == "in":
            return lambda place: f"{place} = ANY ({values})"
        return lambda place: f"({_not_null(place)} AND NOT {place} = ANY ({values}))"
    if comparison in ("~", "!~"):
        pattern = parameters.add(as_text(value))
        return lambda place: (
            f"(jsonb_typeof({place}) = 'string' AND ({place} #>> '{{}}') {comparison}* {pattern})"
        )
    wanted = _json_value(parameters, value, comparison)
    if comparison == "=":
        operator = "@>" if _contains(term) and term.modifier is None else "="
        return lambda place: f"{place} {operator} {wanted}"
    if comparison == "!=":
        return lambda place: f"({_not_null(place)} AND {place} <> {wanted})"
    return lambda place: f"(jsonb_typeof({place}) = jsonb_typeof({wanted}) AND {place} {comparison} {wanted})"


def _not_null(place: str) -> str:
    return f"coalesce(jsonb_typeof({place}), 'null') <> 'null'"


def _json_value(parameters: Parameters, value: Value, comparison: str) -> str:
    if isinstance(value, str) and value in _MOMENTS:
        return f"to_jsonb({_text_value(parameters, value)})"
    if isinstance(value, str) and comparison not in ("=", "!="):
        distance = _distance(value)
        if distance is not None:
            moment = f"{parameters.now} + CAST({parameters.add(distance)} AS interval)"
            return f"to_jsonb({_reported_time(parameters, moment)})"
    return f"CAST({parameters.add(_json(value))} AS jsonb)"


def _json(value: Value) -> str:
    if isinstance(value, tuple):
        return f"[{','.join(map(_json, value))}]"
    if isinstance(value, Object):
        return f"{{{','.join(f'{_json(key)}:{_json(one)}' for key, one in value.members)}}}"
    return as_text(value) if isinstance(value, Decimal) else orjson.dumps(value).decode()


def _shown(value: Value) -> str:
    return repr(value) if isinstance(value, str) else as_text(value)
