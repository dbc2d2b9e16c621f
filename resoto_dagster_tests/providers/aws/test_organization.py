"""All accounts of an organization: which are read, how they are entered, and how they are called."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from resoto_dagster.model.resource import Resource
from resoto_dagster.providers.base import ProviderError, ProviderSession
from resoto_dagster_tests.providers.aws.front import Front
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    OTHER_ACCOUNT,
    OTHER_REGION,
    REGION,
    RecordingSink,
    stored,
)

Client = Callable[..., Any]
Open = Callable[..., ProviderSession]


@dataclass
class Organization:
    """The ids of an organization's accounts by name, and those of its units."""

    accounts: dict[str, str]
    root: str
    units: dict[str, str]

    def names(self, ids: Any) -> set[str]:
        by_id = {id_: name for name, id_ in self.accounts.items()} | {ACCOUNT: "management"}
        return {by_id.get(id_, id_) for id_ in ids}


@pytest.fixture
def organization(client: Client) -> Organization:
    """An organization of moto's account, with `production` in a unit below a unit and `closed` suspended."""
    api = client("organizations")
    api.create_organization(FeatureSet="ALL")
    root = api.list_roots()["Roots"][0]["Id"]
    units: dict[str, str] = {}
    for name, parent in (("workloads", root), ("live", "workloads"), ("sandboxes", root)):
        made = api.create_organizational_unit(ParentId=units.get(parent, parent), Name=name)
        units[name] = made["OrganizationalUnit"]["Id"]
    accounts = {}
    for name, unit in (
        ("production", "live"),
        ("staging", "workloads"),
        ("sandbox-a", "sandboxes"),
        ("sandbox-b [old]", "sandboxes"),
        ("closed", None),
    ):
        made = api.create_account(AccountName=name, Email=f"{name[:9]}@example.com")
        accounts[name] = made["CreateAccountStatus"]["AccountId"]
        if unit:
            api.move_account(AccountId=accounts[name], SourceParentId=root, DestinationParentId=units[unit])
    api.close_account(AccountId=accounts["closed"])
    return Organization(accounts, root, units)


EVERYBODY = {"management", "production", "staging", "sandbox-a", "sandbox-b [old]"}


def collected(session: ProviderSession, *kinds: str) -> RecordingSink:
    sink = RecordingSink()
    session.collect(kinds or ["aws_account"], sink)
    assert not sink.failures
    return sink


def test_all_active_accounts_are_read_and_bear_their_names(
    organization: Organization, open_session: Open
) -> None:
    sink = collected(open_session(organization={}))
    assert organization.names(sink.accounts) == EVERYBODY
    assert sink.account_failures == {}
    names = {account.id: account.name for account in sink.of_kind("aws_account")}
    assert names[organization.accounts["production"]] == "production"
    assert names[organization.accounts["sandbox-b [old]"]] == "sandbox-b [old]"
    assert names[ACCOUNT] == "master", "as moto calls the management account"


def test_an_alias_goes_before_the_name_in_the_organization(
    organization: Organization, client: Client, open_session: Open
) -> None:
    client("iam", account=organization.accounts["staging"]).create_account_alias(AccountAlias="stage")
    session = open_session(organization={"include": {"names": ["staging"]}})
    (account,) = collected(session).of_kind("aws_account")
    assert account.name == "stage"


def test_a_name_is_the_same_when_the_account_is_read_again(
    organization: Organization, open_session: Open
) -> None:
    session = open_session(organization={"include": {"names": ["production"]}})
    (account,) = collected(session).of_kind("aws_account")
    assert session.read(stored(account, organization.accounts["production"])) == account


def test_an_account_that_is_listed_bears_its_name_too(organization: Organization, open_session: Open) -> None:
    staging = organization.accounts["staging"]
    session = open_session(accounts=[{"id": staging, "role": "other"}], organization={})
    names = {account.id: account.name for account in collected(session).of_kind("aws_account")}
    assert names[staging] == "staging"


def test_members_are_entered_by_role_and_the_one_that_lists_by_its_own_credentials(
    organization: Organization, open_session: Open, front: Front
) -> None:
    settings = {"role": "collector", "external_id": "secret-42", "session_name": "hourly"}
    collected(open_session(organization=settings))
    asked = [request.body for request in front.requests if request.action == "AssumeRole"]
    assert len(asked) == 4
    for name in EVERYBODY - {"management"}:
        arn = f"RoleArn=arn%3Aaws%3Aiam%3A%3A{organization.accounts[name]}%3Arole%2Fcollector"
        (body,) = (body for body in asked if arn in body)
        assert "ExternalId=secret-42" in body
        assert "RoleSessionName=hourly" in body
    assert front.count()["ListAccounts"] == 1


