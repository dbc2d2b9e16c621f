"""An estate in the inventory with a plan, as commands show it; and no settings of anybody's."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from resoto_dagster.inventory.collecting import InventorySink
from resoto_dagster_tests.cleanup.cloud import Cloud
from resoto_dagster_tests.cleanup.conftest import Estate, network_with_everything
from resoto_dagster_tests.estate import collect, resource, scope


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: an empty one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOGNAME", "tester")
    return tmp_path


@pytest.fixture
def estate(engine: Engine) -> Estate:
    """A network, an instance and a volume in r1 and two volumes in r2, all of account a1 ("production")."""
    estate = Estate(engine, Cloud())
    estate.collect(*network_with_everything())
    collect(
        engine,
        {
            scope("sim_account", "global"): [resource("a1", "sim_account", "global", name="production")],
            scope(region="r2"): [resource("v1", region="r2"), resource("v2", region="r2", name="données")],
        },
    )
    return estate


@pytest.fixture
def failing(estate: Estate) -> Estate:
    """The same after a second collect that could not read r2, nor a second account."""
    sink = InventorySink(estate.engine, "sim", "run-2")
    sink.accounts_expected(["a2"])
    sink.account_failed("a2", "AccessDenied: no role")
    for kind in ("sim_volume", "sim_instance"):
        sink.scopes_expected([scope(kind, "r2")])
        sink.failed(scope(kind, "r2"), "Throttled: slow down")
    return estate
