"""The cleanup against a model: whatever happens in whatever order, nothing is deleted that must not be.

Hypothesis makes up sequences of what a cloud, people, settings, collects, plans, executions and crashes do.
Every deletion is judged by the model at the moment it is asked for, with the world as it is then.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, event, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import Engine, create_engine, text

from resoto_dagster.cleanup import approval, budget, execute, journal
from resoto_dagster.cleanup.announcements import (
    announce,
    announceable,
    forget_authors_announcements,
    forget_protected,
)
from resoto_dagster.cleanup.plan import plan_of_number
from resoto_dagster.cleanup.planners import follow_marks, run_planners
from resoto_dagster.cleanup.planning import make_plan
from resoto_dagster.cleanup.rules import run_rules
from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.collecting import InventorySink, PartialSink, register_kinds, settle_graph
from resoto_dagster.inventory.marks import Author, Mark, remove_mark, set_marks
from resoto_dagster.model.resource import Resource, Scope, node_id
from resoto_dagster.workflow.cleanup import _cleanup
from resoto_dagster.workflow.project import CONTINUES_TAG
from resoto_dagster_tests.cleanup import model
from resoto_dagster_tests.cleanup.model import Model, Planned, Setup, Violation, settings_of
from resoto_dagster_tests.cleanup.world import KINDS, PRICE, Killed, Thing, World
from resoto_dagster_tests.estate import no_properties

T = TypeVar("T")

SEQUENCES, PARTS = 400, 4
NIGHTLY, NIGHTLY_PARTS = 2000, 8
LENGTH = 12
"""How many things happen in a sequence, at most."""

COMMON = {"planned", "deleted", "killed while deleting", "untied", "waits", "grace passed"}
"""What must happen in every part, or the sequences are not worth their time."""

PASSES = timedelta(days=2)

START = {
    thing.id: thing
    for thing in (
        Thing("n1", "sim_network"),
        Thing("i1", "sim_instance", at="n1"),
        Thing("i2", "sim_instance"),
        Thing("v1", "sim_volume", at="i1", along=True),
        Thing("v2", "sim_volume", at="i1"),
        Thing("v3", "sim_volume", size=10),
        Thing("g1", "sim_group", names=frozenset({"g2"})),
        Thing("g2", "sim_group", names=frozenset({"g1"})),
        Thing("w1", "sim_volume", account="a2"),
    )
}
IDS = list(START)
VOLUMES = [id_ for id_ in IDS if START[id_].kind == "sim_volume"]
SCOPES = sorted({thing.scope for thing in START.values()})
NODES = {id_: node_id(thing.scope, id_) for id_, thing in START.items()}


def evenly(values: Sequence[T], salt: str = "") -> st.SearchStrategy[T]:
    """One of the values, each as likely as the others.

    Left to itself Hypothesis likes to repeat what it chose; a number it knows nothing of has no such likes.
    """
    return st.integers(0, 2**32).map(lambda number: Random(f"{salt}{number}").choice(values))


ids = evenly(IDS)
TAGS = ["expiration", "expiration", "junk", "junk", "idle", "idle", "", "expiration pin", "junk managed"]
tags = evenly(TAGS)
people = evenly(["ann", "bob"])
decisions = evenly(["approved", "approved", "approved", "rejected"])
wishes = evenly(["keeps", "keeps for a day", "wants gone", "takes back"])
listed = evenly([frozenset[str](), frozenset({"a1"}), frozenset({"a1", "a2"})])
alterations = evenly(["wave = 1, kept = NULL", "reason = 'mine'"])
the_last_two = st.integers(-2, -1)
lots = evenly(["all", "all", "some fail", "some are skipped", "some are left half read", "an account fails"])
changes = st.one_of(
    st.fixed_dictionaries({"tag": tags}),
    st.fixed_dictionaries({"size": evenly([1, 2, 10])}),
    st.fixed_dictionaries({"status": evenly(["in-use", "available"])}),
    st.fixed_dictionaries({"at": evenly(["n1", "i1", "i2", None])}),
    st.fixed_dictionaries({"along": st.booleans()}),
    st.fixed_dictionaries({"names": st.booleans()}),
)
few_scopes = st.sets(evenly(SCOPES), min_size=1, max_size=2)
dies = evenly([None] * 15 + [*range(1, 26)])
settings_that_differ = st.one_of(
    st.just(dict(vars(Setup()))),
    st.fixed_dictionaries({"enabled": st.booleans(), "dry_run": st.booleans()}),
    st.fixed_dictionaries({"listed": listed}),
    st.fixed_dictionaries({"approval": evenly(["none", "over_budget", "always"])}),
    st.fixed_dictionaries({"resources": evenly([1, 3, 100])}),
    st.fixed_dictionaries({"share": evenly([0.4, 1.0])}),
    st.fixed_dictionaries({"money": evenly([5, 1000])}),
    st.fixed_dictionaries({"canary": evenly([0, 1, 3])}),
    st.fixed_dictionaries({"expired_grace": st.booleans(), "idle_grace": st.booleans()}),
    st.fixed_dictionaries({"expired": st.booleans(), "junk": st.booleans(), "pin": st.booleans()}),
)
Happening = tuple[int, str, str]
"""After how many deletions what happens, and to what."""
happening = st.none() | st.tuples(
    evenly([1, 1, 2, 3]), evenly(["protect", "tag", "fail", "attach", "vanish"]), ids
)

_PRICES = Scope("sim", "a1", "r1", "sim_volume_type")
_TIMES = {
    "accounts": ("attempted_at",),
    "scopes": ("attempted_at", "succeeded_at"),
    "resources": ("first_seen", "changed_at"),
    "marks": ("at", "until"),
    "announcements": ("announced_at",),
    "plans": ("created_at",),
    "approvals": ("at",),
}
"""What is moved back for days to pass."""

SEEN: Counter[str] = Counter()
"""In how many sequences something happened, over all of them."""


@dataclass(frozen=True)
class Step:
    """What may happen next, with what it is given, and when it makes sense."""

    name: str
    given: st.SearchStrategy[dict[str, Any]]
    when: Callable[["Machine"], object]


STEPS: list[Step] = []
"""All there is; what is there twice happens twice as often."""


def happens(
    when: Callable[["Machine"], object] = lambda _machine: True, often: int = 1, **given: Any
) -> Callable[[Any], Any]:
    """Make a method a step. Rules of Hypothesis's own are left out at random, which leaves too little."""

    def declare(method: Callable[..., None]) -> Any:
        STEPS.extend([Step(method.__name__, st.fixed_dictionaries(given), when)] * often)
        return method

    return declare


