"""Which database is used, what its URLs become, and what is told when it is not there."""

import os
import socket
import traceback
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from resoto_dagster.database import database_errors, inventory_engine, sync_url
from resoto_dagster.errors import ConfigError, DatabaseUnavailable
from resoto_dagster.state import state_folder

PASSWORD = "s3cr3t-Word"


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as bound:  # bound, but nobody listens
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.mark.parametrize(
    "scheme",
    [
        "postgres",
        "postgresql",
        "POSTGRESQL",
        "postgresql+psycopg",
        "postgresql+psycopg2",
        "postgresql+asyncpg",
    ],
)
def test_any_scheme_of_postgres_is_taken(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv(
        "RESOTO_DATABASE_URL", f" {scheme}://ann:a%40b@db.example:5433/estate?sslmode=require\n"
    )
    for driver in ("psycopg", "psycopg2"):
        url = sync_url(driver)
        assert url.drivername == f"postgresql+{driver}"
        assert (url.username, url.password, url.host, url.port) == ("ann", "a@b", "db.example", 5433)
        assert url.database == "estate"
        assert url.query["sslmode"] == "require"


def test_connections_time_out_and_have_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESOTO_DATABASE_URL", "postgres://db.example/estate")
    assert sync_url("psycopg").query == {"connect_timeout": "5", "application_name": "resoto_dagster"}
    monkeypatch.setenv("RESOTO_DATABASE_URL", "postgres://db/estate?connect_timeout=30&application_name=mine")
    assert sync_url("psycopg").query == {"connect_timeout": "30", "application_name": "mine"}


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"mysql://ann:{PASSWORD}@db/estate", "starts with mysql://"),
        ("sqlite:///estate.db", "starts with sqlite://"),
        (f"ann:{PASSWORD}@db/estate", "is not a URL"),
        (f"{PASSWORD} ://db/estate", "is not a URL"),
        (f"postgresql://ann:{PASSWORD}@db:port/estate", "can't be read"),
        (f"postgresql://ann:{PASSWORD[:3]}@{PASSWORD[3:]}@db/estate", "more than one @"),
        (f"postgresql://ann:{PASSWORD}@db/estate?colour=red", 'invalid URI query parameter: "colour"'),
    ],
)
def test_other_urls_are_refused_in_one_line_without_the_password(
    monkeypatch: pytest.MonkeyPatch, url: str, reason: str
) -> None:
    monkeypatch.setenv("RESOTO_DATABASE_URL", url)
    with pytest.raises(ConfigError) as told:
        sync_url("psycopg")
    message = str(told.value)
    assert message.startswith("RESOTO_DATABASE_URL")
    assert reason in message
    assert "postgresql://USER:PASSWORD@HOST:PORT/DATABASE" in message or "%40" in message
    assert "\n" not in message
    assert PASSWORD not in message
    assert PASSWORD[3:] not in message


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
@pytest.mark.parametrize("where", ["userinfo", "query"])
def test_unreachable_database_is_one_line_without_the_password(
    monkeypatch: pytest.MonkeyPatch, closed_port: int, driver: str, where: str
) -> None:
    url = {
        "userinfo": f"postgresql://ann:{PASSWORD}@127.0.0.1:{closed_port}/estate",
        "query": f"postgresql://ann@127.0.0.1:{closed_port}/estate?password={PASSWORD}",
    }[where]
    monkeypatch.setenv("RESOTO_DATABASE_URL", url)
    with pytest.raises(DatabaseUnavailable) as told, database_errors():
        create_engine(sync_url(driver)).connect()
    message = str(told.value)
    assert message.startswith(f"database estate at 127.0.0.1:{closed_port} as ann can't be reached: ")
    assert "refused" in message
    assert "\n" not in message
    assert PASSWORD not in "".join(traceback.format_exception(told.value))


def test_password_that_the_cause_repeats_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESOTO_DATABASE_URL", f"postgresql://ann:{PASSWORD}@db/estate")
    cause = psycopg.OperationalError(f"no luck with {PASSWORD}\nand more of {PASSWORD}")
    with (
        pytest.raises(DatabaseUnavailable, match=r"can't be reached: no luck with \*\*\*$"),
        database_errors(),
    ):
        raise OperationalError("connect", None, cause)


def test_missing_database_and_refused_user_are_told() -> None:
    url = sync_url("psycopg")
    socket_folder = url.query["host"]
    for parts, place in (
        ({"database": "nowhere"}, f"database nowhere at {socket_folder} as resoto"),
        ({"username": "eve"}, f"database resoto at {socket_folder} as eve"),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RESOTO_DATABASE_URL", url.set(**parts).render_as_string(hide_password=False))
            with pytest.raises(DatabaseUnavailable) as told, database_errors():
                inventory_engine().connect()
        assert str(told.value).startswith(f"{place} can't be reached: ")
        assert "FATAL" in str(told.value)
        assert "\n" not in str(told.value)


@pytest.mark.parametrize("statement", ["SELECT 1 / 0", "SELECT missing"])
def test_errors_of_statements_go_through(statement: str) -> None:
    with pytest.raises(DBAPIError), database_errors(), inventory_engine().connect() as connection:
        connection.execute(text(statement))


def test_timed_out_statement_is_no_missing_database() -> None:
    with inventory_engine().begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 1"))
        with pytest.raises(OperationalError), database_errors():
            connection.execute(text("SELECT pg_sleep(1)"))


def test_database_is_embedded_unless_one_is_named(resoto_home: Path) -> None:
    assert state_folder() == resoto_home
    with inventory_engine().connect() as connection:
        assert connection.execute(text("SELECT current_user")).scalar_one() == "resoto"
        assert connection.execute(text("SHOW application_name")).scalar_one() == "resoto_dagster"
        assert connection.execute(text("SHOW listen_addresses")).scalar_one() == ""


def test_engine_is_one_a_process_and_another_in_a_forked_child() -> None:
    engine = inventory_engine()
    assert inventory_engine() is engine
    backend = text("SELECT pg_backend_pid()")
    with engine.connect() as connection:
        ours = connection.execute(backend).scalar_one()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with inventory_engine().connect() as connection:
                code = 0 if connection.execute(backend).scalar_one() != ours else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with engine.connect() as connection:
        alive = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :ours")
        assert connection.execute(alive, {"ours": ours}).scalar_one() == 1, "the child left ours alone"


def test_broken_connections_are_replaced_before_use() -> None:
    engine = inventory_engine()
    with engine.connect() as connection:
        lost = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with psycopg.connect(sync_url("psycopg").set(drivername="postgresql").render_as_string()) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [lost])
    with engine.connect() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() != lost


def test_relative_home_is_below_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESOTO_HOME", "here")
    assert state_folder() == tmp_path / "here"
    monkeypatch.delenv("RESOTO_HOME")
    assert state_folder() == tmp_path / ".resoto"
