"""Many metrics in few scans: each must give what its own search gives, whatever it is measured with."""

import random
from typing import Any

import pytest
from sqlalchemy import Engine, text

from resoto_dagster.config import MetricsSettings
from resoto_dagster.inventory.collecting import register_kinds
from resoto_dagster.inventory.inventory import Inventory
from resoto_dagster.inventory.marks import Author
from resoto_dagster.metrics.definitions import Metric, load_definitions
from resoto_dagster.metrics.families import Family
from resoto_dagster.metrics.measure import Measured, measure
from resoto_dagster.model.kind import Kind
from resoto_dagster.model.resource import GLOBAL, Edge, EdgeType, Resource, Scope
from resoto_dagster_tests.estate import collect, no_properties, resource, scope

MANY = 10_000


def metrics(*searches: str, **limits: int) -> tuple[Metric, ...]:
    """Metrics m0, m1, … of searches in which {} stands for the name."""
    definitions = {
        f"m{number}": {"help": "A test", "search": search.replace("{}", f"m{number}")}
        for number, search in enumerate(searches)
    }
    for name, limit in limits.items():
        definitions[name]["max_series"] = limit  # type: ignore[assignment]
    every = load_definitions(MetricsSettings(definitions=definitions))
    return tuple(metric for metric in every if metric.name in definitions)


def measured(engine: Engine, which: tuple[Metric, ...], max_series: int = MANY) -> Measured:
    with engine.begin() as connection:
        return measure(connection, which, max_series, {})


def values(family: Family) -> dict[tuple[str, ...], float]:
    found = {tuple(sample.labels.values()): sample.value for sample in family.samples}
    assert len(found) == len(family.samples)
    return found


def searched(engine: Engine, metric: Metric) -> dict[tuple[str, ...], float]:
    """What the metric's search gives a user who asks for it, missing labels and empty ones together."""
    found: dict[tuple[str, ...], list[float]] = {}
    for row in Inventory(engine, Author("person", "me")).rows(str(metric.query)):
        *labels, value = row.values()
        if value is not None:
            found.setdefault(tuple("" if label is None else str(label) for label in labels), []).append(
                float(value)
            )
    united = {"sum": sum, "count": sum, "min": min, "max": max}[metric.function]
    return {labels: united(those) for labels, those in found.items()}


@pytest.fixture
def priced(engine: Engine) -> Engine:
    """Instances and volumes of four sizes, with and without a type above them.

    Of the volumes some have two types, some have one only further up, and some have one without a price.
    """
    kinds = {
        f"sim_{base}": Kind(name=f"sim_{base}", description=base, bases=(base,))
        for base in ("instance_type", "volume_type", "bucket", "role", "snapshot")
    }
    with engine.begin() as connection:
        register_kinds(connection, "sim", kinds, list(kinds), "1", no_properties)
    rng = random.Random(7)
    collected: dict[Scope, list[Resource]] = {}
    for account in ("a1", "a2"):
        collected[scope("sim_volume_type", "r1", account)] = [
            resource(f"type-{n}", "sim_volume_type", properties={} if n == 3 else {"ondemand_cost": n + 0.25})
            for n in range(4)
        ]
        collected[scope("sim_instance", "r1", account)] = [
            resource(
                f"i-{n}",
                "sim_instance",
                properties={"instance_type": f"t{n % 3}", "instance_cores": n, "instance_status": "running"},
                edges=(_below("sim_volume_type", f"type-{n % 4}"),) if n % 2 else (),
            )
            for n in range(12)
        ]
        collected[scope("sim_volume", "r1", account)] = [
            resource(
                f"v-{n}",
                properties={
                    "volume_size": rng.choice([1, 2.5, None, "many", 2**60]),
                    "volume_type": rng.choice(["gp3", "", None]),
                    "volume_status": rng.choice(["in-use", "available"]),
                },
                edges=_types(n),
            )
            for n in range(60)
        ]
        for kind in ("sim_bucket", "sim_role", "sim_snapshot"):
            collected[scope(kind, "r1", account)] = [resource(f"{kind}-{n}", kind) for n in range(3)]
    collect(engine, collected)
    return engine


