"""Large answers are worked on a few at a time, so that memory does not grow with the number of threads.

A page of a thousand instances has 3 MB on the wire and several times that once it is read, and a scope may
have many pages. So whoever meets the first large answer of a scope waits with it, unread, until those who
are at work on others leave room for it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

LARGE = 100_000
"""Bytes from which on an answer is large."""
ROOM = 6_000_000
"""Bytes of large answers that are worked on at a time; one scope is always worked on."""


class LargeAnswers:
    """Keeps account of the large answers that are worked on; safe to use from many threads."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._taken = 0
        self._changed = threading.Condition()
        self._thread = threading.local()

    @contextmanager
    def handled(self) -> Iterator[None]:
        """The block in which this thread reads answers, and hands on what it made of them at its end."""
        self._thread.taken = 0
        try:
            yield
        finally:
            if self._thread.taken:
                with self._changed:
                    self._taken -= self._thread.taken
                    self._changed.notify_all()
            del self._thread.taken

    def about_to_read(self, size: int) -> None:
        """Wait until there is room for a first large answer. Outside of a block nobody waits."""
        taken = getattr(self._thread, "taken", None)
        if size < LARGE or taken is None:
            return
        with self._changed:
            if not taken:
                self._changed.wait_for(lambda: not self._taken or self._taken + size <= self._room)
            self._taken += size
        self._thread.taken = taken + size


LARGE_ANSWERS = LargeAnswers()
"""Those of this process."""
