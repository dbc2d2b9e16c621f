import gzip
import math
import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from resoto_dagster.metrics.definitions import PREFIX
from resoto_dagster.metrics.exposition import (
    Exposition,
    Format,
    choose_format,
    gauge,
    render,
    wants_gzip,
)
from resoto_dagster.metrics.families import Family, Sample
from resoto_dagster.metrics.generate import Snapshot

PARSERS = {
    Format.TEXT: parser.text_string_to_metric_families,
    Format.OPENMETRICS: openmetrics_parser.text_string_to_metric_families,
}
LABEL_VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
HOSTILE = LABEL_VALUES | st.text('\\"\n\r{}=,# \u2028\x85\x1e', max_size=12)


def snapshot(*families: Family) -> Snapshot:
    then = datetime(2026, 1, 31, 12, tzinfo=UTC)
    return Snapshot(1, then, "i", "d", families, measured_at=then, scans=1, seconds=0.1)


def read(format_: Format, text: bytes) -> list:
    return list(PARSERS[format_](text.decode()))


@pytest.mark.parametrize("format_", Format)
@given(values=st.dictionaries(st.tuples(HOSTILE, HOSTILE), st.floats(), max_size=4), help_=HOSTILE)
def test_any_label_and_any_value_arrives_as_it_is(format_: Format, values, help_: str) -> None:
    samples = tuple(Sample({"a": a, "b": b}, value) for (a, b), value in values.items())
    exposition = render(snapshot(Family("x", help_, "gauge", samples)))[format_]
    added = gauge(f"{PREFIX}more", "More.", 7)
    plain = b"".join(exposition.parts([added], gzip=False))
    assert gzip.decompress(b"".join(exposition.parts([added], gzip=True))) == plain
    families = {family.name: family for family in read(format_, plain)}
    assert [sample.value for sample in families["resoto_more"].samples] == [7]
    told = families["resoto_x"].samples
    assert [(one.labels["a"], one.labels["b"]) for one in told] == list(values)
    for one, value in zip(told, values.values(), strict=True):
        assert one.value == value or (math.isnan(one.value) and math.isnan(value))


@pytest.mark.parametrize("format_", Format)
def test_what_is_compressed_is_one_stream(format_: Format) -> None:
    """Some clients read no further than to the end of the first."""
    samples = tuple(Sample({"n": str(n)}, n) for n in range(1000))
    exposition = render(snapshot(Family("x", "X.", "gauge", samples)))[format_]
    for _ in range(2):
        packed = exposition.parts([gauge("resoto_more", "More.", 1)], gzip=True)
        reader = zlib.decompressobj(wbits=31)
        text = reader.decompress(b"".join(packed)) + reader.flush()
        assert reader.eof
        assert reader.unused_data == b""
        assert text == b"".join(exposition.parts([gauge("resoto_more", "More.", 1)], gzip=False))
        assert len(packed[1]) < 300


def test_openmetrics_ends_once_and_text_does_not() -> None:
    metrics = [gauge("resoto_x", "X.", 1)]
    for format_, ends in ((Format.TEXT, 0), (Format.OPENMETRICS, 1)):
        text = b"".join(Exposition(format_, metrics).parts(metrics[:0], gzip=False))
        assert text.count(b"# EOF\n") == ends
        assert text.endswith(b"# EOF\n" if ends else b"resoto_x 1.0\n")


def test_types_are_those_that_prometheus_expects_of_the_names() -> None:
    one = (Sample({}, 3),)
    expositions = render(
        snapshot(
            Family("requests_total", "R.", "counter", one),
            Family("volumes_total", "V.", "gauge", one),
            Family("volume_bytes", "B.", "gauge", one),
        )
    )
    for format_, name in ((Format.TEXT, "resoto_requests_total"), (Format.OPENMETRICS, "resoto_requests")):
        text = b"".join(expositions[format_].parts([], gzip=False)).decode()
        untyped = "untyped" if format_ is Format.TEXT else "unknown"
        assert f"# TYPE {name} counter\nresoto_requests_total 3.0\n" in text
        assert f"# TYPE resoto_volumes_total {untyped}\nresoto_volumes_total 3.0\n" in text
        assert "# TYPE resoto_volume_bytes gauge\nresoto_volume_bytes 3.0\n" in text


OPENMETRICS_ASKED = [
    "application/openmetrics-text",
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
    "APPLICATION/OPENMETRICS-TEXT;VERSION=1.0.0",
    # Prometheus 2.42, and 3
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
]
TEXT_ASKED = [
    None,
    "",
    "*/*",
    "text/plain",
    "text/html,application/xhtml+xml,*/*;q=0.8",
    "application/openmetrics-text;version=0.0.1",
    "application/openmetrics-text;q=0",
    "application/openmetrics-text;q=0.1,text/plain;q=0.2",
    "application/openmetrics-text;q=many",
    "application/json",
    ";;,,;q",
]


@pytest.mark.parametrize("accept", OPENMETRICS_ASKED)
def test_openmetrics_is_for_who_asks_for_it(accept: str) -> None:
    assert choose_format(accept) is Format.OPENMETRICS


@pytest.mark.parametrize("accept", TEXT_ASKED)
def test_text_is_for_everybody_else(accept: str | None) -> None:
    assert choose_format(accept) is Format.TEXT


@pytest.mark.parametrize("header", ["gzip", "GZIP", "deflate, gzip;q=0.5", "*", "br;q=1, gzip;q=0.8"])
def test_gzip_is_for_who_takes_it(header: str) -> None:
    assert wants_gzip(header)


@pytest.mark.parametrize("header", [None, "", "identity", "gzip;q=0", "gzip;q=0, *", "br", "x-gzip"])
def test_nobody_else_gets_it(header: str | None) -> None:
    assert not wants_gzip(header)


@given(st.text(max_size=60))
def test_no_header_is_too_odd(header: str) -> None:
    assert choose_format(header) in Format
    assert wants_gzip(header) in (True, False)
