import re
from pathlib import Path

import pytest
import yaml

from resoto_dagster.errors import ConfigError
from resoto_dagster.inventory.search import query as query_module
from resoto_dagster.inventory.search.parse import parse_search
from resoto_dagster.inventory.search.query import IsKind, Predicate
from resoto_dagster.metrics import definitions
from resoto_dagster.metrics.definitions import definitions_version, load_definitions, parse_definitions
from resoto_dagster.model.base_kinds import BASE_KINDS, properties_of

DEFAULTS = Path(definitions.__file__).with_name("default_metrics.yaml")
SEARCHES = {name: one["search"] for name, one in yaml.safe_load(DEFAULTS.read_text()).items()}
GOOD = "aggregate(kind: sum(1) as things): all"


def definition(**changes: object) -> str:
    fields = {"help": "Things", "type": "gauge", "search": GOOD, **changes}
    return "things:\n" + "".join(
        f"  {key}: '{value}'\n" for key, value in fields.items() if value is not None
    )


def test_the_default_metrics_are_those_people_know() -> None:
    names = {metric.name for metric in load_definitions()}
    assert len(names) == 44
    assert names >= {
        "accounts_total",
        "instances_total",
        "cores_total",
        "memory_bytes",
        "volumes_total",
        "volume_bytes",
        "buckets_total",
        "databases_bytes",
        "reserved_instances_total",
    }


@pytest.mark.parametrize(("name", "search"), SEARCHES.items())
def test_a_default_metric_asks_for_base_kinds_and_what_they_promise(name: str, search: str) -> None:
    query = parse_search(search)
    (kinds,) = (term.kinds for term in query.terms if isinstance(term, IsKind))
    assert set(kinds) <= set(BASE_KINDS)
    assert query.aggregate is not None
    used = [
        *(group.path for group in query.aggregate.groups),
        *(function.operand for function in query.aggregate.functions),
        *(term.path for term in query.terms if isinstance(term, Predicate)),
    ]
    own = {path.steps[0] for path in used if isinstance(path, query_module.Path) and not path.rooted}
    assert own <= properties_of(kinds)


def test_a_definition_gives_labels_and_a_statement() -> None:
    (metric,) = parse_definitions(
        definition(search="aggregate(kind, tags.owner as owner: max(size) as things): is(volume)"), "m.yaml"
    )
    assert (metric.labels, metric.function, metric.kinds) == (("kind", "owner"), "max", {"volume"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("things: [", "m.yaml, line 1: not valid YAML"),
        ("- things", "m.yaml: Input should be a valid dict"),
        (definition(help=None), "m.yaml: things.help: Field required"),
        (definition(help="  "), "m.yaml: things.help: String should have at least 1 character"),
        (definition(type="counter"), "m.yaml: things.type: Input should be 'gauge'"),
        (definition(labels="kind"), "m.yaml: things.labels: Extra inputs are not permitted"),
        (definition(search="is(volume"), "m.yaml: things: line 1, column 10: expected"),
        (definition(search="is(volume)"), "m.yaml: things: its search must aggregate"),
        (definition(search=f"{GOOD} | head 3"), "| head 3 can't follow: a metric takes all groups"),
        (definition(search="is(volume) | count"), "| count can't follow: a metric takes all groups"),
        (definition(search="aggregate(kind: sum(1) as other): all"), "named like the metric: … as things"),
        (definition(search="aggregate(kind: sum(1) as things, max(size) as x): all"), "must give one value"),
        (definition(search="aggregate(kind: avg(size) as things): all"), "averages can't be summed up"),
        (definition(search="aggregate(kind, tags.kind: sum(1) as things): all"), "'kind' stands twice"),
        (definition(search="aggregate(tags.`a b`: sum(1) as things): all"), "label 'a b' has other than"),
        (definition(search="aggregate(/nowhere.x: sum(1) as things): all"), "unknown section /nowhere.x"),
        (definition().replace("things:\n", "Things:\n"), "m.yaml: Things: a metric's name has small letters"),
    ],
)
def test_a_bad_definition_is_refused_in_words(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        parse_definitions(text, "m.yaml")


def test_the_version_is_a_hash_that_is_the_same_every_time() -> None:
    assert re.fullmatch("[0-9a-f]{32}", definitions_version())
    assert definitions_version() == definitions_version.__wrapped__()
