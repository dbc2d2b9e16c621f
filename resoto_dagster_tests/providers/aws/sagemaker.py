"""What the tests of SageMaker share, above all a server for what moto does not know of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from resoto_dagster.model.resource import Edge, Resource
from resoto_dagster.providers.base import ProviderSession
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION, belongs_to, goes_before, stored
from resoto_dagster_tests.providers.aws.samples import service_model
from resoto_dagster_tests.providers.aws.synthetic import Params, Refusal, Synthetic

SERVICE = "sagemaker"
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/sagemaker"
TAGS = [{"Key": "owner", "Value": "web"}, {"Key": "env", "Value": "test"}]

USER = {"UserProfileArn": f"{ARN}:user-profile/d-1/ann", "UserProfileName": "ann", "DomainId": "d-1"}
AUTHORS = {"CreatedBy": USER, "LastModifiedBy": {"DomainId": "d-2"}}
BY_AUTHORS = {
    belongs_to("aws_sagemaker_user_profile", f"{ARN}:user-profile/d-1/ann", "arn"),
    belongs_to("aws_sagemaker_domain", "d-1"),
    belongs_to("aws_sagemaker_domain", "d-2"),
}


def holds(*owners: Any) -> set[Edge]:
    """The edges of what belongs to others and must go before them."""
    return {edge(*owner) for owner in owners for edge in (belongs_to, goes_before)}


def is_read_tagged_and_deleted(
    kind: str, collect_kind: Callable[..., list[Resource]], session: ProviderSession
) -> None:
    """Lead the one resource there is of a kind, with the tags above, through the rest of its life."""
    (found,) = collect_kind(kind)
    known = stored(found)
    assert session.read(known) == found

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    tagged = session.read(known)
    assert tagged is not None
    assert tagged.tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind(kind) == []
    session.delete(known)  # what is gone already is no error


@dataclass(frozen=True)
class Calls:
    """The operations on records of one sort; `key` is the member that names one, `arn` that of its ARN."""

    listed: str
    items: str
    key: str
    arn: str
    described: str | None = None
    deleted: str | None = None


@dataclass
class Shelf:
    """The records of one sort by name, all with the tags above, which the server lists, tells and deletes."""

    synthetic: Synthetic
    calls: Calls
    records: dict[str, Mapping[str, Any]]
    tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tags = {
            record[self.calls.arn]: {tag["Key"]: tag["Value"] for tag in TAGS}
            for record in self.records.values()
        }
        self.synthetic.answer(SERVICE, self.calls.listed, self._list)
        if self.calls.described:
            self.synthetic.answer(SERVICE, self.calls.described, self._describe)
        if self.calls.deleted:
            self.synthetic.answer(SERVICE, self.calls.deleted, self._delete)
        self.synthetic.answer(SERVICE, "ListTags", self._list_tags)
        self.synthetic.answer(SERVICE, "AddTags", self._add_tags)
        self.synthetic.answer(SERVICE, "DeleteTags", self._delete_tags)

    def _list(self, params: Params) -> Params:
        listed: Any = service_model(SERVICE).operation_model(self.calls.listed).output_shape
        members = listed.members[self.calls.items].member.members
        return {self.calls.items: [_only(record, members) for record in self.records.values()]}

    def _describe(self, params: Params) -> Params:
        described: Any = service_model(SERVICE).operation_model(self.calls.described).output_shape
        return _only(self._named(params), described.members)

    def _delete(self, params: Params) -> None:
        record = self._named(params)
        del self.records[params[self.calls.key]]
        del self.tags[record[self.calls.arn]]

    def _named(self, params: Params) -> Mapping[str, Any]:
        if params[self.calls.key] not in self.records:
            raise Refusal("ResourceNotFound")
        return self.records[params[self.calls.key]]

    def _list_tags(self, params: Params) -> Params:
        return {"Tags": [{"Key": k, "Value": v} for k, v in self._tags_of(params).items()]}

    def _add_tags(self, params: Params) -> None:
        self._tags_of(params).update({tag["Key"]: tag["Value"] for tag in params["Tags"]})

    def _delete_tags(self, params: Params) -> None:
        for key in params["TagKeys"]:
            del self._tags_of(params)[key]

    def _tags_of(self, params: Params) -> dict[str, str]:
        if params["ResourceArn"] not in self.tags:
            raise Refusal("ResourceNotFound")
        return self.tags[params["ResourceArn"]]


def _only(record: Mapping[str, Any], members: Mapping[str, Any]) -> Params:
    return {name: value for name, value in record.items() if name in members}
