"""Search engines, those named Elasticsearch among them."""

import json
from typing import Any

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Step, Tagging, Value
from resoto_dagster.providers.aws.kinds.kms import encrypted_with


def _policy(text: str) -> Any:
    """The policy as it is in the text; a domain without one has an empty text."""
    return json.loads(text) if text else None


_DOMAIN = AwsKind(
    name="aws_opensearch_domain",
    description="A cluster that searches and analyses data; deleting it deletes the data, automatic "
    "snapshots included.",
    service="opensearch",
    # The call that describes several leaves out, without a word, what was deleted in between.
    api=Call(
        operation="describe_domain",
        items="DomainStatus",
        params={"DomainName": "item.DomainName"},
        each=Call(operation="list_domain_names", items="DomainNames"),
    ),
    details=(Detail(operation="list_tags", params={"ARN": "ARN"}, result="TagList", into="Tags"),),
    id="DomainId",
    name_path="DomainName",
    arn="ARN",
    prefix="",
    properties={
        "access_policies": Value("AccessPolicies", _policy),
        "snapshot_options": "SnapshotOptions.AutomatedSnapshotStartHour",
        "node_to_node_encryption_options": "NodeToNodeEncryptionOptions.Enabled",
        "software_update_options": "SoftwareUpdateOptions.AutoSoftwareUpdateEnabled",
        "deleted": "Deleted",
    },
    links=(
        Link(kind="aws_vpc", path="VPCOptions.VPCId", parent=True, delete="before"),
        Link(kind="aws_ec2_subnet", path="VPCOptions.SubnetIds[]", parent=True, delete="before"),
        Link(
            kind="aws_ec2_security_group", path="VPCOptions.SecurityGroupIds[]", parent=True, delete="before"
        ),
        Link(kind="aws_iam_role", path="CognitoOptions.RoleArn", by="arn", parent=True, delete="before"),
        *encrypted_with("EncryptionAtRestOptions.KmsKeyId"),
    ),
    read={"DomainName": "name"},
    missing=("ResourceNotFoundException",),
    gone=("Deleted", (True,)),
    delete=(Step(operation="delete_domain", params={"DomainName": "name"}),),
    tagging=Tagging(upsert="add_tags", remove="remove_tags", params={"ARN": "arn"}, tags="TagList"),
    changing=(
        "change_progress_details",
        "created",
        "domain_processing_status",
        "endpoint",
        "endpoint_v2",
        "endpoints",
        "modifying_properties",
        "processing",
        "service_software_options",
        "upgrade_processing",
    ),
)

KINDS = (_DOMAIN,)
