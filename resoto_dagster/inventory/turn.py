"""Whose turn it is to collect: a collect on events and a workflow never do at the same time.

Dagster's queue sees to that for runs that are launched through it (the tag `resoto/workflow`). A run in a
process of its own, as `resoto run` makes it, passes the queue by; so whoever collects on events holds a lock
of the database, and whoever begins to collect or to plan otherwise waits until it is free.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, text

_LOG = logging.getLogger(__name__)
_LOCK = {"lock": 0x5E50_70DB}  # any number, as long as nobody else takes advisory locks by it


@contextmanager
def turn(engine: Engine) -> Iterator[None]:
    """Hold the turn; waits for whoever holds it. It ends with the process at the latest.

    The lock is the connection's, not a transaction's, which would be open for as long as the collect takes.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), _LOCK):
            _LOG.info("another run collects on events: this one waits until it has ended")
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), _LOCK)
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), _LOCK)


def wait_for_turn(engine: Engine) -> None:
    """Wait until no collect on events holds the turn."""
    with turn(engine):
        pass
