"""What the benchmarks share: tables in Markdown, and the machine they were measured on."""

import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version

Row = Sequence[object]


def print_table(title: str, header: Sequence[str], rows: Iterable[Row]) -> None:
    """Print a table; numbers with a fraction get two digits, and all but the first column stand right."""
    print(f"\n{title}\n")
    print(_line(header))
    print(_line(["---", *("---:" for _ in header[1:])]))
    for row in rows:
        print(_line([f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row]))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def print_machine() -> None:
    """Print on what was measured, and with which versions."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("dagster", "sqlalchemy", "boto3"))
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f}; Python {platform.python_version()}, {versions}")
