"""Clients that all accounts and regions share ask as a client of one's own would."""

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore import auth, xform_name
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.hooks import HierarchicalEmitter

from resoto_dagster.providers.aws.askers import Asker, asked_by
from resoto_dagster.providers.aws.clients import ONE_TRY, make_client, new_session
from resoto_dagster.providers.aws.connections import Answer, AnswerHeaders, Connections
from resoto_dagster.providers.aws.plain_calls import PlainRequest
from resoto_dagster.providers.aws.shared_clients import SharedClients, Sharing
from resoto_dagster_tests.providers.aws.declared import declared_operations
from resoto_dagster_tests.providers.aws.samples import sample, service_model
from resoto_dagster_tests.providers.aws.synthetic import Refusal, answered, refused, routed_model

REGIONS = ("us-east-1", "us-west-2", "eu-central-1", "me-south-1", "cn-north-1", "us-gov-west-1")
LEFT_TO_BOTOCORE = frozenset({("s3", "DeleteObjects"), ("s3", "PutBucketTagging")})
"""Operations whose calls are not plain."""
SERVICES = sorted({service for service, _ in declared_operations()})


class Captured(Exception):
    """Instead of sending a request."""


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> list[AWSPreparedRequest]:
    """What would have been sent; nothing is."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    # The same moment and id for all requests, so that all are signed the same.
    monkeypatch.setattr(auth, "get_current_datetime", lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=7))
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
    """All of a request that does not change from one to the next, and the key and scope it is signed with."""
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    signed = re.search(r"Credential=(\w+)/\d+/([^,]+)", headers.get("authorization", ""))
    kept = {name: value for name, value in headers.items() if name != "user-agent"}
    body = _text(request.body or b"")
    return request.method, request.url, body, kept, signed and signed.groups()


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


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
            assert isinstance(ours, PlainRequest) == ((service, operation) not in LEFT_TO_BOTOCORE), operation


@pytest.mark.parametrize("service", SERVICES)
def test_an_answer_is_the_one_a_client_of_its_own_would_give(
    service: str, monkeypatch: pytest.MonkeyPatch, sent: Any
) -> None:
    model = service_model(service)
    given: list[Answer] = []
    monkeypatch.setattr(Connections, "send", lambda *_, **__: given[-1])
    session = new_session()
    session.register("before-send", lambda **asked: Connections.send(Connections(), **asked))
    keys = {"aws_access_key_id": "AKIAONE", "aws_secret_access_key": "secret"}
    own = make_client(session, service, "us-east-1", config=UNCHECKED, **keys)
    client = shared_clients().get(service, "us-east-1")
    for operation in (operation for of_service, operation in declared_operations() if of_service == service):
        shape = model.operation_model(operation).output_shape
        stated = {} if shape is None else sample(shape)
        routed = routed_model(service).operation_model(operation)
        good = answered(model.resolved_protocol, service, routed, stated, "r-1")
        bad = refused(model.resolved_protocol, service, Refusal("NoSuchThing", 404), "r-2")
        for wire in (good, bad):
            headers = AnswerHeaders({name.lower(): value for name, value in wire.headers.items()})
            given.append(Answer(wire.status_code, headers, wire.data))
            theirs = outcome(own, operation, params_of(service, operation))
            with asked_by(asker("us-east-1")):
                assert outcome(client, operation, params_of(service, operation)) == theirs, operation


def outcome(client: Any, operation: str, params: dict[str, Any]) -> Any:
    """What a client makes of an answer; how often it was tried is no part of it."""
    try:
        found = getattr(client, xform_name(operation))(**params)
    except ClientError as error:
        return type(error).__name__, error.response["Error"], error.operation_name
    for tried in ("RetryAttempts", "MaxAttemptsReached"):
        found["ResponseMetadata"].pop(tried, None)
    return found


def test_each_request_is_signed_for_whoever_asks(
    shared: SharedClients, sent: list[AWSPreparedRequest]
) -> None:
    client = shared.get("ec2", "us-east-1")
    for key, region in (("AKIAONE", "us-east-1"), ("AKIATWO", "eu-west-1"), ("AKIAONE", "us-west-2")):
        with pytest.raises(Captured), asked_by(asker(region, key)):
            client.describe_vpcs()
        assert told(sent[-1])[-1] == (key, f"{region}/ec2/aws4_request")
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

    def send(self, request: AWSPreparedRequest, **_: Any) -> Answer:
        self.requests.append(request)
        status, headers, body = self.left.pop(0)
        return Answer(status, AnswerHeaders(headers), body)


def test_a_bucket_is_asked_where_s3_says_it_is(monkeypatch: pytest.MonkeyPatch, sent: Any) -> None:
    elsewhere = b"<Error><Code>PermanentRedirect</Code><Bucket>a-bucket</Bucket></Error>"
    leads_away = (301, {"x-amz-bucket-region": "eu-west-1"}, elsewhere)
    answers = Answers(leads_away, leads_away, (200, {}, b""), (200, {}, b""))
    monkeypatch.setattr(Connections, "send", lambda _, request, **__: answers.send(request))
    client = shared_clients().get("s3", "us-east-1")
    for _ in range(2):
        with asked_by(asker("us-east-1")):
            client.get_bucket_versioning(Bucket="a-bucket")
    scopes = [told(request)[-1] for request in answers.requests]
    assert [scope[1].split("/")[0] for scope in scopes] == [
        *["us-east-1"] * 2,  # botocore asks again, and finds its way by what it is answered
        *["eu-west-1"] * 2,
    ]
    assert [request.url.split("/")[2] for request in answers.requests[2:]] == [
        "a-bucket.s3.eu-west-1.amazonaws.com"
    ] * 2


@pytest.mark.parametrize(("status", "asked"), [(200, []), (400, ["DescribeVpcs"])])
def test_the_session_of_who_asks_hears_what_failed(
    monkeypatch: pytest.MonkeyPatch, sent: Any, status: int, asked: list[str]
) -> None:
    heard: list[str] = []

    def hear(operation: Any, **_: Any) -> int | None:
        heard.append(operation.name)
        return 0 if len(heard) == 1 else None

    events = HierarchicalEmitter()
    events.register("needs-retry.ec2", hear)
    body = b"<R><vpcSet/></R>"
    answers = Answers((status, {}, body), (200, {}, body))
    monkeypatch.setattr(Connections, "send", lambda _, request, **__: answers.send(request))
    client = shared_clients().get("ec2", "us-east-1")
    someone = Asker(Credentials("AKIAONE", "secret"), events, "us-east-1")
    with asked_by(someone):
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
