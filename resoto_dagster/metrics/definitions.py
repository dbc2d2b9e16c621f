"""What is measured: metrics defined by searches in `default_metrics.yaml`, checked when they are loaded."""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from resoto_dagster.errors import ConfigError
from resoto_dagster.inventory.search.compile import compile_aggregate
from resoto_dagster.inventory.search.parse import SearchError, parse_search
from resoto_dagster.inventory.search.query import Aggregate, IsKind, Query

_FILE = Path(__file__).with_name("default_metrics.yaml")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class MetricDefinition(BaseModel):
    """A metric as it is written down; its name is the key it stands under."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    help: _Text
    type: Literal["gauge"]
    search: _Text


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that can be measured: a search that gives a row a group, the groups' values first.

    `function` says how two values of the same labels become one. `kinds` are what its resources must be
    one of; None when any will do.
    """

    name: str
    help: str
    type: str
    labels: tuple[str, ...]
    function: Literal["sum", "min", "max", "count"]
    kinds: frozenset[str] | None
    query: Query


def parse_definitions(text: str, file: str) -> tuple[Metric, ...]:
    """The metrics of a YAML text. Raises ConfigError that names the file and the metric."""
    try:
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{file}, line {line}: not valid YAML: {error.problem or error.context}") from None
    try:
        definitions = TypeAdapter(dict[str, MetricDefinition]).validate_python(data)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, problem["loc"]))
        raise ConfigError(f"{file}: {place + ': ' if place else ''}{problem['msg']}") from None
    metrics = []
    for name, definition in definitions.items():
        try:
            metrics.append(_metric(name, definition))
        except (SearchError, ValueError) as error:
            raise ConfigError(f"{file}: {name}: {error}") from None
    return tuple(metrics)


def _metric(name: str, definition: MetricDefinition) -> Metric:
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
    return Metric(name, definition.help, definition.type, labels, function, _kinds(query), query)


def _labels(aggregate: Aggregate) -> tuple[str, ...]:
    labels = tuple(group.name for group in aggregate.groups)
    for label in labels:
        if not _NAME.fullmatch(label):
            raise ValueError(f"label {label!r} has other than small letters, digits and _; name it with as")
        if labels.count(label) > 1:
            raise ValueError(f"label {label!r} stands twice; name one of them with as")
    return labels


def _kinds(query: Query) -> frozenset[str] | None:
    named: list[Any] = [term.kinds for term in query.terms if isinstance(term, IsKind)]
    return frozenset(named[0]) if named else None


@cache
def load_definitions() -> tuple[Metric, ...]:
    """The metrics that are generated. Raises ConfigError."""
    return parse_definitions(_FILE.read_text(), _FILE.name)


@cache
def definitions_version() -> str:
    """A hash of the definitions: equal text, equal version."""
    return hashlib.blake2b(_FILE.read_bytes(), digest_size=16).hexdigest()
