"""List calls that are made owner by owner, and items that hold several."""

from typing import Any

from botocore.stub import Stubber

from resoto_dagster.providers.aws.clients import ServiceClient
from resoto_dagster.providers.aws.declaration import Call
from resoto_dagster.providers.aws.listing import Listing
from resoto_dagster.providers.aws.reading import in_turn
from resoto_dagster_tests.providers.aws.test_clients import stubbed

DEPLOYMENTS = Call(
    operation="get_deployments",
    items="items",
    params={"restApiId": "item.id"},
    each=Call(operation="get_rest_apis", items="items"),
    owner="api",
    page_size=2,
)
RECORDS = Call(
    operation="list_resource_record_sets",
    items="ResourceRecordSets",
    params={"HostedZoneId": "item.Id"},
    each=Call(operation="list_hosted_zones", items="HostedZones"),
    split="ResourceRecords",
)


def answers(stubber: Stubber, operation: str, asked: dict[str, Any], **answer: Any) -> None:
    stubber.add_response(operation, answer, asked)


def test_an_item_holds_its_owner() -> None:
    client, stubber = stubbed("apigateway")
    apis = [{"id": "a1", "name": "one"}, {"id": "a2", "name": "two"}]
    answers(stubber, "get_rest_apis", {}, items=apis)
    answers(stubber, "get_deployments", {"restApiId": "a1", "limit": 2}, items=[{"id": "d1"}, {"id": "d2"}])
    answers(stubber, "get_deployments", {"restApiId": "a2", "limit": 2}, items=[])
    with stubber:
        found = Listing(DEPLOYMENTS, ()).all(ServiceClient(client), in_turn)
    assert found == [{"id": "d1", "api": apis[0]}, {"id": "d2", "api": apis[0]}]


def test_a_narrowed_call_asks_of_the_owner_it_is_told() -> None:
    client, stubber = stubbed("apigateway")
    answers(stubber, "get_deployments", {"restApiId": "a1", "limit": 2}, items=[{"id": "d1"}])
    with stubber:
        found = Listing(DEPLOYMENTS, ()).narrowed(ServiceClient(client), {"item": {"id": "a1"}})
    assert found == [{"id": "d1", "api": {"id": "a1"}}]


def test_what_an_owner_has_is_none_once_it_is_gone() -> None:
    client, stubber = stubbed("apigateway")
    stubber.add_client_error("get_deployments", "NotFoundException")
    with stubber:
        assert (
            Listing(DEPLOYMENTS, ("NotFoundException",)).narrowed(
                ServiceClient(client), {"item": {"id": "a"}}
            )
            == []
        )


def test_an_item_becomes_as_many_as_its_list_has_elements() -> None:
    client, stubber = stubbed("route53")
    record = {"Name": "www.", "Type": "A", "TTL": 60}
    values = [{"Value": "192.0.2.1"}, {"Value": "192.0.2.2"}]
    alias = {"Name": "alias.", "Type": "A"}
    page = {"IsTruncated": False, "MaxItems": "300"}
    answers(
        stubber,
        "list_hosted_zones",
        {},
        HostedZones=[{"Id": "Z1", "Name": "x.", "CallerReference": "1"}],
        Marker="",
        **page,
    )
    answers(
        stubber,
        "list_resource_record_sets",
        {"HostedZoneId": "Z1"},
        ResourceRecordSets=[{**record, "ResourceRecords": values}, alias],
        **page,
    )
    with stubber:
        found = Listing(RECORDS, ()).all(ServiceClient(client), in_turn)
    assert found == [{**record, "ResourceRecords": value} for value in values]
