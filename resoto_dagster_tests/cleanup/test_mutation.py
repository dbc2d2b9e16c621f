"""The guards can still be taken away one by one, and some are; `make mutate` takes them all."""

from dataclasses import replace

import pytest

from resoto_dagster_tests.cleanup.mutation import MUTATIONS, ROOT, Mutation, check_texts, verdicts

CHEAPEST = ("no dry run", "not protected, when executed", "unchanged when read again")


def test_every_guard_is_where_it_is_taken_from() -> None:
    check_texts()


def test_every_guard_is_taken_away_once_and_its_test_is_there() -> None:
    guards = [one.guard for one in MUTATIONS]
    assert len(guards) == len(set(guards))
    for one in MUTATIONS:
        path, _, test = one.test.partition("::")
        named = test.partition("[")[0]
        assert f"def {named}(" in (ROOT / "resoto_dagster_tests" / path).read_text(), one.guard


def test_a_guard_that_is_not_there_any_more_or_twice_is_told() -> None:
    for old in ("no such text", "def "):
        with pytest.raises(LookupError, match=r"x: its text is \d+ times in cleanup/plan.py"):
            check_texts([Mutation("x", "cleanup/plan.py", old, "", "")])


@pytest.mark.slow
def test_without_its_guard_a_test_fails_and_only_then() -> None:
    chosen = [one for one in MUTATIONS if one.guard in CHEAPEST]
    assert len(chosen) == len(CHEAPEST)
    harmless = replace(chosen[0], old='"would_delete", "dry run"', new='"would_delete", "a dry run"')
    unknown = replace(chosen[0], test="cleanup/test_execute.py::test_that_nobody_wrote")
    found = verdicts([*chosen, harmless, unknown])
    assert [one.missed for one in found] == [True, True, True, False, False]
