"""What a scrape of 10,000 series costs with 16 clients at once, beside prometheus_client's own exporter.

Usage: python benchmarks/exporter.py

Every client scrapes again as soon as it was answered, over a connection that it keeps; servers and clients
share the machine, each server in a process of its own.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, start_http_server
from report import print_machine, print_table
from sqlalchemy import Engine, text

from resoto_dagster.database import inventory_engine
from resoto_dagster.embedded_postgres import discard
from resoto_dagster.inventory.collecting import register_kinds
from resoto_dagster.inventory.merge import merge_scope
from resoto_dagster.inventory.schema import migrate
from resoto_dagster.metrics.exporter import LOOK_SECONDS
from resoto_dagster.metrics.exposition import Families, snapshot_metrics
from resoto_dagster.metrics.generate import generate, latest_snapshot
from resoto_dagster.model.resource import Resource, Scope
from resoto_dagster.providers.aws import provider as aws
from resoto_dagster.providers.aws.kinds import KINDS

SERIES = 10_000
CLIENTS = 16
SCRAPES = 50
TARGET_MS = 30
OURS = (
    sys.executable,
    "-c",
    "from resoto_dagster.cli import main; main()",
    "metrics",
    "serve",
    "--port",
    "0",
)
THEIRS = (sys.executable, str(Path(__file__).resolve()), "prometheus_client")


@dataclass(frozen=True)
class Measured:
    """How long scrapes took, how large their answers were, and how often tables were read meanwhile."""

    seconds: list[float]
    size: int
    wall: float
    reads: int


def fill(engine: Engine) -> int:
    """Make volumes, each of a type of its own, and metrics of them; returns the number of series."""
    volumes = [
        Resource(
            kind="aws_ec2_volume",
            id=f"vol-{number:017x}",
            name=f"volume {number}",
            region="us-east-1",
            properties={"volume_size": number, "volume_type": f"type-{number}", "volume_status": "in-use"},
        )
        for number in range(SERIES // 2)  # each is counted, and its bytes are
    ]
    with engine.begin() as connection:
        register_kinds(connection, "aws", KINDS, list(KINDS), aws.version, aws.property_types)
        scope = Scope("aws", "111111111111", "us-east-1", "aws_ec2_volume")
        merge_scope(connection, scope, volumes, "fill", datetime.now(UTC))
    return sum(len(family.samples) for family in generate(engine).families)


@contextmanager
def serving(command: tuple[str, ...]) -> Iterator[str]:
    """A server's URL, once it serves what there is."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        client = Client(url, "identity")
        while client.scrape() < SERIES:
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def serve_as_prometheus_client_does() -> None:
    """Serve the last snapshot as a custom collector of prometheus_client, until the process is ended."""
    with inventory_engine().connect() as connection:
        snapshot = latest_snapshot(connection)
    assert snapshot is not None
    registry = CollectorRegistry()
    registry.register(Families(snapshot_metrics(snapshot)))
    server, thread = start_http_server(0, "127.0.0.1", registry)
    print(f"http://127.0.0.1:{server.server_port}/metrics", flush=True)
    thread.join()


class Client:
    """Scrapes over a connection that it keeps where the server does, and costs as little as it can."""

    def __init__(self, url: str, encoding: str):
        self._address = (urlsplit(url).hostname, urlsplit(url).port)
        self._request = (
            f"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: text/plain\r\nAccept-Encoding: {encoding}\r\n\r\n"
        ).encode()
        self._socket: socket.socket | None = None
        self._buffer = bytearray(4 << 20)

    def scrape(self) -> int:
        """The size of the body."""
        if self._socket is None:
            self._socket = socket.create_connection(self._address)
        self._socket.sendall(self._request)
        view, size, end, length = memoryview(self._buffer), 0, -1, None
        while end < 0 or length is None or size < end + length:
            received = self._socket.recv_into(view[size:])
            if not received:  # HTTP/1.0: the body ends where the connection does
                self._socket.close()
                self._socket = None
                return size - end
            size += received
            if end < 0 and (found := self._buffer.find(b"\r\n\r\n", 0, size)) >= 0:
                end = found + 4
                head = bytes(self._buffer[:found]).lower()
                assert head.partition(b"\r\n")[0].endswith(b" 200 ok"), head
                if b"content-length: " in head:
                    length = int(head.partition(b"content-length: ")[2].split()[0])
        return length


def measure(url: str, encoding: str, engine: Engine) -> Measured:
    """Have all clients scrape at once."""
    taken: list[float] = []
    sizes: set[int] = set()
    start = threading.Barrier(CLIENTS + 1)

    def scrape_on() -> None:
        client = Client(url, encoding)
        client.scrape()
        start.wait()
        for _ in range(SCRAPES):
            begin = time.perf_counter()
            sizes.add(client.scrape())
            taken.append(time.perf_counter() - begin)

    threads = [threading.Thread(target=scrape_on) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    before = reads(engine)
    start.wait()
    begin = time.perf_counter()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - begin
    return Measured(taken, max(sizes), wall, reads(engine) - before)


def reads(engine: Engine) -> int:
    """How often any table was read so far."""
    time.sleep(2)  # sessions tell what they did within a second
    with engine.connect() as connection:
        statement = text("SELECT sum(seq_scan + coalesce(idx_scan, 0)) FROM pg_stat_user_tables")
        return int(connection.execute(statement).scalar_one())


def report(series: int, runs: dict[tuple[str, str], Measured]) -> None:
    print_machine()
    rows = []
    for (server, encoding), run in runs.items():
        milliseconds = sorted(second * 1000 for second in run.seconds)
        p99 = milliseconds[len(milliseconds) * 99 // 100]
        median = statistics.median(milliseconds)
        rate = len(milliseconds) / run.wall
        rows.append((server, encoding, run.size // 1000, median, p99, f"{rate:,.0f}", run.reads))
    print_table(
        f"{series:,} series, {CLIENTS} clients at once, {SCRAPES} scrapes each",
        ("server", "encoding", "kB", "ms (median)", "ms (p99)", "scrapes a second", "tables read"),
        rows,
    )
    met = all(row[3] < TARGET_MS for row in rows if row[0] == "resoto metrics serve")
    print(f"\nTarget: under {TARGET_MS} ms at the median: {'met' if met else 'MISSED'}.")
    print(f"No scrape reads a table: the exporter looks for newer metrics every {LOOK_SECONDS:.0f} s.")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="resoto-bench-") as name:
        os.environ["RESOTO_HOME"] = name
        os.environ.pop("RESOTO_DATABASE_URL", None)
        os.chdir(name)
        try:
            engine = inventory_engine()
            migrate(engine)
            series = fill(engine)
            runs = {}
            for server, command in (("resoto metrics serve", OURS), ("prometheus_client", THEIRS)):
                with serving(command) as url:
                    for encoding in ("identity", "gzip"):
                        runs[server, encoding] = measure(url, encoding, engine)
            engine.dispose()
        finally:
            discard(Path(name))
    report(series, runs)


if __name__ == "__main__":
    if sys.argv[1:] == ["prometheus_client"]:
        serve_as_prometheus_client_does()
    else:
        main()
