"""Hooks: what the decorator takes, how modules are found, and the marks a hook sets."""

import logging
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine

from resoto_dagster.config import FROZEN_FROM, GATES
from resoto_dagster.errors import ConfigError, ResotoError
from resoto_dagster.hooks import Hook, HookContext, hook, load_hooks
from resoto_dagster.inventory.inventory import Inventory
from resoto_dagster.inventory.marks import Author
from resoto_dagster.inventory.search.parse import SearchError
from resoto_dagster_tests.estate import collect, node, resource, scope, table

KEEP = """
from resoto_dagster.hooks import HookContext, hook

@hook("post_collect")
def keep(context: HookContext) -> None:
    '''Keeps things.'''
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for a settings file; what is imported from it is forgotten."""
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def refused(folder: Path, *modules: str) -> str:
    with pytest.raises(ConfigError) as error:
        load_hooks(modules, folder)
    return str(error.value)


@pytest.mark.parametrize("action", GATES)
def test_a_hook_is_hung_on_any_gate(action: str) -> None:
    @hook(action, required=True)
    def keep(context: HookContext) -> str:
        """Keeps things."""
        return context.action

    assert isinstance(keep, Hook)
    assert (keep.name, keep.action, keep.required, keep.description) == (
        "keep",
        action,
        True,
        "Keeps things.",
    )


def test_without_a_docstring_a_hook_says_where_it_is() -> None:
    @hook("post_collect")
    def keep(context: HookContext) -> None: ...

    assert keep.description == f"{__name__}.keep"
    assert not keep.required


@pytest.mark.parametrize("action", ["collect", "cleanup", "merge_outer_edges", "post_colect", "", None])
def test_an_unknown_action_is_refused(action: str) -> None:
    with pytest.raises(ConfigError) as error:
        hook(action)
    assert str(error.value) == f"@hook({action!r}): unknown action; expected one of: {', '.join(GATES)}"


def test_a_decorator_without_its_action_is_refused() -> None:
    with pytest.raises(ConfigError) as error:

        @hook  # type: ignore[arg-type]
        def keep(context: HookContext) -> None: ...

    assert str(error.value).startswith("@hook(<function ")


@pytest.mark.parametrize("function", [lambda context: None, partial(print, "x"), 5])
def test_what_has_no_name_can_not_be_a_hook(function: object) -> None:
    with pytest.raises(ConfigError) as error:
        hook("post_collect")(function)  # type: ignore[arg-type]
    assert str(error.value).startswith("@hook('post_collect'): expected a function with a name, not ")


def test_modules_are_found_beside_the_settings_file(folder: Path) -> None:
    (folder / "my_hooks.py").write_text(KEEP)
    package = folder / "more_hooks"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "volumes.py").write_text(KEEP.replace("def keep", "def drop").replace("post_c", "pre_c"))
    found = load_hooks(["my_hooks", "more_hooks.volumes"], folder)
    assert [(one.name, one.action) for one in found] == [("keep", "post_collect"), ("drop", "pre_collect")]


def test_no_module_means_no_hook_and_no_change_of_where_python_looks(folder: Path) -> None:
    before = list(sys.path)
    assert load_hooks([], folder) == ()
    assert sys.path == before


def test_a_hook_that_another_module_imports_is_one_hook(folder: Path) -> None:
    (folder / "one_hooks.py").write_text(KEEP)
    (folder / "other_hooks.py").write_text("from one_hooks import keep\n")
    assert len(load_hooks(["one_hooks", "other_hooks"], folder)) == 1


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import not_there", "ModuleNotFoundError: No module named 'not_there'"),
        ("raise RuntimeError('first line\\nsecond line')", "RuntimeError: first line"),
        ("def broken(:", "SyntaxError: invalid syntax (my_hooks.py, line 1)"),
        ("import sys\nsys.exit('bye')", "SystemExit: bye"),
        ("raise ValueError", "ValueError"),
    ],
)
def test_a_module_that_does_not_import_is_told_in_one_line(folder: Path, source: str, told: str) -> None:
    (folder / "my_hooks.py").write_text(source)
    assert refused(folder, "my_hooks") == f"hooks.modules: 'my_hooks' can't be imported: {told}"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
        ("nowhere.py", "ModuleNotFoundError: No module named 'nowhere'"),
        ("", "ValueError: Empty module name"),
    ],
)
def test_a_module_that_is_not_there_is_told(folder: Path, name: str, told: str) -> None:
    assert refused(folder, name) == f"hooks.modules: {name!r} can't be imported: {told}"


def test_a_wrong_hook_in_a_module_is_told_as_it_is(folder: Path) -> None:
    (folder / "my_hooks.py").write_text(KEEP.replace("post_collect", "post_colect"))
    assert refused(folder, "my_hooks").startswith(
        "hooks.modules: 'my_hooks': @hook('post_colect'): unknown action"
    )


def test_two_hooks_of_one_name_are_refused(folder: Path) -> None:
    (folder / "one_hooks.py").write_text(KEEP)
    (folder / "other_hooks.py").write_text(KEEP)
    told = refused(folder, "one_hooks", "other_hooks")
    assert told == "hooks.modules: two hooks are named 'keep', one of them in 'other_hooks'"


@pytest.fixture
def estate(engine: Engine) -> Engine:
    collect(
        engine,
        {scope(): [resource("v1"), resource("v2")], scope("sim_network"): [resource("n", "sim_network")]},
    )
    return engine


def context(engine: Engine, action: str) -> HookContext:
    author = Author("hook", "tidy", "run-1")
    return HookContext(action, "run-1", Inventory(engine, author), logging.getLogger("test"))


def test_marks_are_collected_and_not_set_before_the_function_has_ended(estate: Engine) -> None:
    run = context(estate, "post_collect")
    assert run.clean("is(volume)", "old") == 2
    assert run.protect("id(v1)", "precious") == 1
    assert run.clean("id(v1)", "very old") == 1
    assert run.protect("id(nothing)", "nobody") == 0
    marks = {(mark.node_id, mark.mark, mark.reason) for mark in run.marks.values()}
    assert marks == {
        (node("v1"), "clean", "very old"),
        (node("v2"), "clean", "old"),
        (node("v1"), "protected", "precious"),
    }
    assert table(estate, "SELECT count(*) FROM inventory.marks") == [(0,)]


def test_a_hook_searches(estate: Engine) -> None:
    found = context(estate, "pre_collect").search("is(volume)")
    assert list(found["id"]) == ["v1", "v2"]


@pytest.mark.parametrize("action", GATES)
def test_nothing_can_be_marked_to_go_once_the_plan_is_frozen_but_anything_protected(
    estate: Engine, action: str
) -> None:
    run = context(estate, action)
    assert run.protect("is(volume)", "mine") == 2
    if GATES.index(action) < FROZEN_FROM:
        assert run.clean("is(volume)", "old") == 2
        return
    with pytest.raises(ResotoError) as error:
        run.clean("is(volume)", "old")
    assert str(error.value) == (
        f"a hook on {action} can't mark anything to be cleaned: the plan is frozen by then; "
        "hang it on cleanup_plan or an earlier action"
    )


@pytest.mark.parametrize("search", ["is(volum)", "is(volume", "aggregate(count()): all", 'name ~ "("'])
def test_a_wrong_search_protects_nothing_silently(estate: Engine, search: str) -> None:
    run = context(estate, "post_collect")
    for act in (run.clean, run.protect):
        with pytest.raises(SearchError):
            act(search, "why")
    assert not run.marks
