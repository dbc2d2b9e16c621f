"""The planners: each looks at the inventory and marks what should go. All are off by default."""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection

from resoto_dagster.cleanup.planners import expired
from resoto_dagster.config import PlannersSettings
from resoto_dagster.inventory.marks import Author, Mark, forget_authors_except, replace_marks

Planner = Callable[[Connection], list[Mark]]

PLANNERS: Mapping[str, Planner] = {"expired": expired.select}
"""By the name they have in the settings; each gives the marks it wants to be in force now."""


def run_planners(connection: Connection, settings: PlannersSettings, root_run_id: str) -> dict[str, int]:
    """Let every enabled planner mark anew; what a planner marked that is off now is dropped.

    Returns the number of marks by planner.
    """
    enabled = [name for name in PLANNERS if getattr(settings, name).enabled]
    forget_authors_except(connection, "planner", enabled)
    return {
        name: replace_marks(connection, Author("planner", name, root_run_id), PLANNERS[name](connection))
        for name in enabled
    }
