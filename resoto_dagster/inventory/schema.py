"""The inventory's schema in Postgres, brought up to date by whoever comes first."""

from pathlib import Path

from sqlalchemy import Connection, Engine, text

SCHEMA = "inventory"
_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x5E50_70DA  # any number, as long as nobody else takes advisory locks by it


def _head() -> str:
    """The newest revision; its file's name starts with it, so that no module needs to be loaded."""
    return max(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def _current(connection: Connection) -> str | None:
    if connection.scalar(text("SELECT to_regclass(:table)"), {"table": f"{SCHEMA}.alembic_version"}) is None:
        return None
    current: str | None = connection.scalar(text("SELECT version_num FROM inventory.alembic_version"))
    return current


def migrate(engine: Engine) -> None:
    """Bring the schema up to date. One small query when it is; safe in many processes at once.

    A schema that is newer than this program is left alone.
    """
    with engine.connect() as connection:
        current = _current(connection)
    if current is not None and current >= _head():
        return
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        if _current(connection) != _head():
            _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
