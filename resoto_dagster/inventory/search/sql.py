"""The SQL that all rooms of the compiler share: the tables of a node, its columns, and the parameters."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_ALIAS = re.compile(r"\b([sa])\.(?=\w)")

BORN = "r.born"
"""When a resource was created, or else first seen."""

EXPIRES = f"coalesce(r.expires_at, {BORN} + r.expires_after)"
"""When a resource expires by its tags; null when it does not."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement and its parameters."""

    sql: str
    parameters: dict[str, Any]


@dataclass(slots=True)
class Parameters:
    """The parameters of the statement that is being made; no value of a search is ever part of its text.

    `kinds` are the kinds that names of kinds and base kinds stand for; a name that is not there is of none.
    With `at` the statement asks for the inventory as it was at that moment.
    With `changes` a node is a change: the resource as it became, or as it was when it went.
    `merged` says where the nodes are that are merged into the node of the part that is being made; `unfolded`
    where the elements of arrays are, by their paths, when there is a row for each of them; `relatives` the
    SQL of the numbers at paths of relatives, when those have been joined to the nodes.
    """

    kinds: Mapping[str, list[str]]
    at: datetime | None = None
    changes: bool = False
    merged: dict[tuple[str, ...], str] = field(default_factory=dict)
    unfolded: dict[tuple[Any, ...], str] = field(default_factory=dict)
    relatives: dict[tuple[Any, ...], str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    _aliases: int = 0

    @property
    def resources(self) -> str:
        """The table of resources."""
        if self.changes:
            return "inventory.changes"
        return "inventory.resources" if self.at is None else f"inventory.resources_at({self.now})"

    @property
    def edges(self) -> str:
        """The table of edges."""
        return "inventory.edges" if self.at is None else f"inventory.edges_at({self.now})"

    @property
    def now(self) -> str:
        """The moment that ages count to."""
        if self.at is None:
            return "now()"
        self.values["at"] = self.at
        return "CAST(:at AS timestamptz)"

    def select(self, columns: str, rest: str) -> str:
        """A SELECT of columns of nodes: `r` is each, `s` its scope, `a` its account; within, the inner ones.

        `rest` is what follows FROM: further joins, WHERE and so on. Scopes and accounts are joined only where
        columns or rest ask for them: Postgres would leave them out, too, but then overlook that an index
        alone can answer.
        """
        source = f"\nFROM {self.resources} r"
        asked = set(_ALIAS.findall(f"{columns}{rest}"))
        if asked:
            source += "\nJOIN inventory.scopes s ON s.scope_id = r.scope_id"
        if "a" in asked:
            source += "\nLEFT JOIN inventory.accounts a ON a.provider = s.provider AND a.account = s.account"
        return f"SELECT {columns}{source}{rest}"

    def of_kind(self, node: str, *names: str) -> str:
        """Whether a node is of one of the kinds that the names stand for."""
        kinds = sorted({kind for name in names for kind in self.kinds.get(name, ())})
        # with one kind an index gives what comes in its order
        return f"{node}.kind = {self.add(kinds[0]) if len(kinds) == 1 else f'ANY ({self.array(kinds)})'}"

    def add(self, value: Any) -> str:
        """The placeholder of one more parameter."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def array(self, values: Iterable[str]) -> str:
        """A parameter that is an array of texts."""
        return f"CAST({self.add(list(values))} AS text[])"

    def alias(self) -> str:
        """A name in the statement that nothing else has."""
        self._aliases += 1
        return f"x{self._aliases}"
