"""Clients that all accounts and regions share ask as a client of one's own would."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import NoCredentialsError
from botocore.hooks import HierarchicalEmitter

from resoto_dagster.providers.aws.clients import ONE_TRY, make_client, new_session
from resoto_dagster.providers.aws.connections import Connections
from resoto_dagster.providers.aws.shared_clients import Asker, SharedClients, Sharing, asked_by
from resoto_dagster_tests.providers.aws.declared import declared_operations
from resoto_dagster_tests.providers.aws.samples import sample, service_model

REGIONS = ("us-east-1", "us-west-2", "eu-central-1", "me-south-1", "cn-north-1", "us-gov-west-1")
CHANGING = {"amz-sdk-invocation-id", "authorization", "user-agent", "x-amz-date"}
SERVICES = sorted({service for service, _ in declared_operations()})


class Captured(Exception):
    """Instead of sending a request."""


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> list[AWSPreparedRequest]:
    """What would have been sent; nothing is."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    requests: list[AWSPreparedRequest] = []

    def send(_: Connections, request: AWSPreparedRequest, **__: Any) -> None:
        requests.append(request)
        raise Captured

    monkeypatch.setattr(Connections, "send", send)
    return requests


@pytest.fixture
def shared(sent: list[AWSPreparedRequest]) -> Iterator[SharedClients]:
    clients = shared_clients()
    yield clients
    clients.close()


UNCHECKED = ONE_TRY.merge(Config(parameter_validation=False))
"""Samples may be shorter than they should be."""


def shared_clients() -> SharedClients:
    return SharedClients(new_session(), lambda *asked: make_client(*asked, config=UNCHECKED))


def asker(region: str, key: str = "AKIAONE") -> Asker:
    return Asker(Credentials(key, "secret", "token"), HierarchicalEmitter(), region)


def told(request: AWSPreparedRequest) -> tuple[Any, ...]:
    """All of a request that does not change from one to the next, and the scope and key it is signed with."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    signed = re.search(rb"Credential=(\w+)/\d+/([^,]+)", headers.get("authorization", b""))
    kept = {name: value for name, value in headers.items() if name not in CHANGING}
    return request.method, request.url, request.body, kept, signed and signed.groups()


def params_of(service: str, operation: str) -> dict[str, Any]:
    """The params without which the operation can't be asked."""
    shape = service_model(service).operation_model(operation).input_shape
    if shape is None:
        return {}
    given = sample(shape)
    params = {name: given[name] for name in shape.required_members}
    return params | ({"Bucket": "a-bucket"} if "Bucket" in params else {})


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("made_for", ["us-east-1", "cn-north-1"])
def test_a_request_is_the_one_a_client_of_its_own_would_make(
    service: str, made_for: str, shared: SharedClients, sent: list[AWSPreparedRequest]
) -> None:
    keys = {"aws_access_key_id": "AKIAONE", "aws_secret_access_key": "secret", "aws_session_token": "token"}
    operations = [operation for of_service, operation in declared_operations() if of_service == service]
    client = shared.get(service, made_for)
    for region in REGIONS:
        session = new_session()
        session.register("before-send", lambda **asked: Connections.send(Connections(), **asked))
        own = make_client(session, service, region, config=UNCHECKED, **keys)
        for operation in operations:
            params = params_of(service, operation)
            with pytest.raises(Captured):
                getattr(own, xform_name(operation))(**params)
            with pytest.raises(Captured), asked_by(asker(region)):
                getattr(client, xform_name(operation))(**params)
            theirs, ours = sent[-2:]
            assert told(ours) == told(theirs), f"{operation} in {region}"


def test_each_request_is_signed_for_whoever_asks(
    shared: SharedClients, sent: list[AWSPreparedRequest]
) -> None:
    client = shared.get("ec2", "us-east-1")
    for key, region in (("AKIAONE", "us-east-1"), ("AKIATWO", "eu-west-1"), ("AKIAONE", "us-west-2")):
        with pytest.raises(Captured), asked_by(asker(region, key)):
            client.describe_vpcs()
        assert told(sent[-1])[-1] == (key.encode(), f"{region}/ec2/aws4_request".encode())
        assert sent[-1].url == f"https://ec2.{region}.amazonaws.com/"


