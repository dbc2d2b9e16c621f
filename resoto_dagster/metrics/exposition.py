"""Metrics as bytes, in the formats that scrapers ask for: rendered and compressed once, sent often."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum

from prometheus_client import Metric, generate_latest
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS_TYPE
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from resoto_dagster.metrics.definitions import PREFIX
from resoto_dagster.metrics.generate import Snapshot

GENERATED = f"{PREFIX}metrics_generated_timestamp_seconds"
STALE = f"{PREFIX}metric_stale"

_END = b"# EOF\n"
_GZIP = 31  # zlib's number for a window of 32 kB in gzip's wrapping


class Format(Enum):
    """A format of the exposition, by the type of its content."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = OPENMETRICS_TYPE


class Families(Collector):
    """Metrics that are there already, as prometheus_client asks for them."""

    def __init__(self, metrics: Iterable[Metric]):
        self._metrics = tuple(metrics)

    def collect(self) -> Sequence[Metric]:
        """All of them."""
        return self._metrics


_ENCODE: dict[Format, Callable[[Collector], bytes]] = {
    Format.TEXT: generate_latest,
    Format.OPENMETRICS: generate_openmetrics,
}


class Exposition:
    """Metrics in one format, to which the few that change from scrape to scrape are added when it is sent."""

    def __init__(self, format_: Format, metrics: Iterable[Metric]):
        self.format = format_
        self._plain = _ENCODE[format_](Families(metrics)).removesuffix(_END)
        self._packer = zlib.compressobj(wbits=_GZIP)
        # Flushed, so that what is added later needs nothing of this to be packed again.
        self._packed = self._packer.compress(self._plain) + self._packer.flush(zlib.Z_SYNC_FLUSH)

    def parts(self, more: Iterable[Metric], gzip: bool) -> tuple[bytes, bytes]:
        """The whole exposition in two parts, to be sent one after the other."""
        added = _ENCODE[self.format](Families(more))
        if not gzip:
            return self._plain, added
        packer = self._packer.copy()
        return self._packed, packer.compress(added) + packer.flush()


def render(snapshot: Snapshot | None) -> dict[Format, Exposition]:
    """A snapshot in all formats."""
    metrics = tuple(_metrics(snapshot))
    return {format_: Exposition(format_, metrics) for format_ in Format}


def _metrics(snapshot: Snapshot | None) -> Iterator[Metric]:
    if snapshot is None:
        why = "No metrics have been generated yet; the step generate_metrics of the workflow does that."
        yield Metric(GENERATED, why, "gauge")
    else:
        yield from snapshot_metrics(snapshot)


def snapshot_metrics(snapshot: Snapshot) -> Iterator[Metric]:
    """The snapshot's metrics, when they were generated, and which of them are stale.

    Gauges whose names end with _total are said to be of no known type: the names are those that people have
    on their dashboards, and to Prometheus a gauge of such a name is a mistake.
    """
    yield gauge(GENERATED, "When these metrics were generated.", snapshot.generated_at.timestamp())
    stale = Metric(STALE, "1 if a metric could not be generated and shows its last value.", "gauge")
    for family in snapshot.families:
        stale.add_sample(STALE, {"metric": family.name}, int(family.error is not None))
    yield stale
    for family in snapshot.families:
        name = PREFIX + family.name
        if family.type == "counter":  # prometheus_client adds the _total to the name of the family itself
            metric = Metric(name.removesuffix("_total"), family.help, "counter")
        else:
            metric = Metric(name, family.help, "unknown" if name.endswith("_total") else family.type)
        for sample in family.samples:
            metric.add_sample(name, sample.labels, sample.value)
        yield metric


def gauge(name: str, help_: str, value: float) -> Metric:
    """A gauge with one value and no labels."""
    metric = Metric(name, help_, "gauge")
    metric.add_sample(name, {}, value)
    return metric


def choose_format(accept: str | None) -> Format:
    """The format that an Accept header wants; plain text when it wants nothing that there is."""
    wanted = {Format.TEXT: 0.0, Format.OPENMETRICS: 0.0}
    for name, parameters, weight in _choices(accept):
        if name == "application/openmetrics-text" and parameters.get("version", "1.0.0") == "1.0.0":
            wanted[Format.OPENMETRICS] = max(wanted[Format.OPENMETRICS], weight)
        elif name in ("text/plain", "text/*", "*/*"):
            wanted[Format.TEXT] = max(wanted[Format.TEXT], weight)
    openmetrics = wanted[Format.OPENMETRICS]
    return Format.OPENMETRICS if openmetrics and openmetrics >= wanted[Format.TEXT] else Format.TEXT


def wants_gzip(accept_encoding: str | None) -> bool:
    """Whether an Accept-Encoding header allows gzip."""
    weights = {name: weight for name, _, weight in _choices(accept_encoding)}
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _choices(header: str | None) -> Iterator[tuple[str, dict[str, str], float]]:
    """What a header lists: each with its parameters and its weight, 1 unless it says another one."""
    for choice in (header or "").split(","):
        name, *rest = (part.strip().lower() for part in choice.split(";"))
        parameters = {key.strip(): value.strip() for key, _, value in (one.partition("=") for one in rest)}
        yield name, parameters, _weight(parameters.get("q", "1"))


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
