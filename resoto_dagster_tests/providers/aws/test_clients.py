"""Answers read page by page."""

from typing import Any

from botocore.client import BaseClient
from botocore.session import Session
from botocore.stub import Stubber

from resoto_dagster.providers.aws.clients import ServiceClient


def stubbed(service: str) -> tuple[BaseClient, Stubber]:
    """A client that answers only what its stubber was given, and to exactly the params it was given."""
    client = Session().create_client(
        service, "us-east-1", aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="not-a-secret"
    )
    return client, Stubber(client)


def test_what_follows_a_token_is_read_with_the_same_params() -> None:
    client, stubber = stubbed("athena")
    pages: list[dict[str, Any]] = [
        {"WorkGroups": [{"Name": "one"}], "NextToken": "second"},
        {"WorkGroups": [], "NextToken": "third"},
        {"WorkGroups": [{"Name": "two"}]},
    ]
    stubber.add_response("list_work_groups", pages[0], {"MaxResults": 1})
    stubber.add_response("list_work_groups", pages[1], {"MaxResults": 1, "NextToken": "second"})
    stubber.add_response("list_work_groups", pages[2], {"MaxResults": 1, "NextToken": "third"})
    with stubber:
        found = list(ServiceClient(client).pages("list_work_groups", {"MaxResults": 1}))
    assert [page["WorkGroups"] for page in found] == [[{"Name": "one"}], [], [{"Name": "two"}]]
    stubber.assert_no_pending_responses()


def test_the_next_page_may_begin_after_the_last_item_of_this_one() -> None:
    client, stubber = stubbed("dynamodb")
    pages: list[dict[str, Any]] = [
        {"GlobalTables": [{"GlobalTableName": "one"}], "LastEvaluatedGlobalTableName": "one"},
        {"GlobalTables": [{"GlobalTableName": "two"}]},
    ]
    stubber.add_response("list_global_tables", pages[0], {})
    stubber.add_response("list_global_tables", pages[1], {"ExclusiveStartGlobalTableName": "one"})
    with stubber:
        assert list(ServiceClient(client).pages("list_global_tables", {})) == pages
    stubber.assert_no_pending_responses()


def test_the_marker_of_the_next_page_may_stand_beside_the_items() -> None:
    client, stubber = stubbed("cloudfront")
    listed: dict[str, Any] = {"MaxItems": 1, "Quantity": 1}
    pages = [{"CachePolicyList": {**listed, "NextMarker": "second"}}, {"CachePolicyList": listed}]
    stubber.add_response("list_cache_policies", pages[0], {"Type": "custom"})
    stubber.add_response("list_cache_policies", pages[1], {"Type": "custom", "Marker": "second"})
    with stubber:
        found = list(ServiceClient(client).pages("list_cache_policies", {"Type": "custom"}))
    assert found == pages
    stubber.assert_no_pending_responses()
