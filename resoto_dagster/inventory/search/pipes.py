"""What stands behind a search's `|`: choosing of what was found, and showing it. Pipes only read."""

import csv
import io
import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import yaml

from resoto_dagster.inventory.search.query import (
    Aggregate,
    Column,
    Count,
    Dump,
    Format,
    Function,
    Group,
    Head,
    List,
    Path,
    Pipe,
    Query,
    Tail,
)
from resoto_dagster.model.durations import format_duration

_LISTED = (
    *(Column(Path((name,)), name) for name in ("kind", "id", "name", "age", "last_update")),
    *(
        Column(Path(("ancestors", name, "reported", "name"), rooted=True), name)
        for name in ("cloud", "account", "region")
    ),
)
Row = dict[str, Any]


def summed_up(query: Query) -> Query:
    """The query with `| count` as the aggregation that it is."""
    counting = [pipe for pipe in query.pipes if isinstance(pipe, Count)]
    if not counting:
        return query
    path = counting[-1].path
    groups = () if path is None else (Group(path, str(path)),)
    counted = Aggregate(groups, (Function("count", None, (), "count"),))
    return replace(query, aggregate=counted)


def chosen(pipes: Iterable[Pipe], rows: Iterable[Row]) -> Iterator[Row]:
    """The rows that `| head` and `| tail` leave."""
    for pipe in pipes:
        if isinstance(pipe, Head):
            rows = islice(rows, pipe.count)
        elif isinstance(pipe, Tail):
            rows = deque(rows, maxlen=pipe.count)
    yield from rows


def columns_of(pipe: List | Format) -> tuple[Column, ...]:
    """The values that a list or a format needs."""
    if isinstance(pipe, List):
        return pipe.columns or _LISTED
    return tuple(Column(part, str(part)) for part in pipe.template.parts if isinstance(part, Path))


def lines(pipe: Pipe, rows: Iterable[Row]) -> Iterator[str]:
    """The rows as the last pipe shows them. `| head` and `| tail` show nothing of their own."""
    match pipe:
        case List(style="csv"):
            yield from _csv(columns_of(pipe), rows)
        case List(style="markdown"):
            yield from _markdown(columns_of(pipe), rows)
        case List(style="json"):
            yield from (json.dumps({key: plain(value) for key, value in row.items()}) for row in rows)
        case List():
            for row in rows:
                yield ", ".join(_pairs(row))
        case Format():
            for row in rows:
                values = (row[str(part)] if isinstance(part, Path) else part for part in pipe.template.parts)
                yield "".join("null" if value is None else shown(value) for value in values)
        case Dump():
            for row in rows:
                document = {key: plain(value) for key, value in row.items()}
                yield "---"
                yield from yaml.safe_dump(document, sort_keys=False, allow_unicode=True).splitlines()
        case Count():
            yield from _counted(rows)


def _pairs(row: Row) -> Iterator[str]:
    """What a row says, pair by pair; an object gives the pairs in it, and null gives none."""
    for key, value in row.items():
        pairs = value if isinstance(value, dict) else {key: value}
        yield from (f"{name}={shown(one)}" for name, one in pairs.items() if one is not None)


def _csv(columns: Iterable[Column], rows: Iterable[Row]) -> Iterator[str]:
    names = [column.name for column in columns]
    for values in (names, *([shown(row[name]) for name in names] for row in rows)):
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(values)
        yield line.getvalue()


def _markdown(columns: Iterable[Column], rows: Iterable[Row]) -> Iterator[str]:
    names = [column.name for column in columns]
    yield f"| {' | '.join(names)} |"
    yield f"|{'|'.join(' --- ' for _ in names)}|"
    for row in rows:
        cells = (shown(row[name]).replace("|", "\\|").replace("\n", " ") for name in names)
        yield f"| {' | '.join(cells)} |"


def _counted(rows: Iterable[Row]) -> Iterator[str]:
    """A line a value, the rarest first, then how many have one and how many do not."""
    matched = unmatched = 0
    counts: list[tuple[int, str]] = []
    for row in rows:
        *groups, count = row.values()
        if groups and groups[0] is None:
            unmatched += count
            continue
        matched += count
        if groups:
            counts.append((count, shown(groups[0])))
    yield from (f"{value}: {count}" for count, value in sorted(counts))
    yield f"total matched: {matched}"
    yield f"total unmatched: {unmatched}"


def plain(value: Any) -> Any:
    """A value as JSON and YAML take it: times in UTC, ages as durations."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return format_duration(value)
    return value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)


def shown(value: Any) -> str:
    """A value as a text; nothing for null."""
    one = plain(value)
    if one is None:
        return ""
    return one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)
