"""Rules that tag: what their searches find gets the tags that it lacks.

They change tags in the cloud, so they need what a deletion needs: cleanup switched on, no dry run, and the
account listed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from resoto_dagster.cleanup.rules import choose
from resoto_dagster.config import CleanupSettings
from resoto_dagster.inventory.actions import Failure, Retag, perform
from resoto_dagster.inventory.marks import Author
from resoto_dagster.inventory.search.errors import SearchError
from resoto_dagster.inventory.search.query import TagUpdate
from resoto_dagster.model.resource import Scope, StoredResource

_RESOURCES = """
    SELECT r.node_id, s.provider, s.account, s.region, r.kind, r.id, r.name, r.reported
    FROM inventory.resources r
    JOIN inventory.scopes s ON s.scope_id = r.scope_id
    JOIN inventory.kinds k ON k.kind = r.kind
    WHERE r.node_id = ANY (:nodes) AND k.deletable
        AND NOT EXISTS (SELECT FROM inventory.marks m WHERE m.node_id = r.node_id AND m.mark = 'protected')
    ORDER BY s.provider, s.account, s.region, r.kind, r.id
"""


@dataclass(frozen=True, slots=True)
class Untagged:
    """A resource, and the tags that a rule wants it to have and it has not."""

    rule: str
    resource: StoredResource
    tags: Mapping[str, str]

    def __str__(self) -> str:
        wanted = ", ".join(f"{key}={value}" for key, value in self.tags.items())
        return f"{self.resource}: {wanted} (rule {self.rule})"


def lacking(
    connection: Connection, settings: CleanupSettings, root_run_id: str
) -> tuple[list[Untagged], list[str]]:
    """What rules would tag, in the listed accounts, and what people should know of those that can't.

    What is protected, and accounts of which a rule does not know enough, are left alone.
    """
    found, notes = [], []
    for rule in settings.rules:
        if rule.mark != "tag":
            continue
        try:
            chosen = choose(connection, rule, settings, root_run_id)
        except SearchError as error:
            notes.append(f"rule {rule.name} does nothing: {error}")
            continue
        notes += chosen.notes
        nodes = [
            one.node_id for one in chosen.selected if one.account in settings.accounts.get(one.provider, [])
        ]
        for node, provider, account, region, kind, id_, name, reported in connection.execute(
            text(_RESOURCES), {"nodes": nodes}
        ):
            has = reported.get("tags") or {}
            tags = {key: value for key, value in rule.tags.items() if has.get(key) != value}
            if tags:
                scope = Scope(provider, account, region, kind)
                found.append(Untagged(rule.name, StoredResource(node, scope, id_, name, reported), tags))
    return found, notes


def tag(engine: Engine, found: Sequence[Untagged], retag: Retag) -> list[Failure]:
    """Set the tags. Returns those it failed on, with the reasons."""
    failures = []
    wanted = sorted({(one.rule, *each) for one in found for each in one.tags.items()})
    for rule, key, value in wanted:
        resources = [one.resource for one in found if one.rule == rule and one.tags.get(key) == value]
        failures += perform(engine, Author("rule", rule), TagUpdate(key, value), resources, retag)
    return failures
