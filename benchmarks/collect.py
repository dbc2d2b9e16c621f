"""Collecting a recorded or simulated AWS through the whole job `collect`, into Postgres.

Usage: python benchmarks/collect.py --endpoint http://127.0.0.1:PORT [--account ID]... [--region REGION]...
           [--kind KIND]... [--core] [--runs N]

The endpoint answers as AWS does, from this machine; how long it takes to answer is its own affair. What is
measured is this process: it and Postgres share the machine with the endpoint. `in all` counts from the start
of the process, with all that is imported and Postgres made ready.
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import psutil
from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef
from report import Row, print_machine, print_table
from sqlalchemy import text

from resoto_dagster.database import inventory_engine
from resoto_dagster.demo.server import ROLE, SimulatedAccounts, only_simulated_aws
from resoto_dagster.embedded_postgres import discard
from resoto_dagster.providers.aws.access import COUNTS
from resoto_dagster.providers.aws.call_counts import Outcome, by_outcome

ROOT = Path(__file__).parents[1]
CORE = (
    "aws_alb",
    "aws_alb_target_group",
    "aws_autoscaling_group",
    "aws_cloudformation_stack",
    "aws_cloudwatch_alarm",
    "aws_ec2_instance",
    "aws_ec2_network_interface",
    "aws_ec2_security_group",
    "aws_ec2_snapshot",
    "aws_ec2_subnet",
    "aws_ec2_volume",
    "aws_elb",
    "aws_iam_role",
    "aws_iam_user",
    "aws_lambda_function",
    "aws_rds_instance",
    "aws_s3_bucket",
    "aws_vpc",
)
"""The kinds that others were measured with, too."""


def collect(instance: DagsterInstance, name: str) -> Row:
    """Run the job once, as a row of the table."""
    from resoto_dagster.definitions import defs

    job = defs.resolve_job_def("collect")
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    before = COUNTS.so_far()
    wall, cpu = time.perf_counter(), time.process_time()
    assert job.execute_in_process(instance=instance, run_config=quiet).success
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    in_all = time.time() - psutil.Process().create_time()
    outcomes = by_outcome(COUNTS.so_far() - before)
    with inventory_engine().connect() as connection:
        query = "SELECT sum(resources), count(*) FILTER (WHERE state <> 'fresh') FROM inventory.scopes"
        resources, failed = connection.execute(text(query)).one()
    assert resources is not None, "no account could be entered"
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    calls = outcomes.total(), outcomes[Outcome.THROTTLED]
    return (name, wall, cpu, in_all, time.process_time(), megabytes, *calls, resources, failed)


def settings(accounts: list[str], regions: list[str], kinds: list[str]) -> str:
    return f"""\
providers:
  aws:
    accounts: [{", ".join(f'{{id: "{account}", role: {ROLE}}}' for account in accounts)}]
    regions: [{", ".join(regions)}]
""" + (f"    kinds: [{', '.join(kinds)}]\n" if kinds else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--endpoint", required=True, metavar="URL")
    parser.add_argument("--account", action="append", metavar="ID")
    parser.add_argument("--region", action="append", metavar="REGION")
    parser.add_argument("--kind", action="append", metavar="KIND", default=[])
    parser.add_argument("--core", action="store_true", help="the kinds that others were measured with")
    parser.add_argument("--runs", type=int, default=2, metavar="N")
    arguments = parser.parse_args()
    accounts = arguments.account or ["111111111111", "222222222222"]
    regions = arguments.region or ["us-east-1", "us-west-2", "eu-west-1"]
    kinds = [*arguments.kind, *(CORE if arguments.core else ())]
    SimulatedAccounts(arguments.endpoint)  # refuses what is not on this machine
    with tempfile.TemporaryDirectory(prefix="resoto-bench-") as name, only_simulated_aws(arguments.endpoint):
        os.chdir(name)
        for variable in [name for name in os.environ if name.startswith(("RESOTO_", "DAGSTER_"))]:
            del os.environ[variable]
        Path("resoto.yaml").write_text(settings(accounts, regions, kinds))
        try:
            with DagsterInstance.from_ref(InstanceRef.from_dir(name, config_dir=str(ROOT))) as instance:
                names = ["everything is new", *["unchanged"] * (arguments.runs - 1)]
                rows = [collect(instance, name) for name in names]
        finally:
            discard(Path(".resoto"))
    print_machine()
    print_table(
        f"The job collect: {len(accounts)} accounts × {len(regions)} regions, {len(kinds) or 'all'} kinds",
        (
            "run",
            "wall s",
            "CPU s",
            "wall s in all",
            "CPU s in all",
            "peak MB",
            "calls",
            "throttled",
            "resources",
            "failed scopes",
        ),
        rows,
    )


if __name__ == "__main__":
    main()
