"""Live progress of a run's collect, read from what it writes down: a line a region."""

import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resoto_dagster.cli.output import build_table, count, live, say
from resoto_dagster.errors import ResotoError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class RegionProgress:
    """How far one region of an account is read. Resources count once their scope was read to its end."""

    provider: str
    account: str
    account_name: str
    region: str
    read: int
    failed: int
    expected: int
    resources: int

    @property
    def complete(self) -> bool:
        """Whether every scope has been read or has failed."""
        return self.read + self.failed == self.expected


def progress_of(connection: "Connection", run_id: str) -> list[RegionProgress]:
    """How far a run's collect is, region by region."""
    from sqlalchemy import text

    rows = connection.execute(
        text(
            """
            SELECT s.provider, s.account, coalesce(a.name, s.account), s.region,
                count(*) FILTER (WHERE s.state = 'fresh'), count(*) FILTER (WHERE s.state = 'failed'),
                count(*), coalesce(sum(s.resources) FILTER (WHERE s.state = 'fresh'), 0)
            FROM inventory.scopes s LEFT JOIN inventory.accounts a USING (provider, account)
            WHERE s.run_id = :run_id GROUP BY s.provider, s.account, a.name, s.region
            ORDER BY s.provider, s.account, s.region
            """
        ),
        {"run_id": run_id},
    )
    return [RegionProgress(*row) for row in rows]


class Progress:
    """Shows a run's collect while this context is open.

    On a terminal a table is redrawn in place; elsewhere a line is printed when a region is complete.
    """

    def __init__(self, engine: "Engine", run_id: str):
        self._engine = engine
        self._run_id = run_id
        self._told: set[tuple[str, str, str]] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)
        self._live = live() if sys.stdout.isatty() else None

    def __enter__(self) -> "Progress":
        if self._live is not None:
            self._live.start()
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._live is not None:
            self._live.stop()

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self._look()
        self._look()

    def _look(self) -> None:
        from sqlalchemy.exc import DBAPIError

        from resoto_dagster.database import database_errors

        try:
            with database_errors(), self._engine.connect() as connection:
                regions = progress_of(connection, self._run_id)
        except (ResotoError, DBAPIError):
            return  # the run itself tells what is wrong with the database
        if self._live is not None:
            self._live.update(_table(regions) if regions else "", refresh=True)
        else:
            self._tell(regions)

    def _tell(self, regions: Sequence[RegionProgress]) -> None:
        for region in regions:
            place = (region.provider, region.account, region.region)
            if region.complete and place not in self._told:
                self._told.add(place)
                failed = f", {region.failed} failed" if region.failed else ""
                counts = f"{count(region.read, 'scope')} read{failed}, {count(region.resources, 'resource')}"
                say(f"{region.provider} {region.account_name} {region.region}: {counts}")


def _table(regions: Sequence[RegionProgress]) -> Any:
    return build_table(
        ("provider", "account", "region", "scopes", "failed", "resources"),
        (
            (r.provider, r.account_name, r.region, f"{r.read + r.failed}/{r.expected}", r.failed, r.resources)
            for r in regions
        ),
        numbers=("scopes", "failed", "resources"),
    )