def planned(machine: "Machine") -> bool:
    return bool(machine.model.plans)


def was_killed(machine: "Machine") -> bool:
    return machine.killed is not None


def undecided(machine: "Machine") -> bool:
    return any(plan.waits and plan.decision is None for plan in machine.model.plans[-2:])


class Machine(RuleBasedStateMachine):
    """What may happen. A class of a run has its `engine`."""

    engine: ClassVar[Engine]
    world_now: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        _empty(self.engine)
        self.world = World({})
        self.model = Model()
        self.setup = Setup()
        self.runs = 0
        self.run = "run-0"
        self.last = ""
        self.killed: Planned | None = None
        type(self).world_now = self.world

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        """One step, and not the same one twice in a row."""
        possible = [step.name for step in STEPS if step.name != self.last and step.when(self)]
        self.last = data.draw(evenly(possible), label="next")
        given = next(step.given for step in STEPS if step.name == self.last)
        getattr(self, self.last)(**data.draw(given, label="with"))

    # The cloud

    @initialize(
        tagged=st.fixed_dictionaries({id_: evenly(TAGS, id_) for id_ in IDS}),
        approval=evenly(["none", "always", "over_budget"]),
        grace=evenly([False, False, True]),
        budget=evenly([100, 100, 4]),
        slow=st.sets(ids, max_size=3),
    )
    def begins(self, tagged: dict[str, str], approval: Any, grace: bool, budget: int, slow: set[str]) -> None:
        self.world.slow = slow
        for id_, thing in START.items():
            self.world.put(replace(thing, tag=tagged[id_]))
        self.setup = replace(self.setup, approval=approval, expired_grace=grace, resources=budget)
        price = Resource("sim_volume_type", PRICE, PRICE, "r1", properties={"ondemand_cost": 1})
        PartialSink(self.engine, "sim", "prices", ()).collected(_PRICES, [price])
        self.a_run_collects_and_plans()

    @happens(often=2, id_=ids, change=changes)
    def the_cloud_changes(self, id_: str, change: dict[str, Any]) -> None:
        """As it may: only instances are attached to networks, and volumes to instances that are there."""
        kind, at = START[id_].kind, change.get("at")
        if "at" in change:
            wanted = {"sim_volume": "sim_instance", "sim_instance": "sim_network"}.get(kind)
            if at is not None and (at not in self.world.things or START[at].kind != wanted):
                return
        if "names" in change:
            others = {"g1": "g2", "g2": "g1"}
            change = {"names": frozenset({others[id_]} if change["names"] else ())} if id_ in others else {}
        if "status" in change and kind != "sim_volume":
            return
        self.world.change(id_, **change)

    @happens(id_=ids, comes_back=evenly(["no", "with a date", "without a date"]), tag=tags)
    def it_vanishes(self, id_: str, comes_back: str, tag: str) -> None:
        self.world.remove(id_)
        if comes_back != "no":
            dated = comes_back == "with a date"
            self.model.made[id_] = self.model.tick() if dated else 0
            born = datetime.now(UTC) if dated else None
            self.world.put(replace(START[id_], tag=tag, at=None, names=frozenset(), born=born))

    @happens(how=evenly(["refuses", "unreadable", "slow"]), which=st.sets(ids, max_size=2))
    def the_api_is_difficult(self, how: str, which: set[str]) -> None:
        setattr(self.world, how, which)

    # People

    @happens(
        often=2,
        id_=ids,
        who=people,
        what=wishes,
    )
    def somebody_marks(self, id_: str, who: str, what: str) -> None:
        if what == "takes back":
            with self.engine.begin() as connection:
                for mark in ("protected", "clean"):
                    remove_mark(connection, Author("person", who), mark, [NODES[id_]])  # type: ignore[arg-type]
            self.model.protected.pop((id_, who), None)
            self.model.cleaned.pop((id_, who), None)
        elif what == "wants gone":
            self._mark(who, Mark(NODES[id_], "clean", "old"))
            self.model.cleaned[id_, who] = self.model.tick()
        else:
            self._protect(id_, who, what == "keeps for a day")

    def _protect(self, id_: str, who: str, until: bool) -> None:
        ends = datetime.now(UTC) + PASSES / 2 if until else None
        self._mark(who, Mark(NODES[id_], "protected", "mine", ends))
        self.model.protected[id_, who] = self.model.day + 1 if until else None

    def _mark(self, who: str, mark: Mark) -> None:
        with self.engine.begin() as connection:
            set_marks(connection, Author("person", who), [mark])

    @happens(often=2, given=settings_that_differ)
    def settings_change(self, given: dict[str, Any]) -> None:
        self.setup = replace(self.setup, **given)

    @happens()
    def days_pass(self) -> None:
        with self.engine.begin() as connection:
            for table, columns in _TIMES.items():
                shifts = ", ".join(f"{column} = {column} - :by" for column in columns)
                connection.execute(text(f"UPDATE inventory.{table} SET {shifts}"), {"by": PASSES})  # noqa: S608
        self.model.day += PASSES.days

    @happens(
        undecided,
        4,
        which=the_last_two,
        what=decisions,
    )
    def somebody_decides(self, which: int, what: Any) -> None:
        if len(self.model.plans) < -which:
            return
        plan = self.model.plans[which]
        too_late = self.model.day - plan.day > 1
        with self.engine.begin() as connection:
            stored = plan_of_number(connection, plan.plan_id)
            try:
                approval.decide(connection, stored, what, "ann", "seen", settings_of(self.setup))
            except ResotoError:
                assert plan.held or not plan.waits or plan.decision or too_late
                return
        assert plan.waits, "there was nothing to decide"
        decidable = not (plan.held or plan.decision or too_late)
        assert decidable
        plan.decision = what
        self._seen(what)

    @happens(
        planned,
        which=the_last_two,
        where=alterations,
    )
    def somebody_alters_a_plan(self, which: int, where: str) -> None:
        if len(self.model.plans) >= -which:
            plan = self.model.plans[which]
            changed = self._execute(
                f"UPDATE inventory.plan_items SET {where} WHERE plan_id = :id AND kept IS NOT NULL",  # noqa: S608
                id=plan.plan_id,
            )
            plan.altered = plan.altered or changed > 0

    # The workflow

    @happens(lot=lots, which=few_scopes)
    def a_run_collects(self, lot: str, which: set[Scope]) -> None:
        self._collect(lot, which)

    def _collect(self, lot: str, which: set[Scope]) -> None:
        self.runs += 1
        self.run = f"run-{self.runs}"
        accounts = list(model.ACCOUNTS)
        sink = InventorySink(self.engine, "sim", self.run)
        sink.accounts_expected(accounts)
        self.model.accounts |= dict.fromkeys(accounts, (self.run, self.model.day))
        failed = {scope.account for scope in which} if lot == "an account fails" else set()
        for account in sorted(failed):
            sink.account_failed(account, "AccessDenied")
            for scope in SCOPES:
                if scope.account == account and scope in self.model.scopes:
                    self.model.not_read(scope, "failed", self.run)
        expected = [
            scope
            for scope in SCOPES
            if scope.account not in failed and not (lot == "some are skipped" and scope in which)
        ]
        sink.scopes_expected(expected)
        for scope in expected:
            if lot == "some are left half read" and scope in which:
                self.model.not_read(scope, "collecting", self.run)
            elif lot == "some fail" and scope in which:
                sink.failed(scope, "Throttling")
                self.model.not_read(scope, "failed", self.run)
            else:
                self._read(sink, scope, self.run)
        self._settle()

    def _read(self, sink: InventorySink, scope: Scope, run: str) -> None:
        things = [thing for thing in self.world.things.values() if thing.scope == scope]
        sink.collected(scope, [thing.resource() for thing in things])
        self.model.read(scope, things, run)

    def _settle(self) -> None:
        with self.engine.begin() as connection:
            settle_graph(connection)

    @happens(which=few_scopes)
    def some_scopes_are_read_on_events(self, which: set[Scope]) -> None:
        self.runs += 1
        run = f"events-{self.runs}"
        sink = PartialSink(self.engine, "sim", run, which)
        for scope in sorted(which):
            self._read(sink, scope, run)
        self._settle()

    @happens(collects=st.booleans())
    def a_run_plans(self, collects: bool) -> None:
        if not collects:
            self.runs += 1
            self.run = f"run-{self.runs}"
        self._plan()

    def _plan(self) -> Planned:
        given, setup = settings_of(self.setup), self.setup
        self.model.before_planning(setup)
        with self.engine.begin() as connection:
            forget_authors_announcements(connection, given)
            forget_protected(connection)
            run_rules(connection, given, self.run)
            run_planners(connection, given, self.run)
            follow_marks(connection, given, self.run)
        with self.engine.begin() as connection:
            plan = make_plan(connection, given, KINDS, self.world, self.run, self.run)
        going = [item.resource.id for item in plan.going]
        for id_ in going:
            why = self.model.may_be_planned(id_, setup, self.run)
            if why is not None:
                raise Violation(f"{id_} was planned, and {why}")
            if any((id_, author) in self.model.told for author in ("expired", "idle")):
                self._seen("grace passed")
        over = self.model.over_budget(going, setup)
        waits = setup.approval != "none" and (over or (setup.approval == "always" and bool(going)))
        assert (plan.held is not None) == (over and setup.approval == "none"), plan.held
        assert (plan.waits is not None) == waits, plan.waits
        made = Planned(
            *(plan.plan_id, self.run, self.model.day, plan.hash),
            {id_: self.model.known[id_].thing for id_ in going},
            *(setup, plan.held is not None, plan.waits is not None),
        )
        self.model.plans.append(made)
        for what, happened in {
            "planned": going,
            "held": made.held,
            "waits": made.waits,
            "planned to untie": any(item.unties for item in plan.going),
        }.items():
            if happened:
                self._seen(what)
        if setup.enabled and not setup.dry_run:
            now = datetime.now(UTC)
            found = announceable(plan, given, now)
            announce(self.engine, given.notices, found, now)
            tick = self.model.tick()
            for one in found:
                for _, author in one.authors:
                    self.model.told[one.resource.id, author] = (self.model.day, tick)
        return made

    @happens(often=2)
    def a_run_collects_and_plans(self) -> None:
        self._collect("all", set())
        self._plan()

    @happens(often=3, dies=dies, meanwhile=happening)
    def a_whole_run(self, dies: int | None, meanwhile: Happening | None) -> None:
        self._collect("all", set())
        plan = self._plan()
        if plan.waits:
            self.somebody_decides(-1, "approved")
        self._cleanup(plan, dies, meanwhile)

    @happens(planned, 5, dies=dies, meanwhile=happening)
    def the_last_plan_is_executed(self, dies: int | None, meanwhile: Happening | None) -> None:
        if self.model.plans:
            self._cleanup(self.model.plans[-1], dies, meanwhile)

    @happens(was_killed, 6, dies=dies, meanwhile=happening)
    def what_was_killed_goes_on(self, dies: int | None, meanwhile: Happening | None) -> None:
        if self.killed is not None:
            self._cleanup(self.killed, dies, meanwhile)

    @happens(planned, which=st.integers(-3, -2), dies=dies, meanwhile=happening)
    def an_earlier_plan_is_executed(self, which: int, dies: int | None, meanwhile: Happening | None) -> None:
        if len(self.model.plans) >= -which:
            self._cleanup(self.model.plans[which], dies, meanwhile)

    @happens(which=st.integers(-3, -1))
    def another_runs_plan_is_tried(self, which: int) -> None:
        """By a run that has none, and by one that says it goes on where another one ended."""
        with pytest.raises(ResotoError, match="has made no plan"):
            _cleanup(*self._context("stranger", {}))
        if len(self.model.plans) >= -which:
            plan = self._last_of_its_run(self.model.plans[which])
            if not plan.waits:
                with pytest.raises(ResotoError, match="is another run's"):
                    _cleanup(*self._context("stranger", {CONTINUES_TAG: plan.run}))

    def _last_of_its_run(self, plan: Planned) -> Planned:
        return [one for one in self.model.plans if one.run == plan.run][-1]

    def _context(self, run: str, tags: dict[str, str]) -> tuple[Any, Any, Engine]:
        log = SimpleNamespace(info=_quiet, warning=_quiet)
        context = SimpleNamespace(
            log=log, run_id=run, run=SimpleNamespace(run_id=run, root_run_id=None, tags=tags)
        )
        given = SimpleNamespace(cleanup=settings_of(self.setup))
        project = SimpleNamespace(settings=given, hooks=(), kinds=KINDS, session=lambda _provider: self.world)
        return context, project, self.engine

    def _cleanup(self, plan: Planned, dies: int | None, meanwhile: Happening | None) -> None:
        plan = self._last_of_its_run(plan)
        why_not = self.model.why_not(plan, self.setup)
        before = len(self.world.deletes)
        self.world.dies_in = dies
        self.world.judge = lambda id_: self._judge(plan, id_)
        self.world.judge_untying = lambda id_, other: self._judge_untying(plan, id_, other)
        self.world.afterwards = self._meanwhile(meanwhile)
        tags = {CONTINUES_TAG: plan.run} if plan.waits else {}
        resumed, self.killed = plan is self.killed, None
        journalled = self._journalled(plan)
        try:
            _cleanup(*self._context(plan.run if not tags else "approved", tags))
        except Killed:
            self._seen("killed")
            self.killed = plan
            self._take_over()
            if len(self.world.deletes) > before:
                self._seen("killed while deleting")
            plan.begun = plan.begun or self._begun(plan)
            return
        finally:
            self.world.dies_in = None
            self.world.afterwards = lambda: None
        deleted = len(self.world.deletes) - before
        if deleted:
            self._seen("deleted")
            self._seen("resumed and deleted", resumed)
            self._seen("approved and deleted", plan.waits)
        if why_not is not None:
            assert deleted == 0
            assert self._journalled(plan) == journalled, f"something was done, and {why_not}"
            return
        plan.begun = plan.begun or self._begun(plan)
        self._ended_once(plan)
        self._seen("moved", "the world has moved" in str(self._details(plan)))
        self._take_over()
        self._gone_is_gone(plan, journalled)
        again = len(self.world.deletes)
        _cleanup(*self._context(plan.run if not tags else "approved", tags))
        assert len(self.world.deletes) == again, "a second execution deleted more"

    def _judge(self, plan: Planned, id_: str) -> None:
        self._judge_beginning(plan)
        why = self.model.may_be_deleted(id_, plan, self.setup, self.world.things)
        if why is not None:
            raise Violation(f"{id_} is deleted, and {why}")

    def _judge_untying(self, plan: Planned, id_: str, other: str) -> None:
        self._judge_beginning(plan)
        why = self.model.may_be_touched(id_, plan, self.setup, self.world.things)
        if why is not None:
            raise Violation(f"{id_} is changed, and {why}")
        plan.untied.add((id_, other))
        self._seen("untied")

    def _judge_beginning(self, plan: Planned) -> None:
        if plan.waits and not plan.begun:
            plan.begun = True
            moved = self.model.why_moved(plan, self.setup, self.world.things)
            if moved is not None:
                raise Violation(f"an approved plan is executed, and {moved}")
        plan.begun = True

    def _meanwhile(self, meanwhile: Happening | None) -> Callable[[], None]:
        """What happens after some deletions of an execution, while the others are still to come."""
        calls = 0

        def afterwards() -> None:
            nonlocal calls
            calls += 1
            if meanwhile is None or calls != meanwhile[0]:
                return
            _, what, id_ = meanwhile
            self._seen("something happened meanwhile")
            if what == "protect":
                self._protect(id_, "ann", False)
            elif what == "tag":
                self.world.change(id_, tag="other")
            elif what == "vanish":
                self.world.remove(id_)
            elif what == "attach":
                if id_ in VOLUMES and "i2" in self.world.things:
                    self.world.change(id_, at="i2")
            elif (scope := START[id_].scope) in self.model.scopes:
                InventorySink(self.engine, "sim", "other").failed(scope, "Throttling")
                self.model.not_read(scope, "failed", "other")

        return afterwards

    # What must hold after an execution

    def _ended_once(self, plan: Planned) -> None:
        rows = self._rows(
            "SELECT node_id, count(*) FROM inventory.journal WHERE plan_id = :id AND event = ANY (:ends) "
            "GROUP BY node_id",
            id=plan.plan_id,
            ends=list(journal.OUTCOMES),
        )
        assert dict(rows) == {NODES[id_]: 1 for id_ in plan.going}, "everything has exactly one outcome"
        plan.ended = set(plan.going)

    def _take_over(self) -> None:
        """What an execution has taken out of the inventory is gone, and what it found gone is taken out."""
        held = {id_ for (id_,) in self._rows("SELECT id FROM inventory.resources WHERE id <> :id", id=PRICE)}
        for id_ in self.model.known.keys() - held:
            assert id_ not in self.world.things, f"{id_} was forgotten, and is there"
            del self.model.known[id_]
        assert held == self.model.known.keys()

    def _gone_is_gone(self, plan: Planned, journalled: int) -> None:
        """What this execution calls gone is neither there nor in the inventory, and history remembers it."""
        rows = self._rows(
            "SELECT j.node_id, j.event, "
            "EXISTS (SELECT FROM inventory.resources r WHERE r.node_id = j.node_id), "
            "EXISTS (SELECT FROM inventory.history h WHERE h.node_id = j.node_id AND h.change = 'deleted') "
            "FROM inventory.journal j WHERE j.plan_id = :id ORDER BY j.journal_id OFFSET :journalled",
            id=plan.plan_id,
            journalled=journalled,
        )
        ids = {node: id_ for id_, node in NODES.items()}
        for node, happened, held, remembered in rows:
            if happened == "gone":
                assert ids[node] not in self.world.things
                assert not held
                assert remembered

    def _details(self, plan: Planned) -> list[Any]:
        return self._rows(
            "SELECT detail FROM inventory.journal WHERE plan_id = :id AND event = 'kept'", id=plan.plan_id
        )

    def _begun(self, plan: Planned) -> bool:
        return bool(
            self._rows(
                "SELECT 1 FROM inventory.journal WHERE plan_id = :id AND event <> 'kept'", id=plan.plan_id
            )
        )

    def _journalled(self, plan: Planned) -> int:
        return int(
            self._rows("SELECT count(*) FROM inventory.journal WHERE plan_id = :id", id=plan.plan_id)[0][0]
        )

    def _rows(self, statement: str, **given: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement), given)]

    def _execute(self, statement: str, **given: Any) -> int:
        with self.engine.begin() as connection:
            return connection.execute(text(statement), given).rowcount

    def _seen(self, what: str, happened: object = True) -> None:
        if happened:
            self.model.seen.add(what)

    def teardown(self) -> None:
        SEEN["sequences"] += 1
        SEEN["plans"] += len(self.model.plans)
        SEEN["runs"] += self.runs
        with self.engine.connect() as connection:
            for plan in self.model.plans:
                stored = plan_of_number(connection, plan.plan_id)
                assert stored.hash == plan.hash
                assert stored.altered == plan.altered
        for what in self.model.seen:
            event(what)
        SEEN.update(self.model.seen)


