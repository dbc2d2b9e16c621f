"""What a cleanup costs: planning 100,000 marked resources, and deleting 1,000 of them at 50 ms a call.

Usage: python benchmarks/cleanup.py [--marked N] [--deleted N] [--latency MILLISECONDS]

Planned is in a process of its own that does nothing else, on an estate in Postgres with half as much beside
it that stays. Deleted is by the whole job `cleanup` through the real AWS provider, from a minimal EC2 over
HTTP (slow_ec2.py); its calls are counted there. Timed of that is the step `cleanup`.
"""

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import estate
from report import print_machine, print_table
from sqlalchemy import Engine, text

from resoto_dagster import embedded_postgres
from resoto_dagster.cleanup.execute import POOL
from resoto_dagster.cleanup.planning import make_plan
from resoto_dagster.config import BudgetSettings, CleanupSettings
from resoto_dagster.database import inventory_engine
from resoto_dagster.demo.server import only_simulated_aws
from resoto_dagster.inventory.collecting import InventorySink, register_kinds, settle_graph
from resoto_dagster.inventory.marks import Author, Mark, set_marks
from resoto_dagster.inventory.schema import migrate
from resoto_dagster.providers.aws import provider as aws
from resoto_dagster.providers.aws.kinds import KINDS

PLAN_SECONDS, PLAN_MEGABYTES = 10, 500
DELETE_RATIO = 1.3
RUN = "benchmark"
SETTINGS = """\
providers:
  aws: {regions: [us-east-1], kinds: [aws_account, aws_region, aws_ec2_volume]}
cleanup:
  enabled: true
  dry_run: false
  accounts: {aws: ["111111111111"]}
  budget: {resources: 1000000, share: 1.0}
  planners: {expired: {enabled: true}}
"""


