"""What each rule of the grammar means: the parser calls these methods from the innermost rule outwards."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal, get_args

from lark import Token, Transformer, v_args

from resoto_dagster.inventory.search.errors import SearchError
from resoto_dagster.inventory.search.moments import moment
from resoto_dagster.inventory.search.query import (
    Action,
    Aggregate,
    ById,
    Change,
    Column,
    Combined,
    Context,
    Count,
    Dump,
    Each,
    Everything,
    Format,
    FullText,
    Function,
    Group,
    HasKey,
    Head,
    History,
    Hop,
    InSubnet,
    IsKind,
    Limit,
    List,
    MarkAs,
    Merge,
    Navigation,
    Not,
    Object,
    Part,
    Path,
    Pipe,
    Predicate,
    Query,
    SetValues,
    Sort,
    Step,
    TagDelete,
    TagUpdate,
    Tail,
    Template,
    Term,
    With,
    Write,
    as_text,
    combine,
)

_SAME = {"==": "=", "=~": "~"}
_DIGITS = 100
_LONGEST_WAY = 250
_LINES = 100
_ESCAPED = re.compile(r"\\([\\\"'])")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_ARROW = re.compile(
    r"(?P<inward><)?-(?P<before>[a-z,\s]*)(?:\[\s*(?P<start>\d{1,9})\s*(?P<open>:|,|\.\.)?\s*(?P<until>\d{1,9})?"
    r"\s*\])?(?P<after>[a-z,\s]*)-(?P<outward>>)?"
)
_RELATIONS: dict[str, Navigation] = {
    "ancestors": Navigation(inbound=("default",), until=None),
    "descendants": Navigation(outbound=("default",), until=None),
    "predecessors": Navigation(inbound=("default",)),
    "successors": Navigation(outbound=("default",)),
}


@dataclass(frozen=True, slots=True)
class _Later:
    """A part and the way to it, before it is known where the way begins."""

    navigation: Navigation
    part: Part
    piped: bool = False

    def after(self, origin: Part) -> Part:
        return replace(self.part, hop=Hop(origin, self.navigation))


def _number(token: str) -> Decimal:
    if len(token) > _DIGITS:
        raise SearchError(f"a number has {_DIGITS} characters at most: {token[:20]}…")
    return Decimal(token)


def _types(text: str | None) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(one.strip() for one in (text or "").split(",") if one.strip()))


def _navigation(arrow: str) -> Navigation:
    match = _ARROW.fullmatch(arrow)
    if match is None or not (match["inward"] or match["outward"]):
        raise SearchError(f"{arrow} is no way through the graph; expected e.g. -->, <--, -[0:3]->, -delete->")
    before, after = _types(match["before"]), _types(match["after"])
    start = 1 if match["start"] is None else int(match["start"])
    until = start if match["open"] is None else None if match["until"] is None else int(match["until"])
    if max(start, until or 0) > _LONGEST_WAY:
        raise SearchError(
            f"{arrow}: {_LONGEST_WAY} steps are the most; leave the end open to go on to the last"
        )
    if until is not None and until < start:
        raise SearchError(f"{arrow} ends before it starts")
    if match["inward"] and match["outward"]:
        inbound = before or after or ("default",)
        return Navigation(inbound, after or inbound, start, until)
    if before and after:
        raise SearchError(f"{arrow}: name the types of edges once")
    types = before or after or ("default",)
    if match["inward"]:
        return Navigation(inbound=types, start=start, until=until)
    return Navigation(outbound=types, start=start, until=until)


def _of_values_only(term: Term) -> None:
    """Raise SearchError for what can only be asked of a node, in a condition on a value inside of one."""
    if isinstance(term, Combined):
        for one in term.conditions:
            _of_values_only(one)
    elif isinstance(term, Not):
        _of_values_only(term.condition)
    elif isinstance(term, IsKind | ById | FullText):
        raise SearchError(f"{term} can't stand in {{…}}: that holds conditions on one value of a node")
    elif isinstance(term, Predicate | HasKey | InSubnet | Context) and term.path.rooted:
        raise SearchError(f"{term.path} can't stand in {{…}}: paths start at the value before it")


def _all_of(condition: Term) -> tuple[Term, ...]:
    """The conditions that all must hold."""
    joined = isinstance(condition, Combined) and condition.word == "and"
    return condition.conditions if isinstance(condition, Combined) and joined else (condition,)


def _last_name(path: Path) -> str:
    """The name of what is at a path, where none is given."""
    return [step for step in path.steps if isinstance(step, str)][-1]


def _derived(function: str, operand: Path | Decimal | None) -> str:
    """The name of a function's value, where none is given: `sum_of_volume_size`."""
    if operand is None:
        return function
    return f"{function}_of_{_last_name(operand) if isinstance(operand, Path) else as_text(operand)}"


