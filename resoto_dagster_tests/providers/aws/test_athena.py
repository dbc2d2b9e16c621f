"""Work groups and data catalogs, from the API's answer to their deletion."""

from dataclasses import replace

import pytest

from resoto_dagster.providers.base import ProviderError
from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    REGION,
    belongs_to,
    encrypted_with,
    stored,
    uses,
)
from resoto_dagster_tests.providers.aws.synthetic import Refusal

ARN = f"arn:aws:athena:{REGION}:{ACCOUNT}:"
TAGS = [{"Key": "owner", "Value": "web"}, {"Key": "env", "Value": "test"}]
RESULTS = {
    "OutputLocation": "s3://results/of/queries/",
    "ExpectedBucketOwner": ACCOUNT,
    "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": "a-key"},
}


@pytest.fixture
def reports(client):
    """A work group beside that of every account."""
    client("athena").create_work_group(
        Name="reports",
        Description="of every month",
        Configuration={"ResultConfiguration": RESULTS, "BytesScannedCutoffPerQuery": 10_000_000},
        Tags=TAGS,
    )


def _undated(group):
    """The group without the time of its creation, which moto makes anew for every answer."""
    return replace(group, ctime=None)


def test_properties_and_edges_of_a_work_group(reports, collect_kind):
    primary, group = collect_kind("aws_athena_work_group")

    assert (group.id, group.name, group.region) == ("reports", "reports", REGION)
    assert group.tags == {"owner": "web", "env": "test"}
    assert group.ctime is not None
    assert group.properties == {
        "arn": f"{ARN}workgroup/reports",
        "description": "of every month",
        "workgroup_state": "ENABLED",
        "workgroup_configuration": {
            "bytes_scanned_cutoff_per_query": 10_000_000,
            "enable_minimum_encryption_configuration": False,
            "enforce_work_group_configuration": True,
            "engine_version": {
                "effective_engine_version": "Athena engine version 3",
                "selected_engine_version": "AUTO",
            },
            "publish_cloud_watch_metrics_enabled": False,
            "requester_pays_enabled": False,
            "result_configuration": {
                "output_location": "s3://results/of/queries/",
                "expected_bucket_owner": ACCOUNT,
                "encryption_configuration": {"encryption_option": "SSE_KMS", "kms_key": "a-key"},
            },
        },
    }
    assert set(group.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_s3_bucket", "results"),
        *encrypted_with("a-key"),
    }
    assert (primary.id, primary.tags) == ("primary", {})
    assert set(primary.edges) == {belongs_to("aws_region", REGION)}


def test_the_group_of_every_account_is_held_back(reports, collect_kind, session):
    primary, group = collect_kind("aws_athena_work_group")

    assert session.held_back(stored(primary)) == "AWS keeps the group that queries run in by default"
    assert session.held_back(stored(group)) is None


def test_a_work_group_is_read_tagged_and_deleted(reports, collect_kind, session):
    _, group = collect_kind("aws_athena_work_group")
    known = stored(group)
    assert _undated(session.read(known)) == _undated(group)

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert [found.id for found in collect_kind("aws_athena_work_group")] == ["primary"]
    session.delete(known)  # what is gone already is no error


def test_groups_are_read_page_by_page(synthetic, collect_kind):
    pages = {
        None: {"WorkGroups": [{"Name": "a"}, {"Name": "b"}], "NextToken": "second"},
        "second": {"WorkGroups": [{"Name": "c"}]},
    }
    synthetic.answer("athena", "ListWorkGroups", lambda params: pages[params.get("NextToken")])
    synthetic.answer("athena", "GetWorkGroup", lambda params: {"WorkGroup": {"Name": params["WorkGroup"]}})
    synthetic.answer("athena", "ListTagsForResource", {"Tags": []})

    assert [group.id for group in collect_kind("aws_athena_work_group")] == ["a", "b", "c"]


