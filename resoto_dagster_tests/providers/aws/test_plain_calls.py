"""Calls that are made in botocore's place, and those that are left to it.

That requests and answers are botocore's own, value by value, is tested with the shared clients.
"""

from typing import Any

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.hooks import HierarchicalEmitter

from resoto_dagster.providers.aws.askers import Asker, asked_by
from resoto_dagster.providers.aws.clients import ONE_TRY, make_client, new_session
from resoto_dagster.providers.aws.connections import Answer, AnswerHeaders, Connections, host_header
from resoto_dagster.providers.aws.plain_calls import PlainRequest
from resoto_dagster.providers.aws.shared_clients import SharedClients

SOMEONE = Asker(Credentials("AKIAONE", "secret"), HierarchicalEmitter(), "us-east-1")
VPCS = b"<DescribeVpcsResponse><vpcSet/></DescribeVpcsResponse>"
EXPIRED = b"<Response><Errors><Error><Code>RequestExpired</Code></Error></Errors></Response>"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was sent, plain or by botocore."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    return []


def clients_that_are_answered(
    monkeypatch: pytest.MonkeyPatch, sent: list[Any], *answers: Answer | Exception | None
) -> SharedClients:
    left = list(answers)

    def send(_: Connections, request: Any, **__: Any) -> Answer | None:
        sent.append(request)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(Connections, "send", send)
    return SharedClients(new_session(), lambda *asked: make_client(*asked, config=ONE_TRY))


def answer(body: bytes, status: int = 200) -> Answer:
    return Answer(status, AnswerHeaders({"x-amzn-requestid": "r-1"}), body)


class Renewed(Credentials):
    """Keys that are others after the first call."""

    def __init__(self) -> None:
        super().__init__("AKIAONE", "secret")
        self.asked = 0

    def get_frozen_credentials(self) -> Any:
        self.asked += 1
        return Credentials("AKIAONE" if self.asked == 1 else "AKIATWO", "secret").get_frozen_credentials()


def test_a_call_that_is_asked_again_is_signed_with_new_keys(
    monkeypatch: pytest.MonkeyPatch, sent: list[Any]
) -> None:
    clients = clients_that_are_answered(monkeypatch, sent, answer(EXPIRED, 400), answer(VPCS))
    events = HierarchicalEmitter()
    events.register("needs-retry.ec2.DescribeVpcs", lambda response, **_: 0)
    with asked_by(Asker(Renewed(), events, "us-east-1")):
        assert clients.get("ec2", "us-east-1").describe_vpcs()["Vpcs"] == []
    keys = [request.headers["Authorization"].split("/")[0].rpartition("=")[2] for request in sent]
    assert keys == ["AKIAONE", "AKIATWO"]


def test_a_refusal_is_botocores_own_error(monkeypatch: pytest.MonkeyPatch, sent: list[Any]) -> None:
    clients = clients_that_are_answered(monkeypatch, sent, answer(EXPIRED, 400))
    with asked_by(SOMEONE), pytest.raises(ClientError) as refused:
        clients.get("ec2", "us-east-1").describe_vpcs()
    assert refused.value.response["Error"]["Code"] == "RequestExpired"
    assert len(sent) == 1


def test_a_broken_connection_is_botocores_own_error(monkeypatch: pytest.MonkeyPatch, sent: list[Any]) -> None:
    broken = ConnectionClosedError(endpoint_url="http://127.0.0.1:1")
    clients = clients_that_are_answered(monkeypatch, sent, broken)
    with asked_by(SOMEONE), pytest.raises(ConnectionClosedError):
        clients.get("ec2", "us-east-1").describe_vpcs()
    assert len(sent) == 1


def test_what_our_connections_do_not_take_is_left_to_botocore(
    monkeypatch: pytest.MonkeyPatch, sent: list[Any]
) -> None:
    clients = clients_that_are_answered(monkeypatch, sent, None, answer(VPCS))
    with asked_by(SOMEONE):
        assert clients.get("ec2", "us-east-1").describe_vpcs()["Vpcs"] == []
    assert [isinstance(request, PlainRequest) for request in sent] == [True, False]


def test_streams_are_left_to_botocore(monkeypatch: pytest.MonkeyPatch, sent: list[Any]) -> None:
    clients = clients_that_are_answered(monkeypatch, sent, answer(b"whole"))
    with asked_by(SOMEONE):
        clients.get("s3", "us-east-1").get_object(Bucket="a-bucket", Key="k")
    assert not isinstance(sent[0], PlainRequest)


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://EC2.us-east-1.amazonaws.com/", "ec2.us-east-1.amazonaws.com"),
        ("https://a.b:443/x?y=:443", "a.b"),
        ("http://127.0.0.1:80?list", "127.0.0.1"),
        ("http://127.0.0.1:4566/a", "127.0.0.1:4566"),
        ("https://a.b:80/", "a.b:80"),
    ],
)
def test_the_host_of_a_request(url: str, header: str) -> None:
    assert host_header(url) == header
