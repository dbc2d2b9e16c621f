"""A cleanup whose process is killed at random moments, then resumed: ten times; benchmarks/ has a hundred."""

from pathlib import Path

import pytest

from resoto_dagster_tests.workflow.kill import killed_rounds, rounds


@pytest.mark.slow
def test_a_cleanup_that_is_killed_at_any_moment_and_resumed_leaves_the_same(tmp_path: Path) -> None:
    with rounds(tmp_path) as estate:
        assert (estate.planned, estate.undisturbed.not_gone) == (300, [])
        done = list(killed_rounds(estate, times=10, seed=10))
    assert [(one.way, list(map(str, one.kills)), one.wrong[:10]) for one in done if one.wrong] == []
