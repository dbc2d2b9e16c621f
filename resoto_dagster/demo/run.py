"""`resoto demo`: the whole workflow on the simulated estate, and a look at what is really left of it."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy import Engine

from resoto_dagster import embedded_postgres
from resoto_dagster.cleanup.journal import Outcome, outcomes
from resoto_dagster.cleanup.plan import Plan, PlanItem, load_plan
from resoto_dagster.cli.output import age, say, table
from resoto_dagster.cli.progress import Progress
from resoto_dagster.cli.run import print_run
from resoto_dagster.config import MetricsSettings
from resoto_dagster.database import inventory_engine
from resoto_dagster.demo.estate import ACCOUNTS, REGIONS, seed
from resoto_dagster.demo.server import ROLE, DemoError, only_simulated_aws, simulated_aws
from resoto_dagster.demo.truth import KINDS, Found, list_everything
from resoto_dagster.inventory.schema import migrate
from resoto_dagster.metrics.definitions import load_definitions
from resoto_dagster.metrics.generate import latest_snapshot
from resoto_dagster.model.resource import Scope
from resoto_dagster.providers import load_provider
from resoto_dagster.state import state_folder
from resoto_dagster.workflow.run import run_workflow

CLEANED = "222222222222"
"""The one account that the demo's cleanup may touch."""

_COMPARED = (
    "instances_total",
    "cores_total",
    "memory_bytes",
    "volumes_total",
    "volume_bytes",
    "buckets_total",
)
_COLLECTED = ("aws_account", "aws_region", "aws_ec2_instance_type", "aws_ec2_volume_type", *KINDS)
"""What there is; the simulated AWS does not know the calls of all other kinds."""
_STATE = "RESOTO_HOME", "RESOTO_CONFIG", "RESOTO_DATABASE_URL", "RESOTO_EXECUTOR", "DAGSTER_HOME"
SETTINGS = f"""\
# Written by `resoto demo`: two accounts are collected, one of them is cleaned up.
providers:
  aws:
    accounts:
{"".join(f'      - {{id: "{account}", role: {ROLE}}}' + chr(10) for account in ACCOUNTS)}\
    regions: [{", ".join(REGIONS)}]
    # What the estate is made of; by default all kinds of AWS are collected.
    kinds: [{", ".join(_COLLECTED)}]

hooks:
  modules: [resoto_dagster.demo.hooks]

cleanup:
  enabled: true
  dry_run: false
  accounts:
    aws: ["{CLEANED}"]
  planners:
    expired:
      enabled: true
"""


def main(ui: bool) -> None:
    """Run the demo, or leave its estate up under `dagster dev` with `ui`.

    Raises DemoError when the simulated AWS does not start, when the workflow fails, and when what is gone
    is not exactly what the plan said.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="resoto-demo-")))
        clock = time.monotonic()
        say("Starting a simulated AWS on loopback, with two accounts in three regions …")
        endpoint = stack.enter_context(simulated_aws(folder / "aws.log"))
        stack.enter_context(only_simulated_aws(endpoint))
        stack.enter_context(_state_in(folder))
        seed(endpoint)
        say(f"{len(list_everything(endpoint))} resources are there after {time.monotonic() - clock:.0f} s.")
        if ui:
            _serve(folder)
        else:
            _show(endpoint)
            say(f"All of it took {time.monotonic() - clock:.0f} s.")


@contextlib.contextmanager
def _state_in(folder: Path) -> Iterator[None]:
    """Keep settings, database and logs of the demo in a folder of its own, away from the user's."""
    before = dict(os.environ)
    for name in _STATE:
        os.environ.pop(name, None)
    settings = folder / "resoto.yaml"
    settings.write_text(SETTINGS)
    os.environ |= {"RESOTO_HOME": str(folder / "state"), "RESOTO_CONFIG": str(settings)}
    try:
        yield
    finally:
        embedded_postgres.end(state_folder())
        os.environ.clear()
        os.environ.update(before)


def _title(text: str) -> None:
    say()
    say(f"── {text} ".ljust(78, "─"))


def _show(endpoint: str) -> None:
    engine = inventory_engine()
    migrate(engine)
    _title("collect, to see the estate as it is")
    _run(engine, "collect")
    before = _totals(engine)
    _title(f"collect_and_cleanup, cleanup switched on for {ACCOUNTS[CLEANED]} only")
    there = list_everything(endpoint)
    _check_metrics(before, there)
    run_id = _run(engine, "collect_and_cleanup")
    gone = there - list_everything(endpoint)
    with engine.connect() as connection:
        plan = load_plan(connection, run_id)
        assert plan is not None
        ended = outcomes(connection, plan.plan_id)
    _title("what was planned, and how it ended")
    table(
        ("wave", "kind", "name", "where", "age", "why", "outcome"),
        ((item.wave, *_what(item), item.reason, ended[item.resource.node_id][0]) for item in plan.going),
        numbers=("wave",),
    )
    _title("what was marked and is kept, and why")
    _show_kept(plan)
    _title("metrics, before and after")
    _show_metrics(before, _totals(engine))
    _title("what AWS says")
    _check(plan, ended, gone)