def test_the_accounts_are_listed_through_a_role(
    organization: Organization, open_session: Open, front: Front, client: Client
) -> None:
    # The collector's own account is another one than the management account.
    session = open_session(
        accounts=[{"id": OTHER_ACCOUNT, "role": "resoto"}],
        organization={
            "list_from": {"id": ACCOUNT, "role": "lister", "external_id": "secret-1"},
            "include": {"accounts": [ACCOUNT, organization.accounts["staging"]]},
        },
    )
    sink = collected(session)
    assert organization.names(sink.accounts) == {OTHER_ACCOUNT, "management", "staging"}
    roles = [request.body for request in front.requests if request.action == "AssumeRole"]
    assert len(roles) == 3, "the role that lists is the one by which the management account is read"
    (lister,) = (body for body in roles if "lister" in body)
    assert f"{ACCOUNT}%3Arole%2Flister" in lister
    assert "ExternalId=secret-1" in lister
    (listed,) = (request for request in front.requests if request.action == "ListAccounts")
    assert listed.key.startswith("ASIA")


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ({"accounts": ["production"]}, None, {"production"}),
        ({"names": ["s*"]}, None, {"staging", "sandbox-a", "sandbox-b [old]"}),
        ({"names": ["sandbox-? [old]"]}, None, {"sandbox-b [old]"}),
        ({"names": ["Staging"], "accounts": ["production"]}, None, {"production"}),
        ({"units": ["workloads"]}, None, {"production", "staging"}),
        ({"units": ["live", "sandboxes"]}, None, {"production", "sandbox-a", "sandbox-b [old]"}),
        ({"names": ["staging"], "units": ["live"]}, None, {"staging", "production"}),
        ({"units": ["root"]}, None, EVERYBODY),
        (None, {"accounts": ["management"]}, EVERYBODY - {"management"}),
        (None, {"names": ["sand*"]}, {"management", "production", "staging"}),
        (None, {"units": ["workloads"]}, {"management", "sandbox-a", "sandbox-b [old]"}),
        ({"units": ["workloads"]}, {"names": ["prod*"]}, {"staging"}),
        ({"accounts": ["production", "staging"]}, {"units": ["live"]}, {"staging"}),
        (None, {"accounts": []}, EVERYBODY),
    ],
)
def test_some_are_included_and_some_excluded(
    organization: Organization,
    open_session: Open,
    include: dict[str, list[str]] | None,
    exclude: dict[str, list[str]] | None,
    expected: set[str],
) -> None:
    ids = organization.accounts | organization.units | {"management": ACCOUNT, "root": organization.root}

    def known(selection: dict[str, list[str]]) -> dict[str, list[str]]:
        return {
            field: [value if field == "names" else ids[value] for value in values]
            for field, values in selection.items()
        }

    selections = {"include": include, "exclude": exclude}
    settings = {name: known(selection) for name, selection in selections.items() if selection}
    sink = collected(open_session(organization=settings))
    assert organization.names(sink.accounts) == expected
    assert sink.account_failures == {}


@pytest.mark.parametrize("include", [{"accounts": []}, {"names": [], "units": []}])
def test_empty_lists_mean_no_account(
    organization: Organization, open_session: Open, front: Front, include: dict[str, list[str]]
) -> None:
    sink = collected(open_session(organization={"include": include}))
    assert sink.accounts == []
    assert front.requests == []


def test_a_selection_that_leaves_nothing_is_told(organization: Organization, open_session: Open) -> None:
    session = open_session(organization={"include": {"names": ["prod*"]}, "exclude": {"names": ["*duction"]}})
    sink = collected(session)
    assert sink.account_failures == {"organization": "include and exclude leave none of its 6 accounts"}


def test_an_account_that_is_asked_for_and_not_to_be_had_is_told(
    organization: Organization, open_session: Open
) -> None:
    closed = organization.accounts["closed"]
    wanted = [closed, OTHER_ACCOUNT, organization.accounts["staging"]]
    sink = collected(open_session(organization={"include": {"accounts": wanted}}))
    assert sink.account_failures == {
        closed: "it is not active in the organization, but SUSPENDED",
        OTHER_ACCOUNT: "it is not in the organization",
    }
    assert organization.names(account.id for account in sink.of_kind("aws_account")) == {"staging"}


