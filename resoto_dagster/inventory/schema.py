"""The inventory's schema in Postgres, brought up to date by whoever comes first."""

from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import ProgrammingError

SCHEMA = "inventory"
_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x5E50_70DA  # any number, as long as nobody else takes advisory locks by it


def _head() -> str:
    """The newest revision; its file's name starts with it, so that no module needs to be loaded."""
    return max(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def _up_to_date(connection: Connection) -> bool:
    """Whether the schema is there, and of this program's revision or a newer one."""
    current = connection.scalar(text("SELECT version_num FROM inventory.alembic_version"))
    return current is not None and current >= _head()


def _exists(connection: Connection) -> bool:
    found = connection.scalar(text("SELECT to_regclass(:table)"), {"table": f"{SCHEMA}.alembic_version"})
    return found is not None


def migrate(engine: Engine) -> None:
    """Bring the schema up to date. One small query when it is; safe in many processes at once.

    A schema that is newer than this program is left alone.
    """
    try:
        with engine.connect() as connection:
            if _up_to_date(connection):
                return
    except ProgrammingError:  # no such table: nothing is there yet
        pass
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        if not (_exists(connection) and _up_to_date(connection)):
            _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
