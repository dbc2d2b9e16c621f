"""Fixtures: moto's server as AWS, an environment that points to it, and a session of the provider."""

import os
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest

# One image instead of hundreds, which moto would make anew for every test; it reads this when it is imported.
os.environ.setdefault("MOTO_AMIS_PATH", str(Path(__file__).with_name("images.json")))
from moto.server import ThreadedMotoServer

from resoto_dagster.providers.aws import provider
from resoto_dagster.providers.aws.settings import AwsSettings
from resoto_dagster.providers.base import ProviderSession
from resoto_dagster_tests.providers.aws.cloudtrail import Queue
from resoto_dagster_tests.providers.aws.front import Front
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION, RecordingSink
from resoto_dagster_tests.providers.aws.synthetic import Synthetic


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[str]:
    """The address of moto's server, which simulates AWS for as long as the tests run."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws_env(moto_endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> str:
    """An empty AWS and the environment variables that lead to it; the address of it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    urllib.request.urlopen(f"{moto_endpoint}/moto-api/reset", data=b"", timeout=30).close()
    return moto_endpoint


@pytest.fixture
def client(aws_env: str) -> Callable[..., Any]:
    """A function that makes a plain client of botocore, with which a test prepares what is collected."""
    session = botocore.session.Session()

    def make(service: str, region: str = REGION, account: str = ACCOUNT) -> Any:
        credentials: dict[str, str] = {}
        if account != ACCOUNT:
            role = session.create_client("sts", region).assume_role(
                RoleArn=f"arn:aws:iam::{account}:role/test", RoleSessionName="test"
            )["Credentials"]
            credentials = {
                "aws_access_key_id": role["AccessKeyId"],
                "aws_secret_access_key": role["SecretAccessKey"],
                "aws_session_token": role["SessionToken"],
            }
        return session.create_client(service, region, **credentials)

    return make


@pytest.fixture
def open_session(aws_env: str) -> Iterator[Callable[..., ProviderSession]]:
    """A function that opens a session with the given settings; closed after the test."""
    sessions: list[ProviderSession] = []

    def open_with(**settings: Any) -> ProviderSession:
        session = provider.open(AwsSettings.model_validate({"regions": [REGION]} | settings))
        sessions.append(session)
        return session

    yield open_with
    for session in sessions:
        session.close()


@pytest.fixture
def session(open_session: Callable[..., ProviderSession]) -> ProviderSession:
    """A session for one region of the default account."""
    return open_session()


@pytest.fixture
def collect_kind(open_session: Callable[..., ProviderSession]) -> Callable[..., list[Any]]:
    """A function that collects one kind, expects every scope to succeed and returns the resources by id."""

    def collect(kind: str, **settings: Any) -> list[Any]:
        sink = RecordingSink()
        open_session(**settings).collect([kind], sink)
        assert not sink.failures
        assert not sink.account_failures
        assert set(sink.found) == set(sink.announced)
        return sink.of_kind(kind)

    return collect


@pytest.fixture
def queue(client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Queue:
    """An empty queue of events, which nobody waits at for what may still come."""
    monkeypatch.setattr("resoto_dagster.providers.aws.event_queue.WAIT_SECONDS", 0)
    monkeypatch.setattr("resoto_dagster.providers.aws.event_queue.QUIET_SECONDS", 0)
    sqs = client("sqs")
    return Queue(sqs, sqs.create_queue(QueueName="resoto-events")["QueueUrl"])


@pytest.fixture
def front(aws_env: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """A server before moto's that counts and refuses; everything in the test goes through it."""
    server = Front(aws_env)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    yield server
    server.close()


@pytest.fixture
def synthetic(aws_env: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Synthetic]:
    """A server instead of moto's that answers what the test states; everything in the test asks it alone.

    A request that nothing was stated of fails the test.
    """
    server = Synthetic()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    yield server
    server.close()
    assert server.problems == []
