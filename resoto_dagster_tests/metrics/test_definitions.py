import re
from pathlib import Path

import pytest
import yaml

from resoto_dagster.config import MetricsSettings
from resoto_dagster.errors import ConfigError
from resoto_dagster.inventory.search import query as query_module
from resoto_dagster.inventory.search.parse import parse_search
from resoto_dagster.inventory.search.query import IsKind, Predicate
from resoto_dagster.metrics import definitions
from resoto_dagster.metrics.definitions import definitions_version, load_definitions, parse_definitions
from resoto_dagster.model.base_kinds import BASE_KINDS, properties_of
from resoto_dagster.settings_file import parse_settings

DEFAULTS = Path(definitions.__file__).with_name("default_metrics.yaml")
SEARCHES = {name: one["search"] for name, one in yaml.safe_load(DEFAULTS.read_text()).items()}
GOOD = "aggregate(kind: sum(1) as things): all"


def definition(**changes: object) -> str:
    fields = {"help": "Things", "type": "gauge", "search": GOOD, **changes}
    return "things:\n" + "".join(
        f"  {key}: '{value}'\n" for key, value in fields.items() if value is not None
    )


def test_the_default_metrics_are_those_people_know() -> None:
    names = {metric.name for metric in load_definitions(MetricsSettings())}
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


def settings(**definitions: dict[str, object]) -> MetricsSettings:
    return MetricsSettings(definitions=definitions)


def test_the_settings_add_change_and_switch_off_metrics() -> None:
    own = "aggregate(tags.owner as owner: sum(1) as owned_total): is(volume)"
    metrics = {
        metric.name: metric
        for metric in load_definitions(
            settings(
                owned_total={"help": "By owner", "search": own, "max_series": 7},
                volumes_total={"help": "Disks"},
                users_total={"enabled": False},
                roles_total={"search": "aggregate(kind: sum(1) as roles_total): is(role)"},
            )
        )
    }
    assert len(metrics) == 44
    assert "users_total" not in metrics
    assert (metrics["owned_total"].labels, metrics["owned_total"].max_series) == (("owner",), 7)
    assert metrics["volumes_total"].help == "Disks"
    assert metrics["volumes_total"].labels == ("cloud", "account", "region", "type", "status")
    assert (metrics["roles_total"].help, metrics["roles_total"].labels) == ("Number of Roles", ("kind",))


@pytest.mark.parametrize(
    ("yaml_text", "told"),
    [
        (
            "volume_total: {enabled: false}",
            "{}volume_total: there is no metric 'volume_total' to switch off",
        ),
        ("volume_total: {enabled: false}", "did you mean 'volumes_total'?"),
        ("volume_total: {help: x}", "and a new one needs a search; did you mean 'volumes_total'?"),
        ("odd: {help: x}", "needs a search; docs/reference/metrics.md lists them all"),
        ("odd: {search: 'aggregate(sum(1) as odd): all'}", "3: {}odd: a new metric needs a help"),
        ("odd: {serch: x}", "3: {}odd.serch: unknown key 'serch'; did you mean 'search'?"),
        ("Odd: {help: x}", "expected a name of small letters"),
        ("odd: {help: x, search: 'is(volume'}", "3: {}odd.search: line 1, column 10: expected"),
        ("odd: {help: x, search: 'is(volume)'}", "3: {}odd.search: its search must aggregate"),
        ("odd: {help: x, search: 'aggregate(sum(1) as even): all'}", "named like the metric: … as odd"),
        ("odd: {help: x, type: counter}", "odd.type: Input should be 'gauge'"),
        ("odd: {help: x, max_series: 0}", "odd.max_series: Input should be greater than or equal to 1"),
        ("resoto_odd: {help: x}", "resoto_ is put before every name; call it 'odd'"),
        ("scopes: {help: x}", "a metric about the workflow or the exporter has that name"),
        ("exporter_up: {help: x}", "a metric about the workflow or the exporter has that name"),
        (
            "odd: {help: x, search: 'aggregate(a, b, c, d, e, f, g, h, i: sum(1) as odd): all'}",
            "9 labels are too many, a metric has 8 at most",
        ),
    ],
)
def test_a_mistake_in_the_settings_is_told_with_its_line(yaml_text: str, told: str) -> None:
    text = f"metrics:\n  definitions:\n    {yaml_text}\n"
    with pytest.raises(ConfigError, match=re.escape(told.format("metrics.definitions."))) as raised:
        parse_settings(text, "resoto.yaml")
    assert str(raised.value).startswith("resoto.yaml, line 3: metrics.definitions")


def test_a_kind_that_no_provider_has_is_told_with_what_was_meant() -> None:
    search = "aggregate(sum(1) as odd): is(volum)"
    text = f"providers: {{aws: {{}}}}\nmetrics:\n  definitions:\n    odd: {{help: x, search: '{search}'}}\n"
    with pytest.raises(ConfigError, match=r"line 4: .*unknown kind 'volum'; did you mean 'volume'"):
        parse_settings(text, "resoto.yaml")
    right = text.replace("volum)", "aws_ec2_volume)")
    assert "odd" in parse_settings(right, "resoto.yaml").metrics.definitions


def test_the_version_is_the_same_every_time_and_covers_what_is_ones_own() -> None:
    plain = definitions_version(MetricsSettings())
    assert re.fullmatch("[0-9a-f]{32}", plain)
    assert definitions_version(MetricsSettings(port=1)) == plain
    others = [
        MetricsSettings(max_series=5),
        settings(users_total={"enabled": False}),
        settings(users_total={"help": "People"}),
        settings(users_total={"help": "People", "max_series": 3}),
    ]
    assert len({plain, *map(definitions_version, others)}) == 5
