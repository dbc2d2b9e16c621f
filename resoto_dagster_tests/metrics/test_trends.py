"""What changed most, and the picture of the last runs: a small one, whatever there is to show."""

import base64
import math
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from resoto_dagster.metrics.trends import RUNS, Change, Totals, as_markdown, changes, picture, spell

SVG = "{http://www.w3.org/2000/svg}"
AT = datetime(2026, 1, 31, tzinfo=UTC)


def totals(**by_metric: float) -> Totals:
    return Totals(AT, by_metric)


@pytest.mark.parametrize(
    ("value", "spelt"),
    [
        (None, "none"),
        (0.0, "0"),
        (7.0, "7"),
        (0.125, "0.125"),
        (1 / 3, "0.3333"),
        (9999.0, "9999"),
        (12_345.0, "12.35 K"),
        (-12_345.0, "-12.35 K"),
        (2_500_000.0, "2.5 M"),
        (1024.0**3, "1.074 G"),
        (1e12, "1 T"),
        (3e17, "300 P"),
    ],
)
def test_numbers_are_spelt_for_people(value: float | None, spelt: str) -> None:
    assert spell(value) == spelt


def test_what_changed_most_for_its_size_comes_first() -> None:
    before = totals(same=5, doubled=4, gone=1, fewer=1000, least=1e12)
    now = totals(same=5, doubled=8, new=3, fewer=900, least=1e12 + 1e9)
    assert changes(before, now) == [
        Change("gone", 1, None),
        Change("new", None, 3),
        Change("doubled", 4, 8),
        Change("fewer", 1000, 900),
        Change("least", 1e12, 1e12 + 1e9),
    ]
    assert changes(now, now) == []
    assert changes(totals(zero=0), totals()) == []


def read(svg: str) -> tuple[list[str], list[list[tuple[float, float]]]]:
    """The texts of a picture, and the points of its lines."""
    root = ElementTree.fromstring(svg)
    lines = [
        [(float(x), float(y)) for x, y in (point.split(",") for point in line.attrib["points"].split())]
        for line in root.iter(f"{SVG}polyline")
    ]
    return ["".join(text.itertext()) for text in root.iter(f"{SVG}text")], lines


def test_each_metric_has_a_line_over_the_runs_from_zero_on() -> None:
    runs = [totals(a=0, b=5), totals(a=5, b=5), totals(a=10, b=5)]
    texts, (a, b) = read(picture(runs, ["a", "b"]))
    assert texts == ["a", "10", "b", "5"]
    assert [x for x, _ in a] == [0, 100, 200]
    assert [y for _, y in a] == [40, 20, 0]
    assert {y for _, y in b} == {0}


def test_where_there_was_nothing_the_line_has_a_gap() -> None:
    runs = [totals(a=1), totals(a=2), totals(), totals(a=4), totals()]
    texts, lines = read(picture(runs, ["a"]))
    assert [len(line) for line in lines] == [2, 2]
    assert lines[1][0] == lines[1][1]
    assert texts == ["a", "none"]


def test_a_single_run_and_negative_values_can_be_drawn() -> None:
    _, lines = read(picture([totals(a=-3, b=0)], ["a", "b"]))
    assert all(0 <= y <= 40 for line in lines for _, y in line)


def test_the_picture_is_small_whatever_there_is_to_show() -> None:
    names = [f'{"very_" * 12}long_name_{number}_<&>"' for number in range(60)]
    runs = [Totals(AT, dict.fromkeys(names, math.pi**run * 1000000000000000.0)) for run in range(RUNS)]
    svg = picture(runs, names)
    texts, lines = read(svg)
    assert len(lines) == 24
    assert f"{names[0][:33]}…" in texts
    shown = as_markdown(svg, "the last runs")
    assert len(shown) < 30_000
    assert base64.b64decode(shown.partition("base64,")[2].removesuffix(")")).decode() == svg
