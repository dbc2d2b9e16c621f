import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics_parser
from sqlalchemy import Engine, create_engine, event, text

from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.schema import migrate
from resoto_dagster.metrics import exporter
from resoto_dagster.metrics import generate as generating
from resoto_dagster.metrics.exporter import LatestSnapshot, keep_looking, make_server
from resoto_dagster.metrics.generate import generate
from resoto_dagster_tests.cli.commands import RESOTO, resoto
from resoto_dagster_tests.estate import collect, resource, scope
from resoto_dagster_tests.metrics.estate import an_estate, fill
from resoto_dagster_tests.metrics.scraping import STAMP, measured, parsed, scrape, serving, stored, until
from resoto_dagster_tests.metrics.test_generate import define

UP = ("resoto_exporter_database_up", frozenset[tuple[str, str]]())
EXPORTER = {
    "resoto_exporter_database_up",
    "resoto_exporter_database_answered_timestamp_seconds",
    "resoto_exporter_web_config_last_reload_successful",
}


@contextmanager
def looking(latest: LatestSnapshot) -> Iterator[None]:
    ended = threading.Event()
    thread = threading.Thread(target=keep_looking, args=(latest, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_scrape_shows_the_last_snapshot_and_makes_no_query(engine: Engine) -> None:
    fill(engine, an_estate())
    snapshot = generate(engine)
    latest = LatestSnapshot(engine)
    latest.look()
    queries = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        queries.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        with serving(latest) as url:
            values = parsed(scrape(url))
            assert parsed(scrape(url)) == values
        assert queries == []
        latest.look()
        assert len(queries) == 1
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert measured(values) == stored(snapshot)
    assert len(stored(snapshot)) > 50
    assert values[STAMP, frozenset()] == snapshot.generated_at.timestamp()
    stale = {key: value for key, value in values.items() if key[0] == "resoto_metric_stale"}
    assert len(stale) == len(snapshot.families)
    assert set(stale.values()) == {0}


def test_openmetrics_is_served_to_who_asks_for_it(engine: Engine) -> None:
    fill(engine, an_estate())
    snapshot = generate(engine)
    latest = LatestSnapshot(engine)
    latest.look()
    with serving(latest) as url:
        exposition = scrape(url, "application/openmetrics-text; version=1.0.0")
    assert exposition.endswith("# EOF\n")
    families = openmetrics_parser.text_string_to_metric_families(exposition)
    values = {(s.name, frozenset(s.labels.items())): s.value for one in families for s in one.samples}
    assert measured(values) == stored(snapshot)


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text; version=1.0.0"])
def test_what_people_name_things_is_escaped(engine: Engine, accept: str) -> None:
    kind = 'a "quoted"\nback\\slash ü'
    collect(engine, {scope(): [resource("v1", properties={"volume_type": kind})]})
    generate(engine)
    latest = LatestSnapshot(engine)
    latest.look()
    with serving(latest) as url:
        exposition = scrape(url, accept)
    read = openmetrics_parser if "openmetrics" in accept else parser
    samples = [s for one in read.text_string_to_metric_families(exposition) for s in one.samples]
    (total,) = (sample for sample in samples if sample.name == "resoto_volumes_total")
    assert total.labels["type"] == kind


def test_without_a_snapshot_it_is_empty_and_says_why(engine: Engine) -> None:
    latest = LatestSnapshot(engine)
    latest.look()
    with serving(latest) as url:
        for accept in ("text/plain", "application/openmetrics-text; version=1.0.0"):
            exposition = scrape(url, accept)
            told = parsed(exposition.removesuffix("# EOF\n"))
            assert {key[0] for key in told} == EXPORTER
            assert "No metrics have been generated yet" in exposition


def test_a_metric_that_failed_is_served_as_stale(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    collect(engine, {scope(): [resource("v1", properties={"volume_size": 7})]})
    define(monkeypatch, size="aggregate(kind: sum(volume_size) as size): is(volume)")
    generate(engine)
    define(monkeypatch, size="aggregate(kind: sum(volume_size / 0) as size): is(volume)")
    generating.generate(engine)
    latest = LatestSnapshot(engine)
    latest.look()
    with serving(latest) as url:
        values = parsed(scrape(url))
    assert values["resoto_metric_stale", frozenset({("metric", "size")})] == 1
    assert values["resoto_size", frozenset({("kind", "sim_volume")})] == 7


def test_a_new_snapshot_appears_by_itself(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "LOOK_SECONDS", 0.02)
    latest = LatestSnapshot(engine)
    with looking(latest), serving(latest) as url:
        for volumes in (1, 2):
            collect(engine, {scope(): [resource(f"v{i}") for i in range(volumes)]}, f"run-{volumes}")
            snapshot = generate(engine)
            until(lambda: measured(parsed(scrape(url))) == stored(snapshot))  # noqa: B023


@pytest.fixture
def own_database(migrated_engine: Engine) -> Iterator[Engine]:
    """A database that can go away without anybody missing it."""
    own = create_engine(migrated_engine.url.set(database="going"), pool_pre_ping=True)
    _administer(migrated_engine, "CREATE DATABASE going")
    try:
        migrate(own)
        yield own
    finally:
        own.dispose()
        _administer(migrated_engine, "DROP DATABASE IF EXISTS going WITH (FORCE)")


def _administer(engine: Engine, statement: str) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))


def test_it_serves_on_while_the_database_is_away(
    migrated_engine: Engine, own_database: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    fill(own_database, an_estate())
    snapshot = generate(own_database)
    latest = LatestSnapshot(own_database)
    latest.look()
    with serving(latest) as url:
        before = parsed(scrape(url))
        assert before[UP] == 1
        _administer(migrated_engine, "DROP DATABASE going WITH (FORCE)")
        latest.look()
        latest.look()
        assert parsed(scrape(url)) == {**before, UP: 0}
        (told,) = caplog.messages
        assert told.startswith("the last metrics are served on: database ")
        assert told.endswith('database "going" does not exist')

        _administer(migrated_engine, "CREATE DATABASE going")
        migrate(own_database)
        generate(own_database)
        newer = generate(own_database)
        assert newer.snapshot_id > snapshot.snapshot_id
        latest.look()
        assert measured(parsed(scrape(url))) == stored(newer)
        assert not any(name == "resoto_volumes_total" for name, _ in stored(newer))
        assert parsed(scrape(url))[UP] == 1
        assert caplog.messages[1:] == ["the database can be reached again"]


def test_a_database_that_says_nothing_for_long_is_away(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    latest = LatestSnapshot(engine)
    latest.look()
    with serving(latest) as url:
        assert parsed(scrape(url))[UP] == 1
        monkeypatch.setattr(exporter, "SILENT_SECONDS", 0.01)
        until(lambda: parsed(scrape(url))[UP] == 0)


def test_a_port_in_use_is_told_in_one_line(engine: Engine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ResotoError, match=rf"on 127.0.0.1:{port}: another program listens there"):
            make_server(LatestSnapshot(engine), "127.0.0.1", port)
        told = resoto("metrics", "serve", "--port", str(port), code=2).stderr
        assert told.startswith(f"resoto: metrics can't be served on 127.0.0.1:{port}: ")
        assert told.count("\n") == 1


def test_an_address_of_another_machine_is_told_in_one_line(engine: Engine) -> None:
    with pytest.raises(ResotoError, match=r"metrics can't be served on 192\.0\.2\.1:0: Cannot assign"):
        make_server(LatestSnapshot(engine), "192.0.2.1", 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_it_is_ended(engine: Engine, number: int) -> None:
    fill(engine, an_estate())
    snapshot = generate(engine)
    process = subprocess.Popen(
        [*RESOTO, "metrics", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("serving metrics on http://127.0.0.1:")
        url = line.split()[-1].removesuffix("/metrics")
        until(lambda: measured(parsed(scrape(url))) == stored(snapshot))
        process.send_signal(number)
        out, errors = process.communicate(timeout=30)
        assert (process.returncode, out, errors) == (0, "", "")
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
