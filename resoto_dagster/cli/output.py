"""How commands print: tables for people, in a pipe as well, and JSON for scripts."""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

_WIDE = 1_000_000  # in a pipe nothing is wrapped
_GAP = "  "
_EXACT = 2**53  # whole numbers below it are the same in every JSON reader

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts, instead of tables.")]


def say(line: str = "") -> None:
    """Print one line for a person."""
    print(plain(line))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], numbers: Sequence[str] = ()) -> None:
    """Print a table; nothing in it is cut off. The columns named in `numbers` stand to the right.

    In a pipe, and where it fits, each row is one line; else cells are folded to the terminal's width.
    """
    from rich.cells import cell_len

    cells = [list(columns), *([cell(value) for value in row] for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    console = _console()
    if sum(widths) + len(_GAP) * (len(widths) - 1) > console.width:
        console.print(build_table(columns, cells[1:], numbers))
        return
    for number, row in enumerate(cells):
        padded = []
        for column, text, width in zip(columns, row, widths, strict=True):
            space = " " * (width - cell_len(text))
            padded.append(space + text if column in numbers else text + space)
        line = _GAP.join(padded).rstrip()
        if number == 0:
            console.print(line, style="bold")
        else:
            print(line)


def build_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], numbers: Sequence[str] = ()
) -> "Table":
    """A table that folds its cells to the width there is."""
    from rich.table import Table

    shown = Table(box=None, padding=(0, len(_GAP), 0, 0), pad_edge=False)
    for column in columns:
        shown.add_column(column, overflow="fold", justify="right" if column in numbers else "left")
    for row in rows:
        shown.add_row(*map(cell, row))
    return shown


def live() -> "Live":
    """A place on the terminal to be drawn again and again."""
    from rich.live import Live

    return Live(console=_console(), auto_refresh=False)


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    import orjson

    print(orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_INDENT_2, default=_jsonable).decode())


def as_json_line(value: Any) -> str:
    """A value as JSON on one line, where many follow each other."""
    import orjson

    return orjson.dumps(value, option=orjson.OPT_UTC_Z, default=_jsonable).decode()


def cell(value: Any) -> str:
    """A value as a person reads it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}Z"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | Decimal):
        return f"{value:.15g}"
    return plain(str(value))


def age(since: datetime | None) -> str:
    """How long ago something was, e.g. 3d4h; empty if it never was."""
    from resoto_dagster.model.durations import format_duration

    return "" if since is None else format_duration(datetime.now(UTC) - since)


def count(number: int, what: str) -> str:
    """A number of things: `1 account`, `2 accounts`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _console() -> "Console":
    from rich.console import Console

    width = None if sys.stdout.isatty() else _WIDE
    return Console(width=width, markup=False, emoji=False, highlight=False)


def plain(text: str) -> str:
    """The text without control characters: what a cloud's users name things must not steer a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _jsonable(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == int(value) and abs(value) < _EXACT else float(value)
    raise TypeError(type(value).__name__)
