"""Measuring: what all metrics give on the inventory, in as few scans of it as their definitions allow.

Metrics that count the same resources, or group by the same values, are measured by one scan; a coarser one is
summed up from the groups of the finest. What asks for more than single resources is searched by itself.
"""

import heapq
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import add
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from resoto_dagster.inventory.search.compile import compile_aggregate
from resoto_dagster.inventory.search.errors import SearchError
from resoto_dagster.inventory.search.kinds import kinds_of
from resoto_dagster.inventory.search.query import Group
from resoto_dagster.inventory.search.scan import (
    Aggregation,
    Measure,
    aggregation_of,
    compile_farther,
    compile_scan,
)
from resoto_dagster.inventory.search.sql import Statement
from resoto_dagster.metrics.definitions import Metric
from resoto_dagster.metrics.families import Family, Sample
from resoto_dagster.model.base_kinds import BASE_KINDS

_log = logging.getLogger(__name__)
_MERGED: Mapping[str, Callable[[float, float], float]] = {"sum": add, "count": add, "min": min, "max": max}

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Member:
    """A metric in a scan, and the kinds it counts; None when it counts any."""

    metric: Metric
    aggregation: Aggregation
    kinds: frozenset[str] | None


@dataclass
class _Scan:
    """Metrics that are measured together, by the groups of the finest."""

    groups: tuple[Group, ...]
    of_kinds: frozenset[str] | None
    members: list[_Member]

    def takes(self, one: Aggregation) -> bool:
        """Whether one more may join: of the same resources and no finer, or just as fine and of others."""
        own, its = {group.path for group in self.groups}, {group.path for group in one.groups}
        inside = self.of_kinds is None or (one.kinds is not None and self.of_kinds >= set(one.kinds))
        return own == its or (inside and own >= its)

    def add(self, member: _Member) -> None:
        """Let a metric join."""
        self.members.append(member)
        of_kinds = member.aggregation.kinds
        self.of_kinds = None if self.of_kinds is None or of_kinds is None else self.of_kinds.union(of_kinds)


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured, and how many scans of the inventory that took."""

    families: tuple[Family, ...]
    scans: int


def measure(
    connection: Connection,
    metrics: Sequence[Metric],
    max_series: int,
    last_good: Mapping[str, Family],
) -> Measured:
    """All metrics, in their order. One whose search fails has its last good samples and says so."""
    return _Measuring(connection, max_series, last_good).all_of(metrics)


class _Measuring:
    def __init__(self, connection: Connection, max_series: int, last_good: Mapping[str, Family]):
        self._connection = connection
        self._max_series = max_series
        self._last_good = last_good
        self._present = _present_kinds(connection)
        self._absent_bases = BASE_KINDS.keys() - set().union(*self._present.values())
        self._kinds: dict[str, list[str]] = {}
        self._scans = 0

    def all_of(self, metrics: Sequence[Metric]) -> Measured:
        families: dict[str, Family] = {}
        alone: list[Metric] = []
        together: list[_Member] = []
        for metric in metrics:
            if metric.kinds is not None and metric.kinds <= self._absent_bases:
                families[metric.name] = _empty(metric)
                continue
            try:
                kinds = kinds_of(self._connection, metric.query)
            except SearchError as error:
                families[metric.name] = self._failed(metric, str(error))
                continue
            self._kinds.update(
                {name: [kind for kind in those if kind in self._present] for name, those in kinds.items()}
            )
            aggregation = aggregation_of(metric.query)
            if metric.kinds is not None and not self._of(metric.kinds):
                families[metric.name] = _empty(metric)
            elif aggregation is None:
                alone.append(metric)
            else:
                of_kinds = None if aggregation.kinds is None else self._of(aggregation.kinds)
                together.append(_Member(metric, aggregation, of_kinds))
        for scan in _scans(together):
            if len(scan.members) == 1 and scan.members[0].aggregation.measure.relative is None:
                alone.append(scan.members[0].metric)
                continue
            try:
                families.update(self._scan(scan))
            except (DBAPIError, SearchError) as error:
                _raise_if_lost(error)
                alone += [member.metric for member in scan.members]
        families.update((metric.name, self._alone(metric)) for metric in alone)
        return Measured(tuple(families[metric.name] for metric in metrics), self._scans)

    def _of(self, names: Collection[str]) -> frozenset[str]:
        """The kinds that the names stand for and that there are resources of."""
        return frozenset(kind for name in names for kind in self._kinds.get(name, ()))

    def _scan(self, scan: _Scan) -> dict[str, Family]:
        """All metrics of a scan."""
        measures = list(dict.fromkeys(_unnamed(member.aggregation.measure) for member in scan.members))
        relatives = {one.relative[1] for one in measures if one.relative is not None}
        absent = [name for name in relatives if not self._of((name,))]
        values: dict[str, dict[Labels, float]] = {member.metric.name: {} for member in scan.members}
        with self._connection.begin_nested():
            if relatives:  # each worker would look for all neighbours
                self._set("max_parallel_workers_per_gather = 0")
            rows = self._rows(compile_scan(scan.of_kinds, scan.groups, measures, self._kinds, absent))
            self._set("max_parallel_workers_per_gather TO DEFAULT")
            _take(scan, rows, measures, values)
            asking = [one for one in measures if one.relative is not None]
            for column, one in enumerate(asking, start=1 + len(scan.groups) + len(measures)):
                if any(row[column] for row in rows):
                    farther = compile_farther(scan.of_kinds, scan.groups, one, self._kinds)
                    _take(scan, self._rows(farther), [one], values)
        return {
            member.metric.name: self._family(member.metric, values[member.metric.name])
            for member in scan.members
        }

    def _set(self, setting: str) -> None:
        self._connection.execute(text(f"SET LOCAL {setting}"))

    def _rows(self, statement: Statement) -> Sequence[Any]:
        self._scans += 1
        return self._connection.execute(text(statement.sql), statement.parameters).all()

    def _family(self, metric: Metric, values: Mapping[Labels, float]) -> Family:
        limit = self._limit(metric)
        largest = heapq.nsmallest(limit, values.items(), key=lambda one: (-one[1], one[0]))
        return _filled(metric, largest, len(values) - len(largest))

    def _alone(self, metric: Metric) -> Family:
        """A metric by a search of its own. Of too many series the database hands over the largest only."""
        try:
            with self._connection.begin_nested():
                statement = compile_aggregate(metric.query, self._kinds, ordered=False)
                rows = self._rows(_limited(statement, metric, self._limit(metric)))
        except (DBAPIError, SearchError) as error:
            _raise_if_lost(error)
            return self._failed(metric, str(error.orig if isinstance(error, DBAPIError) else error))
        dropped = rows[0][-1] - len(rows) if rows else 0
        return _filled(metric, [(tuple(labels), float(value)) for *labels, value, _ in rows], dropped)

    def _limit(self, metric: Metric) -> int:
        return metric.max_series or self._max_series

    def _failed(self, metric: Metric, error: str) -> Family:
        cause = error.partition("\n")[0]
        _log.warning("metric %s keeps its last values, its query failed: %s", metric.name, cause)
        last = self._last_good.get(metric.name)
        kept = (last.samples, last.dropped) if last else ((), 0)
        return replace(_empty(metric), samples=kept[0], dropped=kept[1], error=cause)


def _present_kinds(connection: Connection) -> dict[str, list[str]]:
    """The kinds that there are resources of, each with its base kinds."""
    rows = connection.execute(
        text(
            "SELECT kind, bases FROM inventory.kinds k "
            "WHERE EXISTS (SELECT FROM inventory.resources r WHERE r.kind = k.kind)"
        )
    )
    return {row.kind: row.bases for row in rows}


def _scans(members: Sequence[_Member]) -> list[_Scan]:
    """The scans that measure all of them: the finest first, so that coarser ones find what they can join."""
    scans: list[_Scan] = []
    for member in sorted(members, key=lambda one: -len(one.aggregation.groups)):
        one = member.aggregation
        scan = next((scan for scan in scans if scan.takes(one)), None)
        if scan is None:
            of_kinds = None if one.kinds is None else frozenset(one.kinds)
            scans.append(_Scan(one.groups, of_kinds, [member]))
        else:
            scan.add(member)
    return scans


def _take(
    scan: _Scan, rows: Sequence[Any], measures: Sequence[Measure], values: Mapping[str, dict[Labels, float]]
) -> None:
    """Add the rows of a scan up to what its metrics have by their labels, as far as it has their measures."""
    for member in scan.members:
        own = _unnamed(member.aggregation.measure)
        if own not in measures:
            continue
        column = 1 + len(scan.groups) + measures.index(own)
        places = [_place(scan.groups, group) for group in member.aggregation.groups]
        merged, found = _MERGED[member.metric.function], values[member.metric.name]
        for row in rows:
            value = row[column]
            if value is None or (member.kinds is not None and row[0] not in member.kinds):
                continue
            labels = tuple(row[place] for place in places)
            found[labels] = merged(found[labels], float(value)) if labels in found else float(value)


def _unnamed(measure: Measure) -> Measure:
    """The measure without its name: two that only differ in that are one column."""
    return replace(measure, function=replace(measure.function, as_name=""))


def _place(groups: Sequence[Group], one: Group) -> int:
    """The column of a group in the rows of a scan, after the kind."""
    return 1 + [group.path for group in groups].index(one.path)


def _limited(statement: Statement, metric: Metric, limit: int) -> Statement:
    """The statement of an aggregation with texts as labels, the largest values, and how many there are."""
    labels = [f"l{position}" for position in range(len(metric.labels))]
    texts = "".join(f"coalesce(CAST({label} AS text), '') AS {label}, " for label in labels)
    merged = "sum" if metric.function == "count" else metric.function
    grouped = f"GROUP BY {', '.join(str(place + 1) for place in range(len(labels)))} " if labels else ""
    order = "".join(f', {label} COLLATE "C"' for label in labels)
    sql = f"""
        SELECT *, count(*) OVER () FROM (
            SELECT {texts}{merged}(value) AS value
            FROM ({statement.sql}) found({", ".join((*labels, "value"))})
            {grouped}HAVING {merged}(value) IS NOT NULL
        ) series ORDER BY value DESC{order} LIMIT :series"""  # noqa: S608
    return Statement(sql, {**statement.parameters, "series": limit})


def _empty(metric: Metric) -> Family:
    return Family(metric.name, metric.help, metric.type, ())


def _filled(metric: Metric, values: Sequence[tuple[Labels, float]], dropped: int) -> Family:
    samples = (
        Sample(dict(zip(metric.labels, labels, strict=True)), value) for labels, value in sorted(values)
    )
    return replace(_empty(metric), samples=tuple(samples), dropped=dropped)


def _raise_if_lost(error: Exception) -> None:
    """Raise the error on when it says that the database is gone: no other metric can be measured then."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        raise error