def test_what_selects_no_account_is_told(
    organization: Organization, open_session: Open, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    empty = client("organizations").create_organizational_unit(ParentId=organization.root, Name="empty")
    unit = empty["OrganizationalUnit"]["Id"]
    exclude = {"accounts": [OTHER_ACCOUNT], "names": ["sandbx-*"], "units": [unit]}
    sink = collected(open_session(organization={"exclude": exclude}))
    assert organization.names(sink.accounts) == EVERYBODY
    told = [message for message in caplog.messages if "no account of the organization" in message]
    assert told == [
        f"{missed!r} in include or exclude is no account of the organization"
        for missed in (OTHER_ACCOUNT, "sandbx-*", unit)
    ]


def test_regions_are_the_organizations_own(organization: Organization, open_session: Open) -> None:
    session = open_session(organization={"regions": [OTHER_REGION], "include": {"names": ["m*", "staging"]}})
    sink = collected(session, "aws_vpc")
    assert {scope.region for scope in sink.found} == {OTHER_REGION}
    assert organization.names(scope.account for scope in sink.found) == {"management", "staging"}


def test_an_account_under_accounts_is_read_as_it_says_there(
    organization: Organization, open_session: Open, front: Front
) -> None:
    staging = organization.accounts["staging"]
    accounts = [{"id": staging, "role": "other", "regions": [OTHER_REGION]}, {}]
    sink = collected(open_session(accounts=accounts, organization={}), "aws_vpc")
    assert len(sink.accounts) == len(set(sink.accounts)) == 5
    regions = {(scope.account, scope.region) for scope in sink.found}
    assert (staging, OTHER_REGION) in regions
    assert (staging, REGION) not in regions
    assert (ACCOUNT, REGION) in regions
    roles = [request.body for request in front.requests if request.action == "AssumeRole"]
    assert [f"{staging}%3Arole%2Fother" in body for body in roles if staging in body] == [True]


def test_what_was_found_can_be_changed_in_its_account(
    organization: Organization, open_session: Open, client: Client
) -> None:
    staging = organization.accounts["staging"]
    group = client("ec2", account=staging).create_security_group(GroupName="web", Description="web")
    session = open_session(organization={})
    found = [
        resource
        for scope, resources in collected(session, "aws_ec2_security_group").found.items()
        for resource in resources
        if scope.account == staging and resource.id == group["GroupId"]
    ]
    known = stored(found[0], account=staging)
    another = open_session(organization={})
    another.delete(known)
    assert another.read(known) is None


def test_an_organization_that_can_not_be_listed_leaves_the_other_accounts(
    organization: Organization, open_session: Open, front: Front
) -> None:
    front.deny("ListAccounts", code="AccessDeniedException")
    session = open_session(accounts=[{}], organization={"list_from": {"id": ACCOUNT}})
    sink = collected(session, "aws_vpc")
    reason = "its accounts can't be listed: AccessDeniedException: organizations:ListAccounts"
    assert sink.account_failures == {"organization": reason}
    assert {scope.account for scope in sink.found} == {ACCOUNT}
    network = Resource("aws_vpc", "vpc-1", "vpc-1", REGION)
    with pytest.raises(ProviderError, match=f"^{reason}$"):
        session.delete(stored(network, account=organization.accounts["staging"]))


def test_an_account_without_an_organization_is_told(open_session: Open, front: Front) -> None:
    front.refuse(lambda asked: asked.action == "ListAccounts", 400, "AWSOrganizationsNotInUseException")
    sink = collected(open_session(organization={}))
    assert sink.accounts == ["organization"]
    assert sink.account_failures == {
        "organization": "its accounts can't be listed: AWSOrganizationsNotInUseException: "
        "organizations:ListAccounts: You are not authorized."
    }


def test_a_unit_that_does_not_exist_is_told(organization: Organization, open_session: Open) -> None:
    unit = "ou-abcd-12345678"
    sink = collected(open_session(organization={"exclude": {"units": [unit]}}))
    (reason,) = sink.account_failures.values()
    assert reason.startswith("its accounts can't be listed: ")
    assert "organizations:ListAccountsForParent" in reason


def test_one_member_that_can_not_be_entered_leaves_the_others(
    organization: Organization, open_session: Open, front: Front
) -> None:
    staging = organization.accounts["staging"]
    front.refuse(lambda asked: asked.action == "AssumeRole" and staging in asked.body, code="AccessDenied")
    sink = collected(open_session(organization={}))
    assert sink.account_failures == {staging: "AccessDenied: sts:AssumeRole"}
    found = organization.names(account.id for account in sink.of_kind("aws_account"))
    assert found == EVERYBODY - {"staging"}