def fill(engine: Engine, marked: int) -> list[str]:
    """Collect the made-up estate, and mark as many of its resources; the accounts that have some."""
    accounts = max(1, marked // estate.PER_ACCOUNT)
    sink = InventorySink(engine, "aws", "collect")
    with engine.begin() as connection:
        register_kinds(connection, "aws", KINDS, list(KINDS), aws.version, aws.property_types)
    everywhere = accounts + math.ceil(accounts / 2)
    sink.accounts_expected([estate.account_id(number) for number in range(everywhere)])
    for number in range(everywhere):
        scopes = dict(estate.account_scopes(number))
        sink.scopes_expected(list(scopes))
        for scope, resources in scopes.items():
            sink.collected(scope, resources)
    ids = [estate.account_id(number) for number in range(accounts)]
    with engine.begin() as connection:
        settle_graph(connection)
        nodes = connection.execute(
            text(
                """
                SELECT r.node_id FROM inventory.resources r JOIN inventory.scopes s USING (scope_id)
                JOIN inventory.kinds k ON k.kind = r.kind
                WHERE s.account = ANY (:accounts) AND k.deletable LIMIT :marked
                """
            ),
            {"accounts": ids, "marked": marked},
        ).scalars()
        marks = [Mark(node, "clean", "nobody needs it") for node in nodes]
        set_marks(connection, Author("hook", "benchmark", RUN), marks)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    return ids


def plan(accounts: list[str]) -> None:
    """Plan, and print what was planned, what that took and the peak of this process's memory."""
    settings = CleanupSettings(
        accounts={"aws": accounts}, budget=BudgetSettings(resources=10_000_000, share=1.0)
    )
    session = aws.open(aws.settings_model())
    begin, cpu = time.perf_counter(), time.process_time()
    with inventory_engine().begin() as connection:
        made = make_plan(connection, settings, aws.kinds, session, RUN, RUN)
        waves = max((item.wave or 0 for item in made.going), default=0)
        going, kept = len(made.going), len(made.kept)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    print(going, kept, waves, seconds, cpu, peak_megabytes())


def peak_megabytes() -> int:
    """This process's peak; `getrusage` would count in what was the parent's when it started."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) // 1024


def planning(marked: int) -> None:
    """The table of planning."""
    engine = inventory_engine()
    migrate(engine)
    accounts = fill(engine, marked)
    rows = []
    for _ in range(3):
        command = [sys.executable, __file__, "--plan", *accounts]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        going, kept, waves, seconds, cpu, megabytes = *told[:3], *map(float, told[3:5]), told[5]
        rows.append((f"{marked:,}", going, kept, waves, seconds, cpu, megabytes))
    print_table(
        f"Planning; at most {PLAN_SECONDS} s and {PLAN_MEGABYTES} MB for 100,000",
        ("marked", "go", "are kept", "waves", "wall s", "CPU s", "peak MB"),
        rows,
    )


@contextmanager
def slow_ec2(volumes: int, milliseconds: int) -> Iterator[subprocess.Popen[str]]:
    """The simulated EC2 in a process of its own; environment variables lead to it."""
    script = str(Path(__file__).with_name("slow_ec2.py"))
    server = subprocess.Popen(
        [sys.executable, script, str(volumes), str(milliseconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with server, only_simulated_aws(f"http://127.0.0.1:{server.stdout.readline().strip()}"):
        yield server
        server.stdin.close()


def requests(server: subprocess.Popen[str]) -> int:
    """How many requests were made since this was asked last."""
    print(file=server.stdin, flush=True)
    return int(server.stdout.readline())


def deleting(volumes: int, milliseconds: int) -> None:
    """The table of deleting."""
    from resoto_dagster.workflow.run import instance_here, run_workflow

    Path("resoto.yaml").write_text(SETTINGS)
    rows = []
    for _ in range(3):
        with slow_ec2(volumes, milliseconds) as server:
            collected = run_workflow("collect")
            assert collected.success, collected.error
            requests(server)
            cpu = time.process_time()
            cleaned = run_workflow("cleanup")
            cpu = time.process_time() - cpu
            assert cleaned.success, cleaned.error
            calls = requests(server)
        with inventory_engine().connect() as connection:
            query = "SELECT count(*) FROM inventory.journal j JOIN inventory.plans p USING (plan_id) "
            gone = connection.scalar(
                text(query + "WHERE j.event = 'gone' AND p.root_run_id = :run"), {"run": cleaned.run_id}
            )
        assert gone == volumes, f"{gone} of {volumes} are gone"
        with instance_here() as instance:
            (step,) = instance.get_run_step_stats(cleaned.run_id, ["cleanup_step.cleanup"])
        seconds, ideal = step.end_time - step.start_time, calls * milliseconds / 1000 / POOL
        rows.append((volumes, calls, milliseconds, ideal, seconds, seconds / ideal, cpu))
    print_table(
        f"Deleting, {POOL} at a time; at most {DELETE_RATIO} times calls × latency ÷ {POOL}",
        ("deleted", "calls", "latency ms", f"calls × latency ÷ {POOL}", "wall s", "ratio", "CPU s"),
        rows,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--marked", type=int, default=100_000, metavar="N")
    parser.add_argument("--deleted", type=int, default=1_000, metavar="N")
    parser.add_argument("--latency", type=int, default=50, metavar="MILLISECONDS")
    parser.add_argument("--plan", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.plan:
        plan(arguments.plan)
        return
    for variable in [name for name in os.environ if name.startswith(("RESOTO_", "DAGSTER_"))]:
        del os.environ[variable]
    print_machine()
    for part in (lambda: planning(arguments.marked), lambda: deleting(arguments.deleted, arguments.latency)):
        with tempfile.TemporaryDirectory(prefix="resoto-bench-") as folder:
            os.chdir(folder)
            os.environ["RESOTO_HOME"] = f"{folder}/state"
            try:
                part()
            finally:
                embedded_postgres.end(Path(folder) / "state")


if __name__ == "__main__":
    main()
