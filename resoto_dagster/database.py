"""Which database is used, and the connections to it.

RESOTO_DATABASE_URL names one; without it there is the embedded PostgreSQL in `.resoto/`, or in the
folder that RESOTO_HOME names.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Literal

import orjson
import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from resoto_dagster import embedded_postgres
from resoto_dagster.errors import ConfigError, DatabaseUnavailable
from resoto_dagster.state import state_folder

Driver = Literal["psycopg", "psycopg2"]

CONNECT_SECONDS = 5
_EXPECTED = "expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
# By SQLSTATE: connection, authorisation, no such database, resources, shutdown and start-up of the server.
_UNAVAILABLE = ("08", "28", "3D", "53", "57P")


def database_url() -> str:
    """The URL as the user wrote it, or the embedded server's, which is started if need be."""
    return os.environ.get("RESOTO_DATABASE_URL", "").strip() or embedded_postgres.ensure_running(
        state_folder()
    )


def sync_url(driver: Driver) -> URL:
    """The database's URL for a driver, whatever driver it was written for.

    Raises ConfigError if it can't be read or is not PostgreSQL's, DatabaseUnavailable if the embedded
    server does not start.
    """
    return _parse(database_url(), driver)


def _parse(text: str, driver: Driver) -> URL:
    scheme, separator, rest = text.partition("://")
    # What can't be read is not repeated: there may be a password in it.
    if not separator or not re.fullmatch(r"[a-z][a-z0-9+]*", scheme.lower()):
        raise ConfigError(f"RESOTO_DATABASE_URL is not a URL, {_EXPECTED}")
    if scheme.lower().split("+")[0] not in ("postgres", "postgresql"):
        raise ConfigError(f"RESOTO_DATABASE_URL starts with {scheme}://, {_EXPECTED}")
    try:
        url = make_url(f"postgresql+{driver}://{rest}")
    except (ArgumentError, ValueError):
        raise ConfigError(f"RESOTO_DATABASE_URL can't be read, {_EXPECTED}") from None
    if "@" in f"{url.host}{url.database}":
        raise ConfigError(
            "RESOTO_DATABASE_URL has more than one @; in a user name or password it is written %40"
        )
    try:
        conninfo_to_dict(url.set(drivername="postgresql", password=None).render_as_string())
    except psycopg.ProgrammingError as error:
        raise ConfigError(f"RESOTO_DATABASE_URL: {_first_line(error, url)}, {_EXPECTED}") from None
    defaults = {"connect_timeout": str(CONNECT_SECONDS), "application_name": "resoto_dagster"}
    return url.update_query_dict({name: value for name, value in defaults.items() if name not in url.query})


def inventory_engine() -> Engine:
    """The engine for the inventory, one a process. A forked child gets its own."""
    return _engine(os.getpid(), sync_url("psycopg"))


@cache
def _engine(_pid: int, url: URL) -> Engine:
    # Connections are few, as there are many processes: webserver, daemon, code servers, runs and steps. Those
    # that were needed stay open: to open one costs Postgres more than to merge a small scope.
    pool = {"pool_size": 10, "max_overflow": 0, "pool_pre_ping": True, "pool_recycle": 3600}
    return create_engine(url, **pool, json_deserializer=orjson.loads)


@contextmanager
def database_errors() -> Iterator[None]:
    """Raise DatabaseUnavailable, one line without a password, where the database can't be reached.

    Errors of statements, a deadlock for one, go through as they are.
    """
    try:
        yield
    except OperationalError as error:
        state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
        if state is not None and not state.startswith(_UNAVAILABLE):
            raise
        raise DatabaseUnavailable(unavailable(error.orig or error)) from None


def unavailable(cause: BaseException) -> str:
    """One line: which database, as whom, and why not."""
    url = sync_url("psycopg")
    host = url.host or url.query.get("host") or "the default host"
    port = f":{url.port}" if url.port else ""
    user = url.username or "the default user"
    return (
        f"database {url.database or user} at {host}{port} as {user} can't be reached: "
        f"{_first_line(cause, url)}"
    )


def _first_line(error: BaseException, url: URL) -> str:
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    for name in ("password", "sslpassword"):
        secret = url.password if name == "password" and url.password else url.query.get(name)
        if isinstance(secret, str) and secret:
            line = line.replace(secret, "***")
    return line