def _run(engine: Engine, job: str) -> str:
    run_id = str(uuid.uuid4())
    with Progress(engine, run_id):
        ended = run_workflow(job, run_id)
    with engine.connect() as connection:
        print_run(connection, ended)
    if not ended.success:
        raise DemoError(f"{job} failed: {ended.error}")
    return run_id


def _what(item: PlanItem) -> tuple[str, str, str, str]:
    where = f"{item.account_name}/{item.region}"
    return item.resource.scope.kind, item.resource.name, where, age(item.born)


def _show_kept(plan: Plan) -> None:
    elsewhere = Counter(item.kept for item in plan.kept if "does not list" in str(item.kept))
    table(
        ("kind", "name", "where", "age", "kept because"),
        ((*_what(item), item.kept) for item in plan.kept if item.kept not in elsewhere),
    )
    for reason, number in elsewhere.items():
        say(f"{number} more: {reason}")
    say(f"{len(plan.notes)} tags say something that can't be understood, e.g. {plan.notes[0]}")


Totals = Mapping[tuple[str, str], float]
"""A metric's sum by metric and account."""


def _totals(engine: Engine) -> Totals:
    with engine.connect() as connection:
        snapshot = latest_snapshot(connection)
    assert snapshot is not None
    totals: Counter[tuple[str, str]] = Counter()
    for family in snapshot.families:
        for sample in family.samples:
            totals[family.name, sample.labels.get("account", "")] += sample.value  # type: ignore[assignment]
    return totals


def _show_metrics(before: Totals, after: Totals) -> None:
    rows = [
        (f"resoto_{metric}", account, before[metric, account], after[metric, account])
        for metric in _COMPARED
        for account in ACCOUNTS.values()
    ]
    table(
        ("metric", "account", "before", "after", "change"),
        ((*row, row[3] - row[2]) for row in rows),
        numbers=("before", "after", "change"),
    )


def _check_metrics(totals: Totals, there: set[Found]) -> None:
    """Compare the metrics that count resources with what is there. Raises DemoError on any difference."""
    kinds = load_provider("aws").kinds
    compared = 0
    for metric in load_definitions(MetricsSettings()):
        counted = {kind for kind in KINDS if {kind, *kinds[kind].all_bases} & (metric.kinds or set())}
        if not counted or "sum(1)" not in str(metric.query):
            continue
        compared += 1
        for account, name in ACCOUNTS.items():
            listed = sum(found[0] == account and found[2] in counted for found in there)
            if totals[metric.name, name] != listed:
                said = f"resoto_{metric.name} of {name} is {totals[metric.name, name]:g}"
                raise DemoError(f"{said}, but AWS lists {listed}")
    say(f"{compared} metrics count resources, in each account just as many as AWS lists.")


def _check(plan: Plan, ended: Mapping[uuid.UUID, tuple[Outcome, str]], gone: set[Found]) -> None:
    """Compare what is really gone with what the plan said. Raises DemoError on any difference."""
    deleted = [item.resource for item in plan.going if ended[item.resource.node_id][0] == "gone"]
    planned = {_found(resource.scope, resource.id) for resource in deleted}
    along = {_found(taken.scope, taken.id) for item in plan.going for taken in item.takes_along}
    say(f"{len(gone)} resources are gone: {len(gone & planned)} that the plan deletes,")
    say(f"and {len(gone & along - planned)} that go along with them, as the plan says.")
    for what in sorted(gone - planned - along):
        say(f"GONE, BUT NOT PLANNED: {'/'.join(what)}")
    for what in sorted(planned - gone):
        say(f"PLANNED AND SAID TO BE GONE, BUT STILL THERE: {'/'.join(what)}")
    unplanned, left = len(gone - planned - along), len(planned - gone)
    if unplanned or left:
        raise DemoError(f"{unplanned} resources are gone that were not planned, {left} are left that were")
    say("That is exactly what the plan said.")


def _found(scope: Scope, id_: str) -> Found:
    return scope.account, scope.region, scope.kind, id_


def _serve(folder: Path) -> None:
    """Run `dagster dev` on the estate until Ctrl-C."""
    home = folder / "dagster"
    home.mkdir()
    ours = Path(__file__).parents[2] / "dagster.yaml"
    if not ours.exists():
        raise DemoError(f"{ours} is missing: run the demo with its UI in a clone of the project")
    shutil.copy(ours, home)
    say("Dagster's UI comes up on http://127.0.0.1:3000; launch collect_and_cleanup there. Ctrl-C ends it.")
    command = [sys.executable, "-m", "dagster", "dev", "-m", "resoto_dagster.definitions"]
    server = subprocess.Popen(command, cwd=folder, env={**os.environ, "DAGSTER_HOME": str(home)})
    try:
        code = server.wait()
    except KeyboardInterrupt:  # Ctrl-C reaches dagster dev as well, which ends by itself
        code = server.wait()
    if code not in (0, 130, -2):
        raise DemoError(f"dagster dev ended with {code}")
