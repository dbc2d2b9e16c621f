"""The SQL that all rooms of the compiler share: the tables of a node, its columns, and the parameters."""

from dataclasses import dataclass, field
from typing import Any

FROM = """
FROM inventory.resources r
JOIN inventory.scopes s ON s.scope_id = r.scope_id
LEFT JOIN inventory.accounts a ON a.provider = s.provider AND a.account = s.account"""
"""A node is always `r`, its scope `s` and its account `a`; inside a subquery that is the inner node."""

BORN = "coalesce(r.ctime, r.first_seen)"
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
    """The parameters of the statement that is being made; no value of a search is ever part of its text."""

    values: dict[str, Any] = field(default_factory=dict)
    _aliases: int = 0

    def add(self, value: Any) -> str:
        """The placeholder of one more parameter."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def array(self, values: list[str]) -> str:
        """A parameter that is an array of texts."""
        return f"CAST({self.add(values)} AS text[])"

    def alias(self) -> str:
        """A name in the statement that nothing else has."""
        self._aliases += 1
        return f"x{self._aliases}"
