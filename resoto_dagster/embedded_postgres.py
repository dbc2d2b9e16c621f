"""A PostgreSQL of our own, for everybody who names no other: started on demand, gone when unused.

Whoever uses the server holds a shared lock on `users.lock` as long as the process lives. One
supervisor, a small detached process, starts the server, starts it again when it died, and stops it
once nobody holds that lock. All of it rests on locks that the kernel drops when a process ends,
however it ends, so no list of process ids can go stale. docs/decisions/embedded-postgres.md says why.

Only the standard library is used: the supervisor is to be up within a moment.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from resoto_dagster.errors import DatabaseUnavailable
from resoto_dagster.file_lock import ALONE, SHARED, open_lock, take, try_lock, unlock
from resoto_dagster.postgres_server import (
    POLL_SECONDS,
    Cluster,
    find_cluster,
    forget_cluster,
    is_ready,
    last_words,
    start_server,
    stop_server,
)

START_SECONDS = 60  # crash recovery after heavy writing included
END_SECONDS = 15
LINGER_SECONDS = 1  # so that one command right after the other finds the server running
WATCH_SECONDS = 0.25
LOG_BYTES = 10_000_000
DISCARD = "discard"

_held: dict[Path, int] = {}


def ensure_running(state: Path) -> str:
    """Have the server of the state folder run as long as this process lives, and return its URL.

    Calling it again costs a few system calls. Children made by fork keep the server running, too.
    Raises DatabaseUnavailable if it can't be started.
    """
    cluster = find_cluster(state)
    deadline = time.monotonic() + START_SECONDS
    _hold(cluster, deadline)
    while True:
        lock = take(cluster.lock("supervisor"))
        if lock is not None:
            try:
                _start_supervisor(cluster, lock)
            finally:
                os.close(lock)
        elif is_ready(cluster):
            return cluster.url
        _pause(deadline, cluster)


def discard(state: Path) -> None:
    """Have the server's folder removed, with all data, as soon as nobody uses it.

    That is at once, or when the last user has ended. The next start begins with an empty database.
    """
    cluster = find_cluster(state)
    (cluster.home / DISCARD).touch()
    forget_cluster(state)
    lock = take(cluster.lock("supervisor"))
    if lock is not None:  # else the supervisor does it
        _remove_discarded(cluster)
        os.close(lock)


def end(state: Path) -> None:
    """Be no user any more, and have the server removed with all data.

    Returns when that is done, or after some seconds if others use it still: then it goes with the last.
    """
    cluster = find_cluster(state)
    discard(state)
    descriptor = _held.pop(cluster.home, None)
    if descriptor is not None:
        os.close(descriptor)
    deadline = time.monotonic() + END_SECONDS
    while cluster.home.exists() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _remove_discarded(cluster: Cluster) -> None:
    if (cluster.home / DISCARD).exists():
        shutil.rmtree(cluster.home)


def _hold(cluster: Cluster, deadline: float) -> None:
    """Be one of the users, until this process and all that were forked from it are gone."""
    path = cluster.lock("users")
    descriptor = open_lock(path)
    held = _held.get(cluster.home)
    if held is not None and os.path.sameopenfile(held, descriptor):  # not so if the folder was made anew
        os.close(descriptor)
        return
    try:
        while not try_lock(descriptor, SHARED):  # the supervisor has it alone while it stops the server
            _pause(deadline, cluster)
    except DatabaseUnavailable:
        os.close(descriptor)
        raise
    _held[cluster.home] = descriptor


def _pause(deadline: float, cluster: Cluster) -> None:
    if time.monotonic() > deadline:
        raise _not_ready(cluster)
    time.sleep(POLL_SECONDS)


def _not_ready(cluster: Cluster) -> DatabaseUnavailable:
    return DatabaseUnavailable(
        f"embedded Postgres: not ready within {START_SECONDS} s, still starting; {last_words(cluster)}"
    )


def _start_supervisor(cluster: Cluster, lock: int) -> None:
    """Returns when the server is ready. The supervisor inherits the lock that says it is the only one."""
    gid = "" if cluster.gid is None else str(cluster.gid)
    # -P: nothing in the working directory takes the place of a module.
    command = [sys.executable, "-P", "-m", __spec__.name, str(cluster.home), gid]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        pass_fds=[lock],
        start_new_session=True,
    )
    # Not killed when we are interrupted or tired of waiting: nobody would stop the server it starts.
    try:
        _, told = process.communicate(timeout=START_SECONDS)
    except subprocess.TimeoutExpired:
        raise _not_ready(cluster) from None
    if process.returncode:
        lines = told.strip().splitlines() or [f"the supervisor ended with {process.returncode}"]
        raise DatabaseUnavailable(lines[-1])


def _supervise(cluster: Cluster) -> None:
    """Keep the server running while it is used; return when it is stopped."""
    users = open_lock(cluster.lock("users"))
    unused_since = None
    while True:
        time.sleep(WATCH_SECONDS)
        _bound_log(cluster.log)
        if not try_lock(users, ALONE):
            unused_since = None
            _revive(cluster)
            continue
        now = time.monotonic()
        unused_since = now if unused_since is None else unused_since
        if now - unused_since >= LINGER_SECONDS:  # holding the lock: who comes now waits for a new server
            stop_server(cluster)
            _remove_discarded(cluster)
            return
        unlock(users)


def _revive(cluster: Cluster) -> None:
    lock = take(cluster.lock("server"))
    if lock is None:
        return
    os.close(lock)
    print("the server ended and is started again", flush=True)
    try:
        _bring_up(cluster)
    except (DatabaseUnavailable, OSError) as error:
        print(error, flush=True)  # tried again on the next look


def _bring_up(cluster: Cluster) -> None:
    """Start the server, or take over the one that runs. Only a supervisor may.

    It waits as long as there is a server that may still become ready: left alone, it would never stop.
    """
    while (lock := take(cluster.lock("server"))) is None:
        if is_ready(cluster):
            return
        time.sleep(POLL_SECONDS)
    try:
        server = start_server(cluster, lock)
    finally:
        os.close(lock)
    while not is_ready(cluster):
        if server.poll() is not None:
            raise DatabaseUnavailable(f"embedded Postgres did not start: {last_words(cluster)}")
        time.sleep(POLL_SECONDS)


def _bound_log(log: Path) -> None:
    """Keep what is over the limit as the one older log; the server goes on writing to the emptied file."""
    if log.stat().st_size > LOG_BYTES:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)


def _no_heed(_number: int, _frame: object) -> None:
    """Asked to end, the supervisor goes on: it ends by itself, soon after the last user did."""


def _main(arguments: Sequence[str]) -> int:
    home, gid = arguments
    cluster = Cluster(Path(home), int(gid) if gid else None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _no_heed)
    try:
        _bring_up(cluster)
    except DatabaseUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"embedded Postgres: {error}; RESOTO_HOME names another folder", file=sys.stderr)
        return 1
    if os.fork():  # the one who waits for us sees that the server is ready; the child stays
        return 0
    with cluster.log.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    _supervise(cluster)
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
