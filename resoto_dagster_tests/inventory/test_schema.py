"""The schema's migrations, each test on a database of its own in the session's server."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, make_url, text

from resoto_dagster.database import database_url
from resoto_dagster.inventory import schema
from resoto_dagster.inventory.schema import migrate

MIGRATE = """
from resoto_dagster.database import inventory_engine
from resoto_dagster.inventory.schema import migrate
migrate(inventory_engine())
"""
TABLES = {
    *("kinds", "accounts", "scopes", "resources", "words", "marks", "history"),
    *("edges", "deferred_edges", "past_edges"),
    *("actions", "hook_outcomes", "event_batches", "plans", "plan_items", "journal", "metrics"),
}


@pytest.fixture
def url(migrated_engine: Engine) -> Iterator[str]:
    """The address of an empty database."""
    name = f"schema_{uuid.uuid4().hex}"
    server = migrated_engine.execution_options(isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(database_url()).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def fresh(url: str) -> Iterator[Engine]:
    """The engine of an empty database."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    yield engine
    engine.dispose()


def tables(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'inventory'"))
        return set(found.scalars()) - {"alembic_version"}


def revision(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT version_num FROM inventory.alembic_version")).scalars())


def statements(engine: Engine) -> list[str]:
    """The SQL that a migration sends."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        migrate(engine)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return sent


def test_an_empty_database_gets_all_tables(fresh: Engine) -> None:
    migrate(fresh)
    assert tables(fresh) == TABLES
    assert revision(fresh) == [schema._head()]


def wait_for_two(connection: Connection) -> None:
    """Return when two others wait for the lock; each has seen by then that there is no schema yet."""
    waiting = text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    deadline = time.monotonic() + 60
    while connection.scalar(waiting) != 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_two_processes_that_start_at_once_both_succeed(url: str, fresh: Engine) -> None:
    environment = os.environ | {"RESOTO_DATABASE_URL": url}
    with fresh.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": schema._LOCK})
        processes = [
            subprocess.Popen([sys.executable, "-c", MIGRATE], env=environment, stderr=subprocess.PIPE)
            for _ in range(2)
        ]
        try:
            wait_for_two(connection)
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": schema._LOCK})
            told = [process.communicate(timeout=60)[1] for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.communicate(timeout=10)
    assert [process.returncode for process in processes] == [0, 0], told
    assert tables(fresh) == TABLES
    assert revision(fresh) == [schema._head()]


def test_one_query_tells_that_the_schema_is_up_to_date(fresh: Engine) -> None:
    migrate(fresh)
    assert statements(fresh) == ["SELECT version_num FROM inventory.alembic_version"]


@pytest.mark.parametrize("table_is_there", [True, False])
def test_a_newer_schema_is_left_alone(fresh: Engine, table_is_there: bool) -> None:
    migrate(fresh)
    with fresh.begin() as connection:
        connection.execute(text("UPDATE inventory.alembic_version SET version_num = '9999'"))
        if not table_is_there:
            connection.execute(text("DROP TABLE inventory.metrics"))
    assert len(statements(fresh)) == 1
    assert revision(fresh) == ["9999"]
    assert ("metrics" in tables(fresh)) == table_is_there


def test_a_schema_that_another_program_made_newer_meanwhile_is_left_alone(
    fresh: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one is done between the first look and the lock."""
    migrate(fresh)
    with fresh.begin() as connection:
        connection.execute(text("UPDATE inventory.alembic_version SET version_num = '9999'"))
    looked: list[bool] = []
    up_to_date = schema._up_to_date

    def look(connection: object) -> bool:
        looked.append(up_to_date(connection))  # type: ignore[arg-type]
        return looked[-1] and len(looked) > 1

    monkeypatch.setattr(schema, "_up_to_date", look)
    migrate(fresh)
    assert looked == [True, True]
    assert revision(fresh) == ["9999"]


def test_a_migration_can_be_taken_back_and_made_again(fresh: Engine) -> None:
    migrate(fresh)
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    with fresh.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert tables(fresh) == set()
    assert revision(fresh) == []
    migrate(fresh)
    assert tables(fresh) == TABLES


def test_a_migration_that_fails_leaves_nothing_behind(fresh: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade = command.upgrade

    def half(config: Config, revision: str) -> None:
        upgrade(config, revision)
        raise RuntimeError("half way")

    monkeypatch.setattr(command, "upgrade", half)
    with pytest.raises(RuntimeError, match="half way"):
        migrate(fresh)
    assert tables(fresh) == set()
    monkeypatch.undo()
    migrate(fresh)
    assert tables(fresh) == TABLES


def test_revisions_are_numbered_without_a_gap() -> None:
    versions = Path(schema.__file__).parent / "migrations" / "versions"
    numbers = sorted(path.name.partition("_")[0] for path in versions.glob("[0-9]*.py"))
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
