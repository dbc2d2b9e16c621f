"""How metrics have moved over the last runs: what changed most, and a picture of it."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from sqlalchemy import Connection, text

RUNS = 30
"""How many runs a picture goes back."""
_COLUMNS, _PANELS = 4, 24
_LONGEST_NAME = 34
_WIDTH, _HEIGHT, _PLOT = 220, 78, 40


@dataclass(frozen=True, slots=True)
class Totals:
    """Of one run by metric the sum of all its series."""

    generated_at: datetime
    by_metric: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Change:
    """A metric's total of the run before and of this one; None where there were no resources to count."""

    metric: str
    before: float | None
    now: float | None

    @property
    def share(self) -> float:
        """How much of the larger of the two the difference is, from 0 to 1."""
        before, now = self.before or 0.0, self.now or 0.0
        return abs(now - before) / (max(abs(before), abs(now)) or 1.0)

    def __str__(self) -> str:
        return f"{self.metric}: {spell(self.before)} → {spell(self.now)}"


def last_totals(connection: Connection, runs: int = RUNS) -> list[Totals]:
    """The totals of the last runs, the oldest first."""
    rows = connection.execute(
        text("SELECT generated_at, totals FROM inventory.metrics ORDER BY snapshot_id DESC LIMIT :runs"),
        {"runs": runs},
    ).all()
    return [Totals(*row) for row in reversed(rows)]


def changes(before: Totals, now: Totals) -> list[Change]:
    """The metrics whose totals differ, those first that changed most for their size."""
    metrics = {**before.by_metric, **now.by_metric}
    every = (Change(one, before.by_metric.get(one), now.by_metric.get(one)) for one in metrics)
    return sorted((one for one in every if one.share), key=lambda one: (-one.share, one.metric))


def spell(value: float | None) -> str:
    """A number as a person reads it: four digits that count, and K, M, G, T or P for the rest."""
    if value is None:
        return "none"
    for power, unit in ((15, "P"), (12, "T"), (9, "G"), (6, "M"), (4, "K")):
        if abs(value) >= 10**power:
            factor = 10 ** (3 if unit == "K" else power)
            return f"{value / factor:.4g} {unit}"
    return f"{value:.4g}" if value != int(value) else f"{value:.0f}"


def picture(runs: Sequence[Totals], metrics: Sequence[str]) -> str:
    """An SVG with a panel for each of the metrics, of bounded size: its totals over the runs, as a line.

    Every panel has its own scale, from zero on.
    """
    shown = metrics[:_PANELS]
    height = _HEIGHT * -(-len(shown) // _COLUMNS)
    panels = "".join(_panel(runs, one, place) for place, one in enumerate(shown))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH * _COLUMNS}" height="{height}" '
        f'font-family="sans-serif" font-size="11" fill="#555">'
        f'<rect width="100%" height="100%" fill="#fff"/>{panels}</svg>'
    )


def _panel(runs: Sequence[Totals], metric: str, place: int) -> str:
    values = [run.by_metric.get(metric) for run in runs]
    highest = max((abs(value) for value in values if value is not None), default=0.0) or 1.0
    step = (_WIDTH - 20) / max(len(runs) - 1, 1)
    lines: list[list[str]] = [[]]
    for position, value in enumerate(values):
        if value is None:
            lines.append([])
        else:
            lines[-1].append(f"{position * step:.0f},{_PLOT - max(value, 0.0) / highest * _PLOT:.0f}")
    drawn = "".join(
        f'<polyline points="{" ".join(points if len(points) > 1 else [*points, *points])}" fill="none" '
        'stroke="#3a62d8" stroke-width="2" stroke-linecap="round"/>'
        for points in lines
        if points
    )
    title = metric if len(metric) <= _LONGEST_NAME else f"{metric[: _LONGEST_NAME - 1]}…"
    left, top = place % _COLUMNS * _WIDTH + 8, place // _COLUMNS * _HEIGHT
    return (
        f'<g transform="translate({left},{top})"><text y="14">{escape(title)}</text>'
        f'<text x="{_WIDTH - 20}" y="28" text-anchor="end" fill="#111">{escape(spell(values[-1]))}</text>'
        f'<g transform="translate(0,30)"><path d="M0 {_PLOT}H{_WIDTH - 20}" stroke="#ddd"/>{drawn}</g></g>'
    )


def as_markdown(svg: str, title: str) -> str:
    """A picture as Markdown that holds it all, which is how Dagster's UI shows one."""
    return f"![{title}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"
