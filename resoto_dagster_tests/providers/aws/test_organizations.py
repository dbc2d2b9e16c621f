"""The tree of an organisation, as its management account sees it, and as others do not."""

import pytest

from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    OTHER_ACCOUNT,
    RecordingSink,
    belongs_to,
    stored,
    uses,
)

KINDS = ("aws_organizational_root", "aws_organizational_unit")


@pytest.fixture
def tree(client):
    """A tree in moto: its root, a unit, a unit in that, and the account in the inner one."""
    organizations = client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    (root,) = organizations.list_roots()["Roots"]
    tags = [{"Key": "owner", "Value": "web"}]
    outer = organizations.create_organizational_unit(ParentId=root["Id"], Name="outer", Tags=tags)
    outer = outer["OrganizationalUnit"]
    inner = organizations.create_organizational_unit(ParentId=outer["Id"], Name="inner")
    inner = inner["OrganizationalUnit"]
    status = organizations.create_account(AccountName="a", Email="a@example.com")["CreateAccountStatus"]
    account = status["AccountId"]
    organizations.move_account(AccountId=account, SourceParentId=root["Id"], DestinationParentId=inner["Id"])
    organizations.tag_resource(ResourceId=root["Id"], Tags=[{"Key": "owner", "Value": "all"}])
    return root, outer, inner, account


def test_the_root(tree, collect_kind, session):
    told, _, _, _ = tree

    (root,) = collect_kind("aws_organizational_root")

    assert (root.id, root.name, root.region, root.tags) == (told["Id"], "Root", "global", {"owner": "all"})
    assert root.properties == {"arn": told["Arn"], "policy_types": [], "accounts": [ACCOUNT]}
    assert set(root.edges) == {belongs_to("aws_account", ACCOUNT)}
    assert session.read(stored(root)) == root


def test_units_in_it_and_in_each_other(tree, collect_kind, session):
    root, outer, inner, account = tree

    found = {unit.name: unit for unit in collect_kind("aws_organizational_unit")}

    assert set(found) == {"outer", "inner"}
    assert (found["outer"].id, found["outer"].tags) == (outer["Id"], {"owner": "web"})
    assert found["outer"].properties["parent_id"] == root["Id"]
    assert found["outer"].properties["arn"] == outer["Arn"]
    assert found["outer"].properties["accounts"] == []
    assert set(found["outer"].edges) == {
        belongs_to("aws_account", ACCOUNT),
        belongs_to("aws_organizational_root", root["Id"]),
    }
    assert found["inner"].id == inner["Id"]
    assert found["inner"].properties["parent_id"] == outer["Id"]
    assert found["inner"].properties["accounts"] == [account]
    assert set(found["inner"].edges) == {
        belongs_to("aws_account", ACCOUNT),
        belongs_to("aws_organizational_unit", outer["Id"]),
        uses("aws_account", account),
    }
    assert session.read(stored(found["inner"])) == found["inner"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_account_without_an_organisation_has_none(kind, collect_kind):
    assert collect_kind(kind) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_has_none_and_does_not_ask_what_is_forbidden_to_it(kind, synthetic, collect_kind):
    synthetic.answer(
        "organizations", "DescribeOrganization", {"Organization": {"MasterAccountId": OTHER_ACCOUNT}}
    )

    assert collect_kind(kind) == []
    assert [call.operation for call in synthetic.calls if call.service == "organizations"] == [
        "DescribeOrganization"
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operation", ["DescribeOrganization", "ListRoots"])
def test_that_access_is_denied_does_not_mean_that_there_is_none(kind, operation, synthetic, session):
    synthetic.answer("organizations", "DescribeOrganization", {"Organization": {"MasterAccountId": ACCOUNT}})
    synthetic.refuse("organizations", operation, "AccessDeniedException")
    sink = RecordingSink()

    session.collect([kind], sink)

    assert list(sink.failures.values()) == [f"AccessDeniedException: organizations:{operation}"]