def _check_pipes(aggregate: Aggregate | None, pipes: list[Pipe], actions: list[Action]) -> None:
    """Raise SearchError for what can't follow each other."""
    for before, pipe in pairwise(pipes):
        if not isinstance(before, Head | Tail) and not isinstance(pipe, Write):
            raise SearchError(f"nothing can follow | {before}")
        if isinstance(pipe, History):
            raise SearchError(f"| {pipe} can't follow | {before}: choose with --after, --before and sort")
    if aggregate and any(not isinstance(pipe, Head | Tail | Write) for pipe in pipes):
        raise SearchError("a sum can only be followed by | head, | tail or | write")
    if actions and any(isinstance(pipe, History) for pipe in pipes):
        raise SearchError("what | history finds is the past; nothing can be done to it")


@v_args(inline=True)
class _ToQuery(Transformer[Token, Query]):
    """Makes the query, bottom up. Raises SearchError for what the grammar alone can't refuse."""

    def __init__(self, parse_path: Callable[[str], Path]):
        super().__init__()
        self._parse_path = parse_path

    # the whole search and its parts

    def start(
        self, aggregate: Aggregate | None, part: Part, *rest: "_Later | Aggregate | Pipe | Action"
    ) -> Query:
        pipes: list[Pipe] = []
        actions: list[Action] = []
        for one in rest:
            if isinstance(one, Action):
                if aggregate or pipes:
                    raise SearchError(
                        f"| {one} works on resources; let it stand before what counts or prints"
                    )
                actions.append(one)
            elif not isinstance(one, _Later | Aggregate):
                pipes.append(one)
            elif pipes or (aggregate and not (isinstance(one, _Later) and not one.piped)):
                raise SearchError("after a sum or a list there are no resources any more to go on with")
            elif actions:
                raise SearchError(f"after | {actions[-1]} what was found can only be printed")
            elif isinstance(one, _Later):
                part = one.after(part)
            else:
                aggregate = one
        _check_pipes(aggregate, pipes, actions)
        return Query(
            part.terms,
            part.having,
            part.sort,
            part.limit,
            part.reverse,
            part.hop,
            aggregate,
            tuple(pipes),
            merges=part.merges,
            merged=part.merged,
            actions=tuple(actions),
        )

    def first_part(
        self,
        condition: Term,
        merges: tuple[Merge, ...] | None,
        merged: Term | None,
        refinement: dict[str, Any],
    ) -> Part:
        after = () if merged is None else _all_of(merged)
        return Part(_all_of(condition), merges=merges or (), merged=after, **refinement)

    def later_part(self, arrow: Token, condition: Term | None, *rest: Any) -> _Later:
        return _Later(_navigation(arrow), self.first_part(condition or Everything(), *rest))

    def merges(self, *rest: "Merge | Token") -> tuple[Merge, ...]:
        merges = tuple(one for one in rest if isinstance(one, Merge))
        for name in {merge.name for merge in merges}:
            if sum(merge.name[: len(name)] == name for merge in merges) > 1:
                raise SearchError(f"{'.'.join(name)} would be merged twice; take another name")
        return merges

    def merge(self, token: Token, nearby: Part) -> Merge:
        name = token.removeprefix("/").rstrip("[] \t\n")
        steps = tuple(name.split("."))
        if steps[0] in ("reported", "metadata", "desired", "id"):
            raise SearchError(f"{name} is a resource's own; merge nodes under another name")
        return Merge(steps, token.endswith("]"), nearby)

    def nearby(self, condition: Term | None, *later: _Later) -> Part:
        if condition not in (None, Everything()):
            raise SearchError(f"{condition}: what is merged starts at the resource itself, with an arrow")
        part = Part((Everything(),))
        for one in later:
            part = one.after(part)
        return part

    def refinement(
        self, having: With | None, sort: tuple[Sort, ...] | None, limit: Limit | None, reverse: Token | None
    ) -> dict[str, Any]:
        return {"having": having, "sort": sort or (), "limit": limit, "reverse": reverse is not None}

    def having(
        self, _word: Token, count: tuple[Any, int], arrow: Token, condition: Term | None, inner: With | None
    ) -> With:
        return With(*count, _navigation(arrow), condition or Everything(), inner)

    def none_reached(self, _word: Token) -> tuple[str, int]:
        return "=", 0

    def some_reached(self, _word: Token) -> tuple[str, int]:
        return ">", 0

    def count_reached(self, _word: Token, comparison: Token, count: Token) -> tuple[str, int]:
        if comparison in ("~", "=~", "!~"):
            raise SearchError(f"count {comparison} …: a count compares with = != < <= > >=")
        return _SAME.get(comparison, str(comparison)), int(count)

    def sort(self, _word: Token, *keys: Sort) -> tuple[Sort, ...]:
        return keys

    def sort_key(self, path: Path, direction: Token | None) -> Sort:
        return Sort(path, direction == "desc")

    def limit(self, _word: Token, first: Token, second: Token | None) -> Limit:
        return Limit(int(first)) if second is None else Limit(int(second), int(first))

    # conditions

    def terms(self, first: Term, *rest: Any) -> Term:
        """Without parentheses, from left to right: `a or b and c` is `(a or b) and c`."""
        condition, word = first, None
        run: list[Term] = [first]
        for now, operand in zip(rest[::2], rest[1::2], strict=True):
            if word is not None and now != word:
                condition = combine(word, *run)
                run = [condition]
            word = now
            run.append(operand)
        return combine(word, *run) if word is not None else condition

    context = terms

    def and_(self, *_word: Token) -> Literal["and"]:
        return "and"

    def or_(self, *_word: Token) -> Literal["or"]:
        return "or"

    def negation(self, _word: Token, condition: Term) -> Term:
        return condition.condition if isinstance(condition, Not) else Not(condition)

    def is_kind(self, _word: Token, *names: str) -> IsKind:
        return IsKind(names)

    def kind(self, token: Token) -> str:
        return self.string(token) if token.type == "STRING" else str(token)

    def by_id(self, _word: Token, *ids: str) -> ById:
        return ById(ids)

    def has_key(self, _word: Token, path: Path, *keys: str) -> HasKey:
        return HasKey(path, keys)

    def in_subnet(self, _word: Token, path: Path, network: str) -> InSubnet:
        return InSubnet(path, network)

    def everything(self, _word: Token) -> Everything:
        return Everything()

    def full_text(self, token: Token) -> FullText:
        return FullText(self.string(token))

    def predicate(self, path: Path, modifier: Token | None, comparison: Any, value: Any) -> Predicate:
        lists = comparison in ("in", "not in")
        if comparison not in ("=", "!="):
            if lists != isinstance(value, tuple):
                raise SearchError(f"{path} {comparison} … needs {'a list' if lists else 'a single value'}")
            if isinstance(value, Object):
                raise SearchError(f"{path} {comparison} …: an object compares with = and != only")
        if lists and None in value:
            raise SearchError(f"{path} {comparison} …: null is in no list; compare it with = or !=")
        chosen: Any = None if modifier is None else str(modifier)
        return Predicate(path, comparison, value, chosen)

    def in_context(self, path: Path, condition: Term) -> Context:
        _of_values_only(condition)
        return Context(path, condition)

    def comparison(self, token: Token) -> str:
        return "not in" if token.type == "NOT_IN" else _SAME.get(str(token), str(token))

    # paths

    def path(self, path: Path) -> Path:
        return path

    def first_step(self, *steps: Any) -> Path:
        return Path((steps[-1],), rooted=len(steps) > 1)

    def next_step(self, path: Path, step: str) -> Path:
        return self._longer(path, step)

    def next_index(self, path: Path, token: Token) -> Path:
        index = token[1:-1].strip()
        return self._longer(path, Each.ELEMENT if index == "*" else int(index))

    def _longer(self, path: Path, step: Step) -> Path:
        if path.rooted and path.steps == ("reported",) and isinstance(step, str):
            return Path((step,))
        return Path((*path.steps, step), path.rooted)

    def step(self, token: Token) -> str:
        return token.strip("`")

    # values

    def string(self, token: Token) -> str:
        return _ESCAPED.sub(r"\1", token[1:-1])

    def number(self, token: Token) -> Decimal:
        return _number(token)

    def word(self, token: Token) -> str:
        return str(token)

    def true(self, _token: Token) -> bool:
        return True

    def false(self, _token: Token) -> bool:
        return False

    def null(self, _token: Token) -> None:
        return None

    def array(self, *values: Any) -> tuple[Any, ...]:
        return values

    def object(self, *members: tuple[str, Any]) -> Object:
        return Object(members)

    def member(self, key: str, value: Any) -> tuple[str, Any]:
        return key, value

    # sums

    def aggregate(self, _word: Token, aggregation: Aggregate) -> Aggregate:
        return aggregation

    def aggregate_pipe(self, _word: Token, aggregation: Aggregate) -> Aggregate:
        return aggregation

    def aggregation(self, *parts: tuple[Any, ...]) -> Aggregate:
        return Aggregate(parts[0] if len(parts) == 2 else (), parts[-1])

    def groups(self, *groups: Group) -> tuple[Group, ...]:
        return groups

    def group(self, path: Path | Token, _as: Token | None, name: Token | None) -> Group:
        if isinstance(path, Token):
            if not name:
                raise SearchError(f"{path} needs a name: {path} as …")
            return Group(self._template(path), str(name))
        return Group(path, str(name) if name else _last_name(path))

    def functions(self, *functions: Function) -> tuple[Function, ...]:
        return functions

    def function(self, name: Any, *rest: Any) -> Function:
        *inner, _as, as_name = rest
        operand, *arithmetic = inner
        pairs = tuple(
            (str(operator), _number(number))
            for operator, number in zip(arithmetic[::2], arithmetic[1::2], strict=True)
        )
        if operand is None and (name != "count" or pairs):
            raise SearchError(f"{name}() needs something to aggregate, e.g. {name}(1)")
        return Function(name.value, operand, pairs, str(as_name) if as_name else _derived(name, operand))

    # pipes

    def count(self, _word: Token, path: Path | None) -> Count:
        return Count(path)

    def list(self, _word: Token, style: Token | None, columns: tuple[Column, ...] | None) -> List:
        chosen: Any = style.removeprefix("--") if style else "text"
        return List(columns or (), chosen)

    def columns(self, *columns: Column) -> tuple[Column, ...]:
        return columns

    def column(self, path: Path, _as: Token | None, name: Token | None) -> Column:
        return Column(path, str(name) if name else _last_name(path))

    def head(self, _word: Token, lines: Token | None) -> Head:
        return Head(abs(int(lines)) if lines else _LINES)

    def tail(self, _word: Token, lines: Token | None) -> Tail:
        return Tail(abs(int(lines)) if lines else _LINES)

    def dump(self, _word: Token) -> Dump:
        return Dump()

    def format(self, _word: Token, token: Token) -> Format:
        return Format(self._template(token))

    def _template(self, token: Token) -> Template:
        pieces = _PLACEHOLDER.split(self.string(token))
        parts = (self._parse_path(one) if i % 2 else one for i, one in enumerate(pieces))
        return Template(tuple(part for part in parts if part != ""))

    def write(self, _word: Token, file: str) -> Write:
        return Write(file)

    def history(self, _word: Token, *options: tuple[str, Any]) -> History:
        given = dict(options)
        if len(given) < len(options):
            raise SearchError("an option of | history stands twice")
        return History(**given)

    def moment(self, option: Token, value: str) -> tuple[str, datetime]:
        try:
            return option.removeprefix("--"), moment(value)
        except ValueError as error:
            raise SearchError(f"{option}: {error}") from None

    def change(self, _word: Token, name: Token) -> tuple[str, Change]:
        change: Any = name if name.startswith("node_") else f"node_{name}"
        if change not in get_args(Change):
            raise SearchError(f"--change {name}: expected one of {', '.join(get_args(Change))}")
        return "change", str(change)  # type: ignore[return-value]

    # actions

    def mark(self, word: Token, reason: str | None) -> MarkAs:
        mark: Any = str(word)
        return MarkAs(mark, reason or None)

    def set_values(self, word: Token, *values: tuple[str, Any]) -> SetValues:
        section: Any = word.removeprefix("set_")
        return SetValues(section, values)

    def assignment(self, name: Token, comparison: Token, value: Any) -> tuple[str, Any]:
        if comparison != "=":
            raise SearchError(f"{name} {comparison} …: a value is set with =")
        return str(name), value

    def tag_update(self, _tag: Token, _update: Token, key: str, value: str) -> TagUpdate:
        return TagUpdate(key, value)

    def tag_delete(self, _tag: Token, _delete: Token, key: str) -> TagDelete:
        return TagDelete(key)

    def relation(self, name: Token, origin: Token | None, of: Token | None) -> _Later:
        navigation = _RELATIONS[name]
        if origin is not None:
            navigation = replace(navigation, start=0)
        if of in ("default", "delete"):
            types: Any = (str(of),)
            inward = bool(navigation.inbound)
            navigation = replace(navigation, **{"inbound" if inward else "outbound": types})
            of = None
        part = Part((IsKind((str(of),)) if of else Everything(),))
        return _Later(navigation, part, piped=True)


def to_query(parse_path: Callable[[str], Path]) -> Transformer[Token, Query]:
    """What makes the query while the parser reads; `parse_path` reads the paths in a format's text."""
    return _ToQuery(parse_path)
