"""What users hang on the workflow: a decorated function becomes a hook, and the workflow waits for it.

    from resoto_dagster.hooks import HookContext, hook

    @hook("post_collect")
    def protect_production(context: HookContext) -> None:
        context.protect('is(instance) and tags.stage = "production"', "production")

The module is named in `resoto.yaml` under `hooks.modules`.
"""

import importlib
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from resoto_dagster.config import FROZEN_FROM, GATES
from resoto_dagster.errors import ConfigError, ResotoError
from resoto_dagster.inventory.inventory import Inventory
from resoto_dagster.inventory.marks import Mark

if TYPE_CHECKING:
    import pandas


@dataclass
class HookContext:
    """What a hook gets: the action it runs for, the inventory to search, and marks to set.

    Marks are set together, when the function has ended well. They replace what the hook marked before;
    `clean` counts in the workflow's run that the hook runs for, and in no other.
    """

    action: str
    workflow_run_id: str | None
    """The run of the workflow that waits for the hook; None when the hook was launched by hand."""
    inventory: Inventory
    log: logging.Logger
    marks: dict[tuple[object, str], Mark] = field(default_factory=dict)

    def search(self, search: str) -> "pandas.DataFrame":
        """What a search finds, as a table. Raises SearchError."""
        return self.inventory.search(search)

    def clean(self, search: str, reason: str) -> int:
        """Have this run's cleanup delete what the search finds. Returns how many.

        Raises SearchError, and ResotoError for a hook on an action after the plan is frozen.
        """
        if GATES.index(self.action) >= FROZEN_FROM:
            raise ResotoError(
                f"a hook on {self.action} can't mark anything to be cleaned: the plan is frozen by then; "
                "hang it on cleanup_plan or an earlier action"
            )
        return self._mark("clean", search, reason)

    def protect(self, search: str, reason: str) -> int:
        """Keep what the search finds from every cleanup, as long as the hook says so. Returns how many.

        Raises SearchError.
        """
        return self._mark("protected", search, reason)

    def _mark(self, mark: str, search: str, reason: str) -> int:
        nodes = self.inventory.nodes(search)
        for node in nodes:
            self.marks[node, mark] = Mark(node, "clean" if mark == "clean" else "protected", reason)
        return len(nodes)


@dataclass(frozen=True)
class Hook:
    """A function that the workflow runs at an action, and waits for.

    When a `required` hook does not succeed, the workflow stops before anything is deleted.
    """

    function: Callable[[HookContext], object]
    action: str
    required: bool = False

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__

    @property
    def description(self) -> str:
        """The function's docstring, or where it is."""
        return self.function.__doc__ or f"{self.function.__module__}.{self.name}"

    def __call__(self, context: HookContext) -> object:
        """Run the function."""
        return self.function(context)


def hook(action: str, *, required: bool = False) -> Callable[[Callable[[HookContext], object]], Hook]:
    """Hang a function on an action: `pre_` or `post_` of a step, or `cleanup_plan` itself.

    Raises ConfigError for an action that is none, and for what is no function with a name.
    """
    if action not in GATES:
        raise ConfigError(f"@hook({action!r}): unknown action; expected one of: {', '.join(GATES)}")

    def decorate(function: Callable[[HookContext], object]) -> Hook:
        if not getattr(function, "__name__", "").isidentifier():
            raise ConfigError(f"@hook({action!r}): expected a function with a name, not {function!r}")
        return Hook(function, action, required)

    return decorate


def load_hooks(modules: Sequence[str], beside: Path) -> tuple[Hook, ...]:
    """The hooks of the named modules, which may stand in the folder `beside` the settings file.

    Raises ConfigError when a module can't be imported, or when two hooks have one name.
    """
    folder = str(beside.resolve())
    if modules and folder not in sys.path:
        sys.path.insert(0, folder)
    hooks: dict[str, Hook] = {}
    for name in modules:
        try:
            module = importlib.import_module(name)
        except ConfigError as error:
            raise ConfigError(f"hooks.modules: {name!r}: {error}") from None
        except (Exception, SystemExit) as error:
            told = f"{type(error).__name__}: {error}".partition("\n")[0].removesuffix(": ")
            raise ConfigError(f"hooks.modules: {name!r} can't be imported: {told}") from error
        for value in vars(module).values():
            if not isinstance(value, Hook):
                continue
            if hooks.setdefault(value.name, value) is not value:
                raise ConfigError(
                    f"hooks.modules: two hooks are named {value.name!r}, one of them in {name!r}"
                )
    return tuple(hooks.values())
