"""A cleanup that is killed at any moment and resumed, again and again, and what must hold afterwards.

A round begins with the same simulated AWS and the same database. A run plans and deletes in a process of its
own, is killed with SIGKILL, and resumed in one of two ways: re-executed from its failure, as Dagster's UI
does it, or left as it is, for the next run to collect and plan anew. What holds after each round:

- AWS has exactly what it has after a cleanup that nobody disturbed, down to every property;
- AWS was asked for the same changes, each of them once: nothing was deleted twice, not even in vain, unless
  the kill came before the answer to the first call was written down;
- the inventory holds what it holds after the undisturbed one, and its history tells of each deletion once;
- each resource of a plan that was carried to its end has one outcome, of one that was left at most one.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import psycopg

from resoto_dagster import embedded_postgres
from resoto_dagster.cleanup.journal import OUTCOMES
from resoto_dagster.demo.server import simulated_environment
from resoto_dagster.postgres_server import DATABASE
from resoto_dagster_tests.workflow.forked_aws import Fork, ForkedAws, Request, forked_aws
from resoto_dagster_tests.workflow.killed_estate import SETTINGS, what_is_there

Way = Literal["re-executed", "next run"]
WAYS: tuple[Way, Way] = ("re-executed", "next run")

_ROOT = Path(__file__).parents[2]
_UNTOUCHED = "untouched"
_RESOTO = [sys.executable, "-c", "from resoto_dagster.cli import main; main()"]
_REEXECUTION = [sys.executable, "-m", "resoto_dagster_tests.workflow.reexecution"]
_END_SECONDS = 300
_READING = ("Describe", "List", "Get", "AssumeRole")


@dataclass(frozen=True)
class Killed:
    """When an attempt was killed: seconds from its start, and how far it was.

    `unanswered` is what AWS may have been asked to delete, and may have answered for, as calls name it.
    """

    after: float
    planned: int
    ended: int
    under_way: int
    unanswered: frozenset[str]

    def __str__(self) -> str:
        if not self.planned:
            return f"{self.after:.2f} s: before there was a plan"
        return f"{self.after:.2f} s: {self.ended} of {self.planned} gone, {self.under_way} under way"


@dataclass(frozen=True)
class Outcome:
    """What a round left behind."""

    aws: dict[str, list[str]]
    changes: Counter[tuple[str, str, str, str]]
    refused: int
    inventory: frozenset[tuple[str, ...]]
    deleted: Counter[str]
    several: list[str]
    unfinished: int
    not_gone: list[str]


@dataclass(frozen=True)
class Round:
    """How a round went."""

    way: Way
    kills: list[Killed]
    seconds: float
    wrong: list[str]


class Rounds:
    """The estate, collected once, and rounds on it."""

    def __init__(self, folder: Path, aws: ForkedAws) -> None:
        self._folder = folder
        self._aws = aws
        self._logs = 0
        (folder / "resoto.yaml").write_text(SETTINGS)
        with self._fork() as fork:
            self._run(fork, [*_RESOTO, "run", "collect"])
        self._maintain(f"CREATE DATABASE {_UNTOUCHED} TEMPLATE {DATABASE}")
        self.undisturbed, self.seconds = self._undisturbed()
        """What a cleanup leaves behind that nobody disturbs, and how long it takes from start to end."""
        ((self.planned,),) = self._rows("SELECT count(*) FROM inventory.plan_items WHERE wave IS NOT NULL")

    def run(self, way: Way, moments: Sequence[float]) -> Round:
        """A round: attempts killed at the moments, in parts of the whole, then one that is left alone.

        An attempt that ends before its moment has come is not resumed.
        """
        begin = time.monotonic()
        kills: list[Killed] = []
        with self._fork() as fork:
            self._restore()
            command = [*_RESOTO, "run", "cleanup"]
            for moment in moments:
                after = moment * self.seconds
                process = self._start(fork, command)
                if _ended_within(process, after):
                    break
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                kills.append(self._killed(after))
                command = self._resuming(way)
            else:
                process = self._start(fork, command)
            self._wait(process)
            outcome = self._outcome(fork)
        unanswered = frozenset[str]().union(*(kill.unanswered for kill in kills))
        wrong = list(_differences(self.undisturbed, outcome, unanswered))
        if process.returncode:
            wrong.append(f"the last attempt failed: {self._told()}")
        return Round(way, kills, time.monotonic() - begin, wrong)

    def _undisturbed(self) -> tuple[Outcome, float]:
        with self._fork() as fork:
            self._restore()
            begin = time.monotonic()
            self._run(fork, [*_RESOTO, "run", "cleanup"])
            return self._outcome(fork), time.monotonic() - begin

    @contextmanager
    def _fork(self) -> Iterator[Fork]:
        self._logs += 1
        log = self._folder / f"requests-{self._logs}.jsonl"
        with self._aws.fork(log) as fork:
            yield fork
        log.unlink()

    def _resuming(self, way: Way) -> list[str]:
        """The command that goes on. Before Dagster knew of the run there is nothing to re-execute."""
        if way == "next run":
            return [*_RESOTO, "run"]
        known = self._rows("SELECT 1 FROM runs WHERE pipeline_name = 'cleanup'")
        return _REEXECUTION if known else [*_RESOTO, "run", "cleanup"]

    def _start(self, fork: Fork, command: list[str]) -> subprocess.Popen[bytes]:
        here = {"PATH": os.environ["PATH"], "PYTHONPATH": str(_ROOT)}
        with (self._folder / "runs.log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self._folder,
                env=simulated_environment(fork.endpoint, here) | {"RESOTO_HOME": str(self._state)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _run(self, fork: Fork, command: list[str]) -> None:
        assert self._wait(self._start(fork, command)) == 0, self._told()

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        try:
            return process.wait(_END_SECONDS)
        finally:
            process.kill()

    def _told(self) -> str:
        return (self._folder / "runs.log").read_text()[-2000:]

    @property
    def _state(self) -> Path:
        return self._folder / "state"

    def _connect(self, database: str = DATABASE) -> psycopg.Connection[Any]:
        url = embedded_postgres.ensure_running(self._state)
        return psycopg.connect(url, dbname=database, autocommit=True)

    def _maintain(self, *statements: str) -> None:
        with self._connect("template1") as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def _restore(self) -> None:
        self._maintain(
            f"DROP DATABASE {DATABASE} WITH (FORCE)", f"CREATE DATABASE {DATABASE} TEMPLATE {_UNTOUCHED}"
        )

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self._connect() as connection:
            return connection.execute(statement.encode(), {"outcomes": [*OUTCOMES]}).fetchall()

    def _killed(self, after: float) -> Killed:
        ((planned, ended, under_way),) = self._rows(
            """
            SELECT count(*), count(*) FILTER (WHERE ended), count(*) FILTER (WHERE begun AND NOT ended)
            FROM (
                SELECT bool_or(j.event = 'intended') AS begun,
                    coalesce(bool_or(j.event = ANY (%(outcomes)s)), false) AS ended
                FROM inventory.plan_items i LEFT JOIN inventory.journal j USING (plan_id, node_id)
                WHERE i.wave IS NOT NULL AND i.plan_id = (SELECT max(plan_id) FROM inventory.plans)
                GROUP BY i.node_id
            )
            """
        )
        unanswered = self._rows(
            """
            SELECT CASE i.kind WHEN 'aws_elb' THEN i.name ELSE i.id END
            FROM inventory.plan_items i JOIN inventory.journal j USING (plan_id, node_id)
            WHERE i.plan_id = (SELECT max(plan_id) FROM inventory.plans)
            GROUP BY i.node_id, i.kind, i.id, i.name
            HAVING bool_and(j.event = 'intended')
            """
        )
        return Killed(after, planned, ended, under_way, frozenset(name for (name,) in unanswered))

    def _outcome(self, fork: Fork) -> Outcome:
        changes = [request for request in fork.requests() if _changes_something(request)]
        inventory = self._rows(
            """
            SELECT s.account, s.region, r.kind, r.id
            FROM inventory.resources r JOIN inventory.scopes s USING (scope_id)
            """
        )
        deleted = self._rows("SELECT kind || ' ' || id FROM inventory.history WHERE change = 'deleted'")
        ends = self._rows(
            """
            SELECT i.kind || ' ' || i.id, count(j.event),
                i.plan_id = (SELECT max(plan_id) FROM inventory.plans)
            FROM inventory.plan_items i LEFT JOIN inventory.journal j
                ON j.plan_id = i.plan_id AND j.node_id = i.node_id AND j.event = ANY (%(outcomes)s)
            WHERE i.wave IS NOT NULL GROUP BY i.plan_id, i.node_id, i.kind, i.id
            """
        )
        not_gone = self._rows(
            """
            SELECT i.kind || ' ' || i.id || ': ' || j.event || ', ' || j.detail
            FROM inventory.journal j JOIN inventory.plan_items i USING (plan_id, node_id)
            WHERE j.event = ANY (%(outcomes)s) AND j.event <> 'gone' ORDER BY j.journal_id
            """
        )
        return Outcome(
            aws=what_is_there(fork.endpoint),
            changes=Counter(
                (asked.service, asked.method, asked.path, asked.body)
                for asked in changes
                if asked.status < 400
            ),
            refused=sum(asked.status >= 400 for asked in changes),
            inventory=frozenset(inventory),
            deleted=Counter(what for (what,) in deleted),
            several=[what for what, count, _ in ends if count > 1],
            unfinished=sum(not count and last for _, count, last in ends),
            not_gone=[what for (what,) in not_gone],
        )


@contextmanager
def rounds(folder: Path) -> Iterator[Rounds]:
    """The estate, made and collected, in a folder of its own."""
    with forked_aws(folder / "aws.log") as aws:
        try:
            yield Rounds(folder, aws)
        finally:
            embedded_postgres.end(folder / "state")


def killed_rounds(estate: Rounds, times: int, seed: int) -> Iterator[Round]:
    """Rounds in which something was killed, in both ways in turn; the first kills spread over all of a run.

    In a quarter of them what resumes is killed, too. A round whose first attempt ended before it could
    be killed does not count: it is made again with a moment of its own.
    """
    choose = random.Random(seed)
    moments = [(number + choose.random()) / times for number in range(times)]
    choose.shuffle(moments)
    for number, moment in enumerate(moments):
        second = [choose.random()] if number % 4 < 2 and number % 8 > 3 else []
        while not (done := estate.run(WAYS[number % 2], [moment, *second])).kills and not done.wrong:
            moment = choose.random()
        yield done


def _ended_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _changes_something(request: Request) -> bool:
    return request.method not in ("GET", "HEAD") and not request.action.startswith(_READING)


def _differences(wanted: Outcome, got: Outcome, unanswered: frozenset[str]) -> Iterator[str]:
    """What is not as it must be, a line each."""
    for what in got.not_gone:
        yield f"journal: {what}"
    for sort, there in wanted.aws.items():
        for item in sorted({*there} ^ {*got.aws[sort]}):
            yield f"AWS: {sort}: {'missing' if item in there else 'too much'}: {item}"
    for change, count in (got.changes - wanted.changes).items():
        if change in wanted.changes and any(name in unquote(" ".join(change)) for name in unanswered):
            continue
        yield f"asked for {count} times more: {change}"
    for change, count in (wanted.changes - got.changes).items():
        yield f"asked for {count} times less: {change}"
    if got.refused != wanted.refused:
        yield f"{got.refused} changes were refused instead of {wanted.refused}"
    for what in sorted(got.inventory ^ wanted.inventory):
        yield f"inventory: {'too much' if what in got.inventory else 'missing'}: {what}"
    for what, count in got.deleted.items():
        if count > 1 or what not in wanted.deleted:
            yield f"history: {what} was deleted {count} times instead of {wanted.deleted[what]}"
    for what in wanted.deleted.keys() - got.deleted.keys():
        yield f"history: does not tell that {what} was deleted"
    for what in got.several:
        yield f"journal: {what} has several outcomes"
    if got.unfinished:
        yield f"journal: {got.unfinished} resources of the last plan have no outcome"
