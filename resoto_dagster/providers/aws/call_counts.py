"""How often AWS was asked, and what came of it."""

import threading
from collections import Counter
from collections.abc import Mapping

from resoto_dagster.model.requests import Asked, Outcome


class CallCounts:
    """Counts requests, those made again among them; safe to use from many threads."""

    def __init__(self) -> None:
        self._counts: Counter[Asked] = Counter()
        self._lock = threading.Lock()

    def add(self, account: str | None, service: str, outcome: Outcome) -> None:
        """Count one request."""
        with self._lock:
            self._counts[Asked(account, service, outcome)] += 1

    def so_far(self) -> Counter[Asked]:
        """The counts up to now, as a copy."""
        with self._lock:
            return self._counts.copy()


def by_outcome(counts: Mapping[Asked, int]) -> Counter[Outcome]:
    """The counts of all accounts and services together."""
    whole: Counter[Outcome] = Counter()
    for asked, count in counts.items():
        whole[asked.outcome] += count
    return whole
