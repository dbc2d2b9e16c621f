"""The default metrics are those that people know, and give what pandas gets from a plain list of resources.

`default_metrics.csv` has what each counts in words; it is read here by other means than the searches are.
"""

import csv
import random
import re
from pathlib import Path
from typing import Any

import pandas
import pytest
import yaml
from sqlalchemy import Engine

from resoto_dagster.config import MetricsSettings
from resoto_dagster.inventory.collecting import register_kinds
from resoto_dagster.metrics import definitions
from resoto_dagster.metrics.definitions import load_definitions
from resoto_dagster.metrics.generate import generate
from resoto_dagster.model.kind import Kind
from resoto_dagster.model.resource import GLOBAL, Edge, EdgeType, Resource, Scope
from resoto_dagster_tests.estate import collect, no_properties, scope

DEFAULTS = Path(definitions.__file__).with_name("default_metrics.yaml")
_WORDS = Path(__file__).with_name("default_metrics.csv").read_text(encoding="utf-8")
KNOWN = {row["metric"]: row for row in csv.DictReader(_WORDS.splitlines())}
PLACES = {"cloud", "account", "region"}
NUMBERS = ("quota", "reservations", "instance_cores", "instance_memory", "volume_size")
TEXTS = {
    "access_key_status": ("Active", "Inactive"),
    "db_type": ("postgres", "mysql"),
    "instance_status": ("running", "stopped"),
    "instance_type": ("small", "large"),
    "lb_type": ("application", "network"),
    "network_interface_status": ("in-use", "available"),
    "quota_type": ("standard", "spot"),
    "snapshot_status": ("completed", "pending"),
    "volume_status": ("in-use", "available"),
    "volume_type": ("gp3", "io2"),
}
TYPES = {"instance": "instance_type", "volume": "volume_type"}


def labels_of(known: dict[str, str]) -> dict[str, str]:
    """By the name of a label the property that it shows."""
    pairs = (one.partition(" as ") for one in known["labels"].split(" + "))
    return {name or path: path for path, _, name in pairs}


def test_the_default_metrics_are_those_that_people_know() -> None:
    written = yaml.safe_load(DEFAULTS.read_text())
    assert list(written) == list(KNOWN)
    assert len(written) == 44
    for name, known in KNOWN.items():
        groups = ", ".join(
            f"/ancestors.{path}.reported.name as {label}" if path in PLACES else f"{path} as {label}"
            for label, path in labels_of(known).items()
        )
        search = f"aggregate( {groups}: {known['value']} as {name} ): {known['of']}"
        assert " ".join(written[name]["search"].split()) == search
        assert (written[name]["help"], written[name]["type"]) == (known["help"], "gauge")


def an_estate(seed: int) -> tuple[dict[Scope, list[Resource]], list[dict[str, Any]]]:
    """Resources of all base kinds that are counted, two kinds of each, and the plain list of them."""
    rng = random.Random(seed)
    bases = sorted({re.search(r"is\((\w+)\)", known["of"])[1] for known in KNOWN.values()})  # type: ignore[index]
    estate: dict[Scope, list[Resource]] = {}
    table: list[dict[str, Any]] = []
    for account in ("a1", "a2", "a3"):
        name = rng.choice(["production", "Entwicklung ä", ""])
        account_scope = scope("sim_account", GLOBAL, account)
        estate[account_scope] = [Resource("sim_account", account, name or account, GLOBAL)]
        table.append({"base": "account", "cloud": "sim"})
        costs: dict[str, float | None] = {}
        # what others have above them comes first
        for base in sorted(set(bases) - {"account"}, key=lambda one: (one not in TYPES.values(), one)):
            for kind in (f"sim_{base}", f"sim_other_{base}"):
                made = []
                for number in range(rng.randrange(7)):
                    properties = _properties(rng)
                    edges: tuple[Edge, ...] = ()
                    cost = None
                    if base in TYPES.values():
                        own = properties.get("ondemand_cost")
                        costs[f"{kind}-{number}"] = own
                    above = [one for one in costs if one.startswith(f"sim_{TYPES.get(base)}-")]
                    if above and rng.random() < 0.8:
                        which = rng.choice(above)
                        cost = costs[which]
                        parent = which.rpartition("-")[0]
                        edges = (Edge(EdgeType.DEFAULT, outgoing=False, kind=parent, value=which),)
                    made.append(
                        Resource(
                            kind,
                            f"{kind}-{number}",
                            f"{number}",
                            rng.choice(["r1", "r2"]),
                            properties=properties,
                            edges=edges,
                        )
                    )
                    place = {"cloud": "sim", "account": name or account, "region": made[-1].region}
                    table.append({**properties, **place, "base": base, "above": cost})
                estate[scope(kind, "r1", account)] = made
    return estate, table


def _properties(rng: random.Random) -> dict[str, Any]:
    """Each property is there, is null, or is missing; a number may be a text for once."""
    properties: dict[str, Any] = {name: rng.choice([*values, None, ""]) for name, values in TEXTS.items()}
    properties |= {name: rng.choice([0, 1, 2.5, 300, -1, None, "much"]) for name in NUMBERS}
    properties["ondemand_cost"] = rng.choice([0.5, 0.125, 3, None])
    return {name: value for name, value in properties.items() if rng.random() < 0.8}


def expected(table: list[dict[str, Any]], known: dict[str, str]) -> dict[tuple[str, ...], float]:
    """The metric as pandas computes it; groups without any number are none."""
    labels = labels_of(known)
    columns = ["base", "above", *PLACES, *TEXTS, *NUMBERS]
    frame = pandas.DataFrame(table).reindex(columns=columns)
    for name in (*NUMBERS, "above"):
        frame[name] = pandas.to_numeric(frame[name], errors="coerce")
    base, *conditions = known["of"].split(" and ")
    frame = frame[frame["base"] == base.removeprefix("is(").removesuffix(")")]
    for condition in conditions:
        frame = frame.query(condition.replace("== running", '== "running"'))
    value = known["value"].removeprefix("sum(").removesuffix(")")
    value = re.sub(r"/ancestors\.\w+\.reported\.ondemand_cost", "above", value)
    frame = frame.assign(value=1.0 if value == "1" else frame.eval(value))
    paths = list(dict.fromkeys(labels.values()))
    frame[paths] = frame[paths].fillna("").astype(str)
    sums = frame.groupby(paths, as_index=False)["value"].sum(min_count=1).dropna()
    return {tuple(str(row[path]) for path in labels.values()): row["value"] for _, row in sums.iterrows()}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_numbers_are_those_that_pandas_gets(engine: Engine, seed: int) -> None:
    estate, table = an_estate(seed)
    kinds = {
        one.kind: Kind(
            name=one.kind,
            description=one.kind,
            bases=(one.kind.removeprefix("sim_").removeprefix("other_"),),
        )
        for one in estate
    }
    with engine.begin() as connection:
        register_kinds(connection, "sim", kinds, list(kinds), "1", no_properties)
    collect(engine, estate)
    families = {one.name: one for one in generate(engine).families}
    assert set(KNOWN) == {metric.name for metric in load_definitions(MetricsSettings())}
    for name, known in KNOWN.items():
        assert families[name].error is None
        found = {tuple(sample.labels.values()): sample.value for sample in families[name].samples}
        assert all(list(sample.labels) == list(labels_of(known)) for sample in families[name].samples)
        assert found == pytest.approx(expected(table, known)), name
    assert sum(bool(families[name].samples) for name in KNOWN) >= 40
