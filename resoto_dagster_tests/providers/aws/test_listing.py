"""List calls that are made owner by owner, and items that hold several."""

from typing import Any

import pytest
from botocore.stub import Stubber

from resoto_dagster.providers.aws.clients import ServiceClient
from resoto_dagster.providers.aws.declaration import Call
from resoto_dagster.providers.aws.listing import Listing
from resoto_dagster.providers.aws.reading import in_turn
from resoto_dagster.providers.base import ProviderError
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


def test_only_what_is_where_it_is_wanted_counts() -> None:
    client, stubber = stubbed("organizations")
    mine, others = ({"Id": name, "MasterAccountId": name} for name in ("111111111111", "222222222222"))
    organization = Call(
        operation="describe_organization",
        items="Organization",
        where=("MasterAccountId", ("{account}", "333333333333")),
    )
    for answer in (mine, others):
        answers(stubber, "describe_organization", {}, Organization=answer)
    with stubber:
        listing = Listing(organization, (), "111111111111")
        assert listing.all(ServiceClient(client), in_turn) == [mine]
        assert listing.all(ServiceClient(client), in_turn) == []


def test_a_call_may_name_the_account_that_asks() -> None:
    client, stubber = stubbed("inspector2")
    criteria = {"awsAccountId": [{"comparison": "EQUALS", "value": "{account}"}]}
    findings = Call(operation="list_findings", items="findings", params={"filterCriteria": criteria})
    asked = {"filterCriteria": {"awsAccountId": [{"comparison": "EQUALS", "value": "111111111111"}]}}
    for _ in range(2):
        answers(stubber, "list_findings", asked, findings=[])
    with stubber:
        listing = Listing(findings, (), "111111111111")
        assert listing.all(ServiceClient(client), in_turn) == []
        assert listing.narrowed(ServiceClient(client), {}) == []
    stubber.assert_no_pending_responses()


def test_what_an_answer_says_could_not_be_read_is_an_error() -> None:
    client, stubber = stubbed("inspector2")
    status = Call(operation="batch_get_account_status", items="accounts", errors="failedAccounts")
    failed = {"accountId": "111111111111", "errorCode": "INTERNAL_ERROR", "errorMessage": "later"}
    answers(stubber, "batch_get_account_status", {}, accounts=[], failedAccounts=[failed])
    with stubber, pytest.raises(ProviderError, match=r"batch_get_account_status: .*INTERNAL_ERROR"):
        Listing(status, ()).all(ServiceClient(client), in_turn)


def test_units_within_units_are_found() -> None:
    client, stubber = stubbed("organizations")
    units = Call(
        operation="list_organizational_units_for_parent",
        items="OrganizationalUnits",
        params={"ParentId": "item.Id"},
        each=Call(operation="list_roots", items="Roots"),
        recurse=True,
    )
    answers(stubber, "list_roots", {}, Roots=[{"Id": "r-root"}])
    children = {"r-root": ["ou-root-a", "ou-root-b"], "ou-root-a": ["ou-root-c"], "ou-root-b": []}
    for parent, found in (children | {"ou-root-c": []}).items():
        answers(
            stubber,
            "list_organizational_units_for_parent",
            {"ParentId": parent},
            OrganizationalUnits=[{"Id": name} for name in found],
        )
    with stubber:
        listed = Listing(units, ()).all(ServiceClient(client), in_turn)
    assert [unit["Id"] for unit in listed] == ["ou-root-a", "ou-root-b", "ou-root-c"]
    stubber.assert_no_pending_responses()
