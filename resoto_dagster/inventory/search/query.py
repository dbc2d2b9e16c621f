"""A parsed search. `str` gives a text that parses to an equal one."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal

Comparison = Literal["=", "!=", "<", "<=", ">", ">=", "~", "!~", "in", "not in"]
Modifier = Literal["any", "all", "none"]
EdgeName = Literal["default", "delete"]
FunctionName = Literal["sum", "min", "max", "avg", "count"]
Change = Literal["node_created", "node_updated", "node_deleted"]

_PLAIN = re.compile("[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_RESERVED = frozenset({"all", "not", "sort", "limit", "reversed"})
"""Words that are no property at the start of a condition, unless they stand in back ticks."""


class Each(Enum):
    """The step of a path that stands for every element of an array."""

    ELEMENT = "[*]"


Step = str | int | Each
"""A key, an index of an array, or all elements of an array."""


@dataclass(frozen=True, slots=True)
class Object:
    """An object as a value, its members in the order they were written."""

    members: tuple[tuple[str, "Value"], ...]


Scalar = str | Decimal | bool | None
Value = Scalar | tuple["Value", ...] | Object


@dataclass(frozen=True, slots=True)
class Path:
    """A place in a node: below `reported` unless it starts at the root."""

    steps: tuple[Step, ...]
    rooted: bool = False

    def __str__(self) -> str:
        text = "/" if self.rooted else ""
        for position, step in enumerate(self.steps):
            if isinstance(step, Each):
                text += "[*]"
            elif isinstance(step, int):
                text += f"[{step}]"
            else:
                plain = _PLAIN.fullmatch(step) and not (position == 0 and step in _RESERVED)
                text += ("." if position else "") + (step if plain else f"`{step}`")
        return text


@dataclass(frozen=True, slots=True)
class IsKind:
    """Nodes of any of these kinds or base kinds."""

    kinds: tuple[str, ...]

    def __str__(self) -> str:
        names = [name if _PLAIN.fullmatch(name) else quoted(name) for name in self.kinds]
        return f"is({names[0]})" if len(names) == 1 else f"is([{', '.join(names)}])"


@dataclass(frozen=True, slots=True)
class Predicate:
    """Nodes where the value at a path compares so; of an array any element, or as the modifier says."""

    path: Path
    comparison: Comparison
    value: Value
    modifier: Modifier | None = None

    def __str__(self) -> str:
        modifier = f"{self.modifier} " if self.modifier else ""
        return f"{self.path} {modifier}{self.comparison} {quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class ById:
    """Nodes with one of these ids: those that the provider gives, or those of the inventory's own."""

    ids: tuple[str, ...]

    def __str__(self) -> str:
        return f"id({', '.join(map(quoted, self.ids))})"


@dataclass(frozen=True, slots=True)
class HasKey:
    """Nodes where the object at a path has all these keys, whatever their values."""

    path: Path
    keys: tuple[str, ...]

    def __str__(self) -> str:
        return f"has_key({self.path}, {quoted(self.keys)})"


@dataclass(frozen=True, slots=True)
class InSubnet:
    """Nodes where the address at a path lies in a network."""

    path: Path
    network: str

    def __str__(self) -> str:
        return f"in_subnet({self.path}, {quoted(self.network)})"


@dataclass(frozen=True, slots=True)
class FullText:
    """Nodes where these words follow each other in any value."""

    text: str

    def __str__(self) -> str:
        return quoted(self.text)


@dataclass(frozen=True, slots=True)
class Everything:
    """All nodes."""

    def __str__(self) -> str:
        return "all"


@dataclass(frozen=True, slots=True)
class Context:
    """Nodes where one value at a path fulfils a condition; its paths start at that value."""

    path: Path
    condition: "Term"

    def __str__(self) -> str:
        return f"{self.path}.{{{self.condition}}}"


@dataclass(frozen=True, slots=True)
class Not:
    """What the condition does not hold for; a comparison that null takes no part in does not hold."""

    condition: "Term"

    def __str__(self) -> str:
        return f"not {_grouped(self.condition)}"


@dataclass(frozen=True, slots=True)
class Combined:
    """Conditions that all hold (and), or any of them (or). None of them is combined by the same word."""

    word: Literal["and", "or"]
    conditions: tuple["Term", ...]

    def __str__(self) -> str:
        return f" {self.word} ".join(map(_grouped, self.conditions))


Term = IsKind | ById | Predicate | HasKey | InSubnet | FullText | Everything | Context | Not | Combined


def combine(word: Literal["and", "or"], *conditions: Term) -> Term:
    """Conditions as one; those that are combined by the same word already are taken apart."""
    flat: list[Term] = []
    for one in conditions:
        flat += one.conditions if isinstance(one, Combined) and one.word == word else (one,)
    return flat[0] if len(flat) == 1 else Combined(word, tuple(flat))


def _grouped(term: Term) -> str:
    return f"({term})" if isinstance(term, Combined) else str(term)


