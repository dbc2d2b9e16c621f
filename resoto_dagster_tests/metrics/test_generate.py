import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas
import pytest
from sqlalchemy import Engine, event, text

from resoto_dagster.config import MetricsSettings, Settings
from resoto_dagster.inventory.inventory import Inventory
from resoto_dagster.inventory.marks import Author
from resoto_dagster.inventory.status import inventory_version
from resoto_dagster.metrics import generate as generating
from resoto_dagster.metrics.definitions import load_definitions, parse_definitions
from resoto_dagster.metrics.families import Family
from resoto_dagster.metrics.generate import Snapshot, generate, generate_if_changed, latest_snapshot
from resoto_dagster.metrics.workflow_metrics import OF_WORKFLOW
from resoto_dagster_tests.estate import collect, resource, scope
from resoto_dagster_tests.metrics.estate import an_estate, fill, rows

GIB = 1024**3


def values(family: Family) -> dict[tuple[str, ...], float]:
    found = {tuple(sample.labels.values()): sample.value for sample in family.samples}
    assert len(found) == len(family.samples)
    return found


def family(snapshot: Snapshot, name: str) -> Family:
    (found,) = (one for one in snapshot.families if one.name == name)
    return found


def define(monkeypatch: pytest.MonkeyPatch, **searches: str) -> None:
    """Replace the definitions by these."""
    definitions = "".join(
        f"{name}:\n  help: A test\n  type: gauge\n  search: '{search}'\n" for name, search in searches.items()
    )
    metrics = parse_definitions(definitions, "test.yaml")
    monkeypatch.setattr(generating, "load_definitions", lambda _settings: metrics)


def expected(table: Any, labels: list[str], value: str) -> dict[tuple[str, ...], float]:
    """The same number by pandas; groups without any number are left out."""
    frame = pandas.DataFrame(table).reindex(columns=[*labels, value])
    frame[labels] = frame[labels].fillna("").astype(str)
    sums = frame.groupby(labels)[value].sum(min_count=1).dropna()
    return {key: float(total) for key, total in sums.items()}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_numbers_are_those_that_pandas_gets(engine: Engine, seed: int) -> None:
    estate = an_estate(seed)
    fill(engine, estate)
    snapshot = generate(engine)

    place = ["cloud", "account", "region"]
    instances = [
        row | {"one": 1, "bytes": row["instance_memory"] * GIB} for row in rows(estate, "sim_instance")
    ]
    running = [row for row in instances if row["instance_status"] == "running"]
    volumes = [
        row | {"one": 1, "bytes": math.nan if row.get("volume_size") is None else row["volume_size"] * GIB}
        for row in rows(estate, "sim_volume")
    ]
    of_type = [*place, "instance_type"]
    of_volume = [*place, "volume_type", "volume_status"]
    for name, table, labels, value in (
        ("instances_total", instances, [*of_type, "instance_status"], "one"),
        ("cores_total", running, of_type, "instance_cores"),
        ("memory_bytes", running, of_type, "bytes"),
        ("volumes_total", volumes, of_volume, "one"),
        ("volume_bytes", volumes, of_volume, "bytes"),
    ):
        assert values(family(snapshot, name)) == expected(table, labels, value), name
    assert values(family(snapshot, "accounts_total")) == {("sim",): 2}


def test_labels_have_the_names_people_know_and_missing_values_are_empty(engine: Engine) -> None:
    collect(engine, {scope(): [resource("v1"), resource("v2", properties={"volume_type": ""})]})
    (sample,) = family(generate(engine), "volumes_total").samples
    assert sample.labels == {"cloud": "sim", "account": "a1", "region": "r1", "type": "", "status": ""}
    assert sample.value == 2


@pytest.mark.parametrize(("function", "result"), [("sum", 5), ("count", 2), ("min", 2), ("max", 3)])
def test_a_missing_and_an_empty_value_are_one_series(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, function: str, result: float
) -> None:
    volumes = [
        resource("v1", properties={"volume_size": 2}),
        resource("v2", properties={"volume_size": 3, "volume_type": ""}),
    ]
    collect(engine, {scope(): volumes})
    define(monkeypatch, m=f"aggregate(volume_type: {function}(volume_size) as m): is(volume)")
    assert values(family(generate(engine), "m")) == {("",): result}


