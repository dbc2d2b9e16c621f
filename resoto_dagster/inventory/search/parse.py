"""From the text of a search to a query; what is wrong is shown with line, column and a caret."""

import re
from decimal import Decimal
from functools import cache
from pathlib import Path as FilePath
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, v_args
from lark.exceptions import VisitError

from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.search.query import (
    Aggregate,
    Everything,
    Function,
    Group,
    IsKind,
    Path,
    Predicate,
    Query,
)

_SPOKEN = {
    "COMPARISON": "a comparison (= != < <= > >= ~ !~ in)",
    "STEP": "a property",
    "ROOT": "/",
    "NAME": "a name",
    "WORD": "a value",
    "STRING": "a quoted text",
    "NUMBER": "a number",
    "FUNCTION": "sum, min, max, avg or count",
    "OPERATOR": "* / + -",
    "AND": "and",
    "IN": "in",
    "NOT": "not in",
    "IS": "is(kind)",
    "ID": "id(...)",
    "ALL": "all",
    "AGGREGATE": "aggregate(...)",
    "AS": "as",
    "RPAR": ")",
    "LPAR": "(",
    "COMMA": "a comma",
    "COLON": ":",
    "DOT": ".",
    "LSQB": "[",
    "RSQB": "]",
    "TRUE": "true",
    "FALSE": "false",
    "NULL": "null",
    "$END": "the end",
}
_SAME = {"==": "=", "=~": "~"}
_UNSEARCHABLE = re.compile("[\x00\ud800-\udfff]")
_DIGITS = 100


class SearchError(ResotoError):
    """A search that can't be understood; the text shows the place."""


def _number(token: str) -> Decimal:
    if len(token) > _DIGITS:
        raise SearchError(f"a number has {_DIGITS} characters at most: {token[:20]}…")
    return Decimal(token)


@v_args(inline=True)
class _ToQuery(Transformer[Token, Query]):
    def start(self, aggregate: Aggregate | None, terms: tuple[Any, ...]) -> Query:
        return Query(terms, aggregate)

    def aggregate(self, groups: tuple[Group, ...] | None, functions: tuple[Function, ...]) -> Aggregate:
        return Aggregate(groups or (), functions)

    def groups(self, *groups: Group) -> tuple[Group, ...]:
        return groups

    def group(self, path: Path, name: Token | None) -> Group:
        return Group(path, str(name) if name else path.steps[-1])

    def functions(self, *functions: Function) -> tuple[Function, ...]:
        return functions

    def function(self, name: Any, *rest: Any) -> Function:
        *inner, as_name = rest
        operand, *arithmetic = inner
        pairs = tuple(
            (str(operator), _number(number))
            for operator, number in zip(arithmetic[::2], arithmetic[1::2], strict=True)
        )
        if operand is None and name != "count":
            raise SearchError(f"{name}() needs something to aggregate, e.g. {name}(1)")
        return Function(name.value, operand, pairs, str(as_name) if as_name else str(name))

    def terms(self, *terms: Any) -> tuple[Any, ...]:
        return terms

    def is_kind(self, *names: Token) -> IsKind:
        return IsKind(tuple(map(str, names)))

    def by_id(self, value: Any) -> Predicate:
        return Predicate(Path(("id",)), "=", value)

    def everything(self) -> Everything:
        return Everything()

    def predicate(self, path: Path, comparison: Any, value: Any) -> Predicate:
        lists = comparison in ("in", "not in")
        if lists != isinstance(value, tuple) and comparison not in ("=", "!="):
            raise SearchError(f"{path} {comparison} … needs {'a list' if lists else 'a single value'}")
        if lists and None in value:
            raise SearchError(f"{path} {comparison} …: null is in no list; compare it with = or !=")
        return Predicate(path, comparison, value)

    def comparison(self, token: Token | str) -> str:
        return _SAME.get(str(token), str(token))

    def in_(self) -> str:
        return "in"

    def not_in(self) -> str:
        return "not in"

    def path(self, root: Token | None, *steps: Token) -> Path:
        names = tuple(step.strip("`") for step in steps)
        if root is not None and names[0] == "reported" and len(names) > 1:
            return Path(names[1:])
        return Path(names, rooted=root is not None)

    def string(self, token: Token) -> str:
        return token[1:-1].replace('\\"', '"').replace("\\'", "'").replace("\\\\", "\\")

    def number(self, token: Token) -> Decimal:
        return _number(token)

    def word(self, token: Token) -> str:
        return str(token)

    def true(self) -> bool:
        return True

    def false(self) -> bool:
        return False

    def null(self) -> None:
        return None

    def array(self, *values: Any) -> tuple[Any, ...]:
        return values


setattr(_ToQuery, "in", _ToQuery.in_)


@cache
def _parser() -> Lark:
    grammar = FilePath(__file__).with_name("grammar.lark").read_text()
    return Lark(grammar, parser="earley", maybe_placeholders=True, propagate_positions=False)


def parse_search(text: str) -> Query:
    """The query of a search's text. Raises SearchError that shows the place and what was expected there."""
    unsearchable = _UNSEARCHABLE.search(text)
    if unsearchable is not None:
        problem = f"a search can't hold the character U+{ord(unsearchable[0]):04X}"
        raise SearchError(_at(text.replace(unsearchable[0], "\ufffd"), unsearchable.start(), problem))
    try:
        return _ToQuery().transform(_parser().parse(text))
    except UnexpectedInput as error:
        raise SearchError(_describe(text, error)) from None
    except VisitError as error:
        if isinstance(error.orig_exc, SearchError):
            raise error.orig_exc from None
        raise


def _describe(text: str, error: UnexpectedInput) -> str:
    at_end = isinstance(error, UnexpectedEOF) or error.pos_in_stream is None
    position = len(text) if at_end else int(error.pos_in_stream or 0)
    expected: set[str] = set()
    if isinstance(error, UnexpectedCharacters):
        expected = set(error.allowed or ())
    elif isinstance(error, UnexpectedEOF):
        expected = set(error.expected)
    spoken = ", ".join(sorted({_SPOKEN.get(name, name) for name in expected if name != "WS"}))
    return _at(text, position, f"expected {spoken or 'a search'}")


def _at(text: str, position: int, problem: str) -> str:
    """The problem with its place: line, column, and a caret below the line."""
    before = text[:position]
    line, column = before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1
    shown = text.split("\n")[line - 1]
    return f"line {line}, column {column}: {problem}\n  {shown}\n  {' ' * (column - 1)}^"
