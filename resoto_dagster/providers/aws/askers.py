"""Who asks: for which account and in which region a thread makes its requests through shared clients."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from botocore.credentials import Credentials
from botocore.hooks import BaseEventHooks, first_non_none_response


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and where: the keys of an account, and what its session has to say about what is answered."""

    credentials: Credentials | None
    events: BaseEventHooks
    region: str

    def hears(self, event: str, **what: Any) -> Any:
        """What the account's session answers to an event of botocore's, or None."""
        return first_non_none_response(self.events.emit(event, **what))


_ASKER: ContextVar[Asker] = ContextVar("asker")


@contextmanager
def asked_by(asker: Asker) -> Iterator[None]:
    """Let shared clients ask for an account in a region within the block."""
    token = _ASKER.set(asker)
    try:
        yield
    finally:
        _ASKER.reset(token)


def who_asks() -> Asker | None:
    """Who asks in this thread."""
    return _ASKER.get(None)
