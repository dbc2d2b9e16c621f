"""The tree of an organisation, which its management account alone collects."""

from collections.abc import Sequence
from typing import Any

from resoto_dagster.providers.aws.declaration import ACCOUNT, AwsKind, Call, Detail, Link, Value

_ROOT = "aws_organizational_root"
_UNIT = "aws_organizational_unit"

# Every member may ask which account manages the organisation. Only that one asks on: to the others the tree
# is forbidden, which must not look like a tree without anything in it.
_ROOTS = Call(
    operation="list_roots",
    items="Roots",
    each=Call(
        operation="describe_organization",
        items="Organization",
        absent=("AWSOrganizationsNotInUseException",),
        where=("MasterAccountId", ("{account}",)),
    ),
)

_DETAILS = (
    Detail(
        operation="list_accounts_for_parent",
        params={"ParentId": "Id"},
        result="Accounts",
        into="Accounts",
    ),
    Detail(operation="list_tags_for_resource", params={"ResourceId": "Id"}, result="Tags", into="Tags"),
)


def _members(arn: str, accounts: Sequence[dict[str, Any]]) -> list[str]:
    """The accounts that lie there, without the one that manages, since it is what the tree belongs to."""
    manager = arn.split(":")[4]
    return [account["Id"] for account in accounts if account["Id"] != manager]


def _if_begins(with_: str) -> Value:
    """The parent, if its id begins like that: `r-` is a root, `ou-` a unit."""
    return Value("Parent.Id", lambda parent: parent if parent.startswith(with_) else None)


_MEMBERS = Link(kind=ACCOUNT, path=Value(("Arn", "Accounts"), _members))

_ORGANIZATIONAL_ROOT = AwsKind(
    name=_ROOT,
    description="The root of an organisation's tree of units and accounts.",
    bases=("organizational_root",),
    service="organizations",
    regional=False,
    api=_ROOTS,
    details=_DETAILS,
    id="Id",
    name_path="Name",
    arn="Arn",
    prefix="",
    properties={"accounts": "Accounts[].Id"},
    links=(_MEMBERS,),
)

_ORGANIZATIONAL_UNIT = AwsKind(
    name=_UNIT,
    description="A unit of an organisation, with the accounts and the units in it.",
    bases=("organizational_unit",),
    service="organizations",
    regional=False,
    api=Call(
        operation="list_organizational_units_for_parent",
        items="OrganizationalUnits",
        params={"ParentId": "item.Id"},
        each=_ROOTS,
        owner="Parent",
        recurse=True,
    ),
    details=_DETAILS,
    id="Id",
    name_path="Name",
    arn="Arn",
    prefix="",
    properties={"accounts": "Accounts[].Id", "parent_id": "Parent.Id"},
    drop=("Parent",),
    links=(
        Link(kind=_ROOT, path=_if_begins("r-"), parent=True),
        Link(kind=_UNIT, path=_if_begins("ou-"), parent=True),
        _MEMBERS,
    ),
)

KINDS = (_ORGANIZATIONAL_ROOT, _ORGANIZATIONAL_UNIT)