def test_a_request_that_nobody_asks_for_is_not_made(
    shared: SharedClients, sent: list[AWSPreparedRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(NoCredentialsError):
        shared.get("ec2", "us-east-1").describe_vpcs()
    with pytest.raises(NoCredentialsError), asked_by(Asker(None, HierarchicalEmitter(), "us-east-1")):
        shared.get("ec2", "us-east-1").describe_vpcs()
    assert sent == []


def test_a_client_is_made_once(shared: SharedClients) -> None:
    client = shared.get("ec2", "us-east-1")
    assert shared.get("ec2", "eu-west-1") is client
    assert shared.get("sts", "us-east-1") is not client


class Answers:
    """Answers requests in turn: a status, headers and a body each."""

    def __init__(self, *answers: tuple[int, dict[str, str], bytes]) -> None:
        self.left = list(answers)
        self.requests: list[AWSPreparedRequest] = []

    def send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        self.requests.append(request)
        status, headers, body = self.left.pop(0)

        class Raw:
            def stream(self) -> Iterator[bytes]:
                yield body

        return AWSResponse(request.url, status, headers, Raw())


def test_a_bucket_is_asked_where_s3_says_it_is(monkeypatch: pytest.MonkeyPatch, sent: Any) -> None:
    elsewhere = b"<Error><Code>PermanentRedirect</Code><Bucket>a-bucket</Bucket></Error>"
    answers = Answers((301, {"x-amz-bucket-region": "eu-west-1"}, elsewhere), (200, {}, b""), (200, {}, b""))
    monkeypatch.setattr(Connections, "send", lambda _, **asked: answers.send(**asked))
    client = shared_clients().get("s3", "us-east-1")
    for _ in range(2):
        with asked_by(asker("us-east-1")):
            client.get_bucket_versioning(Bucket="a-bucket")
    scopes = [told(request)[-1] for request in answers.requests]
    assert [scope[1].decode().split("/")[0] for scope in scopes] == ["us-east-1", "eu-west-1", "eu-west-1"]
    assert [request.url.split("/")[2] for request in answers.requests[1:]] == [
        "a-bucket.s3.eu-west-1.amazonaws.com"
    ] * 2


@pytest.mark.parametrize(("status", "asked"), [(200, []), (400, ["DescribeVpcs"]), (None, ["DescribeVpcs"])])
def test_the_session_of_who_asks_hears_what_failed(
    monkeypatch: pytest.MonkeyPatch, sent: Any, status: int | None, asked: list[str]
) -> None:
    heard: list[str] = []

    def hear(operation: Any, **_: Any) -> int | None:
        heard.append(operation.name)
        return 0 if len(heard) == 1 else None

    events = HierarchicalEmitter()
    events.register("needs-retry.ec2", hear)
    body = b"<R><vpcSet/></R>"
    if status is not None:
        answers = Answers((status, {}, body), (200, {}, body))
        monkeypatch.setattr(Connections, "send", lambda _, **asked: answers.send(**asked))
    client = shared_clients().get("ec2", "us-east-1")
    someone = Asker(Credentials("AKIAONE", "secret"), events, "us-east-1")
    with asked_by(someone):
        if status is None:
            with pytest.raises(Captured):
                client.describe_vpcs()
            assert heard == ["DescribeVpcs"] * 2, "the first time it had it asked again"
            return
        assert client.describe_vpcs()["Vpcs"] == []
    assert heard == asked


def test_clients_are_lent_until_the_last_one_gives_them_back(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str | None] = []

    class Lent:
        def __init__(self, profile: str | None) -> None:
            self.profile = profile

        def close(self) -> None:
            closed.append(self.profile)

    class Borrower:
        pass

    made: list[Any] = []
    sharing = Sharing(lambda profile: made.append(Lent(profile)) or made[-1])
    borrowers = [Borrower() for _ in range(5)]
    one, two, other = (sharing.borrow(name, who) for name, who in zip("aab", borrowers, strict=False))
    assert one.clients is two.clients
    assert other.clients is not one.clients
    one.give_back()
    one.give_back()
    assert closed == []
    two.give_back()
    assert closed == ["a"]
    assert sharing.borrow("a", borrowers[3]).clients is not one.clients
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert sharing.borrow("b", borrowers[4]).clients is not other.clients, "AWS may be elsewhere now"
    borrowers.clear()
    assert sorted(closed) == ["a", "a", "b", "b"], "whoever is gone has given them back"


def test_sessions_share_what_they_load() -> None:
    one, two = new_session(), new_session()
    assert one.get_component("data_loader") is two.get_component("data_loader")
    heard: list[str] = []
    one.register("before-send", lambda **_: heard.append("one"))
    two.get_component("event_emitter").emit("before-send.ec2.DescribeVpcs", request=None)
    assert heard == [], "what is registered with one session is no affair of another"
