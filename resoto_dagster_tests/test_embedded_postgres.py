"""The embedded server, with real processes that start it, use it, are killed, or try to get in."""

import errno
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from resoto_dagster.embedded_postgres import LOG_BYTES, discard
from resoto_dagster.errors import DatabaseUnavailable
from resoto_dagster.postgres_server import ROOT_FOLDER, Cluster, find_cluster, is_ready

ROOT = os.geteuid() == 0
PATIENCE = 30  # seconds; only a failure takes that long
LONGER_THAN_LINGER = 2.5  # seconds

USER = """
import sys
from pathlib import Path
from resoto_dagster.embedded_postgres import ensure_running
from resoto_dagster.errors import DatabaseUnavailable
try:
    print(ensure_running(Path(sys.argv[1])), flush=True)
except DatabaseUnavailable as error:
    sys.exit(str(error))
"""
STAY = "sys.stdin.read()\n"

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def used() -> Iterator[list[Path]]:
    """The state folders that tests used; when all are through, their servers must have ended."""
    states: list[Path] = []
    yield states
    for state in states:
        wait_until(lambda state=state: not processes(str(state)))


@pytest.fixture(scope="module")
def start(used: list[Path]) -> Iterator[Start]:
    """Starts a process that uses the server of a state folder until it is told to leave, or killed."""
    started = []

    def start_user(state: Path, then: str = STAY, python: str = sys.executable, **options: Any) -> Any:
        user = subprocess.Popen(
            [python, "-c", USER + then, str(state)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        started.append(user)
        return user

    yield start_user
    for user in started:
        user.kill()
        user.communicate()


@pytest.fixture
def state(tmp_path: Path, used: list[Path], start: Start) -> Iterator[Path]:
    state = tmp_path / "state"
    yield state
    home = find_cluster(state).home
    used.append(home)
    discard(state)


@pytest.fixture(scope="module")
def running_state(tmp_path_factory: pytest.TempPathFactory, used: list[Path], start: Start) -> Iterator[Path]:
    """The state folder of a server that nobody disturbs; below a folder that only its owner can enter."""
    private = tmp_path_factory.mktemp("running") / "private"
    private.mkdir(mode=0o700)
    state = private / "state"
    user = start(state)
    assert url_of(user)
    yield state
    used.append(find_cluster(state).home)
    discard(state)
    user.kill()


@pytest.fixture
def running(running_state: Path) -> Cluster:
    return find_cluster(running_state)


def url_of(user: "subprocess.Popen[str]") -> str:
    assert user.stdout is not None
    url = user.stdout.readline().strip()
    assert url.startswith("postgresql://"), user.communicate()
    return url


def leave(user: "subprocess.Popen[str]") -> None:
    user.communicate(timeout=PATIENCE)
    assert user.returncode == 0


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def processes(*words: str) -> list[int]:
    """The ids of the processes whose command line has all these words in it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if all(any(word in part for part in command) for word in words):
            found.append(int(entry.name))
    return found


def postmaster(cluster: Cluster) -> int:
    (pid,) = processes("bin/postgres", str(cluster.data))
    return pid


def supervisor(cluster: Cluster) -> int:
    (pid,) = processes("resoto_dagster.embedded_postgres", str(cluster.home))
    return pid


def is_gone(cluster: Cluster) -> bool:
    return not processes(str(cluster.home))


def query(url: str, statement: str) -> Any:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement).fetchone()
    return row and row[0]


def write(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS value")


def as_uid(uid: int, gid: int, attempt: Callable[[], object]) -> int:
    """The exit code of a child with these ids: 0, or the errno of its OSError, or 250 for another error."""
    child = os.fork()
    if child == 0:
        code = 0
        try:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
            attempt()
        except OSError as error:
            code = error.errno or 251
        except BaseException:
            code = 250
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# Starting, sharing, stopping


def test_starters_at_the_same_time_share_one_server(state: Path, start: Start) -> None:
    users = [start(state) for _ in range(3)]
    (url,) = {url_of(user) for user in users}
    cluster = find_cluster(state)
    assert postmaster(cluster)
    assert supervisor(cluster)
    assert query(url, "SELECT current_user || ' ' || current_database()") == "resoto resoto"
    assert query(url, "SHOW server_encoding") == "UTF8"


def test_server_outlives_a_killed_user_and_ends_with_the_last(state: Path, start: Start) -> None:
    first, second = start(state), start(state)
    url_of(first), url_of(second)
    cluster = find_cluster(state)
    pid = postmaster(cluster)
    first.kill()
    time.sleep(LONGER_THAN_LINGER)
    assert postmaster(cluster) == pid
    second.kill()
    wait_until(lambda: is_gone(cluster))


def test_data_is_there_at_the_next_start(state: Path, start: Start) -> None:
    user = start(state)
    write(url_of(user))
    leave(user)
    cluster = find_cluster(state)
    wait_until(lambda: is_gone(cluster))
    # After a reboot the process id of the server that was killed may be anybody's.
    (cluster.data / "postmaster.pid").write_text(f"{os.getpid()}\n{cluster.data}\n1\n5432\n\n\n1 1\nready\n")
    assert query(url_of(start(state)), "SELECT value FROM kept") == 42


def test_killed_postmaster_is_started_again(state: Path, start: Start) -> None:
    user = start(state)
    url = url_of(user)
    cluster = find_cluster(state)
    write(url)
    pid = postmaster(cluster)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: pid not in processes("bin/postgres", str(cluster.data)))
    wait_until(lambda: processes("bin/postgres", str(cluster.data)) and is_ready(cluster))
    assert query(url, "SELECT value FROM kept") == 42


def test_killed_supervisor_is_replaced_by_one_that_takes_over(state: Path, start: Start) -> None:
    first = start(state)
    url_of(first)
    cluster = find_cluster(state)
    pid, killed = postmaster(cluster), supervisor(cluster)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: killed not in processes("resoto_dagster.embedded_postgres"))
    second = start(state)
    url_of(second)
    assert postmaster(cluster) == pid
    assert supervisor(cluster) != killed
    leave(first)
    leave(second)
    wait_until(lambda: is_gone(cluster))


@pytest.mark.slow
def test_supervisor_asked_to_end_keeps_the_server_for_its_users(state: Path, start: Start) -> None:
    url = url_of(start(state))
    cluster = find_cluster(state)
    pid = supervisor(cluster)
    os.kill(pid, signal.SIGTERM)
    time.sleep(1)
    assert supervisor(cluster) == pid
    assert query(url, "SELECT 1") == 1


@pytest.mark.slow
def test_forked_child_keeps_the_server_running(state: Path, start: Start) -> None:
    parent = start(state, then="import os\nif os.fork():\n    os._exit(0)\n" + STAY)
    url = url_of(parent)
    assert parent.wait(PATIENCE) == 0
    time.sleep(LONGER_THAN_LINGER)
    assert query(url, "SELECT 1") == 1
    cluster = find_cluster(state)
    parent.communicate(timeout=PATIENCE)  # the child reads the same input, which ends here
    wait_until(lambda: is_gone(cluster))


def test_start_that_was_killed_half_way_is_made_good(state: Path, start: Start) -> None:
    first = start(state)
    wait_until(lambda: state.exists() and processes("bin/initdb", str(find_cluster(state).home)))
    cluster = find_cluster(state)
    assert not cluster.data.exists()
    os.kill(supervisor(cluster), signal.SIGKILL)
    _, told = first.communicate(timeout=PATIENCE)
    assert told == "the supervisor ended with -9\n"
    assert query(url_of(start(state)), "SELECT 1") == 1


@pytest.mark.slow
def test_failed_start_is_told_in_one_line(state: Path, start: Start) -> None:
    user = start(state)
    url_of(user)
    leave(user)
    cluster = find_cluster(state)
    wait_until(lambda: is_gone(cluster))
    (cluster.data / "PG_VERSION").write_text("9.6\n")
    _, told = start(state).communicate(timeout=PATIENCE)
    assert told.startswith("embedded Postgres did not start: FATAL:  database files are incompatible")
    assert told.count("\n") == 1


@pytest.mark.slow
def test_discarded_data_is_removed_when_the_last_user_left(state: Path, start: Start) -> None:
    user = start(state)
    url = url_of(user)
    home = find_cluster(state).home
    discard(state)
    assert query(url, "SELECT 1") == 1
    leave(user)
    wait_until(lambda: not home.exists())
    assert query(url_of(start(state)), "SELECT 1") == 1


def test_who_ends_it_is_no_user_any_more_and_sees_it_gone(state: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from resoto_dagster import embedded_postgres as server;"
        "state = Path(sys.argv[1]); server.ensure_running(state); home = server.find_cluster(state).home;"
        "server.end(state); sys.exit(home.exists())"
    )
    subprocess.run([sys.executable, "-c", script, str(state)], check=True, timeout=60)


@pytest.mark.slow
def test_log_is_bounded(running: Cluster) -> None:
    with running.log.open("ab") as log:
        log.write(b"old\n" * (LOG_BYTES // 4 + 1))
    wait_until(lambda: running.log.stat().st_size < LOG_BYTES)
    assert running.log.with_suffix(".log.1").read_bytes().endswith(b"old\n")
    with psycopg.connect(running.url) as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT FROM missing")
    wait_until(lambda: "missing" in running.log.read_text())


# Who can come to it


def test_calling_again_starts_no_process(running_state: Path, start: Start) -> None:
    user = start(
        running_state, then="import subprocess\nsubprocess.Popen = None\nensure_running(Path(sys.argv[1]))\n"
    )
    url_of(user)
    leave(user)


def test_no_port_is_opened(running: Cluster) -> None:
    assert query(running.url, "SHOW listen_addresses") == ""
    inodes = {str(entry.readlink()) for entry in Path(f"/proc/{postmaster(running)}/fd").iterdir()}
    listening = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            listening.add(f"socket:[{line.split()[9]}]")
    assert any(inode.startswith("socket:") for inode in inodes)
    assert not inodes & listening


def test_starting_leaves_permissions_alone(tmp_path: Path, start: Start, used: list[Path]) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    state = private / "deeper" / "state"
    state.mkdir(parents=True)
    state.chmod(0o751)
    package = Path(sys.prefix) / "lib"
    before = {path: stat_of(path) for path in (state, *state.parents, package, *package.parents)}
    assert url_of(start(state))
    used.append(find_cluster(state).home)
    assert {path: stat_of(path) for path in before} == before
    assert stat.S_IMODE((state / "postgres").stat().st_mode) == 0o700
    discard(state)


def stat_of(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_mode, found.st_uid, found.st_gid


def test_only_the_owner_can_enter_its_folders(running: Cluster) -> None:
    assert stat.S_IMODE(running.data.stat().st_mode) == 0o700
    assert stat.S_IMODE(running.sockets.stat().st_mode) == 0o700
    assert stat.S_IMODE(running.home.stat().st_mode) == (0o750 if ROOT else 0o700)
    assert stat.S_IMODE((running.sockets / ".s.PGSQL.5432").stat().st_mode) == 0o700


as_root = pytest.mark.skipif(not ROOT, reason="only root can try as another user")
OTHERS = [(65534, 65534), (1, 1), (4242, 4242)]


@as_root
@pytest.mark.parametrize(("uid", "gid"), OTHERS)
def test_socket_is_out_of_reach_of_other_users(running: Cluster, uid: int, gid: int) -> None:
    path = running.sockets / ".s.PGSQL.5432"
    assert as_uid(0, 0, lambda: socket.socket(socket.AF_UNIX).connect(str(path))) == 0
    assert as_uid(uid, gid, lambda: socket.socket(socket.AF_UNIX).connect(str(path))) == errno.EACCES
    assert as_uid(uid, gid, lambda: list(running.home.iterdir())) == errno.EACCES
    assert as_uid(uid, gid, lambda: (running.data / "PG_VERSION").read_text()) == errno.EACCES
    assert as_uid(uid, gid, lambda: Path(f"/proc/{postmaster(running)}/environ").read_bytes()) == errno.EACCES


@as_root
def test_other_users_are_refused_even_with_a_way_to_the_socket(state: Path, start: Start) -> None:
    url = url_of(start(state))
    cluster = find_cluster(state)
    for path in (cluster.home, cluster.sockets, cluster.sockets / ".s.PGSQL.5432"):
        path.chmod(0o777)

    def connect() -> None:
        with pytest.raises(psycopg.OperationalError, match="Peer authentication failed"):
            psycopg.connect(url)

    assert as_uid(0, 0, lambda: psycopg.connect(url)) == 0
    for uid, gid in OTHERS:
        assert as_uid(uid, gid, connect) == 0
    cluster.home.chmod(0o750)


@as_root
def test_server_of_root_does_not_run_as_root(running: Cluster) -> None:
    status = Path(f"/proc/{postmaster(running)}/status").read_text()
    ids = {line.split(":")[0]: line.split()[1:] for line in status.splitlines()}
    gid = str(running.gid)
    assert "0" not in ids["Uid"]
    assert ids["Gid"] == [gid] * 4
    assert ids["Groups"] == []
    assert running.home.parent == ROOT_FOLDER


@as_root
def test_missing_folder_of_root_is_told(tmp_path: Path) -> None:
    link = tmp_path / "postgres" / "cluster"
    link.parent.mkdir(mode=0o700)
    link.symlink_to(ROOT_FOLDER / "gone")
    with pytest.raises(DatabaseUnavailable, match="is gone; remove the link to start with an empty database"):
        find_cluster(tmp_path)


def test_folder_that_is_open_to_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres").chmod(0o755)
    with pytest.raises(DatabaseUnavailable, match=r"is open to others \(mode 755\), expected 700"):
        find_cluster(tmp_path)


def test_link_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "postgres").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DatabaseUnavailable, match="or is no folder"):
        find_cluster(tmp_path)


@as_root
def test_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir(mode=0o700)
    os.chown(tmp_path / "postgres", 1, 1)
    with pytest.raises(DatabaseUnavailable, match=r"belongs to another user \(uid 1\)"):
        find_cluster(tmp_path)


# An ordinary user, whose server runs as that user

CONNECT = """
import psycopg
with psycopg.connect(ensure_running(Path(sys.argv[1]))) as connection:
    print(connection.execute("SELECT current_user").fetchone()[0], flush=True)
"""


@pytest.fixture
def ordinary() -> Iterator[tuple[Path, dict[str, Any]]]:
    """A folder of an ordinary user, and how to start Python as that user."""
    folder = Path("/tmp") / f"resoto-test-{secrets.token_hex(4)}"
    folder.mkdir(mode=0o700)
    options: dict[str, Any] = {}
    if ROOT:
        os.chown(folder, 1, 1)
        here = str(Path(__file__).parents[1])
        environment = {
            "PYTHONPATH": os.pathsep.join([here, *filter(None, sys.path)]),
            "PATH": "/usr/bin:/bin",
        }
        options = {"user": 1, "group": 1, "extra_groups": [], "env": environment, "cwd": "/"}
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        options["python"] = next(filter(usable(options), (sys.executable, f"/usr/bin/{version}")), None)
        if options["python"] is None:
            shutil.rmtree(folder)
            pytest.skip("no Python that an ordinary user can run has this project's packages")
    yield folder, options
    shutil.rmtree(folder)


def usable(options: dict[str, Any]) -> Callable[[str], bool]:
    def runs(python: str) -> bool:
        try:
            command = [python, "-c", "import psycopg, resoto_dagster.embedded_postgres"]
            return subprocess.run(command, **options, check=False, capture_output=True).returncode == 0
        except OSError:
            return False

    return runs


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("state", id="short", marks=pytest.mark.slow),
        pytest.param("x" * 100, id="long"),
        pytest.param("a 'quoted', name", id="odd", marks=pytest.mark.slow),
    ],
)
def test_ordinary_user_has_a_server_of_its_own(
    ordinary: tuple[Path, dict[str, Any]], start: Start, name: str
) -> None:
    folder, options = ordinary
    user = start(folder / name, then=CONNECT + STAY, **options)
    url = url_of(user)
    assert user.stdout is not None
    assert user.stdout.readline() == "resoto\n"
    cluster = Cluster(folder / name / "postgres")
    sockets = Path(psycopg.conninfo.conninfo_to_dict(url)["host"])
    for path in (folder / name, cluster.home, cluster.data, sockets):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert path.stat().st_uid == folder.stat().st_uid
    assert (sockets.parent == cluster.home) == (name == "state")
    if ROOT:
        with pytest.raises(psycopg.OperationalError, match="Peer authentication failed"):
            psycopg.connect(url)
    leave(user)
    wait_until(lambda: is_gone(cluster))
    assert sockets.exists() == (name == "state")
