"""Executing a plan: wave by wave, each resource read again right before it is deleted, and until it is gone.

Deleting needs four yeses: cleanup enabled, no dry run, the account listed, the plan within its budget or
approved; and for each resource: not protected, its scope fresh, and still what was planned. The first few go
one by one: where most of them fail the rest is left alone.
"""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

from resoto_dagster.cleanup import journal
from resoto_dagster.cleanup.approval import Approval, approval_of, how_moved, why_not_approved
from resoto_dagster.cleanup.journal import Event, Outcome
from resoto_dagster.cleanup.plan import Plan, PlanItem
from resoto_dagster.config import CleanupSettings
from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.merge import fingerprint, forget_resource, reported_fingerprint
from resoto_dagster.model.kind import Kind
from resoto_dagster.model.resource import EdgeType, Resource, Scope, StoredResource
from resoto_dagster.providers.base import ProviderError, ProviderSession

POOL = 16
"""How many deletions of a wave are under way at once."""

GONE_TIMEOUT = timedelta(minutes=15)
"""How long a deletion that the API accepted may take until the resource is gone."""

UNANSWERED_TIMEOUT = timedelta(minutes=1)
"""How long a resource that differs may take to go by a call that was begun when the run was interrupted."""

DELETED_BEFORE = "deleted before the run was interrupted"

_LOCK = 0x5E50_C1EA

# What belongs to a planned resource, or must be gone before it, and is not what the plan has seen of that.
_NEWCOMERS = """
    SELECT r.node_id, s.provider, s.account, s.region, r.kind, r.id, r.name, r.reported,
        bool_or(e.type = 'delete') AS first,
        EXISTS (SELECT FROM inventory.marks m WHERE m.node_id = r.node_id AND m.mark = 'protected')
    FROM inventory.edges e
    JOIN inventory.resources r ON r.node_id = e.dst
    JOIN inventory.scopes s ON s.scope_id = r.scope_id
    WHERE e.src = :node AND e.dst <> :node AND e.dst <> ALL (:expected)
    GROUP BY r.node_id, s.scope_id ORDER BY r.kind, r.id
"""

OpenSession = Callable[[str], ProviderSession]
"""Opens the session of a provider by its name."""


@dataclass(frozen=True, slots=True)
class Result:
    """How one planned resource ended."""

    item: PlanItem
    outcome: Outcome
    detail: str


def why_not(plan: Plan, approval: Approval | None, settings: CleanupSettings) -> str | None:
    """Why nothing of the plan may be touched at all, or None. A dry run may look, not touch."""
    if not settings.enabled:
        return "cleanup is off (cleanup.enabled: false)"
    if plan.held is not None:
        return f"the plan is held: {plan.held}"
    if plan.altered:
        return f"plan {plan.plan_id} is not what was planned: it was altered in the database"
    return why_not_approved(plan, approval, settings)