@dataclass(frozen=True, slots=True)
class Navigation:
    """Which edges to follow, and how many: at least `start`, at most `until` (None: as far as they lead).

    `inbound` and `outbound` name the types of edges to follow against and along their direction; empty: none.
    """

    inbound: tuple[EdgeName, ...] = ()
    outbound: tuple[EdgeName, ...] = ()
    start: int = 1
    until: int | None = 1

    def __str__(self) -> str:
        until = "" if self.until is None else self.until
        steps = "" if (self.start, self.until) == (1, 1) else f"[{self.start}:{until}]"
        types = ",".join(self.inbound or self.outbound)
        if not self.inbound:
            return f"-{types}{steps}->"
        if not self.outbound:
            return f"<-{types}{steps}-"
        return f"<-{types}{steps or '[1:1]'}{','.join(self.outbound)}->"


@dataclass(frozen=True, slots=True)
class With:
    """How many nodes must be reached from a node for it to be found."""

    comparison: Comparison
    count: int
    navigation: Navigation
    condition: Term
    inner: "With | None" = None

    def __str__(self) -> str:
        known = {("=", 0): "empty", (">", 0): "any"}
        count = known.get((self.comparison, self.count), f"count {self.comparison} {self.count}")
        inner = f" {self.inner}" if self.inner else ""
        return f"with({count}, {self.navigation} {self.condition}{inner})"


@dataclass(frozen=True, slots=True)
class Sort:
    """What found nodes are ordered by."""

    path: Path
    descending: bool = False

    def __str__(self) -> str:
        return f"{self.path}{' desc' if self.descending else ''}"


@dataclass(frozen=True, slots=True)
class Limit:
    """How many of the found nodes are wanted, after how many left out."""

    count: int
    offset: int = 0

    def __str__(self) -> str:
        return f"limit {self.offset}, {self.count}" if self.offset else f"limit {self.count}"


@dataclass(frozen=True, slots=True)
class Merge:
    """Nodes near a found one that become part of it: the first one under the name, or a list of all of them.

    `query` leads from the found node, which its first part stands for.
    """

    name: tuple[str, ...]
    many: bool
    query: "Part"

    def __str__(self) -> str:
        return f"{'.'.join(self.name)}{'[]' if self.many else ''}: {self.query}"


@dataclass(frozen=True, slots=True)
class Part:
    """Nodes that all terms hold for: of all there are, or of those that a hop leads to.

    With `merges` further nodes are merged into each, and then all terms of `merged` must hold for it.
    """

    terms: tuple[Term, ...]
    having: With | None = None
    sort: tuple[Sort, ...] = ()
    limit: Limit | None = None
    reverse: bool = False
    hop: "Hop | None" = None
    merges: tuple[Merge, ...] = field(default=(), kw_only=True)
    merged: tuple[Term, ...] = field(default=(), kw_only=True)

    def _shown(self) -> str:
        parts = [str(combine("and", *self.terms))]
        parts += ["{" + ", ".join(map(str, self.merges)) + "}"] if self.merges else []
        parts += [str(combine("and", *self.merged))] if self.merged else []
        parts += [str(self.having)] if self.having else []
        parts += ["sort " + ", ".join(map(str, self.sort))] if self.sort else []
        parts += [str(self.limit)] if self.limit else []
        parts += ["reversed"] if self.reverse else []
        before = [str(self.hop)] if self.hop else []
        return " ".join(before + parts)

    def __str__(self) -> str:
        return self._shown()


@dataclass(frozen=True, slots=True)
class Hop:
    """The way from the nodes of one part to those of the next."""

    origin: Part
    navigation: Navigation

    def __str__(self) -> str:
        return f"{self.origin} {self.navigation}"


@dataclass(frozen=True, slots=True)
class Template:
    """A text with the values at some paths in it."""

    parts: tuple[str | Path, ...]

    def __str__(self) -> str:
        return quoted("".join(f"{{{part}}}" if isinstance(part, Path) else part for part in self.parts))


@dataclass(frozen=True, slots=True)
class Group:
    """One value that an aggregation groups by."""

    path: Path | Template
    name: str

    def __str__(self) -> str:
        return f"{self.path}{_named(self.name)}"


