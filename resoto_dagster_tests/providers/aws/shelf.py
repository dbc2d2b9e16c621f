"""What SageMaker keeps and moto does not know: records, listed, described, tagged and deleted by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from resoto_dagster_tests.providers.aws.samples import service_model
from resoto_dagster_tests.providers.aws.synthetic import Params, Refusal, Synthetic

SERVICE = "sagemaker"
TAGS = {"owner": "web", "env": "test"}


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
    """The records of one sort by name, all with the same tags."""

    synthetic: Synthetic
    calls: Calls
    records: dict[str, Mapping[str, Any]]
    tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tags = {record[self.calls.arn]: dict(TAGS) for record in self.records.values()}
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
