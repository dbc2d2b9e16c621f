"""Takes the cleanup's guards away, one at a time, and shows that a test misses each of them.

Usage: python -m resoto_dagster_tests.cleanup.mutation [WORD...]

With words only the guards that contain one of them. Prints a table; ends with 1 if a guard is not missed.
A guard is taken away in a copy of the project by replacing a text that must be there exactly once.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).parents[2]
AT_A_TIME = 2
COPIED = ("resoto_dagster", "resoto_dagster_tests", "pyproject.toml", "dagster.yaml")


@dataclass(frozen=True)
class Mutation:
    """A guard, how it is taken away from a file of `resoto_dagster`, and the test that must fail then."""

    guard: str
    file: str
    old: str
    new: str
    test: str

    def applied(self, source: str) -> str:
        """The source without the guard. Raises LookupError unless its text is there exactly once."""
        found = source.count(self.old)
        if found != 1:
            raise LookupError(f"{self.guard}: its text is {found} times in {self.file}: {self.old!r}")
        return source.replace(self.old, self.new)


_PLAN, _EXECUTE = "cleanup/planning.py", "cleanup/execute.py"
_STEP, _APPROVAL = "workflow/cleanup.py", "cleanup/approval.py"

MUTATIONS = (
    Mutation(
        "cleanup is enabled",
        _EXECUTE,
        "if not settings.enabled:",
        "if False:",
        "cleanup/test_execute.py::test_nothing_is_read_or_deleted_while_cleanup_is_off",
    ),
    Mutation(
        "no dry run",
        _EXECUTE,
        "if self._settings.dry_run:",
        "if False:",
        "cleanup/test_execute.py::test_a_dry_run_looks_at_everything_and_deletes_nothing",
    ),
    Mutation(
        "account listed, when planned",
        _PLAN,
        "if row.account not in settings.accounts.get(row.provider, []):",
        "if False:",
        "cleanup/test_plan.py::test_trap_11_an_empty_list_of_accounts_means_none",
    ),
    Mutation(
        "account listed, when executed",
        _EXECUTE,
        "if scope.account not in self._settings.accounts.get(scope.provider, []):",
        "if False:",
        "cleanup/test_execute.py::test_an_account_that_is_not_listed_any_more_is_left_alone",
    ),
    Mutation(
        "budget: how many",
        "cleanup/budget.py",
        "if len(going) > budget.resources:",
        "if False:",
        "cleanup/test_plan.py::test_a_plan_beyond_the_number_of_resources_is_held",
    ),
    Mutation(
        "budget: share of a scope",
        "cleanup/budget.py",
        "if counts[scope] > budget.share * (total or 0):",
        "if False:",
        "cleanup/test_plan.py::test_a_plan_beyond_the_share_of_a_scope_is_held_from_ten_deletions_on",
    ),
    Mutation(
        "budget: money",
        "cleanup/budget.py",
        "if money > budget.money:",
        "if False:",
        "cleanup/test_costs.py::test_more_money_than_the_budget_holds_the_plan",
    ),
    Mutation(
        "a plan that is held is not executed",
        _EXECUTE,
        "if plan.held is not None:",
        "if False:",
        "cleanup/test_plan.py::test_a_plan_beyond_the_number_of_resources_is_held",
    ),
    Mutation(
        "a plan that is held is not approved",
        _APPROVAL,
        "if plan.held is not None:",
        "if False:",
        "cleanup/test_approval.py::test_without_approval_what_is_over_budget_is_held",
    ),
    Mutation(
        "over budget a plan waits",
        _PLAN,
        'waits = over if settings.approval != "none" else None',
        "waits = None",
        "cleanup/test_approval.py::test_over_budget_only_what_is_over_budget_waits",
    ),
    Mutation(
        "every plan waits, where it is to",
        _PLAN,
        'if settings.approval == "always" and going:',
        "if False:",
        "cleanup/test_approval.py::test_a_plan_that_waits_is_not_executed_until_it_is_approved",
    ),
    Mutation(
        "what waits is not executed",
        _APPROVAL,
        "if approval is None:",
        "if False:",
        "cleanup/test_approval.py::test_a_plan_that_waits_is_not_executed_until_it_is_approved",
    ),
    Mutation(
        "what was rejected is not executed",
        _APPROVAL,
        'if approval is not None and approval.decision == "rejected":',
        "if False:",
        "cleanup/test_approval.py::test_a_plan_that_is_rejected_is_never_executed",
    ),
    Mutation(
        "an approval expires",
        _APPROVAL,
        "if _expired(plan, settings, datetime.now(UTC)):",
        "if False:",
        "cleanup/test_approval.py::test_an_approval_ends_with_its_time",
    ),
    Mutation(
        "approved too late",
        _APPROVAL,
        "if _expired(plan, settings, now):",
        "if False:",
        "cleanup/test_approval.py::test_an_approval_ends_with_its_time",
    ),
    Mutation(
        "a decision is for good",
        _APPROVAL,
        "if not written.rowcount:",
        "if False:",
        "cleanup/test_approval.py::test_a_decision_is_for_good",
    ),
    Mutation(
        "approved, and a later plan keeps some of it",
        _EXECUTE,
        "moved = how_moved(connection, self._plan)",
        "moved = None",
        "cleanup/test_approval.py::test_when_a_later_plan_keeps_something_none_of_what_was_approved_is_done",
    ),
    Mutation(
        "approved, and some of it has changed",
        _EXECUTE,
        "moved = next(filter(None, pool.map(self._not_as_planned, self._plan.going)), None)",
        "moved = None",
        "cleanup/test_approval.py::test_when_one_resource_has_changed_none_of_what_was_approved_is_done",
    ),
    Mutation(
        "approved, and the world stays moved after a crash",
        "cleanup/journal.py",
        "AND event <> 'kept')",
        ")",
        "cleanup/test_guards.py::test_a_moved_world_stays_moved_after_a_crash_for_what_nothing_blocks",
    ),
    Mutation(
        "not protected, when planned",
        _PLAN,
        "if row.shield is not None:",
        "if False:",
        "cleanup/test_plan.py::test_trap_6_what_stays_keeps_what_it_needs_through_everything_between",
    ),
    Mutation(
        "not protected, when executed",
        _EXECUTE,
        "if row.shield is not None:",
        "if False:",
        "cleanup/test_execute.py::test_what_was_protected_since_it_was_planned_is_kept",
    ),
    Mutation(
        "nothing protected goes along, when planned",
        "cleanup/waves.py",
        "if dependant.protected:",
        "if False:",
        "cleanup/test_plan.py::test_what_goes_along_with_its_owner_does_not_keep_it_unless_it_is_protected",
    ),
    Mutation(
        "nothing protected goes along, when executed",
        _EXECUTE,
        '"nodes": [item.resource.node_id, *(one.node_id for one in item.takes_along)],',
        '"nodes": [item.resource.node_id],',
        "cleanup/test_guards.py::"
        "test_what_the_plan_takes_along_is_protected_even_while_the_inventory_misses_it",
    ),
    Mutation(
        "its scope was read well, when planned",
        "cleanup/freshness.py",
        'if scope.state != "fresh":',
        "if False:",
        "cleanup/test_plan.py::test_trap_2_nothing_of_a_scope_that_failed_or_is_old_is_planned",
    ),
    Mutation(
        "its scope was read by this run",
        "cleanup/freshness.py",
        "if collector is not None and scope.run_id != collector:",
        "if False:",
        "cleanup/test_plan.py::test_trap_2_a_run_that_collects_plans_only_what_it_has_read_itself",
    ),
    Mutation(
        "its data is not too old, when planned",
        "cleanup/freshness.py",
        "if scope.succeeded_at < datetime.now(UTC) - max_age:",
        "if False:",
        "cleanup/test_guards.py::test_data_that_is_too_old_is_not_planned_on",
    ),
    Mutation(
        "its scope was read well, when executed",
        _EXECUTE,
        'if row.state != "fresh":',
        "if False:",
        "cleanup/test_execute.py::test_a_scope_that_failed_since_it_was_planned_is_left_alone",
    ),
    Mutation(
        "its data is not too old, when executed",
        _EXECUTE,
        "if row.succeeded_at < datetime.now(UTC) - self._settings.max_data_age:",
        "if False:",
        "cleanup/test_guards.py::test_what_became_too_old_since_it_was_planned_is_kept",
    ),
    Mutation(
        "its account was read as a whole",
        _PLAN,
        "if collector is None and row.account_read_at is None:",
        "if collector is None and row.account_read_at is None:\n        return None\n    if False:",
        "cleanup/test_guards.py::test_nothing_of_an_account_that_was_not_read_as_a_whole_is_planned[False]",
    ),
    Mutation(
        "its account was not read too long ago",
        _PLAN,
        "if collector is None and row.account_read_at < datetime.now(UTC) - settings.max_data_age:",
        "if False:",
        "cleanup/test_guards.py::test_nothing_of_an_account_that_was_not_read_as_a_whole_is_planned[True]",
    ),
    Mutation(
        "unchanged when read again",
        _EXECUTE,
        "changed = fingerprint(now, kind.unsettled) != known_by",
        "changed = False",
        "cleanup/test_execute.py::test_what_changed_since_it_was_planned_is_kept",
    ),
    Mutation(
        "nothing new needs it when read again",
        _EXECUTE,
        "if edge.type is EdgeType.DELETE and edge.outgoing and edge.value not in expected:",
        "if False:",
        "cleanup/test_execute.py::test_what_is_in_use_by_now_is_kept",
    ),
    Mutation(
        "nothing that came since needs it",
        _EXECUTE,
        "elif first:",
        "elif False:",
        "cleanup/test_guards.py::test_what_has_come_since_and_needs_it_keeps_it",
    ),
    Mutation(
        "nothing protected that came since goes along",
        _EXECUTE,
        "if protected:",
        "if False:",
        "cleanup/test_guards.py::test_what_has_come_since_and_is_protected_does_not_go_along",
    ),
    Mutation(
        "what was accepted is waited for and not deleted again",
        _EXECUTE,
        "if node in self._accepted:",
        "if False:",
        "cleanup/test_execute.py::test_what_the_api_accepted_is_waited_for_and_not_asked_for_again",
    ),
    Mutation(
        "unchanged when a deletion that was begun is resumed",
        _EXECUTE,
        "if changed and not (interrupted and self._half_done(item, now)):",
        "if changed and not interrupted:",
        "cleanup/test_execute.py::test_what_people_did_to_it_since_the_interruption_keeps_it",
    ),
    Mutation(
        "the same one when a deletion in parts is resumed",
        _EXECUTE,
        "return same and session.half_done(item.resource, now)",
        "return session.half_done(item.resource, now)",
        "cleanup/test_execute.py::test_a_later_one_of_the_name_is_no_deletion_half_done",
    ),
    Mutation(
        "unchanged when it has to let go of another",
        _EXECUTE,
        "why = self._refused(other) or self._different(other, now, interrupted)",
        "why = None",
        "cleanup/test_cycles.py::test_what_changed_since_it_was_planned_does_not_let_go",
    ),
    Mutation(
        "the plan is as it was written down",
        _EXECUTE,
        "if plan.altered:",
        "if False:",
        "cleanup/test_approval.py::test_a_plan_altered_in_the_database_is_not_executed",
    ),
    Mutation(
        "a run executes its own plan",
        "workflow/cleanup_plan.py",
        "plan = load_plan(connection, root_run_id(context.run))",
        "plan = load_plan(connection)",
        "workflow/test_workflow.py::test_the_cleanup_executes_the_plan_of_its_own_run_and_no_other",
    ),
    Mutation(
        "another run's plan only if it waits for approval",
        _STEP,
        "if CONTINUES_TAG in context.run.tags and plan.waits is None:",
        "if False:",
        "cleanup/test_guards.py::test_a_run_goes_on_with_another_runs_plan_only_if_that_waits_for_approval",
    ),
    Mutation(
        "required hooks have succeeded",
        _STEP,
        "if missing:",
        "if False:",
        "workflow/test_workflow.py::"
        "test_a_re_execution_that_starts_at_the_cleanup_passes_no_gate_and_deletes_nothing",
    ),
    Mutation(
        "one cleanup at a time",
        _EXECUTE,
        'if not lock.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK}):',
        "if False:",
        "cleanup/test_execute.py::test_a_second_cleanup_at_the_same_time_is_refused",
    ),
    Mutation(
        "what has ended is not done again",
        _EXECUTE,
        "if item.wave == wave and item.resource.node_id not in self._outcomes",
        "if item.wave == wave",
        "cleanup/test_execute.py::test_trap_5_a_run_that_died_goes_on_from_its_journal",
    ),
    Mutation(
        "grace",
        _PLAN,
        "item.grace = grace_of(settings, list(zip(marks, row.announced, strict=True)), now)",
        "item.grace = None",
        "cleanup/test_guards.py::test_what_is_in_grace_stays_until_it_was_announced_for_as_long",
    ),
    Mutation(
        "grace begins when it is announced, and lasts",
        "cleanup/grace.py",
        "(announced is not None and announced + length <= now)",
        "(announced is not None)",
        "cleanup/test_guards.py::test_what_is_in_grace_stays_until_it_was_announced_for_as_long",
    ),
    Mutation(
        "what was announced of an earlier one does not count",
        _PLAN,
        "AND n.announced_at >= greatest(r.first_seen, r.ctime)",
        "",
        "cleanup/test_guards.py::"
        "test_what_was_announced_of_an_earlier_resource_of_the_same_name_does_not_count",
    ),
    Mutation(
        "most of the first few go, or the rest is left alone",
        _EXECUTE,
        "self._halted = self._canaries()",
        "self._canaries()",
        "cleanup/test_canary.py::test_when_most_of_the_first_fail_the_rest_is_left_alone",
    ),
    Mutation(
        "a person meant the one that was there",
        _PLAN,
        "OR (m.source = 'person' AND m.at >= greatest(r.first_seen, r.ctime)))",
        "OR m.source = 'person')",
        "cleanup/test_plan.py::test_a_person_s_clean_does_not_hold_for_a_later_resource_of_the_same_name",
    ),
    Mutation(
        "what others mark counts in their own run",
        _PLAN,
        "m.root_run_id = %(root_run_id)s",
        "m.source <> 'person'",
        "cleanup/test_guards.py::test_nobodys_mark_of_another_run_counts",
    ),
    Mutation(
        "what is not marked keeps what it needs",
        "cleanup/waves.py",
        'item.kept = item.kept or f"{_short(resource)} stays, and can\'t without it"',
        "pass",
        "cleanup/test_plan.py::test_trap_6_what_stays_keeps_what_it_needs",
    ),
    Mutation(
        "what is marked and stays keeps what it needs",
        "cleanup/waves.py",
        "stays = [node for node, item in items.items() if item.kept is not None]",
        "stays = list[uuid.UUID]()",
        "cleanup/test_plan.py::test_trap_6_what_stays_keeps_what_it_needs_through_everything_between",
    ),
    Mutation(
        "what needs it and is unknown keeps it",
        "cleanup/waves.py",
        "for node, what in _unknown_dependants(connection, items):",
        "for node, what in ():",
        "cleanup/test_plan.py::test_what_must_go_first_and_is_not_known_keeps_a_resource",
    ),
    Mutation(
        "what needs it goes first",
        _EXECUTE,
        "if outcome not in passed:",
        "if False:",
        "cleanup/test_execute.py::test_trap_6_what_a_refused_deletion_blocks_is_skipped_with_that_reason",
    ),
    Mutation(
        "its kind can be deleted",
        _PLAN,
        "if not row.deletable:",
        "if False:",
        "cleanup/test_plan.py::test_phantoms_and_kinds_that_can_not_be_deleted_are_never_planned",
    ),
    Mutation(
        "the provider deletes it by itself",
        _PLAN,
        "item.kept = rules.held_back(resource)",
        "pass",
        "cleanup/test_plan.py::test_what_the_provider_does_not_delete_by_itself_is_kept_with_its_reason",
    ),
    Mutation(
        "the clock was not set back",
        "cleanup/freshness.py",
        "if at is not None and at > now + CLOCK_TOLERANCE:",
        "if False:",
        "cleanup/test_guards.py::test_nothing_is_done_when_the_clock_was_set_back",
    ),
    Mutation(
        "the clocks agree",
        "cleanup/freshness.py",
        "if abs(row.database - now) > CLOCK_TOLERANCE:",
        "if False:",
        "cleanup/test_guards.py::test_nothing_is_done_when_the_clock_differs_from_the_databases",
    ),
    Mutation(
        "a clock that can't be relied on holds the plan",
        _PLAN,
        "held = clock_jumped(connection, now) or (",
        "held = (",
        "cleanup/test_guards.py::test_nothing_is_done_when_the_clock_was_set_back",
    ),
    Mutation(
        "accepted is not gone",
        _EXECUTE,
        "while session.read(item.resource) is not None:",
        "while False:",
        "cleanup/test_execute.py::test_trap_5_accepted_is_not_gone",
    ),
)


@dataclass(frozen=True)
class Verdict:
    """What the test said of a mutation; `missed` is whether it failed, as it should."""

    missed: bool
    said: str


class Copy:
    """A copy of the project, in which guards are taken away."""

    def __init__(self, folder: Path):
        self._folder = folder
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, folder / name)

    def without(self, mutation: Mutation) -> Verdict:
        """Run a mutation's test without its guard."""
        path = self._folder / "resoto_dagster" / mutation.file
        source = path.read_text()
        path.write_text(mutation.applied(source))
        try:
            return self._verdict(self.run(mutation.test))
        finally:
            path.write_text(source)

    def run(self, *tests: str) -> subprocess.CompletedProcess[str]:
        """Run tests of the copy."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RESOTO_")}
        return subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-x", "-q", "--tb=line", "-p", "no:cacheprovider"),
                *(f"resoto_dagster_tests/{test}" for test in tests),
            ],
            cwd=self._folder,
            env={**environment, "PYTHONPATH": str(self._folder), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    @staticmethod
    def _verdict(ended: subprocess.CompletedProcess[str]) -> Verdict:
        # 1 is that tests failed; all else above 0 that they could not be run, which proves nothing.
        said = ended.stdout.strip().splitlines()[-1:] or [ended.stderr.strip()]
        failed = any(line.startswith("FAILED ") for line in ended.stdout.splitlines())
        return Verdict(ended.returncode == 1 and failed, said[0])


def check_texts(mutations: Sequence[Mutation] = MUTATIONS) -> None:
    """Raise LookupError unless every guard can be taken away from the source as it is."""
    for mutation in mutations:
        mutation.applied((ROOT / "resoto_dagster" / mutation.file).read_text())


def verdicts(mutations: Sequence[Mutation]) -> list[Verdict]:
    """What the tests say of mutations, a few at a time, in copies of the project."""
    with tempfile.TemporaryDirectory(prefix="resoto-guards-") as folder:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(AT_A_TIME):
            copies.put(Copy(Path(folder) / str(number)))

        def verdict(mutation: Mutation) -> Verdict:
            copy = copies.get()
            try:
                return copy.without(mutation)
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(AT_A_TIME) as pool:
            return list(pool.map(verdict, mutations))


def main(words: Sequence[str]) -> int:
    """Print the table."""
    mutations = [one for one in MUTATIONS if not words or any(word in one.guard for word in words)]
    check_texts(mutations)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="resoto-guards-") as folder:
        whole = Copy(Path(folder) / "whole").run(*sorted({one.test for one in mutations}))
    if whole.returncode:
        print(whole.stdout + whole.stderr, file=sys.stderr)
        return 1
    found = verdicts(mutations)
    print("| guard | file | removed | caught by |\n| --- | --- | --- | --- |")
    for mutation, verdict in zip(mutations, found, strict=True):
        removed = mutation.old.replace("|", "\\|")
        caught = mutation.test.partition("::")[2] if verdict.missed else f"**nothing**: {verdict.said}"
        print(f"| {mutation.guard} | {mutation.file} | `{removed}` | {caught} |")
    left = [verdict for verdict in found if not verdict.missed]
    print(f"\n{len(found)} guards, {len(left)} not missed, in {time.monotonic() - began:.0f} s")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