def _quiet(*_args: object) -> None:
    """What an execution logs is of no interest here."""


def _empty(engine: Engine) -> None:
    """Forget all of a sequence, but the kinds; a TRUNCATE of so many tables takes ten times as long."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("; ".join(f"DELETE FROM inventory.{table}" for table in _TABLES)))  # noqa: S608


_TABLES = (
    *("accounts", "scopes", "resources", "words", "edges", "past_edges", "deferred_edges", "history"),
    *("marks", "announcements", "plans", "plan_items", "journal", "approvals"),
)


@pytest.fixture
def machine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Machine]]:
    """The machine on the test's database, where a commit does not wait for the disk.

    One deletion is done at a time, so that a sequence is the same each time; what waits for a slow deletion
    does not wait long. What an execution writes into its journal is a moment at which it may be killed.
    """
    clock = {"now": 0.0}

    def sleep(seconds: float) -> None:
        clock["now"] += seconds

    record = journal.record

    def recorded(*args: Any, **given: Any) -> None:
        OnThis.world_now.lives()
        record(*args, **given)

    monkeypatch.setattr(execute, "POOL", 1)
    monkeypatch.setattr(execute, "time", SimpleNamespace(monotonic=lambda: clock["now"], sleep=sleep))
    monkeypatch.setattr(journal, "record", recorded)
    monkeypatch.setattr(budget, "SMALL", model.SMALL)
    fast = create_engine(engine.url, connect_args={"options": "-c synchronous_commit=off -c jit=off"})

    class OnThis(Machine):
        engine = fast

    with fast.begin() as connection:
        register_kinds(connection, "sim", KINDS, list(KINDS), "1", no_properties)
    yield OnThis
    fast.dispose()


def hold(machine: type[Machine], sequences: int, phases: Sequence[Phase] = tuple(Phase)) -> None:
    """Hold the cleanup against the model; what happened in how many of the sequences is printed."""
    SEEN.clear()
    given = settings(
        max_examples=sequences,
        stateful_step_count=LENGTH,
        phases=phases,
        deadline=None,  # how long a sequence takes says nothing
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=True,
        database=None,
    )
    run_state_machine_as_test(machine, settings=given)
    print(dict(SEEN.most_common()))


@pytest.mark.parametrize("part", range(PARTS))
def test_the_model_holds(machine: type[Machine], part: int) -> None:
    """The same sequences each time, in parts for several processes."""
    # One that fails is printed as it is: to make it shorter takes minutes.
    hold(seed(part)(machine), SEQUENCES // PARTS, [one for one in Phase if one is not Phase.shrink])
    assert SEEN.keys() >= COMMON, "it has lost its teeth"


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(NIGHTLY_PARTS))
def test_the_model_holds_for_many_new_sequences(machine: type[Machine], part: int) -> None:
    """Others each time; one that fails is printed, and is a test to be written."""
    hold(machine, NIGHTLY // NIGHTLY_PARTS)
