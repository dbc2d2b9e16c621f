"""How requests of an account get through to a service: at its rate, again where they fail, and counted."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from resoto_dagster.model.requests import Outcome
from resoto_dagster.providers.aws.askers import Asker, asked_by
from resoto_dagster.providers.aws.call_counts import CallCounts
from resoto_dagster.providers.aws.rates import Rate, Rates
from resoto_dagster.providers.aws.retries import persist
from resoto_dagster.providers.base import ProviderError

T = TypeVar("T")

RATES = Rates()
"""The rates of this process, whoever asks: a collect, a read, a deletion."""
COUNTS = CallCounts()
"""The requests of this process."""


@dataclass(frozen=True, slots=True)
class Access:
    """The access of an account to a service in a region."""

    asker: Asker
    account: str | None
    service: str
    rate: Rate
    closed: threading.Event = field(default_factory=threading.Event)

    def ask(self, request: Callable[[], T]) -> T:
        """Make a request of a shared client, and return its answer.

        Raises what the last try raised, and ProviderError when it is closed while something waits.
        """

        def make() -> T:
            with asked_by(self.asker):
                return request()

        return persist(make, self.rate, self._count, self._wait)

    def _count(self, outcome: Outcome) -> None:
        COUNTS.add(self.account, self.service, outcome)

    def _wait(self, seconds: float) -> None:
        if self.closed.wait(seconds):
            raise ProviderError(f"{self.service} is not asked any more: the account was closed")