@dataclass(frozen=True, slots=True)
class Function:
    """One aggregated value: a function of a path or number, with arithmetic on it from left to right."""

    name: FunctionName
    operand: Path | Decimal | None
    arithmetic: tuple[tuple[str, Decimal], ...]
    as_name: str

    def __str__(self) -> str:
        operand = quoted(self.operand) if isinstance(self.operand, Decimal) else str(self.operand or "")
        arithmetic = "".join(f" {operator} {quoted(value)}" for operator, value in self.arithmetic)
        return f"{self.name}({operand}{arithmetic}){_named(self.as_name)}"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What a search is summed up to."""

    groups: tuple[Group, ...]
    functions: tuple[Function, ...]

    def __str__(self) -> str:
        groups = ", ".join(map(str, self.groups)) + (": " if self.groups else "")
        return f"aggregate({groups}{', '.join(map(str, self.functions))})"


@dataclass(frozen=True, slots=True)
class Column:
    """The value at a path, with a name."""

    path: Path
    name: str

    def __str__(self) -> str:
        return f"{self.path}{_named(self.name)}"


@dataclass(frozen=True, slots=True)
class Count:
    """How many were found, for every value at a path if there is one."""

    path: Path | None = None

    def __str__(self) -> str:
        return f"count {self.path}" if self.path else "count"


@dataclass(frozen=True, slots=True)
class Head:
    """The first of what was found."""

    count: int

    def __str__(self) -> str:
        return f"head {self.count}"


@dataclass(frozen=True, slots=True)
class Tail:
    """The last of what was found."""

    count: int

    def __str__(self) -> str:
        return f"tail {self.count}"


@dataclass(frozen=True, slots=True)
class List:
    """The values at some paths, each with a name; without any those that people mostly want."""

    columns: tuple[Column, ...] = ()
    style: Literal["text", "csv", "markdown", "json"] = "text"

    def __str__(self) -> str:
        style = "" if self.style == "text" else f" --{self.style}"
        return f"list{style}{' ' if self.columns else ''}{', '.join(map(str, self.columns))}"


@dataclass(frozen=True, slots=True)
class Dump:
    """All that is known of what was found."""

    def __str__(self) -> str:
        return "dump"


@dataclass(frozen=True, slots=True)
class Format:
    """A text for each that was found."""

    template: Template

    def __str__(self) -> str:
        return f"format {self.template}"


@dataclass(frozen=True, slots=True)
class Write:
    """The file that takes what would be printed."""

    file: str

    def __str__(self) -> str:
        return f"write {quoted(self.file)}"


@dataclass(frozen=True, slots=True)
class History:
    """What changed of the nodes, instead of what they are."""

    after: datetime | None = None
    before: datetime | None = None
    change: Change | None = None

    def __str__(self) -> str:
        after = f' --after "{self.after.isoformat()}"' if self.after else ""
        before = f' --before "{self.before.isoformat()}"' if self.before else ""
        change = f" --change {self.change}" if self.change else ""
        return f"history{after}{before}{change}"


Pipe = Count | Head | Tail | List | Dump | Format | Write | History


@dataclass(frozen=True, slots=True)
class MarkAs:
    """Mark what was found to be cleaned, or to be protected."""

    mark: Literal["clean", "protect"]
    reason: str | None = None

    def __str__(self) -> str:
        return f"{self.mark} {quoted(self.reason)}" if self.reason else self.mark


@dataclass(frozen=True, slots=True)
class SetValues:
    """Set values in a section of what was found."""

    section: Literal["desired", "metadata"]
    values: tuple[tuple[str, Value], ...]

    def __str__(self) -> str:
        return f"set_{self.section} " + " ".join(f"{name}={quoted(value)}" for name, value in self.values)


@dataclass(frozen=True, slots=True)
class TagUpdate:
    """Set a tag of what was found, at the provider."""

    key: str
    value: str

    def __str__(self) -> str:
        return f"tag update {quoted(self.key)} {quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class TagDelete:
    """Remove a tag of what was found, at the provider."""

    key: str

    def __str__(self) -> str:
        return f"tag delete {quoted(self.key)}"


Action = MarkAs | SetValues | TagUpdate | TagDelete


@dataclass(frozen=True, slots=True)
class Query(Part):
    """A search: its last part, and what becomes of the nodes of that. First the actions, then the pipes.

    `text` is how it was written, if it was.
    """

    aggregate: Aggregate | None = None
    pipes: tuple[Pipe, ...] = ()
    actions: tuple[Action, ...] = field(default=(), kw_only=True)
    text: str = field(default="", kw_only=True, compare=False)

    def __str__(self) -> str:
        aggregate = f"{self.aggregate}: " if self.aggregate else ""
        return aggregate + self._shown() + "".join(f" | {pipe}" for pipe in (*self.actions, *self.pipes))


def quoted(value: Value) -> str:
    """A value as the search language writes it, texts in quotes."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        return f"[{', '.join(map(quoted, value))}]"
    if isinstance(value, Object):
        return f"{{{', '.join(f'{quoted(key)}: {quoted(one)}' for key, one in value.members)}}}"
    return as_text(value)


def as_text(value: Value) -> str:
    """A value as the search language writes it, texts without quotes."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(as_text, value))}]"
    if isinstance(value, Object):
        return quoted(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    return value if isinstance(value, str) else {True: "true", False: "false", None: "null"}[value]


def plain_value(value: Value) -> Any:
    """A value as JSON has it."""
    if isinstance(value, tuple):
        return [plain_value(one) for one in value]
    if isinstance(value, Object):
        return {key: plain_value(one) for key, one in value.members}
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def _named(name: str) -> str:
    """The name that is given with `as`; what can't be written so is the path's own last step."""
    return f" as {name}" if _PLAIN.fullmatch(name) else ""
