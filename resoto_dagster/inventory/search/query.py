"""A parsed search."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Comparison = Literal["=", "!=", "<", "<=", ">", ">=", "~", "!~", "in", "not in"]
Scalar = str | Decimal | bool | None
Value = Scalar | tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """A place in a node: below `reported` unless it starts at the root."""

    steps: tuple[str, ...]
    rooted: bool = False

    def __str__(self) -> str:
        plain = (step if step.replace("_", "a").isalnum() else f"`{step}`" for step in self.steps)
        return ("/" if self.rooted else "") + ".".join(plain)


@dataclass(frozen=True, slots=True)
class IsKind:
    """Nodes of any of these kinds or base kinds."""

    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Predicate:
    """Nodes where the value at a path compares so."""

    path: Path
    comparison: Comparison
    value: Value


@dataclass(frozen=True, slots=True)
class Everything:
    """All nodes."""


Term = IsKind | Predicate | Everything


@dataclass(frozen=True, slots=True)
class Group:
    """One value that an aggregation groups by."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Function:
    """One aggregated value: a function of a path or number, with arithmetic on it from left to right."""

    name: Literal["sum", "min", "max", "avg", "count"]
    operand: Path | Decimal | None
    arithmetic: tuple[tuple[str, Decimal], ...]
    as_name: str


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What a search is summed up to."""

    groups: tuple[Group, ...]
    functions: tuple[Function, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """All terms must hold."""

    terms: tuple[Term, ...]
    aggregate: Aggregate | None = None


def as_text(value: Value) -> str:
    """A value as the search language writes it, texts without quotes."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(as_text, value))}]"
    if isinstance(value, Decimal):
        return format(value, "f")
    return value if isinstance(value, str) else {True: "true", False: "false", None: "null"}[value]