@contextmanager
def counting_scans(engine: Engine) -> Iterator[list[str]]:
    """The statements that look at resources, in a block."""
    scans: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "inventory.resources r" in statement and "EXISTS" not in statement:
            scans.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield scans
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_what_counts_the_same_is_measured_in_one_scan_and_what_there_is_nothing_of_in_none(
    engine: Engine,
) -> None:
    fill(engine, an_estate())
    with counting_scans(engine) as scans:
        snapshot = generate(engine)
    assert family(snapshot, "buckets_total").samples == ()
    assert sum(bool(family(snapshot, one.name).samples) for one in load_definitions(MetricsSettings())) == 6
    assert len(scans) == snapshot.scans == 3, "accounts, instances, volumes"


def test_all_metrics_are_of_one_state_of_the_inventory(engine: Engine) -> None:
    fill(engine, an_estate())
    with engine.connect() as connection:
        before = inventory_version(connection)
    changed = []

    def change(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "inventory.resources r" in statement and "EXISTS" not in statement and not changed:
            changed.append(True)
            collect(engine, {scope(): [resource("new")]}, "run-2")

    event.listen(engine, "before_cursor_execute", change)
    try:
        snapshot = generate(engine)
    finally:
        event.remove(engine, "before_cursor_execute", change)
    assert changed
    assert snapshot.inventory_version == before
    assert sum(values(family(snapshot, "volumes_total")).values()) == 80
    assert sum(values(family(generate(engine), "volumes_total")).values()) == 61


def test_a_metric_that_fails_keeps_its_last_values_and_says_so(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect(engine, {scope(): [resource("v1", properties={"volume_size": 7})]})
    good = "aggregate(kind: sum(1) as other): is(volume)"
    bad = "aggregate(kind: sum(volume_size / 0) as size): is(volume)"
    define(monkeypatch, size="aggregate(kind: sum(volume_size) as size): is(volume)", other=good)
    assert family(generate(engine), "size").error is None

    define(monkeypatch, size=bad, other=good)
    collect(engine, {scope(): [resource("v1", properties={"volume_size": 8}), resource("v2")]}, "run-2")
    for _ in range(2):  # and the next time again
        snapshot = generate(engine)
        assert family(snapshot, "size").error == "division by zero"
        assert values(family(snapshot, "size")) == {("sim_volume",): 7}
        assert family(snapshot, "other").error is None
        assert values(family(snapshot, "other")) == {("sim_volume",): 2}

    with engine.connect() as connection:
        assert latest_snapshot(connection) == snapshot
    assert generate_if_changed(engine, Settings()), "what failed is tried again though nothing has changed"


def test_a_metric_that_never_worked_has_no_values(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    collect(engine, {scope(): [resource("v1", properties={"volume_size": 7})]})
    define(monkeypatch, size="aggregate(kind: sum(volume_size / 0) as size): is(volume)")
    assert family(generate(engine), "size") == Family("size", "A test", "gauge", (), "division by zero")


def test_a_snapshot_is_read_back_as_it_was_generated(engine: Engine) -> None:
    with engine.connect() as connection:
        assert latest_snapshot(connection) is None
    fill(engine, an_estate())
    first, second = generate(engine), generate(engine)
    assert second.snapshot_id > first.snapshot_id
    with engine.connect() as connection:
        assert latest_snapshot(connection) == second
        assert latest_snapshot(connection, known=first.snapshot_id) == second
        assert latest_snapshot(connection, known=second.snapshot_id) is None


def of_inventory(snapshot: Snapshot) -> list[Family]:
    return [one for one in snapshot.families if one.name not in OF_WORKFLOW]


def test_the_inventory_is_measured_only_when_it_or_a_definition_has_changed(engine: Engine) -> None:
    estate = an_estate()
    fill(engine, estate)
    snapshot = generate(engine)

    def measured(**metrics: Any) -> bool:
        with counting_scans(engine) as scans:
            again = generate_if_changed(engine, Settings(metrics=MetricsSettings(**metrics)))
        assert bool(scans) == again
        return again

    assert not measured()
    with engine.connect() as connection:
        same = latest_snapshot(connection)
    assert same is not None
    assert of_inventory(same) == of_inventory(snapshot)
    assert same.generated_at > snapshot.generated_at
    assert same.measured_at == snapshot.measured_at
    fill(engine, estate, "run-2")  # nothing has changed
    assert not measured()
    assert measured(max_series=3)
    assert measured(definitions={"volumes_total": {"enabled": False}})
    assert measured()
    Inventory(engine, Author("person", "me")).protect("is(volume)", "why not")
    assert measured()
    assert not measured()
    collect(engine, {scope(): [resource("new")]}, "run-3")
    assert measured()


def test_old_snapshots_are_dropped(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generating, "KEPT_SNAPSHOTS", 3)
    ids = [generate(engine).snapshot_id for _ in range(5)]
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT snapshot_id FROM inventory.metrics ORDER BY 1")).scalars()
        assert list(kept) == ids[-3:]
