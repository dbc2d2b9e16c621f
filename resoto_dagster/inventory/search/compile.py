"""From a query to one SQL statement with its parameters; no value of a search is ever part of the text.

A comparison only holds for a value of the same type, and never for null, except `= null` and `!= null`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson

from resoto_dagster.inventory.search.parse import SearchError
from resoto_dagster.inventory.search.query import (
    Everything,
    Function,
    Group,
    IsKind,
    Path,
    Predicate,
    Query,
    Value,
    as_text,
)
from resoto_dagster.model.durations import parse_duration

FROM = """
FROM inventory.resources r
JOIN inventory.scopes s ON s.scope_id = r.scope_id
LEFT JOIN inventory.accounts a ON a.provider = s.provider AND a.account = s.account"""

BORN = "coalesce(r.ctime, r.first_seen)"
"""When a resource was created, or else first seen."""

_TIMES = {
    "ctime": BORN,
    "mtime": "coalesce(r.mtime, r.ctime, r.changed_at)",
    "atime": "r.atime",
}
_AGES = {"age": _TIMES["ctime"], "last_update": _TIMES["mtime"], "last_access": _TIMES["atime"]}
_TEXTS = {"id": "r.id", "kind": "r.kind", "name": "r.name"}
_ROOTED_TEXTS: dict[tuple[str, ...], str] = {
    ("ancestors", "cloud", "reported", "id"): "s.provider",
    ("ancestors", "cloud", "reported", "name"): "s.provider",
    ("ancestors", "account", "reported", "id"): "s.account",
    ("ancestors", "account", "reported", "name"): "coalesce(a.name, s.account)",
    ("ancestors", "region", "reported", "id"): "r.region",
    ("ancestors", "region", "reported", "name"): "r.region",
}
EXPIRES = f"coalesce(r.expires_at, {BORN} + r.expires_after)"
"""When a resource expires by its tags; null when it does not."""

_MARKED = "EXISTS (SELECT FROM inventory.marks m WHERE m.node_id = r.node_id AND m.mark = '{}')"
_ROOTED_FLAGS: dict[tuple[str, ...], str] = {
    ("metadata", "protected"): _MARKED.format("protected"),
    ("desired", "clean"): _MARKED.format("clean"),
}
_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "<>"}


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement and its parameters."""

    sql: str
    parameters: dict[str, Any]


