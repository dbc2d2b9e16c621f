"""Shortens expiration tags that name a longer life than their account allows.

It changes tags in the cloud, so it needs what a deletion needs: cleanup switched on and no dry run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from sqlalchemy import Connection, Engine, text

from resoto_dagster.cleanup.freshness import collected_by, why_stale
from resoto_dagster.config import CleanupSettings
from resoto_dagster.inventory.actions import Failure, Retag, perform
from resoto_dagster.inventory.marks import Author
from resoto_dagster.inventory.search.query import TagUpdate
from resoto_dagster.model.durations import spell_duration
from resoto_dagster.model.expiry import EXPIRATION_TAGS
from resoto_dagster.model.resource import Scope, StoredResource

NAME = "tag_validator"

_TOO_LONG = """
    SELECT r.node_id, s.provider, s.account, s.region, r.kind, r.id, r.name, r.reported,
        s.state, s.error, s.run_id, s.succeeded_at
    FROM inventory.resources r
    JOIN inventory.scopes s ON s.scope_id = r.scope_id
    JOIN inventory.kinds k ON k.kind = r.kind
    WHERE s.provider = :provider AND s.account = :account AND r.expires_after > :longest AND k.deletable
        AND NOT EXISTS (SELECT FROM inventory.marks m WHERE m.node_id = r.node_id AND m.mark = 'protected')
    ORDER BY s.region, r.kind, r.id
"""


@dataclass(frozen=True, slots=True)
class TooLong:
    """A resource whose tag names a longer life than `longest`."""

    resource: StoredResource
    tag: str
    longest: timedelta

    def __str__(self) -> str:
        value = self.resource.reported["tags"][self.tag]
        return f"{self.resource}: {self.tag}={value} is longer than {spell_duration(self.longest)}"


def too_long(connection: Connection, settings: CleanupSettings, root_run_id: str) -> list[TooLong]:
    """What lives longer by its tag than its account allows; protected ones and stale scopes aside.

    Tags that say `never`, name a moment or can't be understood are left alone.
    """
    collector = collected_by(connection, root_run_id)
    found = []
    for provider, accounts in settings.tag_validator.accounts.items():
        for account, longest in accounts.items():
            values = {"provider": provider, "account": account, "longest": longest}
            for row in connection.execute(text(_TOO_LONG), values):
                if why_stale(row, settings.max_data_age, collector) is None:
                    scope = Scope(row.provider, row.account, row.region, row.kind)
                    resource = StoredResource(row.node_id, scope, row.id, row.name, row.reported)
                    found.append(TooLong(resource, _tag(row.reported["tags"]), longest))
    return found


def shorten(engine: Engine, found: Sequence[TooLong], retag: Retag) -> list[Failure]:
    """Set the tags to the longest life that is allowed. Returns those it failed on, with the reasons."""
    author = Author("planner", NAME)
    failures = []
    by_value = sorted(found, key=lambda one: (one.tag, one.longest))
    for (tag, longest), same in groupby(by_value, key=lambda one: (one.tag, one.longest)):
        action = TagUpdate(tag, spell_duration(longest))
        failures += perform(engine, author, action, [one.resource for one in same], retag)
    return failures


def _tag(tags: Mapping[str, str]) -> str:
    return next(tag for tag in EXPIRATION_TAGS if tag in tags)
