"""Dagster's storage, in the same PostgreSQL as the inventory."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import click
from dagster import BoolSource, Field
from dagster._config import UserConfigSchema
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import create_pg_engine, set_pg_statement_timeout
from sqlalchemy import URL, Engine, NullPool, create_engine, event, text

from resoto_dagster.database import database_errors, sync_url
from resoto_dagster.errors import ResotoError

_TABLES_LOCK = 7_305_804_402_566_918_253  # an advisory lock's key: any number that nobody else uses


class StorageUnavailable(ResotoError, click.ClickException):
    """Dagster's storage can't be had; Dagster's commands print the line and no traceback."""


class ResotoStorage(DagsterPostgresStorage):
    """Runs, events and schedules in the database that `resoto_dagster.database` names."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """What dagster.yaml may say of it."""
        return {"should_autocreate_tables": Field(BoolSource, is_required=False, default_value=True)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "ResotoStorage":
        """Connect, and create the tables if they are not there."""
        try:
            url = sync_url("psycopg2")
            with database_errors(), _tables_lock(url):
                storage = cls(
                    postgres_url=url.render_as_string(hide_password=False),
                    should_autocreate_tables=config_value["should_autocreate_tables"],
                    inst_data=inst_data,
                )
        except ResotoError as error:
            raise StorageUnavailable(str(error)) from None
        storage._pool_connections()
        return storage

    def _pool_connections(self) -> None:
        """Keep connections open: the storages open one an event, which takes half of a run's time.

        They are pinged before use, so that a restart of the server ends no run. Dagster has a setting
        for neither; the engine it makes for its webserver would fail once for every pool.
        """
        engine = create_pg_engine(
            self.postgres_url,
            isolation_level="AUTOCOMMIT",
            pool_size=2,
            max_overflow=18,
            pool_pre_ping=True,
            pool_recycle=3600,
        )
        for storage in (self._run_storage, self._event_log_storage, self._schedule_storage):
            storage._engine = engine
            storage.optimize_for_webserver = partial(_limit_statements, engine)  # type: ignore[method-assign]


def _limit_statements(engine: Engine, statement_timeout: int, **_pool_settings: int) -> None:
    """Give the webserver's statements a timeout, in milliseconds."""
    engine.dispose()
    event.listen(
        engine, "connect", lambda connection, _: set_pg_statement_timeout(connection, statement_timeout)
    )


@contextmanager
def _tables_lock(url: URL) -> Iterator[None]:
    """One process at a time creates tables; of two at once, one would fail on what the other has made."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _TABLES_LOCK})
        yield