class _Compiler:
    def __init__(self) -> None:
        self.parameters: dict[str, Any] = {}

    def parameter(self, value: Any) -> str:
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"

    def json(self, path: Path) -> str:
        """The JSON value at a path below `reported`."""
        steps = path.steps
        if path.rooted:
            if steps[0] != "reported" or len(steps) < 2:
                known = ", ".join("/" + ".".join(place) for place in (*_ROOTED_TEXTS, *_ROOTED_FLAGS))
                raise SearchError(
                    f"unknown section {path}; known are /reported.…, {known}, /metadata.expires"
                )
            steps = steps[1:]
        return f"(r.reported #> CAST({self.parameter(list(steps))} AS text[]))"

    def text(self, path: Path) -> str | None:
        """The column of a path that is one, and a text."""
        if path.rooted:
            return _ROOTED_TEXTS.get(path.steps)
        return _TEXTS.get(path.steps[0]) if len(path.steps) == 1 else None

    def column_of(self, path: Path) -> str | None:
        """The SQL of a path that is no property: a text, a time, or the time that an age counts from."""
        if path.rooted and path.steps == ("metadata", "expires"):
            return EXPIRES
        times = {**_TIMES, **_AGES} if len(path.steps) == 1 and not path.rooted else {}
        return times.get(path.steps[0]) or self.text(path)

    def not_null(self, path: Path) -> str:
        """The JSON value at a path; null where it is JSON's null."""
        return f"NULLIF({self.json(path)}, CAST('null' AS jsonb))"

    def term(self, term: IsKind | Predicate | Everything) -> str:
        if isinstance(term, Everything):
            return "true"
        if isinstance(term, IsKind):
            kinds = self.parameter(list(term.kinds))
            matching = f"k.bases && CAST({kinds} AS text[])"
            return f"EXISTS (SELECT FROM inventory.kinds k WHERE k.kind = r.kind AND {matching})"
        return self.predicate(term)

    def predicate(self, term: Predicate) -> str:
        path = term.path
        single = path.steps[0] if len(path.steps) == 1 and not path.rooted else None
        if single in _AGES:
            return self.age(term, _AGES[single])
        if single in _TIMES:
            return self.time(term, _TIMES[single])
        if path.rooted and path.steps == ("metadata", "expires"):
            return self.time(term, EXPIRES)
        if path.rooted and path.steps in _ROOTED_FLAGS:
            return self.flag(term, _ROOTED_FLAGS[path.steps])
        column = self.text(path)
        if column is not None:
            return self.column(term, column)
        return self.property(term)

    def _single(self, term: Predicate, what: str, convert: Callable[[str], Any]) -> Any:
        if term.comparison not in _MIRRORED or not isinstance(term.value, str):
            raise SearchError(f"{term.path} compares (= != < <= > >=) with {what}, not {_shown(term.value)}")
        try:
            return convert(term.value)
        except ValueError as error:
            raise SearchError(f"{term.path}: {error}") from None

    def _null(self, term: Predicate, expression: str) -> str | None:
        if term.value is not None:
            return None
        if term.comparison not in ("=", "!="):
            raise SearchError(f"{term.path}: null compares with = and != only")
        return f"{expression} IS {'NOT ' if term.comparison == '!=' else ''}NULL"

    def age(self, term: Predicate, column: str) -> str:
        null = self._null(term, column)
        if null:
            return null
        length = self._single(term, "a duration, e.g. 30d", parse_duration)
        return f"{column} {_MIRRORED[term.comparison]} now() - CAST({self.parameter(length)} AS interval)"

    def time(self, term: Predicate, expression: str) -> str:
        null = self._null(term, expression)
        if null:
            return null
        moment = self._single(term, "a timestamp, e.g. 2026-01-31T12:00:00Z", _moment)
        operator = "<>" if term.comparison == "!=" else term.comparison
        return f"{expression} {operator} CAST({self.parameter(moment)} AS timestamptz)"

    def flag(self, term: Predicate, expression: str) -> str:
        if term.comparison not in ("=", "!=") or not isinstance(term.value, bool):
            raise SearchError(f"{term.path} is true or false; compare it with = or !=")
        wanted = term.value == (term.comparison == "=")
        return expression if wanted else f"NOT {expression}"

    def column(self, term: Predicate, column: str) -> str:
        null = self._null(term, column)
        if null:
            return null
        if isinstance(term.value, tuple):
            if term.comparison in ("=", "!="):
                raise SearchError(f"{term.path} is a text; it compares with a list by in and not in")
            texts = [as_text(value) for value in term.value]
            negation = "NOT " if term.comparison == "not in" else ""
            return f"{negation}{column} = ANY (CAST({self.parameter(texts)} AS text[]))"
        operator = "<>" if term.comparison == "!=" else term.comparison
        return f"{column} {operator} {self.parameter(as_text(term.value))}"

    def property(self, term: Predicate) -> str:
        place = self.json(term.path)
        not_null = f"coalesce(jsonb_typeof({place}), 'null') <> 'null'"
        if term.value is None:
            null = self._null(term, place)
            assert null is not None
            return not_null if "NOT" in null else f"NOT {not_null}"
        if term.comparison in ("in", "not in"):
            assert isinstance(term.value, tuple)
            values = self.parameter([_json(value) for value in term.value])
            found = f"{place} = ANY (CAST({values} AS jsonb[]))"
            return found if term.comparison == "in" else f"({not_null} AND NOT {found})"
        if term.comparison in ("~", "!~"):
            matches = f"({place} #>> '{{}}') {term.comparison} {self.parameter(as_text(term.value))}"
            return f"(jsonb_typeof({place}) = 'string' AND {matches})"
        value = f"CAST({self.parameter(_json(term.value))} AS jsonb)"
        if term.comparison == "=":
            return f"{place} = {value}"
        if term.comparison == "!=":
            return f"({not_null} AND {place} <> {value})"
        return f"(jsonb_typeof({place}) = jsonb_typeof({value}) AND {place} {term.comparison} {value})"

    def where(self, query: Query) -> str:
        return "\nWHERE " + "\n    AND ".join(self.term(term) for term in query.terms)

    def group(self, group: Group) -> str:
        if group.path.rooted and group.path.steps in _ROOTED_FLAGS:
            return _ROOTED_FLAGS[group.path.steps]
        if not group.path.rooted and group.path.steps[0] in _AGES and len(group.path.steps) == 1:
            raise SearchError(f"{group.path} is another for every resource; it can't be grouped by")
        column = self.text(group.path)
        return column if column is not None else f"({self.json(group.path)} #>> '{{}}')"

    def function(self, function: Function) -> str:
        if function.operand is None or (function.name == "count" and isinstance(function.operand, Decimal)):
            return "count(*)"
        if isinstance(function.operand, Path) and function.name == "count":
            return f"count({self.column_of(function.operand) or self.not_null(function.operand)})"
        if isinstance(function.operand, Path):
            if self.column_of(function.operand) is not None:
                raise SearchError(
                    f"{function.name}({function.operand}): only numbers can be aggregated, and "
                    f"{function.operand} is none"
                )
            place = self.json(function.operand)
            # a CASE is the only place where Postgres promises to look before it casts
            number = f"CASE WHEN jsonb_typeof({place}) = 'number' THEN CAST({place} AS numeric) END"
        else:
            number = f"CAST({self.parameter(function.operand)} AS numeric)"
        for operator, value in function.arithmetic:
            number = f"({number}) {operator} CAST({self.parameter(value)} AS numeric)"
        return f"{function.name}({number})"


def _json(value: Value) -> str:
    if isinstance(value, tuple):
        return f"[{','.join(map(_json, value))}]"
    return as_text(value) if isinstance(value, Decimal) else orjson.dumps(value).decode()


def _shown(value: Value) -> str:
    return repr(value) if isinstance(value, str) else as_text(value)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no timestamp; expected e.g. 2026-01-31T12:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def compile_nodes(query: Query, columns: str, order: str = "r.kind, r.id, r.node_id") -> Statement:
    """The statement that answers with `columns` (SQL over the tables of FROM) of every node of the query."""
    compiler = _Compiler()
    where = compiler.where(query)
    return Statement(f"SELECT {columns}{FROM}{where}\nORDER BY {order}", compiler.parameters)


def compile_aggregate(query: Query) -> Statement:
    """The statement that answers with a row a group: the groups' values, then the functions'."""
    compiler = _Compiler()
    assert query.aggregate is not None
    groups = [f'{compiler.group(group)} AS "g{i}"' for i, group in enumerate(query.aggregate.groups)]
    functions = [compiler.function(function) for function in query.aggregate.functions]
    where = compiler.where(query)
    places = ", ".join(str(i + 1) for i in range(len(groups)))
    tail = f"\nGROUP BY {places}\nORDER BY {places}" if groups else ""
    return Statement(f"SELECT {', '.join((*groups, *functions))}{FROM}{where}{tail}", compiler.parameters)