def _below(kind: str, id_: str) -> Edge:
    return Edge(EdgeType.DEFAULT, outgoing=False, kind=kind, value=id_)


def _types(number: int) -> tuple[Edge, ...]:
    own = _below("sim_volume_type", f"type-{number % 4}")
    another = _below("sim_volume_type", f"type-{(number + 1) % 4}")
    instance = _below("sim_instance", f"i-{number % 12}")
    return ((own,), (own, another), (instance,), (instance, own), ())[number % 5]


PLACE = "/ancestors.account.reported.name as account, /ancestors.region.reported.name as region"
COST = "/ancestors.volume_type.reported.ondemand_cost"


@pytest.mark.parametrize(
    ("searches", "scans"),
    [
        # the same resources, by finer and coarser groups, with and without conditions of their own
        (
            [
                f"aggregate({PLACE}, volume_type as t: sum(1) as {{}}): is(volume)",
                f"aggregate({PLACE}: sum(volume_size) as {{}}): is(volume)",
                "aggregate(volume_type as t: max(volume_size * 2 + 1) as {}): is(volume)",
                f"aggregate({PLACE}: min(volume_size) as {{}}): is(volume) and volume_status = available",
                "aggregate(sum(volume_size * 1024) as {}): is(volume) and volume_size > 1 and age > 1d",
                "aggregate(count(volume_size) as {}): is(volume) and volume_status = available",
                f"aggregate({PLACE}: count(volume_size) as {{}}): is(volume) and volume_status = nowhere",
            ],
            1,
        ),
        # other resources by the same groups
        (
            [
                f"aggregate({PLACE}: sum(1) as {{}}): is(bucket)",
                f"aggregate({PLACE}: sum(1) as {{}}): is(role)",
                f"aggregate({PLACE}: sum(1) as {{}}): is([volume, role])",
                f"aggregate({PLACE}: sum(1) as {{}}): all",
            ],
            1,
        ),
        # groups that are not among each other's
        (
            [
                "aggregate(volume_type as t: sum(1) as {}): is(volume)",
                "aggregate(volume_status as s: sum(1) as {}): is(volume)",
            ],
            2,
        ),
        # prices of neighbours, and then of those that are further away
        (
            [
                f"aggregate({PLACE}, volume_type as t: sum({COST}) as {{}}): is(volume)",
                f"aggregate({PLACE}: sum(1) as {{}}): is(volume)",
                f"aggregate(volume_type as t: max({COST}) as {{}}): is(volume) and volume_status = available",
            ],
            3,
        ),
        # none of which there is any
        (
            [f"aggregate({PLACE}: sum(/ancestors.instance_type.reported.ondemand_cost) as {{}}): is(volume)"],
            1,
        ),
        # more than single resources
        (
            [
                "aggregate(kind: sum(1) as {}): is(instance) -->",
                "aggregate(/ancestors.instance.reported.instance_type as t: sum(1) as {}): is(volume)",
                "aggregate(kind: sum(1) as {}): is(volume) with(any, <-- is(instance))",
                "aggregate(kind: sum(1) as {}): is(volume) limit 5",
            ],
            4,
        ),
        # a condition that excludes, values that are missing
        (
            [
                "aggregate(kind, tags.owner as o: sum(1) as {}): is(volume) and not volume_type = gp3",
                "aggregate(kind, tags.owner as o: sum(volume_size) as {}): is(volume) and volume_size = null",
            ],
            1,
        ),
    ],
)
def test_metrics_that_are_measured_together_are_what_each_search_gives(
    priced: Engine, searches: list[str], scans: int
) -> None:
    which = metrics(*searches)
    result = measured(priced, which)
    for metric, family in zip(which, result.families, strict=True):
        assert family.error is None
        assert values(family) == pytest.approx(searched(priced, metric)), str(metric.query)
    assert result.scans == scans


