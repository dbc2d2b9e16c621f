"""How fast AWS is asked: as fast as it goes, until AWS says that it was too fast."""

import threading
import time
from collections.abc import Callable
from weakref import WeakValueDictionary

LOWEST = 0.5
"""Calls per second that are made at least, however often AWS throttles."""
HIGHEST = 500.0
"""Calls per second from which on there is no limit any more."""
_MEASURED = 1.0
"""Seconds over which the rate of calls is measured."""
_SAVED = 1.0
"""Seconds of calls that may be made at once after none were made for so long."""


class Rate:
    """The rate of calls to a service of an account in a region; safe to use from many threads.

    A token bucket without a limit at first. When AWS throttles, its rate becomes half of what it was, or of
    what it really came to, and grows again slowly: each second by one call a second, or by a twentieth.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._limit: float | None = None
        self._changed = 0.0
        self._free_at = 0.0
        self._lowered = 0
        self._since = clock()
        self._made = 0
        self._before = 0.0

    @property
    def limit(self) -> float | None:
        """Calls per second, or None while there is no limit."""
        with self._lock:
            self._grow(self._clock())
            return self._limit

    def reserve(self) -> tuple[float, int]:
        """Take a token: in how many seconds the call may be made, and what to tell `throttled`."""
        with self._lock:
            now = self._clock()
            self._measure(now)
            self._grow(now)
            if self._limit is None:
                return 0.0, self._lowered
            at = max(self._free_at, now - _SAVED)
            self._free_at = at + 1 / self._limit
            return max(0.0, at - now), self._lowered

    def throttled(self, lowered: int) -> None:
        """Halve the rate, unless that was done since the token of the throttled call was taken."""
        with self._lock:
            if lowered != self._lowered:
                return
            self._lowered += 1
            now = self._clock()
            self._grow(now)
            came_to = max(self._before, self._made / max(now - self._since, _MEASURED / 4))
            self._limit = max(LOWEST, min(self._limit or HIGHEST, came_to) / 2)
            self._changed = now
            self._free_at = max(self._free_at, now) + 1 / self._limit

    def _grow(self, now: float) -> None:
        if self._limit is None:
            return
        self._limit += (now - self._changed) * max(1.0, self._limit / 20)
        self._changed = now
        if self._limit >= HIGHEST:
            self._limit = None

    def _measure(self, now: float) -> None:
        if now - self._since >= _MEASURED:
            self._before = self._made / (now - self._since)
            self._since, self._made = now, 0
        self._made += 1


class Rates:
    """The rates of one process, by account, region and service, since that is how AWS counts.

    A rate is kept for as long as somebody asks at it.
    """

    def __init__(self) -> None:
        self._rates: WeakValueDictionary[tuple[str | None, str, str], Rate] = WeakValueDictionary()
        self._lock = threading.Lock()

    def of(self, account: str | None, region: str, service: str) -> Rate:
        """The rate of a service of an account in a region, the same one for all who ask."""
        with self._lock:
            return self._rates.setdefault((account, region, service), Rate())
