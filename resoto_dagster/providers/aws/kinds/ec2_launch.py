"""What instances are launched from and on: images, templates, hosts and reservations."""

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, HeldBack, Link, Step
from resoto_dagster.providers.aws.kinds.ec2 import MADE_BY_BACKUP, TAGGING

_IMAGE = AwsKind(
    name="aws_ec2_image",
    description="An image of the account's own that instances are launched from; its snapshots outlive it.",
    service="ec2",
    api=Call(
        operation="describe_images",
        items="Images",
        params={"Owners": ["self"], "IncludeDisabled": True},
        page_size=1000,
    ),
    id="ImageId",
    name_path="Name",
    arn="arn:{partition}:ec2:{region}::image/{id}",
    prefix="",
    ctime="CreationDate",
    atime="LastLaunchedTime",
    properties={"made_by_backup": MADE_BY_BACKUP},
    # A snapshot can't be deleted while an image is made of it.
    links=(Link(kind="aws_ec2_snapshot", path="BlockDeviceMappings[].Ebs.SnapshotId", delete="before"),),
    read={"ImageIds": ["id"]},
    missing=("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"),
    gone=("State", ("deregistered",)),
    delete=(Step(operation="deregister_image", params={"ImageId": "id"}),),
    tagging=TAGGING,
    held_back=(
        HeldBack(
            "deregistration_protection",
            ("enabled-with-cooldown", "enabled-without-cooldown"),
            "it is protected from deregistration",
        ),
        HeldBack("made_by_backup", (True,), "AWS Backup owns it"),
    ),
)

_LAUNCH_TEMPLATE = AwsKind(
    name="aws_ec2_launch_template",
    description="A template that says how instances are launched; its newest version is told.",
    service="ec2",
    api=Call(operation="describe_launch_templates", items="LaunchTemplates", page_size=200),
    details=(
        Detail(
            operation="describe_launch_template_versions",
            params={},
            const={"Versions": ["$Latest"]},
            result="LaunchTemplateVersions",
            match=("LaunchTemplateId", "LaunchTemplateId"),
            into="Latest",
        ),
    ),
    id="LaunchTemplateId",
    name_path="LaunchTemplateName",
    arn="arn:{partition}:ec2:{region}:{account}:launch-template/{id}",
    prefix="",
    ctime="CreateTime",
    mtime="Latest.CreateTime",
    properties={
        "version_number": "Latest.VersionNumber",
        "version_description": "Latest.VersionDescription",
        "is_default_version": "Latest.DefaultVersion",
        "launch_template_data": "Latest.LaunchTemplateData",
    },
    drop=("Latest",),
    read={"LaunchTemplateIds": ["id"]},
    missing=("InvalidLaunchTemplateId.NotFound", "InvalidLaunchTemplateName.NotFoundException"),
    delete=(Step(operation="delete_launch_template", params={"LaunchTemplateId": "id"}),),
    tagging=TAGGING,
    held_back=(HeldBack("operator.managed", (True,), "the service that made it deletes it"),),
    # The script of an instance's first start often has passwords in it.
    secret=("Latest.LaunchTemplateData.UserData",),
)

_HOST = AwsKind(
    name="aws_ec2_host",
    description="A physical server for the account's instances alone.",
    service="ec2",
    api=Call(operation="describe_hosts", items="Hosts", page_size=500),
    id="HostId",
    arn="arn:{partition}:ec2:{region}:{account}:dedicated-host/{id}",
    prefix="host",
    ctime="AllocationTime",
    # It can't be released while instances are on it.
    links=(Link(kind="aws_ec2_instance", path="Instances[].InstanceId", delete="after"),),
    read={"HostIds": ["id"]},
    missing=("InvalidHostID.NotFound", "Client.InvalidHostID.NotFound"),
    gone=("State", ("released", "released-permanent-failure")),
    delete=(Step(operation="release_hosts", params={"HostIds": ["id"]}, errors="Unsuccessful[].Error"),),
    tagging=TAGGING,
    held_back=(
        HeldBack(
            "host_member_of_service_linked_resource_group",
            (True,),
            "the service that allocated it releases it",
        ),
    ),
    changing=("host_available_capacity", "host_instances"),
)

_RESERVED_INSTANCES = AwsKind(
    name="aws_ec2_reserved_instances",
    description="Instances that are paid for until a date, whether they run or not; there is no way back.",
    service="ec2",
    api=Call(operation="describe_reserved_instances", items="ReservedInstances"),
    id="ReservedInstancesId",
    arn="arn:{partition}:ec2:{region}:{account}:reserved-instances/{id}",
    prefix="reservation",
    properties={
        "availability_zone": "AvailabilityZone",
        "reservation_reserved_instances_id": "ReservedInstancesId",
    },
    links=(Link(kind="aws_ec2_instance_type", path="InstanceType", parent=True),),
    read={"ReservedInstancesIds": ["id"]},
    missing=("InvalidReservedInstancesId",),
    gone=("State", ("payment-failed", "queued-deleted", "retired")),
    tagging=TAGGING,
)

KINDS = (_IMAGE, _LAUNCH_TEMPLATE, _HOST, _RESERVED_INSTANCES)
