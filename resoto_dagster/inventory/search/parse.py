"""From the text of a search to a query; what is wrong is shown with line, column and a caret."""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path as FilePath
from typing import Any

from lark import Lark, UnexpectedInput, UnexpectedToken
from lark.exceptions import VisitError

from resoto_dagster.inventory.search.errors import SearchError, at_position
from resoto_dagster.inventory.search.query import Path, Query
from resoto_dagster.inventory.search.tree import to_query

__all__ = ["SearchError", "parse_nodes", "parse_search"]

_SPOKEN = {
    "COMPARISON": "a comparison (= != < <= > >= ~ !~)",
    "NAME": "a name",
    "BACKTICKED": "a property",
    "ROOT": "/",
    "WORD": "a value",
    "STRING": "a quoted text",
    "NUMBER": "a number",
    "INT": "a whole number",
    "LINES": "a whole number",
    "FUNCTION": "sum, min, max, avg or count",
    "OPERATOR": "* / + - %",
    "ARROW": "a way through the graph (--> <-- -[0:3]->)",
    "INDEX": "[0] or [*]",
    "MODIFIER": "any, all or none",
    "NOT_IN": "not in",
    "IS": "is(kind)",
    "ID": "id(...)",
    "HAS_KEY": "has_key(...)",
    "IN_SUBNET": "in_subnet(...)",
    "WITH": "with(...)",
    "AGGREGATE": "aggregate(...)",
    "SUM_UP": "aggregate",
    "DIRECTION": "asc or desc",
    "RELATION": "ancestors, descendants, predecessors, successors",
    "STYLE": "--csv, --markdown or --json",
    "ORIGIN": "--with-origin",
    "VBAR": "|",
    "RPAR": ")",
    "LPAR": "(",
    "COMMA": "a comma",
    "MERGE_COMMA": "a comma",
    "MERGE_NAME": "a name and :",
    "HISTORY": "history",
    "MARK": "clean or protect",
    "SET_SECTION": "set_desired or set_metadata",
    "MOMENT": "--after or --before",
    "CHANGE": "--change",
    "COLON": ":",
    "DOT": ".",
    "LSQB": "[",
    "RSQB": "]",
    "LBRACE": "{",
    "RBRACE": "}",
    "$END": "the end",
}
_UNSEARCHABLE = re.compile("[\x00\ud800-\udfff]")
_DEEPEST = 200


@cache
def _parser() -> Lark:
    grammar = FilePath(__file__).with_name("grammar.lark").read_text()
    starts = ["start", "path"]
    return Lark(
        grammar, parser="lalr", start=starts, maybe_placeholders=True, transformer=to_query(_parse_path)
    )


def _parse_path(text: str) -> Path:
    try:
        path = _parser().parse(text, start="path")
    except UnexpectedInput as error:
        raise SearchError(_describe(text, error, "path")) from None
    assert isinstance(path, Path)
    return path


def parse_search(text: str) -> Query:
    """The query of a search's text. Raises SearchError that shows the place and what was expected there."""
    unsearchable = _UNSEARCHABLE.search(text)
    if unsearchable is not None:
        problem = f"a search can't hold the character U+{ord(unsearchable[0]):04X}"
        raise SearchError(at_position(text.replace(unsearchable[0], "\ufffd"), unsearchable.start(), problem))
    try:
        query = _parser().parse(text, start="start")
    except UnexpectedInput as error:
        raise SearchError(_describe(text, error, "start")) from None
    except VisitError as error:
        if isinstance(error.orig_exc, SearchError):
            raise error.orig_exc from None
        raise
    assert isinstance(query, Query)
    _check_depth(query)
    return replace(query, text=text)


def parse_nodes(text: str) -> Query:
    """The query of a search that finds resources. Raises SearchError, also for a sum or a list of them."""
    query = parse_search(text)
    if query.aggregate is not None:
        raise SearchError("an aggregation has no resources to work on")
    if query.actions:
        raise SearchError(f"| {query.actions[0]}: here a search only says what to work on")
    if query.pipes:
        raise SearchError(
            f"| {query.pipes[0]} gives no resources to work on; use sort and limit to choose them"
        )
    return query


def _check_depth(query: Query) -> None:
    """Raise SearchError for what is nested so deep that nobody wrote it, before anything recurses into it."""
    todo: list[tuple[object, int]] = [(query, 0)]
    while todo:
        one, depth = todo.pop()
        if depth > _DEEPEST:
            raise SearchError(f"a search can be nested {_DEEPEST} levels deep at most")
        inner: Iterable[object] = ()
        if is_dataclass(one):
            inner = (getattr(one, field.name) for field in fields(one))
        elif isinstance(one, tuple):
            inner = one
        todo += [(each, depth + 1) for each in inner if not isinstance(each, str)]


def _describe(text: str, error: UnexpectedInput, start: str) -> str:
    at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    position = len(text) if at_end else int(error.pos_in_stream or 0)
    expected = _expected(text, start)
    if "BACKTICKED" in expected:
        expected.discard("NAME")
    words = {_SPOKEN.get(name, name.lower()) for name in expected}
    return at_position(text, position, f"expected {', '.join(sorted(words)) or 'a search'}")


def _expected(text: str, start: str) -> set[str]:
    """The terminals that could stand where the text goes wrong."""
    parser: Any = _parser().parse_interactive(text, start=start)
    with suppress(UnexpectedInput):
        parser.exhaust_lexer()
    return set(parser.accepts())
