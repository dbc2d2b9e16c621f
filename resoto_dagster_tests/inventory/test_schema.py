"""The schema's migrations, each test on a database of its own in the session's server."""

import hashlib
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, make_url, text

from resoto_dagster.database import database_url
from resoto_dagster.inventory import schema
from resoto_dagster.inventory.inventory import Inventory
from resoto_dagster.inventory.marks import Author
from resoto_dagster.inventory.schema import migrate
from resoto_dagster_tests.estate import node, table

MIGRATE = """
from resoto_dagster.database import inventory_engine
from resoto_dagster.inventory.schema import migrate
migrate(inventory_engine())
"""
TABLES = {
    *("kinds", "properties", "accounts", "scopes", "resources", "words", "marks", "annotations"),
    *("notices", "announcements", "history", "snapshots"),
    *("edges", "deferred_edges", "past_edges"),
    *("actions", "hook_outcomes", "event_batches", "plans", "plan_items", "approvals", "journal"),
    *("metrics", "steps", "api_requests"),
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


def old_node(id_: str) -> uuid.UUID:
    """A resource's identity as it was up to revision 0002."""
    identity = "\x1f".join(("sim", "a1", "r1", "sim_volume", id_))
    return uuid.UUID(bytes=hashlib.blake2b(identity.encode(), digest_size=16).digest())


OLD_DATA = """
INSERT INTO inventory.scopes (provider, account, region, kind, state, run_id, attempted_at, succeeded_at)
    VALUES ('sim', 'a1', 'r1', 'sim_volume', 'fresh', 'run', now(), now());
INSERT INTO inventory.resources
    (node_id, scope_id, kind, id, name, region, reported, hash, first_seen, changed_at)
    SELECT node, scope_id, 'sim_volume', id, id, 'r1', CAST(reported AS jsonb), '',
        '2026-01-01Z', '2026-01-03Z'
    FROM inventory.scopes, (VALUES
        (CAST(:v1 AS uuid), 'v1', '{"size": 3, "name": "v1", "same": 1}'),
        (CAST(:v2 AS uuid), 'v2', '{"size": 7}')
    ) AS known(node, id, reported);
INSERT INTO inventory.edges (owner, scope_id, type, outgoing, kind, key, value, src, dst)
    SELECT CAST(:v1 AS uuid), scope_id, 'default', true, 'volume', 'id', 'v2',
        CAST(:v1 AS uuid), CAST(:v2 AS uuid) FROM inventory.scopes
    UNION ALL SELECT CAST(:v2 AS uuid), scope_id, 'delete', false, 'volume', 'id', 'nobody',
        NULL, CAST(:v2 AS uuid) FROM inventory.scopes;
INSERT INTO inventory.marks (node_id, mark, source, author, reason, at)
    VALUES (:v1, 'protected', 'person', 'ann', 'mine', now()),
        (:gone, 'clean', 'person', 'ann', 'old', now());
INSERT INTO inventory.history (at, run_id, scope_id, node_id, kind, id, change, before, after)
    SELECT at, 'run', scope_id, node, 'sim_volume', id, change,
        CAST(before AS jsonb), CAST(after AS jsonb)
    FROM inventory.scopes, (VALUES
        (timestamptz '2026-01-01Z', CAST(:v1 AS uuid), 'v1', 'created', NULL, NULL),
        ('2026-01-01Z', CAST(:gone AS uuid), 'gone', 'created', NULL, NULL),
        ('2026-01-02Z', CAST(:v1 AS uuid), 'v1', 'updated', '{"size": 1}', '{"size": 2}'),
        ('2026-01-02Z', CAST(:gone AS uuid), 'gone', 'deleted', '{"size": 9, "name": "g"}', NULL),
        ('2026-01-03Z', CAST(:v1 AS uuid), 'v1', 'updated', '{"size": 2}', '{"size": 3}')
    ) AS changes(at, node, id, change, before, after);
INSERT INTO inventory.plans (root_run_id, run_id, created_at, hash, notes)
    VALUES ('run', 'run', now(), '', '{}');
INSERT INTO inventory.plan_items (plan_id, position, node_id, provider, account, scope_region, region,
        kind, id, name, reason, author, born, wave, waits_for, takes_along, fingerprint, reported)
    SELECT plan_id, 1, CAST(:v1 AS uuid), 'sim', 'a1', 'r1', 'r1', 'sim_volume', 'v1', 'v1', 'x', 'x',
        now(), 1, ARRAY[CAST(:v2 AS uuid)],
        jsonb_build_array(
            jsonb_build_array(CAST(:gone AS uuid), 'sim', 'a1', 'r1', 'sim_volume', 'gone')
        ), '', '{}' FROM inventory.plans;
INSERT INTO inventory.journal (plan_id, node_id, run_id, event, at, detail, request_ids)
    SELECT plan_id, CAST(:v1 AS uuid), 'run', 'kept', now(), '', '{}' FROM inventory.plans
"""


def test_what_an_older_schema_holds_is_kept(fresh: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    values = {name: str(old_node(name)) for name in ("v1", "v2", "gone")}
    with fresh.begin() as connection:
        connection.execute(text("CREATE SCHEMA inventory"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        for statement in OLD_DATA.split(";"):
            connection.execute(text(statement), {n: v for n, v in values.items() if f":{n}" in statement})
    migrate(fresh)
    found = table(fresh, "SELECT id, node_id FROM inventory.resources ORDER BY id")
    assert found == [("v1", node("v1")), ("v2", node("v2"))]
    assert table(fresh, "SELECT node_id, mark FROM inventory.marks ORDER BY mark") == [
        (node("gone"), "clean"),
        (node("v1"), "protected"),
    ]
    assert table(fresh, "SELECT src, dst, type FROM inventory.edges") == [(node("v1"), node("v2"), "default")]
    assert table(fresh, "SELECT owner, value FROM inventory.deferred_edges") == [(node("v2"), "nobody")]
    assert table(fresh, "SELECT node_id FROM inventory.journal") == [(node("v1"),)]
    assert table(fresh, "SELECT node_id, waits_for, takes_along FROM inventory.plan_items") == [
        (
            node("v1"),
            [node("v2")],
            [[str(node("gone")), "sim", "a1", "r1", "sim_volume", "gone"]],
        )
    ]
    versions = "SELECT id, change, since, at, reported FROM inventory.history ORDER BY id, at"
    day_1, day_2, day_3 = (datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3))
    assert table(fresh, versions) == [
        ("gone", "deleted", day_1, day_2, {"size": 9, "name": "g"}),
        ("v1", "updated", day_1, day_2, {"size": 1, "name": "v1", "same": 1}),
        ("v1", "updated", day_2, day_3, {"size": 2, "name": "v1", "same": 1}),
    ]
    inventory = Inventory(fresh, Author("person", "ann"))
    rows = inventory.rows("all | history")
    assert [(row["change"], row["id"], row["changed_at"]) for row in rows] == [
        ("node_created", "gone", day_1),
        ("node_created", "v1", day_1),
        ("node_deleted", "gone", day_2),
        ("node_updated", "v1", day_2),
        ("node_updated", "v1", day_3),
        ("node_updated", "v2", day_3),  # when it was made nobody had written down
    ]
