"""The command tree."""

import typer

from resoto_dagster.cli.audit import audit
from resoto_dagster.cli.aws import app as aws
from resoto_dagster.cli.config import app as config
from resoto_dagster.cli.demo import demo
from resoto_dagster.cli.kinds import kinds
from resoto_dagster.cli.marks import clean, keep, protect, unmark
from resoto_dagster.cli.metrics import app as metrics
from resoto_dagster.cli.notices import app as notices
from resoto_dagster.cli.plan import app as plan
from resoto_dagster.cli.rules import app as rules
from resoto_dagster.cli.run import run
from resoto_dagster.cli.search import search
from resoto_dagster.cli.snapshot import app as snapshot
from resoto_dagster.cli.status import status

app = typer.Typer(
    name="resoto",
    help="""Know a cloud estate, keep it tidy, and measure it.

    `resoto demo` shows all of it on a simulated cloud. On your own: name your accounts in resoto.yaml,
    try them with `resoto config check`, and collect with `resoto run`.
    """,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for command in (run, status, search, kinds, protect, keep, clean, unmark, audit, demo):
    app.command()(command)
for group in (plan, rules, notices, metrics, snapshot, config, aws):
    app.add_typer(group)
