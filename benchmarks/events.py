"""What storing Dagster's events costs in a run of collect_and_cleanup on the demo's estate.

Usage: python benchmarks/events.py
"""

import os
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef
from report import print_machine, print_table

from resoto_dagster.demo.estate import ACCOUNTS, REGIONS, seed
from resoto_dagster.demo.server import ROLE, only_simulated_aws, simulated_aws
from resoto_dagster.embedded_postgres import discard
from resoto_dagster.storage import ResotoStorage

ROOT = Path(__file__).parents[1]
TARGET_SECONDS = 2
SETTINGS = f"""\
providers:
  aws:
    accounts: [{", ".join(f'{{id: "{account}", role: {ROLE}}}' for account in ACCOUNTS)}]
    regions: [{", ".join(REGIONS)}]
hooks:
  modules: [resoto_dagster.demo.hooks]
cleanup:
  enabled: true
  dry_run: false
  accounts:
    aws: ["{list(ACCOUNTS)[-1]}"]
  planners:
    expired:
      enabled: true
"""


class Stopwatch:
    """How long every call of what it is put around takes, by the type of the event."""

    def __init__(self) -> None:
        self.calls: dict[str, list[float]] = defaultdict(list)
        self._lock = threading.Lock()

    def around(self, store: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def timed(event: Any, *args: Any, **kwargs: Any) -> Any:
            begin = time.perf_counter()
            try:
                return store(event, *args, **kwargs)
            finally:
                taken = time.perf_counter() - begin
                kind = event.dagster_event.event_type_value if event.dagster_event else "log message"
                with self._lock:
                    self.calls[kind].append(taken)

        return timed

    @property
    def seconds(self) -> float:
        return sum(sum(times) for times in self.calls.values())

    @property
    def count(self) -> int:
        return sum(len(times) for times in self.calls.values())


def run(instance: DagsterInstance) -> tuple[float, Stopwatch]:
    """Run the workflow: its wall time, and what its events and those of its hooks took."""
    from resoto_dagster.definitions import defs

    job = defs.resolve_job_def("collect_and_cleanup")
    stopwatch = Stopwatch()
    unmeasured = instance.handle_new_event
    instance.handle_new_event = stopwatch.around(unmeasured)  # type: ignore[method-assign]
    begin = time.perf_counter()
    try:
        # The events are to be stored, not to be printed.
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        assert job.execute_in_process(instance=instance, run_config=quiet).success
    finally:
        instance.handle_new_event = unmeasured  # type: ignore[method-assign]
    return time.perf_counter() - begin, stopwatch


def open_instance(folder: str) -> DagsterInstance:
    """Dagster's instance as the project's dagster.yaml sets it up, in a folder."""
    return DagsterInstance.from_ref(InstanceRef.from_dir(folder, config_dir=str(ROOT)))


def report(runs: dict[str, tuple[float, Stopwatch]]) -> None:
    print_machine()
    print_table(
        "Dagster's events of collect_and_cleanup on the demo's estate",
        ("run", "wall s", "events", "s in storing them", "ms an event (median)"),
        (
            (
                name,
                wall,
                watch.count,
                watch.seconds,
                median(taken * 1000 for times in watch.calls.values() for taken in times),
            )
            for name, (wall, watch) in runs.items()
        ),
    )
    _, first = runs["first, everything is new"]
    verdict = "met" if first.seconds < TARGET_SECONDS else "MISSED"
    print(f"\nTarget: under {TARGET_SECONDS} s in all: {verdict}.")
    print_table(
        "The first run's events by type",
        ("event", "number", "seconds"),
        sorted(((kind, len(times), sum(times)) for kind, times in first.calls.items()), key=lambda r: -r[2]),
    )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="resoto-bench-") as name:
        folder = Path(name)
        (folder / "resoto.yaml").write_text(SETTINGS)
        with simulated_aws(folder / "aws.log") as endpoint, only_simulated_aws(endpoint):
            os.chdir(folder)
            for variable in [name for name in os.environ if name.startswith(("RESOTO_", "DAGSTER_"))]:
                del os.environ[variable]
            seed(endpoint)
            try:
                with open_instance(name) as instance:
                    runs = {"first, everything is new": run(instance), "second, unchanged": run(instance)}
                ResotoStorage._pool_connections = lambda _storage: None  # type: ignore[method-assign]
                with open_instance(name) as instance:
                    runs["unchanged, a connection an event"] = run(instance)
            finally:
                discard(folder / ".resoto")
            report(runs)


if __name__ == "__main__":
    main()
