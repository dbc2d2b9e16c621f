"""What all tests share: an embedded Postgres of the test session's own, and an empty inventory a test."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from resoto_dagster import embedded_postgres
from resoto_dagster.database import inventory_engine
from resoto_dagster.inventory.schema import migrate


@pytest.fixture(autouse=True, scope="session")
def resoto_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Local state, and with it the database, in a folder of this test session; no settings of anybody's."""
    home = tmp_path_factory.mktemp("resoto")
    kept = {name: value for name, value in os.environ.items() if name.startswith(("RESOTO_", "DAGSTER_"))}
    for name in kept:
        del os.environ[name]
    os.environ["RESOTO_HOME"] = str(home)
    yield home
    embedded_postgres.discard(home)
    del os.environ["RESOTO_HOME"]
    os.environ.update(kept)


@pytest.fixture(scope="session")
def migrated_engine(resoto_home: Path) -> Engine:
    engine = inventory_engine()
    migrate(engine)
    return engine


@pytest.fixture
def engine(migrated_engine: Engine) -> Engine:
    """The inventory's engine; all tables are empty."""
    with migrated_engine.begin() as connection:
        tables = connection.execute(
            text(
                "SELECT string_agg(format('inventory.%I', tablename), ', ') FROM pg_tables "
                "WHERE schemaname = 'inventory' AND tablename <> 'alembic_version'"
            )
        ).scalar_one()
        connection.execute(text(f"TRUNCATE {tables}"))
    return migrated_engine
