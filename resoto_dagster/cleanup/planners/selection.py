"""What planners and rules select, how they find it by a search, and what of it they know enough about."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from resoto_dagster.cleanup.freshness import Freshness
from resoto_dagster.inventory.search.compile import compile_nodes
from resoto_dagster.inventory.search.kinds import kinds_of
from resoto_dagster.inventory.search.parse import parse_nodes


@dataclass(frozen=True, slots=True)
class Selected:
    """A resource that a planner wants to mark, where it is, and why."""

    node_id: uuid.UUID
    provider: str
    account: str
    reason: str


@dataclass(frozen=True, slots=True)
class Marked:
    """How many resources each planner or rule marked, and what people should know of how it went."""

    counts: Mapping[str, int]
    notes: tuple[str, ...]


def found_by(connection: Connection, search: str, reason: Callable[[Any], str]) -> list[Selected]:
    """What a search finds; the reason is made of a row with `reported` and `atime`.

    Raises SearchError for a kind that nothing is collected of.
    """
    query = parse_nodes(search)
    statement = compile_nodes(
        query, kinds_of(connection, query), "r.node_id, s.provider, s.account, r.reported, r.atime"
    )
    rows = connection.execute(text(statement.sql), statement.parameters)
    return [Selected(row.node_id, row.provider, row.account, reason(row)) for row in rows]


def in_accounts(selected: Sequence[Selected], provider: str, accounts: Sequence[str]) -> list[Selected]:
    """Those of the selected that are in the accounts; none where no account is listed."""
    return [one for one in selected if one.provider == provider and one.account in accounts]


def known_well(
    who: str, selected: Sequence[Selected], freshness: Freshness, names: Sequence[str]
) -> tuple[list[Selected], list[str]]:
    """Those of what somebody selected that are in accounts of which enough is known of the kinds.

    Also a note for each account that `who` sits out, with the reason.
    """
    known, notes = [], dict[str, None]()
    for one in selected:
        why = freshness.why_not((one.provider, one.account), names)
        if why is None:
            known.append(one)
        else:
            notes[f"{who} sits {one.provider} account {one.account} out: {why}"] = None
    return known, sorted(notes)
