"""A coverage-guided fuzz of the search language: any text is a search or is refused, and soon.

Usage: python -m resoto_dagster_tests.inventory.fuzz_search [libFuzzer options, e.g. -max_total_time=600]

Needs the package atheris, which the project does not install. What is found lands in a file `crash-…` here.
"""

import sys
import time

import atheris

with atheris.instrument_imports(include=["resoto_dagster.inventory.search", "lark"]):
    from resoto_dagster.inventory.search.compile import (
        compile_aggregate,
        compile_changes,
        compile_nodes,
        compile_values,
    )
    from resoto_dagster.inventory.search.errors import SearchError
    from resoto_dagster.inventory.search.parse import parse_search
    from resoto_dagster.inventory.search.pipes import columns_of, summed_up
    from resoto_dagster.inventory.search.query import Format, History, List, Query

SECONDS = 2.0
"""A search that takes longer to understand hangs."""


def check(text: str) -> None:
    """Read the text, write it again, make its statement; nothing but a SearchError may be raised."""
    start = time.monotonic()
    try:
        query = parse_search(text)
        written = str(query)
        assert parse_search(written) == query, written
        _compile(summed_up(query))
    except SearchError:
        pass  # refused, as wrong searches are
    assert time.monotonic() - start < SECONDS, "too slow"


def _compile(query: Query) -> None:
    if query.aggregate is not None:
        compile_aggregate(query, {})
        return
    for pipe in query.pipes:
        if isinstance(pipe, List | Format):
            compile_values(query, {}, [column.path for column in columns_of(pipe)])
            return
        if isinstance(pipe, History):
            compile_changes(query, {}, "r.id")
            return
    compile_nodes(query, {}, "r.id")


def main() -> None:
    atheris.Setup(sys.argv, lambda data: check(data.decode("utf-8", "surrogateescape")))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
