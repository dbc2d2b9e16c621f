"""A user's own assets downstream of kinds get tables."""

from typing import Any

import pandas
import pytest
from dagster import AssetIn, AssetKey, DagsterInstance, Definitions, asset, define_asset_job
from sqlalchemy import Engine

from resoto_dagster_tests.estate import resource
from resoto_dagster_tests.workflow.sim import SimCloud, arrange, definitions, workflow

VOLUMES = [
    resource("v1", tags={"owner": "ann"}, properties={"size": 8, "parts": [{"n": 1}], "fast": True}),
    resource("v2", properties={"size": 16, "ratio": 0.5}),
]


@asset(ins={"volumes": AssetIn(AssetKey(["sim", "sim_volume"]))})
def sizes(volumes: pandas.DataFrame) -> dict[str, Any]:
    assert list(volumes["id"]) == ["v1", "v2"]
    assert volumes["tags"][0] == {"owner": "ann"}
    return {
        "total": int(volumes["size"].sum()),
        "types": {name: str(t) for name, t in volumes.dtypes.items()},
    }


@asset(ins={"everything": AssetIn(AssetKey(["sim", "inventory"]))})
def how_many(everything: pandas.DataFrame) -> int:
    return len(everything)


@pytest.fixture
def mine(engine: Engine) -> Definitions:
    """The project's definitions and the user's own, as one code location."""
    arrange(cloud=SimCloud(*VOLUMES, resource("i1", "sim_instance")))
    job = define_asset_job("mine", ["sizes", "how_many"])
    return Definitions.merge(definitions(), Definitions(assets=[sizes, how_many], jobs=[job]))


def test_a_kinds_asset_loads_as_a_table_with_types(mine: Definitions, instance: DagsterInstance) -> None:
    assert workflow().execute_in_process(instance=instance).success
    ended = mine.resolve_job_def("mine").execute_in_process(instance=instance)
    found = ended.output_for_node("sizes")
    assert found["total"] == 24
    types = found["types"]
    assert (types["size"], types["ratio"], types["fast"]) == ("Int64", "Float64", "boolean")
    assert types["name"] == "string"
    assert types["ctime"].startswith("datetime64")
    assert "UTC" in types["ctime"]
    assert (types["tags"], types["parts"]) == ("object", "object")
    assert (types["volume_size"], types["volume_status"]) == ("Float64", "string")
    assert ended.output_for_node("how_many") == 3


def test_a_kind_without_resources_is_an_empty_table(engine: Engine, instance: DagsterInstance) -> None:
    @asset(ins={"volumes": AssetIn(AssetKey(["sim", "sim_volume"]))})
    def none_at_all(volumes: pandas.DataFrame) -> bool:
        assert {"node_id", "id", "account_name", "ctime", "tags", "volume_status", "parts"} <= set(volumes)
        assert volumes.groupby("account_name")["volume_size"].sum().empty
        return volumes[volumes["volume_status"] == "available"].empty

    arrange(cloud=SimCloud())
    mine = Definitions.merge(
        definitions(),
        Definitions(assets=[none_at_all], jobs=[define_asset_job("mine", ["none_at_all"])]),
    )
    assert workflow().execute_in_process(instance=instance).success
    assert mine.resolve_job_def("mine").execute_in_process(instance=instance).output_for_node("none_at_all")
