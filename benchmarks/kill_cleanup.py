"""Kills a cleanup of 300 resources at random moments, resumes it, and compares what is left every time.

Usage, in the project's root: python -m benchmarks.kill_cleanup [--times N] [--seed S]

Half of the killed runs are re-executed from failure, half are left to the next run; a quarter of those that
resume are killed as well. resoto_dagster_tests/workflow/kill.py says what must hold after each round. Ends
with 1 when anything is not as it must be.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from resoto_dagster_tests.workflow.kill import WAYS, Killed, Round, killed_rounds, rounds

SHOWN = 5


def where(kill: Killed) -> str:
    """The part of the run that a kill hit."""
    if not kill.planned:
        return "before there was a plan"
    if kill.ended == kill.planned:
        return "after the last deletion"
    return "while deletions were under way" if kill.under_way else "between deletions"


def print_round(number: int, done: Round) -> None:
    """A line of what was killed when, and what is wrong, if anything is."""
    kills = "; again at ".join(map(str, done.kills))
    print(f"{number:3}  {done.way:11}  {done.seconds:5.1f} s  killed at {kills}", flush=True)
    for line in done.wrong[:SHOWN]:
        print(f"     WRONG: {line}")
    if len(done.wrong) > SHOWN:
        print(f"     and {len(done.wrong) - SHOWN} more")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--times", type=int, default=100, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    arguments = parser.parse_args()
    begin = time.monotonic()
    every: list[Round] = []
    with tempfile.TemporaryDirectory(prefix="resoto-kill-") as folder, rounds(Path(folder)) as estate:
        print(f"an undisturbed cleanup takes {estate.seconds:.1f} s and deletes {estate.planned} resources")
        for number, done in enumerate(killed_rounds(estate, arguments.times, arguments.seed), 1):
            print_round(number, done)
            every.append(done)
    kills = [kill for done in every for kill in done.kills]
    print(f"\n{len(every)} rounds with {len(kills)} kills in {(time.monotonic() - begin) / 60:.0f} minutes,")
    print(f"{statistics.median(done.seconds for done in every):.1f} s a round (median)")
    for part in dict.fromkeys(map(where, kills)):
        print(f"  {sum(where(kill) == part for kill in kills):3} kills {part}")
    for way in WAYS:
        same = [not done.wrong for done in every if done.way == way]
        print(f"  {way}: the same end state {sum(same)} times of {len(same)}")
    return int(any(done.wrong for done in every))


if __name__ == "__main__":
    sys.exit(main())