def test_of_too_many_series_the_largest_stay_and_equal_ones_by_their_labels(engine: Engine) -> None:
    sizes = {"a": 5, "b": 9, "c": 5, "d": 1, "e": 5, "é": 5}
    volumes = [resource(name, properties={"volume_size": size}) for name, size in sizes.items()]
    collect(engine, {scope(): volumes})
    alone = "aggregate(name: sum(volume_size) as {}): is(volume)"
    for which in (
        metrics(alone),
        metrics(alone, "aggregate(name, kind: max(volume_size) as {}): is(volume)"),
    ):
        result = measured(engine, which, max_series=3)
        family = result.families[0]
        assert values(family) == {("b",): 9, ("a",): 5, ("c",): 5}
        assert family.dropped == 3
        assert [sample.labels["name"] for sample in family.samples] == ["a", "b", "c"]
    (family,) = measured(engine, metrics(alone, m0=5), max_series=3).families
    assert (len(family.samples), family.dropped) == (5, 1)
    assert values(family).keys() == {("a",), ("b",), ("c",), ("e",), ("é",)}


def test_one_that_fails_takes_none_of_those_along_that_it_would_be_measured_with(engine: Engine) -> None:
    collect(engine, {scope(): [resource("v1", properties={"volume_size": 7})]})
    which = metrics(
        "aggregate(kind: sum(volume_size) as {}): is(volume)",
        "aggregate(kind: sum(volume_size / 0) as {}): is(volume)",
        "aggregate(kind: sum(1) as {}): is(volume)",
        "aggregate(kind: sum(1) as {}): is(sim_vilume)",
    )
    good, bad, other, unknown = measured(engine, which).families
    assert values(good) == {("sim_volume",): 7}
    assert values(other) == {("sim_volume",): 1}
    assert (bad.samples, bad.error) == ((), "division by zero")
    assert unknown.error is not None
    assert unknown.error.endswith("unknown kind sim_vilume; did you mean sim_volume?")


def test_labels_are_texts_whatever_is_grouped_by(engine: Engine) -> None:
    collect(engine, {scope(): [resource("v1", properties={"volume_size": 7, "encrypted": False})]})
    Inventory(engine, Author("person", "me")).protect("is(volume)", "why not")
    which = metrics(
        "aggregate(/metadata.protected as protected: sum(1) as {}): is(volume)",
        "aggregate(encrypted, volume_size: sum(1) as {}): is(volume)",
    )
    protected, properties = measured(engine, which).families
    assert values(protected) == {("true",): 1}
    assert values(properties) == {("false", "7"): 1}


def test_two_accounts_of_one_name_are_one_series(engine: Engine) -> None:
    places: dict[Scope, list[Resource]] = {}
    for account in ("a1", "a2"):
        places[scope("sim_account", GLOBAL, account)] = [
            resource(account, "sim_account", GLOBAL, name="twin")
        ]
        places[scope("sim_volume", "r1", account)] = [resource("v1", properties={"volume_size": 2})]
    collect(engine, places)
    which = metrics(
        "aggregate(/ancestors.account.reported.name as account: sum(volume_size) as {}): is(volume)",
        "aggregate(/ancestors.account.reported.name as account: min(volume_size) as {}): is(volume)",
    )
    total, least = measured(engine, which).families
    assert values(total) == {("twin",): 4}
    assert values(least) == {("twin",): 2}


def test_the_default_metrics_need_no_more_scans_than_they_have_sorts_of_groups(engine: Engine) -> None:
    """With something of every base kind: eleven ways to group, and a look for types that are further away."""
    which = load_definitions(MetricsSettings())
    bases = sorted({kind for metric in which for kind in metric.kinds or ()})
    kinds = {f"sim_{base}": Kind(name=f"sim_{base}", description=base, bases=(base,)) for base in bases}
    with engine.begin() as connection:
        register_kinds(connection, "sim", kinds, list(kinds), "1", no_properties)
        connection.execute(text("ANALYZE inventory.kinds"))
    collect(engine, {scope(kind): [resource("one", kind)] for kind in kinds})
    result = measured(engine, which)
    assert result.scans == 12
    assert all(family.error is None for family in result.families)
    counted: list[Any] = [family.name for family in result.families if family.samples]
    assert len(counted) == 34, "the others add up properties that nobody reports"
