"""What may be deleted, said once more in plain Python: the model that the cleanup is held against.

It keeps its own account of what a collect has told, of marks, announcements, plans and decisions, and asks
neither the database nor the code under test. Time is counted in days that pass, and in ticks for what comes
before what.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal

from resoto_dagster.config import BudgetSettings, CleaningPlannerSettings, CleanupSettings, PlannersSettings
from resoto_dagster.config import RuleSettings as Rule
from resoto_dagster.model.resource import Scope
from resoto_dagster_tests.cleanup.world import LONG_AGO, Thing

ACCOUNTS = ("a1", "a2")
SMALL = 3
"""From how many deletions in a scope on their share counts, here."""


@dataclass(frozen=True)
class Setup:
    """The settings, as far as they change. Every grace is a day, and so is all that gets too old."""

    enabled: bool = True
    dry_run: bool = False
    listed: frozenset[str] = frozenset(ACCOUNTS)
    approval: Literal["none", "over_budget", "always"] = "none"
    resources: int = 100
    share: float = 1.0
    money: float = 1000
    canary: int = 1
    expired: bool = True
    expired_grace: bool = False
    junk: bool = True
    idle_grace: bool = True
    pin: bool = True


@cache
def settings_of(setup: Setup) -> CleanupSettings:
    day = "1d"
    rules = [
        Rule(name="idle", search="tags.idle == yes", reason="idle", grace=day if setup.idle_grace else None),
    ]
    if setup.junk:
        rules.append(Rule(name="junk", search="tags.junk == yes", reason="junk"))
    if setup.pin:
        rules.append(Rule(name="pin", search="tags.pin == yes", reason="pinned", mark="protect"))
    expired = CleaningPlannerSettings(enabled=setup.expired, grace=day if setup.expired_grace else None)
    return CleanupSettings(
        enabled=setup.enabled,
        dry_run=setup.dry_run,
        accounts={"sim": sorted(setup.listed)},
        budget=BudgetSettings(resources=setup.resources, share=setup.share, money=setup.money),
        approval=setup.approval,
        approval_expires=day,
        canary=setup.canary,
        max_data_age=day,
        planners=PlannersSettings(expired=expired),
        rules=rules,
    )


@dataclass(frozen=True)
class Known:
    """A thing as the last good collect of its scope has told it."""

    thing: Thing
    first_day: int
    first_tick: int
    made_tick: int

    @property
    def since(self) -> int:
        """Since which tick it is this very thing, as far as can be known."""
        return max(self.first_tick, self.made_tick)


@dataclass
class ScopeState:
    state: Literal["fresh", "failed", "collecting"]
    run: str
    day: int | None = None
    """When it was last read well."""


@dataclass
class Planned:
    """A plan, and the world that it was made from."""

    plan_id: int
    run: str
    day: int
    hash: str
    going: dict[str, Thing]
    setup: Setup
    held: bool
    waits: bool
    altered: bool = False
    begun: bool = False
    moved: bool = False
    ended: set[str] = field(default_factory=set)
    untied: set[tuple[str, str]] = field(default_factory=set)
    decision: str | None = None


class Violation(AssertionError):
    """Something was planned or deleted that must not be."""


class Model:
    """All that may be known, and what follows from it."""

    def __init__(self) -> None:
        self.day = 0
        self.ticks = 0
        self.known: dict[str, Known] = {}
        self.made: dict[str, int] = {}
        self.scopes: dict[Scope, ScopeState] = {}
        self.accounts: dict[str, tuple[str, int]] = {}
        self.protected: dict[tuple[str, str], int | None] = {}
        self.cleaned: dict[tuple[str, str], int] = {}
        self.pinned: set[str] = set()
        self.told: dict[tuple[str, str], tuple[int, int]] = {}
        self.plans: list[Planned] = []
        self.seen: set[str] = set()

    def tick(self) -> int:
        self.ticks += 1
        return self.ticks

    # What a collect tells

    def read(self, scope: Scope, things: Iterable[Thing], run: str) -> None:
        tick = self.tick()
        found = {thing.id: thing for thing in things if thing.scope == scope}
        for id_ in [id_ for id_, known in self.known.items() if known.thing.scope == scope]:
            if id_ not in found:
                del self.known[id_]
        for id_, thing in found.items():
            before = self.known.get(id_) or Known(thing, self.day, tick, 0)
            self.known[id_] = replace(before, thing=thing, made_tick=self.made.get(id_, 0))
        self.scopes[scope] = ScopeState("fresh", run, self.day)

    def not_read(self, scope: Scope, state: Literal["failed", "collecting"], run: str) -> None:
        before = self.scopes.get(scope)
        self.scopes[scope] = ScopeState(state, run, before.day if before else None)

    # What follows from it

    def is_protected(self, id_: str) -> bool:
        people = any(
            one == id_ and (until is None or until > self.day) for (one, _), until in self.protected.items()
        )
        return people or id_ in self.pinned

    def selectors(self, id_: str, setup: Setup) -> dict[str, bool]:
        """Who selects a thing by its tags, and whether with a grace."""
        known = self.known.get(id_)
        if known is None:
            return {}
        thing, found = known.thing, {}
        tags = thing.tag.split()
        old = thing.born == LONG_AGO or (thing.born is None and self.day - known.first_day > 1)
        if setup.expired and "expiration" in tags and old:
            found["expired"] = setup.expired_grace
        if "idle" in tags:
            found["idle"] = setup.idle_grace
        if setup.junk and "junk" in tags:
            found["junk"] = False
        return found

    def before_planning(self, setup: Setup) -> None:
        """The rules protect anew; what was told and has no reason any more will be told anew."""
        self.told = {
            (id_, author): when
            for (id_, author), when in self.told.items()
            if not self.is_protected(id_) and author in self.selectors(id_, setup)
        }
        self.pinned = {
            id_ for id_, known in self.known.items() if setup.pin and "pin" in known.thing.tag.split()
        }

    def may_be_planned(self, id_: str, setup: Setup, run: str) -> str | None:
        """Why something must not be in a plan, or None."""
        known = self.known.get(id_)
        if known is None:
            return "it is not in the inventory"
        if not (self._wished_by_a_person(known) or self._selected(known, setup)):
            return "nobody marked it, or its grace has not passed"
        if self.is_protected(id_):
            return "it is protected"
        if "managed" in known.thing.tag.split():
            return "the provider does not delete it"
        if known.thing.account not in setup.listed:
            return "its account is not listed"
        return self._why_stale(known.thing.scope, run)

    def _wished_by_a_person(self, known: Known) -> bool:
        return any(one == known.thing.id and tick > known.since for (one, _), tick in self.cleaned.items())

    def _selected(self, known: Known, setup: Setup) -> bool:
        for author, has_grace in self.selectors(known.thing.id, setup).items():
            day, tick = self.told.get((known.thing.id, author), (self.day, -1))
            if not has_grace or (self.day - day >= 1 and tick > known.since):
                return True
        return False

    def _why_stale(self, scope: Scope, run: str) -> str | None:
        state = self.scopes[scope]
        if state.state != "fresh" or state.day is None or self.day - state.day > 1:
            return "its scope is stale"
        collected = run in {one.run for one in self.scopes.values()} | {
            one for one, _ in self.accounts.values()
        }
        if collected and state.run != run:
            return "its scope was not read by this run"
        if not collected:
            _, day = self.accounts.get(scope.account, ("", -9))
            if self.day - day > 1:
                return "its account was not read"
        return None

    def over_budget(self, going: Iterable[str], setup: Setup) -> bool:
        ids = set(going)
        if len(ids) > setup.resources:
            return True
        along = {
            id_
            for id_, one in self.known.items()
            for owner in ids
            if id_ not in ids and self.known[owner].thing.takes(one.thing)
        }
        volumes = [self.known[id_].thing for id_ in ids | along]
        priced = sum(one.size for one in volumes if one.kind == "sim_volume" and one.account == "a1")
        if priced > setup.money:
            return True
        for scope, count in Counter(self.known[id_].thing.scope for id_ in ids).items():
            total = sum(one.thing.scope == scope for one in self.known.values())
            if count >= SMALL and count > setup.share * total:
                return True
        return False

    # What may be done

    def why_not(self, plan: Planned, setup: Setup) -> str | None:
        """Why nothing of a plan may be touched, or None."""
        if not setup.enabled:
            return "cleanup is off"
        if plan.held:
            return "the plan is held"
        if plan.altered:
            return "the plan was altered"
        if plan.waits and plan.decision != "approved":
            return "the plan is not approved"
        if plan.waits and self.day - plan.day > 1:
            return "the approval has expired"
        return None

    def may_be_touched(self, id_: str, plan: Planned, setup: Setup, things: dict[str, Thing]) -> str | None:
        """Why something must not be deleted or changed right now, or None."""
        why = self.why_not(plan, setup)
        if why is not None:
            return why
        if setup.dry_run:
            return "it is a dry run"
        if id_ not in plan.going:
            return "it is not in the plan"
        if id_ in plan.ended:
            return "it has ended already"
        planned, now = plan.going[id_], things.get(id_)
        if planned.account not in setup.listed:
            return "its account is not listed"
        state = self.scopes[planned.scope]
        if state.state != "fresh" or state.day is None or self.day - state.day > 1:
            return "its scope is stale"
        if self.is_protected(id_):
            return "it is protected"
        if now is not None and not _same(planned, now, {gone for one, gone in plan.untied if one == id_}):
            return f"it has changed: {now}, and {planned} was planned"
        return None

    def may_be_deleted(self, id_: str, plan: Planned, setup: Setup, things: dict[str, Thing]) -> str | None:
        """Why something must not be deleted right now, or None."""
        why = self.may_be_touched(id_, plan, setup, things)
        now = things.get(id_)
        if why is not None or now is None:
            return why
        for other in things.values():
            known = self.known.get(other.id)
            # A volume says itself what it is attached to; else it takes a collect to know.
            if now.needs_gone(other) and (
                now.kind == "sim_volume" or (known and now.needs_gone(known.thing))
            ):
                return f"{other.id} needs it"
            if now.takes(other) and known and now.takes(known.thing) and self.is_protected(other.id):
                return f"{other.id} would go along, and is protected"
        return None

    def why_moved(self, plan: Planned, setup: Setup, things: dict[str, Thing]) -> str | None:
        """Why an approved plan that begins now must not, or None: all of it must still be as planned."""
        last = self.plans[-1]
        for id_, planned in plan.going.items():
            now = things.get(id_)
            if now is None:
                return f"{id_} is gone"
            if id_ not in last.going:
                return f"{id_} is not in the last plan"
            if not _same(planned, now, set()) or not _same(planned, last.going[id_], set()):
                return f"{id_} has changed"
            if planned.account not in setup.listed or self.is_protected(id_):
                return f"{id_} is not listed any more, or protected"
            if self.scopes[planned.scope].state != "fresh":
                return f"the scope of {id_} is stale"
        return None


def _same(planned: Thing, now: Thing, untied: set[str]) -> bool:
    """Whether a thing is what was planned, but for what it has let go of, is attached to, and its status."""
    names = planned.names - untied
    return replace(now, at=None, status="in-use") == replace(planned, names=names, at=None, status="in-use")
