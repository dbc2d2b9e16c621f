import pytest
from sqlalchemy import Engine, create_engine

from resoto_dagster.cli import progress
from resoto_dagster.cli.progress import Progress, RegionProgress, progress_of
from resoto_dagster.inventory.collecting import InventorySink
from resoto_dagster_tests.estate import resource, scope


def a_collect(engine: Engine) -> InventorySink:
    """A collect under way: two scopes in each of two regions expected, none of them read."""
    sink = InventorySink(engine, "sim", "run-1")
    sink.accounts_expected(["a1"])
    sink.scopes_expected(
        [scope(kind, region) for kind in ("sim_volume", "sim_network") for region in ("r1", "r2")]
    )
    return sink


def test_each_region_shows_how_far_it_is(engine: Engine) -> None:
    sink = a_collect(engine)
    sink.collected(scope("sim_volume", "r1"), [resource("v1"), resource("v2")])
    sink.failed(scope("sim_network", "r1"), "Throttled")
    with engine.connect() as connection:
        r1, r2 = progress_of(connection, "run-1")
        assert progress_of(connection, "another run") == []
    assert r1 == RegionProgress("sim", "a1", "a1", "r1", read=1, failed=1, expected=2, resources=2)
    assert r2 == RegionProgress("sim", "a1", "a1", "r2", read=0, failed=0, expected=2, resources=0)
    assert (r1.complete, r2.complete) == (True, False)


def test_without_a_terminal_a_region_is_told_once_when_it_is_complete(
    engine: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LOOK_SECONDS", 0.01)
    with Progress(engine, "run-1"):
        sink = a_collect(engine)
        for kind in ("sim_volume", "sim_network"):
            sink.collected(scope(kind, "r1"), [resource(f"{kind}-1", kind)])
        sink.collected(scope("sim_volume", "r2"), [])
    assert capsys.readouterr().out == "sim a1 r1: 2 scopes read, 2 resources\n"


def test_progress_needs_no_database(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    away = create_engine("postgresql+psycopg://me@127.0.0.1:1/db")
    with Progress(away, "run-1"):
        pass
    assert capsys.readouterr().out == ""
