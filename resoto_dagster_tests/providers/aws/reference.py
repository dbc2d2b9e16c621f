"""Prints docs/reference/aws.md: the kinds as they are declared, and what the tests collect them from.

Asked are the tests themselves, without running them: a kind counts as collected from a server where a test
names it to `collect_kind`, which insists on that every scope is read well, or hands both to a helper. A test
that has the fixture `synthetic`, be it by another fixture, talks to that server alone, every other to moto's.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster.providers.aws.reference import page

_COLLECT = "collect_kind"


class _Collected:
    """A plugin of pytest that looks at the tests that it has found."""

    def __init__(self) -> None:
        self.servers: dict[str, set[str]] = {name: set() for name in KINDS}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for test in session.items:
            assert isinstance(test, pytest.Function)
            server = "synthetic" if "synthetic" in test.fixturenames else "moto"
            for kind in _kinds_collected(test):
                self.servers[kind].add(server)


def _kinds_collected(test: pytest.Function) -> Iterator[str]:
    """The kinds that a test collects and finds some of: those it names, or that are its parameters."""
    parameters: Mapping[str, object] = test.callspec.params if hasattr(test, "callspec") else {}
    nodes = list(ast.walk(ast.parse(textwrap.dedent(inspect.getsource(test.function)))))
    vain = [node.left for node in nodes if isinstance(node, ast.Compare) and _is_empty(node.comparators[0])]
    for call in (node for node in nodes if isinstance(node, ast.Call) and node not in vain):
        if any(isinstance(part, ast.Name) and part.id == _COLLECT for part in (call.func, *call.args)):
            for argument in call.args:
                named = argument.value if isinstance(argument, ast.Constant) else None
                found = parameters.get(argument.id) if isinstance(argument, ast.Name) else named
                if isinstance(found, str) and found in KINDS:
                    yield found


def _is_empty(node: ast.expr) -> bool:
    return isinstance(node, ast.List) and not node.elts


def collected_from() -> dict[str, str]:
    """By kind the servers that tests collect it from. Ends the program where no test does."""
    found = _Collected()
    quietly = ["--collect-only", "-o", "addopts=", "-p", "no:terminal", "-p", "no:cacheprovider"]
    if pytest.main([*quietly, str(Path(__file__).parent)], [found]) != pytest.ExitCode.OK:
        raise SystemExit("the tests can't be read: run pytest to see why")
    untested = [kind for kind, servers in found.servers.items() if not servers]
    if untested:
        raise SystemExit(f"no test collects and finds some of: {', '.join(untested)}")
    return {kind: ", ".join(sorted(servers)) for kind, servers in found.servers.items()}


if __name__ == "__main__":
    print(page(KINDS.values(), collected_from()), end="")