def execute_plan(
    engine: Engine,
    plan: Plan,
    settings: CleanupSettings,
    kinds: Mapping[str, Kind],
    open_session: OpenSession,
    run_id: str,
) -> list[Result]:
    """Delete what the plan says, or with `dry_run` all but that, and give every item's outcome.

    Goes on from the journal where an earlier attempt at the same plan ended. Raises ResotoError when another
    cleanup is under way.
    """
    with engine.connect() as connection:
        if why_not(plan, approval_of(connection, plan.plan_id), settings) is not None:
            return []
    with ExitStack() as stack:
        lock = stack.enter_context(engine.connect())
        if not lock.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK}):
            raise ResotoError("another cleanup is under way; nothing was deleted by this one")
        lock.commit()  # the lock is the connection's: no transaction stays open for as long as it is held
        stack.callback(lock.execute, text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
        sessions = {}
        for provider in sorted({item.resource.scope.provider for item in plan.going}):
            sessions[provider] = open_session(provider)
            stack.callback(sessions[provider].close)
        return _Execution(engine, plan, settings, kinds, sessions, run_id).run()


class _Execution:
    def __init__(
        self,
        engine: Engine,
        plan: Plan,
        settings: CleanupSettings,
        kinds: Mapping[str, Kind],
        sessions: Mapping[str, ProviderSession],
        run_id: str,
    ):
        self._engine = engine
        self._plan = plan
        self._settings = settings
        self._kinds = kinds
        self._sessions = sessions
        self._run_id = run_id
        self._items = {item.resource.node_id: item for item in plan.going}
        self._untying = threading.Lock()
        self._moved: str | None = None
        self._halted: str | None = None
        with engine.connect() as connection:
            self._outcomes = dict(journal.outcomes(connection, plan.plan_id))
            self._intended = journal.intended(connection, plan.plan_id)
            self._accepted = journal.answered(connection, plan.plan_id)
            self._untied = dict(journal.untied(connection, plan.plan_id))
            self._begun = journal.begun(connection, plan.plan_id)
            self._failed_before = journal.failed_before(connection, plan.plan_id)

    def run(self) -> list[Result]:
        with ThreadPoolExecutor(POOL, thread_name_prefix="cleanup") as pool:
            self._moved = self._how_moved(pool)
            self._halted = self._canaries()
            for wave in sorted({item.wave or 0 for item in self._plan.going}):
                todo = [
                    item
                    for item in self._plan.going
                    if item.wave == wave and item.resource.node_id not in self._outcomes
                ]
                for item, ended in zip(todo, pool.map(self._delete, todo), strict=True):
                    self._outcomes[item.resource.node_id] = ended
        return [Result(item, *self._outcomes[item.resource.node_id]) for item in self._plan.going]

    def _how_moved(self, pool: ThreadPoolExecutor) -> str | None:
        """How the world differs from an approved plan that was not begun yet: none of it is done then."""
        if self._plan.waits is None or self._begun:
            return None
        with self._engine.connect() as connection:
            moved = how_moved(connection, self._plan)
        if moved is None:
            moved = next(filter(None, pool.map(self._not_as_planned, self._plan.going)), None)
        return f"the world has moved since the plan was approved: {moved}" if moved else None

    def _not_as_planned(self, item: PlanItem) -> str | None:
        try:
            now = self._sessions[item.resource.scope.provider].read(item.resource)
        except ProviderError as error:
            return f"{item.resource}: {error}"
        why = self._refused(item) or (self._different(item, now, False) if now else "is gone")
        return f"{item.resource}: {why}" if why else None

    def _canaries(self) -> str | None:
        """Delete the first few one by one; why the rest is left alone, or None.

        What failed in an earlier plan comes last, so as not to stand in the way of the rest for ever.
        """
        first = [item for item in self._plan.going if item.wave == 1]
        first.sort(key=lambda item: item.resource.node_id in self._failed_before)
        canaries = first[: self._settings.canary]
        for item in canaries:
            if item.resource.node_id not in self._outcomes:
                self._outcomes[item.resource.node_id] = self._delete(item)
        ended = [self._outcomes[item.resource.node_id] for item in canaries]
        failed = [detail for outcome, detail in ended if outcome == "failed"]
        if 2 * len(failed) <= len(canaries):
            return None
        return f"{len(failed)} of the first {len(canaries)} failed, the first with: {failed[0]}"

    def _delete(self, item: PlanItem) -> tuple[Outcome, str]:
        """Bring one item to its end, whatever happens, and journal it."""
        try:
            outcome, detail = self._try_to_delete(item)
        except ProviderError as error:
            outcome, detail = "failed", str(error)
        if outcome == "gone":  # before its outcome is written down: what has one is not looked at again
            self._forget_what_went_along(item)
        self._record(item, outcome, detail)
        return outcome, detail

    def _try_to_delete(self, item: PlanItem) -> tuple[Outcome, str]:
        if self._moved is not None:
            return "kept", self._moved
        blocked = self._blocked(item) or self._halted
        if blocked is not None:
            return "skipped", blocked
        refused = self._refused(item)
        if refused is not None:
            return "kept", refused
        session, node = self._sessions[item.resource.scope.provider], item.resource.node_id
        interrupted, now = node in self._intended, session.read(item.resource)
        if now is None:
            return "gone", DELETED_BEFORE if interrupted else "was gone already"
        if node in self._accepted:
            return self._wait_until_gone(item, session)
        different = self._different(item, now, interrupted)
        if different is not None:
            # It may be on its way out by a call whose answer nobody heard.
            going = interrupted and self._goes_within(UNANSWERED_TIMEOUT, item, session)
            return ("gone", DELETED_BEFORE) if going else ("kept", different)
        if self._settings.dry_run:
            return "would_delete", "dry run"
        self._record(item, "intended", "")
        for other in sorted(item.unties):
            clings = self._untie(self._items[other], item)
            if clings is not None:
                return "kept", clings
        answer = session.delete(item.resource)
        self._record(item, "answered", "accepted", answer.request_ids)
        return self._wait_until_gone(item, session)

    def _untie(self, other: PlanItem, item: PlanItem) -> str | None:
        """Have another planned resource let go of the item; why it does not, or None.

        It is changed by that, so that it must be as planned just before, and is known by what it is after.
        """
        session = self._sessions[other.resource.scope.provider]
        with self._untying:
            now = session.read(other.resource)
            if now is None:
                return None
            interrupted = item.resource.node_id in self._intended
            why = self._refused(other) or self._different(other, now, interrupted)
            if why is not None:
                return f"{other.resource} stays as it is: {why}"
            answer = session.untie(other.resource, item.resource)
            after = session.read(other.resource)
            if after is None:
                return None
            kind = self._kinds[other.resource.scope.kind]
            self._untied[other.resource.node_id] = fingerprint(after, kind.unsettled)
            self._record(
                other,
                "untied",
                f"let go of {item.resource.scope.kind} {item.resource.id}",
                answer.request_ids,
                self._untied[other.resource.node_id],
            )
        return None

    def _forget_what_went_along(self, item: PlanItem) -> None:
        """Take out of the inventory what a read does not find any more; the rest is the next collect's."""
        session = self._sessions[item.resource.scope.provider]
        for along in item.takes_along:
            with self._engine.connect() as connection:
                known = connection.execute(
                    text("SELECT name, reported FROM inventory.resources WHERE node_id = :node_id"),
                    {"node_id": along.node_id},
                ).one_or_none()
            if known is None:
                continue
            with contextlib.suppress(ProviderError):  # it is not known to be gone, so it stays
                if session.read(StoredResource(along.node_id, along.scope, along.id, *known)) is None:
                    with self._engine.begin() as connection:
                        forget_resource(connection, along.node_id, self._run_id, datetime.now(UTC))

    def _wait_until_gone(self, item: PlanItem, session: ProviderSession) -> tuple[Outcome, str]:
        if self._goes_within(GONE_TIMEOUT, item, session):
            return "gone", "deleted"
        return "failed", "the API accepted the deletion, but the resource is still there"

    def _goes_within(self, patience: timedelta, item: PlanItem, session: ProviderSession) -> bool:
        deadline, pause = time.monotonic() + patience.total_seconds(), 0.1
        while session.read(item.resource) is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 2, 10)
        return True

    def _blocked(self, item: PlanItem) -> str | None:
        """What should be gone by now and is not."""
        passed = ("gone", "would_delete")
        for node in sorted(item.waits_for):
            outcome, _ = self._outcomes[node]
            if outcome not in passed:
                other = self._items[node].resource
                return f"{other.scope.kind} {other.id} is still there ({outcome})"
        return None

    def _refused(self, item: PlanItem) -> str | None:
        """Why the inventory says now that the item must stay."""
        scope = item.resource.scope
        if scope.account not in self._settings.accounts.get(scope.provider, []):
            return f"cleanup.accounts does not list {scope.provider} account {scope.account}"
        with self._engine.connect() as connection:
            row = connection.execute(
                text(
                    """
                    SELECT s.state, s.error, s.succeeded_at, (
                        SELECT m.source || ' ' || m.author || ': ' || m.reason FROM inventory.marks m
                        WHERE m.node_id = ANY (:nodes) AND m.mark = 'protected' LIMIT 1
                    ) AS shield
                    FROM inventory.scopes s
                    WHERE s.provider = :provider AND s.account = :account AND s.region = :region
                        AND s.kind = :kind
                    """
                ),
                {
                    "nodes": [item.resource.node_id, *(one.node_id for one in item.takes_along)],
                    "provider": scope.provider,
                    "account": scope.account,
                    "region": scope.region,
                    "kind": scope.kind,
                },
            ).one()
            expected = item.waits_for | item.unties | {one.node_id for one in item.takes_along}
            newcomers = connection.execute(
                text(_NEWCOMERS), {"node": item.resource.node_id, "expected": list(expected)}
            ).all()
        if row.shield is not None:
            return f"protected since it was planned, by {row.shield}"
        if row.state != "fresh":
            return f"not read well since it was planned: {row.error or row.state}"
        if row.succeeded_at < datetime.now(UTC) - self._settings.max_data_age:
            return "the data it was planned on is too old by now"
        return self._needed(item, newcomers)

    def _needed(self, item: PlanItem, newcomers: Sequence[Any]) -> str | None:
        """What has come to the inventory since the plan was made and needs the item, or may not go along."""
        session = self._sessions[item.resource.scope.provider]
        for node, provider, account, region, kind, id_, name, reported, first, protected in newcomers:
            other = StoredResource(node, Scope(provider, account, region, kind), id_, name, reported)
            if session.goes_along(other, item.resource):
                if protected:
                    return f"{kind} {id_} would go along, and is protected by now"
            elif first:
                return f"{kind} {id_} needs it by now"
        return None

    def _different(self, item: PlanItem, now: Resource, interrupted: bool) -> str | None:
        """How the resource differs from what was planned, or what needs it by now.

        Where calls of ours were `interrupted` between each other, what they did is no difference.
        """
        kind = self._kinds[item.resource.scope.kind]
        known_by = self._untied.get(item.resource.node_id, item.fingerprint)
        changed = fingerprint(now, kind.unsettled) != known_by
        if changed and not (interrupted and self._half_done(item, now)):
            return "changed since it was planned"
        expected = self._expected_dependants(item)
        for edge in now.edges:
            if edge.type is EdgeType.DELETE and edge.outgoing and edge.value not in expected:
                return f"{edge.kind} {edge.value} needs it by now"
        return None

    def _half_done(self, item: PlanItem, now: Resource) -> bool:
        """Whether an interrupted deletion of ours may have left the resource as it is now.

        It is the same one, and bears the same tags: what people say of a resource, they say in those.
        """
        session, planned = self._sessions[item.resource.scope.provider], item.resource.reported
        others = frozenset({*planned, *now.reported()}) - {"id", "tags", "ctime"}
        same = fingerprint(now, others) == reported_fingerprint(planned, others)
        return same and session.half_done(item.resource, now)

    def _expected_dependants(self, item: PlanItem) -> set[str]:
        """All names of what the plan has let go before the item."""
        gone = (self._items[node].resource for node in item.waits_for)
        return {
            str(name)
            for resource in gone
            for name in (resource.id, resource.name, resource.reported.get("arn"))
        }

    def _record(
        self,
        item: PlanItem,
        event: Event,
        detail: str,
        request_ids: tuple[str, ...] = (),
        known_by: bytes | None = None,
    ) -> None:
        node: uuid.UUID = item.resource.node_id
        with self._engine.begin() as connection:
            journal.record(
                *(connection, self._plan.plan_id, node, self._run_id),
                *(event, detail, request_ids, known_by),
            )
            if event == "gone":
                forget_resource(connection, node, self._run_id, datetime.now(UTC))
