import subprocess
import sys

import pytest
from typer.main import get_command

from resoto_dagster.cli.app import app
from resoto_dagster_tests.cli.commands import RESOTO, resoto

HEAVY = (
    "alembic",
    "bcrypt",
    "boto3",
    "dagster",
    "pandas",
    "prometheus_client",
    "psycopg",
    "pydantic",
    "sqlalchemy",
)


def all_commands() -> list[tuple[str, ...]]:
    found = []
    for name, command in get_command(app).commands.items():
        below = getattr(command, "commands", None)
        found += [(name, inner) for inner in below] if below else [(name,)]
    return found


def test_there_are_all_commands() -> None:
    assert sorted(" ".join(command) for command in all_commands()) == [
        "audit",
        "aws events-template",
        "aws iam-policy",
        "aws role-template",
        "clean",
        "config check",
        "config show",
        "demo",
        "keep",
        "kinds",
        "metrics push",
        "metrics serve",
        "metrics show",
        "metrics textfile",
        "notices serve",
        "notices test",
        "plan approve",
        "plan diff",
        "plan execute",
        "plan reject",
        "plan show",
        "protect",
        "rules backtest",
        "rules test",
        "run",
        "search",
        "snapshot delete",
        "snapshot list",
        "snapshot take",
        "status",
        "unmark",
    ]


def test_help_loads_nothing_heavy() -> None:
    code = f"import sys; import resoto_dagster.cli.app; print(set({HEAVY}) & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, timeout=60) == "set()\n"


@pytest.mark.parametrize("command", all_commands(), ids=" ".join)
def test_every_command_teaches_itself(command: tuple[str, ...]) -> None:
    told = resoto(*command, "--help", COLUMNS="200").stdout
    assert f"resoto {' '.join(command)}" in told  # an example
    if "--json" in told:
        assert "With --json" in told


def test_a_users_error_is_told_without_a_traceback() -> None:
    done = resoto("status", code=2, RESOTO_DATABASE_URL="mysql://me:secret@somewhere/db")
    assert done.stdout == ""
    assert done.stderr == (
        "resoto: RESOTO_DATABASE_URL starts with mysql://, expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE\n"
    )


@pytest.mark.parametrize("command", [("status",), ("plan", "show"), ("search", "all"), ("metrics", "show")])
def test_a_database_that_is_away_is_told_in_one_line(command: tuple[str, ...]) -> None:
    url = "postgresql://me:secret@127.0.0.1:1/db"
    told = resoto(*command, code=2, RESOTO_DATABASE_URL=url).stderr
    assert told.startswith("resoto: database db at 127.0.0.1:1 as me can't be reached: ")
    assert told.count("\n") == 1
    assert "secret" not in told


def test_an_unknown_command_ends_with_2() -> None:
    assert "No such command 'colect'" in resoto("colect", code=2).stderr


def test_a_reader_that_has_seen_enough_is_no_error(estate) -> None:
    pipe = subprocess.Popen(
        [*RESOTO, "search", "all", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert pipe.stdout is not None
    pipe.stdout.close()
    assert pipe.stderr is not None
    assert pipe.stderr.read() == ""
    pipe.stderr.close()
    pipe.wait(timeout=60)
