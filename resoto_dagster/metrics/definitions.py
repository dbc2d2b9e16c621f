"""What is measured: the metrics of `default_metrics.yaml` and those of the settings, checked when loaded."""

import difflib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import orjson
import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from resoto_dagster.config import MetricSettings, MetricsSettings
from resoto_dagster.errors import ConfigError
from resoto_dagster.inventory.search.compile import compile_aggregate
from resoto_dagster.inventory.search.parse import SearchError, parse_search
from resoto_dagster.inventory.search.query import Aggregate, IsKind, Query
from resoto_dagster.metrics.workflow_metrics import OF_WORKFLOW

PREFIX = "resoto_"
"""What the names of all metrics begin with where they are exported."""
MOST_LABELS = 8
_FILE = Path(__file__).with_name("default_metrics.yaml")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TAKEN = frozenset(OF_WORKFLOW) | {"metrics_generated_timestamp_seconds", "metric_stale"}
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class MetricDefinition(BaseModel):
    """A metric as it is written down; its name is the key it stands under."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    help: _Text
    type: Literal["gauge"]
    search: _Text


class Mistake(Exception):
    """What is wrong with a metric of the settings; `place` is the way to it below the definitions."""

    def __init__(self, text: str, *place: str):
        self.place = place
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that can be measured: a search that gives a row a group, the groups' values first.

    `function` says how two values of the same labels become one. `kinds` are what its resources must be
    one of; None when any will do. `max_series` is None where it has as many as any other at most.
    """

    name: str
    help: str
    type: str
    labels: tuple[str, ...]
    function: Literal["sum", "min", "max", "count"]
    kinds: frozenset[str] | None
    query: Query
    max_series: int | None = None


def parse_definitions(text: str, file: str) -> tuple[Metric, ...]:
    """The metrics of a YAML text. Raises ConfigError that names the file and the metric."""
    metrics = []
    for name, definition in _read(text, file).items():
        try:
            metrics.append(_metric(name, definition))
        except (SearchError, ValueError) as error:
            raise ConfigError(f"{file}: {name}: {error}") from None
    return tuple(metrics)


def _read(text: str, file: str) -> Mapping[str, MetricDefinition]:
    try:
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{file}, line {line}: not valid YAML: {error.problem or error.context}") from None
    try:
        return TypeAdapter(dict[str, MetricDefinition]).validate_python(data)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, problem["loc"]))
        raise ConfigError(f"{file}: {place + ': ' if place else ''}{problem['msg']}") from None


def _metric(name: str, definition: MetricDefinition, max_series: int | None = None) -> Metric:
    query = parse_search(definition.search)
    if not _NAME.fullmatch(name):
        raise ValueError("a metric's name has small letters, digits and _ only, e.g. volumes_total")
    if query.pipes:
        raise ValueError(f"| {query.pipes[0]} can't follow: a metric takes all groups of its search")
    if query.aggregate is None:
        raise ValueError(f"its search must aggregate, e.g. aggregate(kind: sum(1) as {name}): all")
    labels = _labels(query.aggregate)
    if len(query.aggregate.functions) != 1 or query.aggregate.functions[0].as_name != name:
        raise ValueError(f"its search must give one value, named like the metric: … as {name}")
    function = query.aggregate.functions[0].name
    if function == "avg":
        raise ValueError("averages can't be summed up over labels; export a sum and a count instead")
    compile_aggregate(query, kinds={})  # what can't be asked is told now
    return Metric(name, definition.help, definition.type, labels, function, _kinds(query), query, max_series)


def _labels(aggregate: Aggregate) -> tuple[str, ...]:
    labels = tuple(group.name for group in aggregate.groups)
    for label in labels:
        if not _NAME.fullmatch(label):
            raise ValueError(f"label {label!r} has other than small letters, digits and _; name it with as")
        if labels.count(label) > 1:
            raise ValueError(f"label {label!r} stands twice; name one of them with as")
    if len(labels) > MOST_LABELS:
        raise ValueError(f"{len(labels)} labels are too many, a metric has {MOST_LABELS} at most")
    return labels


def _kinds(query: Query) -> frozenset[str] | None:
    named = [term.kinds for term in query.terms if isinstance(term, IsKind)]
    return frozenset(named[0]) if named else None


@cache
def _default_definitions() -> Mapping[str, MetricDefinition]:
    return _read(_FILE.read_text(), _FILE.name)


@cache
def _default_metric(name: str) -> Metric:
    return _metric(name, _default_definitions()[name])


def own_metrics(settings: MetricsSettings) -> Mapping[str, Metric]:
    """The metrics that the settings add or change, by name. Raises Mistake."""
    return {
        name: _own(name, own, _default_definitions().get(name))
        for name, own in settings.definitions.items()
        if _is_on(name, own)
    }


def _is_on(name: str, own: MetricSettings) -> bool:
    if own.enabled:
        return True
    if name not in _default_definitions() and own.search is None:
        raise Mistake(f"there is no metric {name!r} to switch off; {_meant(name)}", name)
    return False


def _own(name: str, own: MetricSettings, default: MetricDefinition | None) -> Metric:
    if name.startswith(PREFIX):
        raise Mistake(f"{PREFIX} is put before every name; call it {name.removeprefix(PREFIX)!r}", name)
    if name in _TAKEN or name.startswith("exporter_"):
        raise Mistake("a metric about the workflow or the exporter has that name; give it another one", name)
    changes = {key: getattr(own, key) for key in ("help", "type", "search") if getattr(own, key) is not None}
    if default is None:
        if own.search is None:
            raise Mistake(
                f"there is no metric {name!r} to change, and a new one needs a search; {_meant(name)}", name
            )
        if own.help is None:
            raise Mistake("a new metric needs a help, a line that says what it is", name)
        default = MetricDefinition(help=own.help, type="gauge", search=own.search)
    try:
        return _metric(name, default.model_copy(update=changes), own.max_series)
    except (SearchError, ValueError) as error:
        raise Mistake(str(error), name, *(("search",) if own.search is not None else ())) from None


def _meant(name: str) -> str:
    close = difflib.get_close_matches(name.removeprefix(PREFIX), _default_definitions(), n=1)
    return f"did you mean {close[0]!r}?" if close else "docs/reference/metrics.md lists them all"


def load_definitions(settings: MetricsSettings) -> tuple[Metric, ...]:
    """The metrics that are generated. Raises ConfigError."""
    try:
        own = own_metrics(settings)
    except Mistake as mistake:
        place = ".".join(("metrics", "definitions", *mistake.place))
        raise ConfigError(f"{place}: {mistake}") from None
    defaults = [
        own.get(name) or _default_metric(name)
        for name in _default_definitions()
        if name in own or name not in settings.definitions
    ]
    return (*defaults, *(metric for name, metric in own.items() if name not in _default_definitions()))


def definitions_version(settings: MetricsSettings) -> str:
    """A hash of what is measured: equal definitions and limits, equal version."""
    digest = hashlib.blake2b(_FILE.read_bytes(), digest_size=16)
    own = {name: one.model_dump() for name, one in settings.definitions.items()}
    digest.update(orjson.dumps([settings.max_series, own], option=orjson.OPT_SORT_KEYS))
    return digest.hexdigest()
