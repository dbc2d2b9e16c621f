"""Locks on files, which the kernel drops when the last process that inherited them ends, however it ends."""

import fcntl
import os
from pathlib import Path

SHARED = fcntl.LOCK_SH
ALONE = fcntl.LOCK_EX


def open_lock(path: Path) -> int:
    """A descriptor of the lock's file, which is made if it is not there. Children get it by fork only."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(descriptor: int, how: int) -> bool:
    """Whether the lock could be had, without waiting."""
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(descriptor: int) -> None:
    """Let go of the lock, for all that share the descriptor."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def take(path: Path) -> int | None:
    """The descriptor that holds the lock alone, or None if somebody else has it."""
    descriptor = open_lock(path)
    if try_lock(descriptor, ALONE):
        return descriptor
    os.close(descriptor)
    return None


def is_taken(path: Path) -> bool:
    """Whether somebody has the lock alone."""
    descriptor = open_lock(path)
    try:
        return not try_lock(descriptor, SHARED)  # shared, so that two who ask don't see each other
    finally:
        os.close(descriptor)
