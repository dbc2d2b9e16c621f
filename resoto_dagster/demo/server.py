"""A simulated AWS on the loopback interface, and an environment from which no other AWS can be reached.

The simulation is moto's server in a process of its own. It ends with the `with` block, and also when the
process that started it is killed: it watches a pipe that the kernel closes with its parent.
"""

import json
import logging
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.session

from resoto_dagster.demo.prices import products
from resoto_dagster.errors import ResotoError

HOST = "127.0.0.1"
ROLE = "resoto"
# AWS would refuse these.
_KEYS = {"AccessKeyId": "testing", "SecretAccessKey": "testing", "SessionToken": "testing"}
_START_SECONDS = 60
_STOP_SECONDS = 5
_BACKLOG = 128
# Reading in the public machine images costs a second, and nobody asks for them.
MOTO_SETTINGS = {"MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
# What botocore and moto take settings from.
_FOREIGN_PREFIXES = ("AWS_", "BOTO_", "MOTO_")


class DemoError(ResotoError):
    """The demo can't go on; the text says why in one line."""


def simulated_environment(endpoint: str, environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` with everything gone that botocore reads, and the simulated AWS put in its place.

    Whatever could name an account, a profile, a role or another endpoint (`AWS_ENDPOINT_URL_S3`,
    `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS`) is left out, and the files in the home directory are not read.
    The keys are no real ones either.
    """
    kept = {name: value for name, value in environ.items() if not name.upper().startswith(_FOREIGN_PREFIXES)}
    unproxied = ",".join(filter(None, (kept.get("NO_PROXY") or kept.get("no_proxy"), HOST)))
    return {
        **kept,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": _KEYS["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": _KEYS["SecretAccessKey"],
        "AWS_SESSION_TOKEN": _KEYS["SessionToken"],
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": unproxied,
        "no_proxy": unproxied,
    }


@contextmanager
def only_simulated_aws(endpoint: str) -> Iterator[None]:
    """Let this process, and those it starts, see the simulated AWS and no other within the block."""
    before = dict(os.environ)
    _replace_environment(simulated_environment(endpoint, before))
    try:
        yield
    finally:
        _replace_environment(before)


def _replace_environment(environ: Mapping[str, str]) -> None:
    for name in os.environ.keys() - environ.keys():
        del os.environ[name]
    os.environ.update(environ)


class SimulatedAccounts:
    """Clients of the accounts of a simulated AWS; safe to use from many threads.

    An account is entered by assuming its role, as the collector does. Raises DemoError for an endpoint that
    is not on this machine.
    """

    def __init__(self, endpoint: str) -> None:
        if urlsplit(endpoint).hostname != HOST:
            raise DemoError(f"{endpoint} is no simulated AWS: expected http://{HOST}:PORT")
        self._endpoint = endpoint
        self._session = botocore.session.Session()
        self._keys: dict[str, Mapping[str, str]] = {}
        self._clients: dict[tuple[str, str, str], Any] = {}
        # Making a client is not safe from many threads, using one is.
        self._lock = threading.Lock()

    def client(self, account: str, service: str, region: str = "us-east-1") -> Any:
        """A client of a service in an account and region."""
        with self._lock:
            if account not in self._keys:
                self._keys[account] = self._assume_role(account)
            key = (account, service, region)
            if key not in self._clients:
                self._clients[key] = self._connect(service, region, self._keys[account])
            return self._clients[key]

    def _assume_role(self, account: str) -> Mapping[str, str]:
        sts = self._connect("sts", "us-east-1", _KEYS)
        answer = sts.assume_role(RoleArn=role_arn(account), RoleSessionName="demo")
        credentials: Mapping[str, str] = answer["Credentials"]
        return credentials

    def _connect(self, service: str, region: str, keys: Mapping[str, str]) -> Any:
        return self._session.create_client(
            service,
            region,
            endpoint_url=self._endpoint,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )


def role_arn(account: str) -> str:
    """The role by which an account of the simulated AWS is entered."""
    return f"arn:aws:iam::{account}:role/{ROLE}"


@contextmanager
def simulated_aws(log_file: Path) -> Iterator[str]:
    """Run the simulated AWS and yield the URL of its endpoint. All it prints goes to `log_file`.

    Raises DemoError when it can't be started.
    """
    if find_spec("moto") is None:
        raise DemoError("the demo needs moto: install resoto-dagster[demo]")
    with socket.create_server((HOST, 0), backlog=_BACKLOG) as listener, log_file.open("ab") as log:
        port = listener.getsockname()[1]
        endpoint = f"http://{HOST}:{port}"
        # The port is bound before the server is there, so nobody else can take it meanwhile.
        server = subprocess.Popen(
            [sys.executable, "-m", __name__, str(listener.fileno()), str(port)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=(listener.fileno(),),
            env=simulated_environment(endpoint, os.environ) | MOTO_SETTINGS,
            # Ctrl-C is for whoever uses the server; it goes when they have finished.
            start_new_session=True,
        )
    try:
        _wait_until_it_answers(endpoint, log_file)
        yield endpoint
    finally:
        _end(server)


def _wait_until_it_answers(endpoint: str, log_file: Path) -> None:
    # The request waits in the listener's backlog; it is refused or cut off when the server ends early.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        direct.open(f"{endpoint}/moto-api/data.json", timeout=_START_SECONDS).close()
    except (OSError, HTTPException) as error:
        raise DemoError(f"the simulated AWS did not start: {error}; see {log_file}") from error


def _end(server: subprocess.Popen[bytes]) -> None:
    assert server.stdin is not None
    server.stdin.close()
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def _one_at_a_time(application: Any) -> Any:
    """An application that answers one request after the other: moto's threads change what others iterate."""
    lock = threading.Lock()

    def answer(environ: Any, start_response: Any) -> Any:
        with lock:
            return application(environ, start_response)

    return answer


# Calls that moto does not know, by their target: prices, and quotas, of which there are none.
_ANSWERED_HERE: Mapping[str, Callable[[Any], Any]] = {
    "AWSPriceListService.GetProducts": products,
    "ServiceQuotasV20190624.ListServiceQuotas": lambda _request: {"Quotas": []},
}


def _with_what_moto_lacks(application: Any) -> Any:
    """An application that answers these calls, too."""

    def answer(environ: Any, start_response: Any) -> Any:
        answered_here = _ANSWERED_HERE.get(environ.get("HTTP_X_AMZ_TARGET", ""))
        if answered_here is None:
            return application(environ, start_response)
        request = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        content = json.dumps(answered_here(json.loads(request))).encode()
        headers = [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(content)))]
        start_response("200 OK", headers)
        return [content]

    return answer


def simulation() -> Any:
    """The simulated AWS as a WSGI application; all of them in a process share one state, moto's."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    return _with_what_moto_lacks(_one_at_a_time(DomainDispatcherApplication(create_backend_app)))


def server(application: Any, listener: int, port: int) -> Any:
    """A server for an application, on a socket that listens on the port already."""
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    handler = MotoRequestHandler
    return make_server(HOST, port, application, threaded=True, request_handler=handler, fd=listener)


def _serve(listener: int, port: int) -> None:
    """The server process: answer on an inherited listening socket until standard input is closed."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    server(simulation(), listener, port).serve_forever()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]))
