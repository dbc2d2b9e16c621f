"""The user's own rules: what their searches find is marked anew in every run."""

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text

from resoto_dagster.cleanup.announcements import forget_announcements
from resoto_dagster.cleanup.freshness import freshness_of
from resoto_dagster.cleanup.planners.selection import Marked, Selected, found_by, known_well
from resoto_dagster.config import CleanupSettings, RuleSettings
from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.inventory import Inventory
from resoto_dagster.inventory.marks import Author, Mark, MarkName, forget_authors_except, replace_marks
from resoto_dagster.inventory.search.errors import SearchError
from resoto_dagster.inventory.search.kinds import reasons_from
from resoto_dagster.inventory.search.parse import parse_nodes

_MARKS: dict[str, MarkName] = {"clean": "clean", "protect": "protected"}


def as_written(rule: RuleSettings) -> dict[str, Any]:
    """What a rule says, for plans: without its name, and without what it leaves to the defaults."""
    return rule.model_dump(mode="json", exclude={"name"}, exclude_defaults=True)


def version_of(rule: RuleSettings) -> str:
    """Eight hexadecimal digits that change when anything of the rule does."""
    return hashlib.blake2b(rule.model_dump_json().encode(), digest_size=4).hexdigest()


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a rule marks now, of all that its search found, and the accounts it sits out, with the reasons."""

    selected: tuple[Selected, ...]
    found: tuple[Selected, ...]
    notes: tuple[str, ...]


def choose(connection: Connection, rule: RuleSettings, settings: CleanupSettings, root_run_id: str) -> Chosen:
    """What a rule finds. One that marks to go sits out accounts of which it does not know enough.

    Raises SearchError for a kind or property that does not exist.
    """
    found = tuple(found_by(connection, rule.search, lambda _: rule.reason))
    if rule.mark == "protect":
        return Chosen(found, found, ())
    names = reasons_from(parse_nodes(rule.search))
    freshness = freshness_of(connection, names, settings.max_data_age, root_run_id)
    chosen, notes = known_well(f"rule {rule.name}", found, freshness, names)
    return Chosen(tuple(chosen), found, tuple(notes))


def run_rules(connection: Connection, settings: CleanupSettings, root_run_id: str) -> Marked:
    """Let every rule that marks mark anew; what one marked that is not in the settings any more is dropped.

    A rule whose search asks for what does not exist marks nothing to go, and says so; one that protects
    raises ResotoError, since without it nothing must be deleted.
    """
    marking = [rule for rule in settings.rules if rule.mark in _MARKS]
    forget_authors_except(connection, "rule", [rule.name for rule in marking])
    counts: dict[str, int] = {}
    notes: list[str] = []
    for rule in marking:
        author = Author("rule", rule.name, root_run_id)
        try:
            chosen = choose(connection, rule, settings, root_run_id)
        except SearchError as error:
            if rule.mark == "protect":
                raise ResotoError(f"rule {rule.name} can't protect: {error}") from None
            notes.append(f"rule {rule.name} does nothing: {error}")
            counts[rule.name] = replace_marks(connection, author, [])
            continue
        forget_announcements(connection, "rule", rule.name, [one.node_id for one in chosen.found])
        marks = [Mark(one.node_id, _MARKS[rule.mark], one.reason) for one in chosen.selected]
        counts[rule.name] = replace_marks(connection, author, marks)
        notes += chosen.notes
    return Marked(counts, tuple(notes))


@dataclass(frozen=True, slots=True)
class Marking:
    """A resource that a rule would have marked in past runs, and what became of it.

    `ended` is the first run after which it was not marked any more: `gone` says whether it was gone then, or
    there and not found by the search any more, as what was in use again.
    """

    kind: str
    id: str
    name: str
    account: str
    region: str
    first: datetime
    last: datetime
    ended: datetime | None
    gone: bool


def past_runs(connection: Connection, since: timedelta) -> list[datetime]:
    """When plans were made, the earliest first."""
    statement = "SELECT created_at FROM inventory.plans WHERE created_at > now() - :since ORDER BY created_at"
    return list(connection.execute(text(statement), {"since": since}).scalars())


def backtest(engine: Engine, rule: RuleSettings, runs: Sequence[datetime]) -> list[Marking]:
    """What the rule would have marked at each of the runs, the first marked first. Raises SearchError.

    When something was last accessed is known of now only, so that a search for it finds nothing in the past.
    """
    inventory = Inventory(engine, Author("rule", rule.name))
    rows: dict[uuid.UUID, dict[str, Any]] = {}
    times: defaultdict[uuid.UUID, list[datetime]] = defaultdict(list)
    for run in runs:
        for row in inventory.rows(rule.search, run):
            rows[row["node_id"]] = row
            times[row["node_id"]].append(run)
    ends = {node: next((run for run in runs if run > marked[-1]), None) for node, marked in times.items()}
    with engine.connect() as connection:
        there = {
            (node, end)
            for end in {*ends.values()} - {None}
            for node in connection.execute(
                text("SELECT node_id FROM inventory.resources_at(:at) WHERE node_id = ANY (:nodes)"),
                {"at": end, "nodes": [node for node, at in ends.items() if at == end]},
            ).scalars()
        }
    found = [
        Marking(
            kind=rows[node]["kind"],
            id=rows[node]["id"],
            name=rows[node]["name"],
            account=rows[node]["account_name"],
            region=rows[node]["region"],
            first=marked[0],
            last=marked[-1],
            ended=ends[node],
            gone=ends[node] is not None and (node, ends[node]) not in there,
        )
        for node, marked in times.items()
    ]
    return sorted(found, key=lambda one: (one.first, one.kind, one.id))
