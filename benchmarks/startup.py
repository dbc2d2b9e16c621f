"""What an empty workflow costs under `dagster job execute`, against importing Dagster alone.

Usage: python benchmarks/startup.py
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from report import print_machine, print_table

from resoto_dagster.embedded_postgres import LINGER_SECONDS, discard, ensure_running

ROOT = Path(__file__).parents[1]
REPEATS = 5
TARGET_SECONDS = 2
JOB = ["-m", "dagster", "job", "execute", "-m", "resoto_dagster.definitions", "-j", "collect_and_cleanup"]
# The same as the command does, one thing after the other.
PHASES = """
import json, time
phases, begin = {}, time.perf_counter()
def phase(name):
    global begin
    now = time.perf_counter()
    phases[name], begin = now - begin, now
import dagster
phase("import dagster")
import dagster._cli
phase("import Dagster's command line")
import sqlalchemy
phase("import SQLAlchemy, Dagster's storage needs it too")
import resoto_dagster.workflow.cleanup, resoto_dagster.workflow.generate_metrics
import resoto_dagster.workflow.hook_jobs, resoto_dagster.workflow.jobs
phase("import the project")
import resoto_dagster.definitions
phase("make its definitions")
from resoto_dagster.workflow.run import instance_here
instance = instance_here()
phase("open Dagster's instance, import its storage included")
job = resoto_dagster.definitions.defs.resolve_job_def("collect_and_cleanup")
assert job.execute_in_process(instance=instance).success
phase("run the job")
print(json.dumps(phases))
"""


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this interpreter in a folder, with nothing of the user's environment."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        # Not PYTHONDONTWRITEBYTECODE above all: bytecode is compiled by the first run.
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )


def seconds(folder: Path, *commands: Sequence[str], pause: float = 0) -> list[float]:
    """The median wall time of each command. They take turns, so that a busy machine slows down all alike."""
    measured: list[list[float]] = [[] for _ in commands]
    for _ in range(REPEATS):
        for times, arguments in zip(measured, commands, strict=True):
            time.sleep(pause)
            begin = time.monotonic()
            python(folder, *arguments)
            times.append(time.monotonic() - begin)
    return [median(times) for times in measured]


def phases(folder: Path) -> Mapping[str, float]:
    """The median time of each part of the command."""
    measured = [json.loads(python(folder, "-c", PHASES).stdout) for _ in range(REPEATS)]
    return {name: median(one[name] for one in measured) for name in measured[0]}


def import_times(folder: Path) -> Counter[str]:
    """Milliseconds that the command spends in importing, by package; one run, slowed down by the count."""
    by_package: Counter[str] = Counter()
    for line in python(folder, "-X", "importtime", *JOB).stderr.splitlines():
        if line.startswith("import time:") and line.split("|")[0].split(":")[1].strip().isdigit():
            own, _, name = line.removeprefix("import time:").split("|")
            by_package[name.strip().split(".")[0]] += int(own) / 1000  # type: ignore[assignment]
    return by_package


def measure(folder: Path) -> None:
    python(folder, *JOB)
    alone = ["-c", "import dagster"]
    stopped = seconds(folder, alone, JOB, pause=LINGER_SECONDS + 1)
    ensure_running(folder / ".resoto")
    running = seconds(folder, alone, JOB)
    print_machine()
    print_table(
        f"An empty workflow (median of {REPEATS}, seconds)",
        ("Postgres", "python -c 'import dagster'", "dagster job execute", "more"),
        (
            (f"initialised, {state}", dagster, job, job - dagster)
            for state, (dagster, job) in (("running", running), ("stopped", stopped))
        ),
    )
    worst = max(job - dagster for dagster, job in (running, stopped))
    verdict = "met" if worst <= TARGET_SECONDS else "MISSED"
    print(f"\nTarget: at most {TARGET_SECONDS} s more: {verdict}.")
    print_table("Where the time goes, Postgres running", ("part", "seconds"), phases(folder).items())
    print_table(
        "Imports of the whole command by package (milliseconds, under -X importtime)",
        ("package", "ms"),
        import_times(folder).most_common(12),
    )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="resoto-bench-") as name:
        folder = Path(name)
        shutil.copy(ROOT / "dagster.yaml", folder)
        try:
            measure(folder)
        finally:
            discard(folder / ".resoto")


if __name__ == "__main__":
    main()