class Catalogs:
    """Athena with the given catalogs, and the one of every account that nothing can be asked of."""

    def __init__(self, synthetic, *catalogs):
        self.catalogs = {catalog["Name"]: catalog for catalog in catalogs}
        self.tags = {f"{ARN}datacatalog/{name}": {"owner": "web", "env": "test"} for name in self.catalogs}
        synthetic.answer("athena", "ListDataCatalogs", self.listed)
        synthetic.answer("athena", "GetDataCatalog", lambda params: self.told(params["Name"]))
        synthetic.answer("athena", "ListTagsForResource", self.tags_of)
        synthetic.answer("athena", "TagResource", self.tag)
        synthetic.answer("athena", "UntagResource", self.untag)
        synthetic.answer(
            "athena", "DeleteDataCatalog", lambda params: self.catalogs.pop(params["Name"]) and None
        )

    def listed(self, params):
        own = [{"CatalogName": name, "Type": one["Type"]} for name, one in self.catalogs.items()]
        return {"DataCatalogsSummary": [{"CatalogName": "AwsDataCatalog", "Type": "GLUE"}, *own]}

    def told(self, name):
        if name not in self.catalogs:
            raise Refusal("InvalidRequestException")
        return {"DataCatalog": self.catalogs[name]}

    def tags_of(self, params):
        tags = self.tags[params["ResourceARN"]]
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def tag(self, params):
        self.tags[params["ResourceARN"]].update((tag["Key"], tag["Value"]) for tag in params["Tags"])

    def untag(self, params):
        for key in params["TagKeys"]:
            del self.tags[params["ResourceARN"]][key]


LAKE = {"Name": "lake", "Type": "LAMBDA", "Description": "our data", "Parameters": {"function": "arn:x"}}


def test_properties_and_edges_of_a_data_catalog(synthetic, collect_kind):
    Catalogs(synthetic, LAKE)

    (lake,) = collect_kind("aws_athena_data_catalog")

    assert (lake.id, lake.name, lake.region) == ("lake", "lake", REGION)
    assert lake.tags == {"owner": "web", "env": "test"}
    assert lake.properties == {
        "arn": f"{ARN}datacatalog/lake",
        "description": "our data",
        "datacatalog_type": "LAMBDA",
        "datacatalog_parameters": {"function": "arn:x"},
    }
    assert set(lake.edges) == {belongs_to("aws_region", REGION)}


def test_a_data_catalog_is_read_tagged_and_deleted(synthetic, collect_kind, session):
    Catalogs(synthetic, LAKE)
    (lake,) = collect_kind("aws_athena_data_catalog")
    known = stored(lake)
    assert session.read(known) == lake

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind("aws_athena_data_catalog") == []


def test_a_group_that_goes_while_it_is_read(synthetic, collect_kind):
    synthetic.answer("athena", "ListWorkGroups", {"WorkGroups": [{"Name": "reports"}]})
    synthetic.refuse(
        "athena", "GetWorkGroup", "InvalidRequestException", message="WorkGroup reports is not found."
    )

    assert collect_kind("aws_athena_work_group") == []


def test_that_a_catalog_is_gone_already_is_no_error(synthetic, session):
    known = stored(map_item("aws_athena_data_catalog", {"CatalogName": "lake", "Type": "HIVE"}))
    said = "DataCatalog lake was not found"
    synthetic.refuse("athena", "DeleteDataCatalog", "InvalidRequestException", message=said)
    session.delete(known)

    synthetic.refuse("athena", "DeleteDataCatalog", "InvalidRequestException", message="It is in use.")
    with pytest.raises(ProviderError, match="InvalidRequestException: athena:DeleteDataCatalog: It is in"):
        session.delete(known)


@pytest.mark.parametrize(("its_type", "alone"), [("LAMBDA", False), ("FEDERATED", True)])
def test_a_catalog_of_what_is_elsewhere_goes_without_its_function(
    its_type, alone, synthetic, collect_kind, session
):
    Catalogs(synthetic, {**LAKE, "Type": its_type})
    (lake,) = collect_kind("aws_athena_data_catalog")

    session.delete(stored(lake))

    (asked,) = synthetic.asked("athena", "DeleteDataCatalog")
    assert asked == {"Name": "lake", "DeleteCatalogOnly": alone}
