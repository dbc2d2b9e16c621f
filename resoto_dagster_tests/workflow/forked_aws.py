"""A simulated AWS that starts from the same estate again and again: its process is forked once it is filled.

A fork costs some milliseconds, and all ids are the same in each, so that end states can be compared.
"""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from resoto_dagster.demo.server import HOST, MOTO_SETTINGS, server, simulated_environment, simulation
from resoto_dagster_tests.workflow.killed_estate import seed

_SLOW = {
    "TerminateInstances": ("DescribeInstances",),
    "DeleteLoadBalancer": ("DescribeLoadBalancers", "DescribeTags"),
}
_LATE_READS = 2
_NOWHERE = f"http://{HOST}:1"


@dataclass(frozen=True)
class Request:
    """A request that the simulated AWS has answered; `action` is empty where the path says what is asked."""

    service: str
    action: str
    method: str
    path: str
    body: str
    status: int


@dataclass(frozen=True)
class Fork:
    """One of the simulations: where it answers, and where it writes down what it was asked."""

    endpoint: str
    log: Path

    def requests(self) -> list[Request]:
        """All requests that were answered so far."""
        return [Request(**json.loads(line)) for line in self.log.read_text().splitlines()]


class ForkedAws:
    """The filled simulation, to be forked."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @contextmanager
    def fork(self, log: Path) -> Iterator[Fork]:
        """A simulation with the estate as it was at first."""
        port, pid = self._tell(str(log)).split()
        try:
            yield Fork(f"http://{HOST}:{port}", log)
        finally:
            self._tell(pid)

    def _tell(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(line, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        assert answer, "the simulated AWS has ended"
        return answer


@contextmanager
def forked_aws(log: Path) -> Iterator[ForkedAws]:
    """A filled simulation. It ends, with all its forks, with the block or with this process."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            env=simulated_environment(_NOWHERE, os.environ) | MOTO_SETTINGS,
            start_new_session=True,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "filled\n", log.read_text()
        yield ForkedAws(process)
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


class _Watched:
    """The application, with a line written down for each answer before it is given, and reads that lag.

    What AWS takes its time to delete is still told of by the next two reads of each sort.
    """

    def __init__(self, application: Any, log: Path) -> None:
        self._application = application
        self._log = log.open("a", buffering=1)
        self._told: dict[str, tuple[tuple[Any, ...], bytes]] = {}
        self._lag: dict[tuple[str, str], int] = {}

    def __call__(self, environ: Any, start_response: Any) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        text = body.decode("utf-8", "replace")
        params = dict(parse_qsl(text))
        head, content = self._late(text, params) or self._answer(environ)
        status = int(head[0].split()[0])
        target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        action, ids = params.get("Action", target), _ids(params)
        if action.startswith("Describe"):
            self._told[text] = head, content
        elif status == HTTPStatus.OK and action in _SLOW:
            self._told[text] = head, content
            self._lag |= {(id_, read): _LATE_READS for id_ in ids for read in _SLOW[action]}
        credential = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split("/")
        path = f"{environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}".rstrip("?")
        service = credential[3] if len(credential) > 3 else ""
        asked = Request(service, action, environ["REQUEST_METHOD"], path, text, status)
        self._log.write(json.dumps(asdict(asked)) + "\n")
        start_response(*head)
        return [content]

    def _answer(self, environ: Any) -> tuple[tuple[Any, ...], bytes]:
        head: list[Any] = []
        content = b"".join(self._application(environ, lambda *given: head.extend(given)))
        return tuple(head), content

    def _late(self, text: str, params: dict[str, str]) -> tuple[tuple[Any, ...], bytes] | None:
        if params.get("Action") in _SLOW:  # AWS accepts it again, which the simulation would not
            return self._told.get(text)
        for id_ in _ids(params):
            of = id_, params.get("Action", "")
            if text in self._told and self._lag.get(of, 0) > 0:
                self._lag[of] -= 1
                return self._told[text]
        return None


def _ids(params: dict[str, str]) -> list[str]:
    """What a request names; a listing names nothing, and does not lag."""
    return [value for name, value in params.items() if name not in ("Action", "Version")]


def _listening() -> socket.socket:
    return socket.create_server((HOST, 0), backlog=128)


def _fill() -> None:
    """Fill this process's simulation through its own API; afterwards no thread is left, so it can fork."""
    with _listening() as listener:
        port = listener.getsockname()[1]
        filling = server(simulation(), listener.fileno(), port)
        thread = threading.Thread(target=filling.serve_forever, args=(0.05,))
        thread.start()
        try:
            seed(f"http://{HOST}:{port}")
        finally:
            filling.shutdown()
            thread.join()


def _serve_fork(listener: socket.socket, log: Path, parent: int) -> None:
    port = listener.getsockname()[1]
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    server(_Watched(simulation(), log), listener.fileno(), port).serve_forever()


def _end_with(pipe: int) -> None:
    """End when the other end of the pipe is closed, as it is when the process that has it ends."""
    os.read(pipe, 1)
    os._exit(0)


def _main() -> None:
    _fill()
    print("filled", flush=True)
    ends: dict[int, int] = {}
    for line in sys.stdin:
        word = line.strip()
        if word.isdigit():
            os.close(ends.pop(int(word)))
            os.waitpid(int(word), 0)
            print("ended", flush=True)
            continue
        listener = _listening()
        ours_to_read, ours_to_write = os.pipe()
        pid = os.fork()
        if not pid:
            for end in (ours_to_write, *ends.values()):
                os.close(end)
            _serve_fork(listener, Path(word), ours_to_read)
        os.close(ours_to_read)
        ends[pid] = ours_to_write
        print(listener.getsockname()[1], pid, flush=True)
        listener.close()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _main()
