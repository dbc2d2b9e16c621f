"""Handing the last snapshot on where nothing can be scraped: to a file, or to a Pushgateway."""

import http.client
import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, unquote, urlsplit

from prometheus_client import push_to_gateway, write_to_textfile
from prometheus_client.exposition import basic_auth_handler, default_handler

from resoto_dagster.errors import ResotoError
from resoto_dagster.metrics.exposition import Families, snapshot_metrics
from resoto_dagster.metrics.generate import Snapshot

USER, PASSWORD = "RESOTO_PUSH_USER", "RESOTO_PUSH_PASSWORD"
_SHOWN = 200  # characters of what a Pushgateway says


def write_textfile(snapshot: Snapshot, path: Path) -> None:
    """Write a snapshot for node_exporter's textfile collector; a reader sees the old file or the new one.

    Raises ResotoError when the file can't be written, and when the collector would not read it.
    """
    if path.suffix != ".prom":
        raise ResotoError(f"{path}: node_exporter reads files that end with .prom only")
    try:
        write_to_textfile(str(path), Families(snapshot_metrics(snapshot)))
    except OSError as error:
        raise ResotoError(f"{path}: can't be written: {error.strerror}") from None


def parse_grouping(labels: Iterable[str]) -> dict[str, str]:
    """Labels given as LABEL=VALUE. Raises ResotoError for what is none, and for job, which is one already."""
    grouping = {}
    for text in labels:
        label, equals, value = text.partition("=")
        if not equals or not re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", label) or label == "job":
            raise ResotoError(f"grouping {text!r}: expected LABEL=VALUE, e.g. estate=production")
        grouping[label] = value
    return grouping


def push(snapshot: Snapshot, url: str, job: str, grouping: Mapping[str, str], seconds: float) -> None:
    """Put a snapshot in the place of everything that the Pushgateway has of the job and the grouping.

    User and password are taken from the URL or from RESOTO_PUSH_USER and RESOTO_PUSH_PASSWORD. Raises
    ResotoError, without them, when nobody answers for `seconds`, and when the metrics are refused.
    """
    gateway, handler = _gateway(url)
    families = Families(snapshot_metrics(snapshot))
    try:
        push_to_gateway(gateway, job, families, dict(grouping), seconds, handler)
    except HTTPError as error:
        with error:
            told = " ".join(error.read(_SHOWN).decode(errors="replace").split())
        raise ResotoError(f"{gateway} refused the metrics: {error.code} {error.reason}: {told}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        told = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        raise ResotoError(f"metrics can't be pushed to {gateway}: {told}") from None


def _gateway(url: str) -> tuple[str, Callable[..., Callable[[], None]]]:
    """Where to push to, without user and password, and the way that knows them."""
    parts = _split(url)
    host = parts.netloc.rpartition("@")[2]
    gateway = parts._replace(netloc=host).geturl()
    user = unquote(parts.username or "") or os.environ.get(USER)
    password = unquote(parts.password or "") or os.environ.get(PASSWORD)
    if not user and not password:
        return gateway, default_handler
    if not user or not password:
        raise ResotoError(f"expected both a user and a password, in the URL or in {USER} and {PASSWORD}")
    return gateway, partial(basic_auth_handler, username=user, password=password)


def _split(url: str) -> SplitResult:
    expected = "expected the URL of a Pushgateway, e.g. http://pushgateway:9091"
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    # What does not fit is not repeated: there may be a password in it.
    if not fits or parts.query or parts.fragment:
        raise ResotoError(expected)
    return parts
