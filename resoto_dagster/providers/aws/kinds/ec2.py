"""Compute: instances, their types, disks, snapshots, keys and addresses."""

from resoto_dagster.providers.aws.declaration import (
    AwsKind,
    Call,
    Detail,
    HeldBack,
    LastUse,
    Link,
    Price,
    Step,
    Tagging,
    Value,
)
from resoto_dagster.providers.aws.kinds.kms import encrypted_with
from resoto_dagster.providers.aws.kinds.service_quotas import (
    counted_by_quota,
    instance_quota,
    volume_quota,
)

TAGGING = Tagging(
    upsert="create_tags",
    remove="delete_tags",
    params={"Resources": ["id"]},
    keys="Tags",
    keys_form="objects",
)
"""How everything that the service EC2 knows is tagged."""

MADE_BY_BACKUP = Value(
    "Tags", lambda tags: any(tag["Key"] == "aws:backup:source-resource" for tag in tags), absent=False
)
"""Whether AWS Backup made it; EC2 deletes no such snapshot or image, which goes with its recovery point."""

_INSTANCE_STATUS = {
    "pending": "busy",
    "running": "running",
    "shutting-down": "busy",
    "stopping": "busy",
    "stopped": "stopped",
    "terminated": "terminated",
}

_VOLUME_STATUS = {
    "creating": "busy",
    "available": "available",
    "in-use": "in-use",
    "deleting": "busy",
    "deleted": "deleted",
    "error": "error",
}


def _gigabytes(mebibytes: float) -> float:
    return mebibytes / 1024


_INSTANCE = AwsKind(
    name="aws_ec2_instance",
    description="A virtual machine.",
    bases=("instance",),
    service="ec2",
    api=Call(operation="describe_instances", items="Reservations[].Instances[]", page_size=1000),
    details=(
        Detail(
            operation="describe_instance_types",
            params={"InstanceTypes": ["InstanceType"]},
            result="InstanceTypes",
            batch=100,
            match=("InstanceType", "InstanceType"),
            everywhere=True,
            into="Type",
        ),
    ),
    id="InstanceId",
    arn="arn:{partition}:ec2:{region}:{account}:instance/{id}",
    prefix="instance",
    ctime="LaunchTime",
    properties={
        "instance_type": "InstanceType",
        "instance_cores": "Type.VCpuInfo.DefaultVCpus",
        "instance_memory": Value("Type.MemoryInfo.SizeInMiB", _gigabytes),
        "instance_status": Value("State.Name", lambda state: _INSTANCE_STATUS.get(state, "unknown")),
        "instance_launch_time": "LaunchTime",
        "instance_monitoring": "Monitoring.State",
        "instance_hibernation_options": "HibernationOptions.Configured",
        "instance_enclave_options": "EnclaveOptions.Enabled",
        "instance_maintenance_options": "MaintenanceOptions.AutoRecovery",
    },
    drop=("Type",),
    links=(
        Link(kind="aws_vpc", path="VpcId", parent=True, delete="before"),
        Link(kind="aws_ec2_subnet", path="SubnetId", parent=True, delete="before"),
        Link(kind="aws_ec2_instance_type", path="InstanceType", parent=True),
        Link(kind="aws_ec2_image", path="ImageId", parent=True),
        # AWS would delete a profile that an instance still has.
        Link(
            kind="aws_iam_instance_profile",
            path="IamInstanceProfile.Arn",
            by="arn",
            parent=True,
            delete="before",
        ),
        Link(kind="aws_ec2_security_group", path="SecurityGroups[].GroupId", delete="before"),
        Link(kind="aws_ec2_keypair", path="KeyName", by="name", delete="before"),
    ),
    read={"InstanceIds": ["id"]},
    missing=("InvalidInstanceID.NotFound",),
    gone=("State.Name", ("terminated",)),
    delete=(Step(operation="terminate_instances", params={"InstanceIds": ["id"]}),),
    tagging=TAGGING,
    changing=(
        "instance_block_device_mappings",
        "instance_network_interfaces",
        "instance_public_dns_name",
        "instance_public_ip_address",
    ),
)

_INSTANCE_TYPE = AwsKind(
    name="aws_ec2_instance_type",
    description="A type of virtual machine that is in use: its processors, memory and network.",
    bases=("instance_type",),
    service="ec2",
    api=Call(
        operation="describe_instances",
        items="Reservations[].Instances[].InstanceType",
        params={
            "Filters": [
                {
                    "Name": "instance-state-name",
                    "Values": ["pending", "running", "shutting-down", "stopping", "stopped"],
                }
            ]
        },
        page_size=1000,
    ),
    details=(
        Detail(
            operation="describe_instance_types",
            params={"InstanceTypes": ["InstanceType"]},
            result="InstanceTypes",
            batch=100,
            match=("InstanceType", "InstanceType"),
            everywhere=True,
            into="",
        ),
        Price(
            code="AmazonEC2",
            paths={"instanceType": "InstanceType"},
            const={
                "operatingSystem": "Linux",
                "preInstalledSw": "NA",
                "tenancy": "Shared",
                "capacitystatus": "Used",
            },
        ),
    ),
    id="InstanceType",
    prefix="instance_type",
    tags="",
    properties={
        "instance_type": "InstanceType",
        "instance_cores": "VCpuInfo.DefaultVCpus",
        "instance_memory": Value("MemoryInfo.SizeInMiB", _gigabytes),
        "ondemand_cost": "OndemandCost",
        "current_generation": "CurrentGeneration",
        "free_tier_eligible": "FreeTierEligible",
        "supported_usage_classes": "SupportedUsageClasses",
        "supported_root_device_types": "SupportedRootDeviceTypes",
        "supported_virtualization_types": "SupportedVirtualizationTypes",
        "bare_metal": "BareMetal",
        "hypervisor": "Hypervisor",
        "instance_storage_supported": "InstanceStorageSupported",
        "hibernation_supported": "HibernationSupported",
        "burstable_performance_supported": "BurstablePerformanceSupported",
        "dedicated_hosts_supported": "DedicatedHostsSupported",
        "auto_recovery_supported": "AutoRecoverySupported",
        "supported_boot_modes": "SupportedBootModes",
    },
    links=(counted_by_quota("InstanceType", instance_quota),),
)

_VOLUME = AwsKind(
    name="aws_ec2_volume",
    description="A disk.",
    bases=("volume",),
    service="ec2",
    api=Call(operation="describe_volumes", items="Volumes", page_size=500),
    id="VolumeId",
    arn="arn:{partition}:ec2:{region}:{account}:volume/{id}",
    prefix="volume",
    ctime="CreateTime",
    mtime="LastWritten",
    atime="LastRead",
    properties={
        "availability_zone": "AvailabilityZone",
        "volume_status": Value("State", lambda state: _VOLUME_STATUS.get(state, "unknown")),
    },
    drop=("VolumeArn",),
    details=(
        LastUse(
            namespace="AWS/EBS",
            dimension="VolumeId",
            read="VolumeReadOps",
            written="VolumeWriteOps",
            id="VolumeId",
            idle=("State", ("available",)),
            since="CreateTime",
        ),
    ),
    links=(
        Link(kind="aws_ec2_volume_type", path="VolumeType", parent=True),
        *encrypted_with("KmsKeyId"),
        Link(kind="aws_ec2_instance", path="Attachments[].InstanceId", parent=True, delete="after"),
    ),
    read={"VolumeIds": ["id"]},
    missing=("InvalidVolume.NotFound",),
    gone=("State", ("deleted",)),
    delete=(Step(operation="delete_volume", params={"VolumeId": "id"}),),
    tagging=TAGGING,
    held_back=(
        HeldBack(
            "volume_attachments[].delete_on_termination", (True,), "it goes with its instance", along=True
        ),
    ),
    changing=("volume_attachments", "volume_status"),
    volatile=("mtime",),
)

_VOLUME_TYPE = AwsKind(
    name="aws_ec2_volume_type",
    description="A type of disk that is in use.",
    bases=("volume_type",),
    service="ec2",
    api=Call(operation="describe_volumes", items="Volumes[].VolumeType", page_size=500),
    details=(
        Detail(
            operation="list_service_quotas",
            service="service-quotas",
            params={},
            const={"ServiceCode": "ebs"},
            result="Quotas",
            match=("QuotaCode", Value("VolumeType", volume_quota)),
            into="Quota",
        ),
        Price(
            code="AmazonEC2",
            paths={"volumeApiName": "VolumeType"},
            const={"productFamily": "Storage"},
        ),
    ),
    id="VolumeType",
    prefix="volume_type",
    tags="",
    # In tebibytes, of all volumes of the type together.
    properties={"volume_type": "VolumeType", "quota": "Quota.Value", "ondemand_cost": "OndemandCost"},
    drop=("Quota",),
    links=(counted_by_quota("VolumeType", volume_quota),),
)

_SNAPSHOT = AwsKind(
    name="aws_ec2_snapshot",
    description="A copy of a disk as it was at one moment.",
    bases=("snapshot",),
    service="ec2",
    api=Call(
        operation="describe_snapshots", items="Snapshots", params={"OwnerIds": ["self"]}, page_size=1000
    ),
    id="SnapshotId",
    arn="arn:{partition}:ec2:{region}::snapshot/{id}",
    prefix="snapshot",
    ctime="StartTime",
    properties={
        "snapshot_status": "State",
        "description": "Description",
        "volume_id": "VolumeId",
        "volume_size": "VolumeSize",
        "encrypted": "Encrypted",
        "owner_id": "OwnerId",
        "owner_alias": "OwnerAlias",
        "snapshot_made_by_backup": MADE_BY_BACKUP,
    },
    links=(
        Link(kind="aws_ec2_volume", path="VolumeId", parent=True),
        *encrypted_with("KmsKeyId"),
    ),
    read={"SnapshotIds": ["id"]},
    missing=("InvalidSnapshot.NotFound",),
    delete=(Step(operation="delete_snapshot", params={"SnapshotId": "id"}),),
    tagging=TAGGING,
    held_back=(HeldBack("snapshot_made_by_backup", (True,), "AWS Backup owns it"),),
    changing=("snapshot_progress", "snapshot_state_message"),
)

_KEYPAIR = AwsKind(
    name="aws_ec2_keypair",
    description="The public half of a key that people log into instances with.",
    bases=("keypair",),
    service="ec2",
    api=Call(operation="describe_key_pairs", items="KeyPairs"),
    id="KeyPairId",
    name_path="KeyName",
    prefix="key",
    ctime="CreateTime",
    properties={
        "fingerprint": "KeyFingerprint",
        "key_fingerprint": "KeyFingerprint",
        "public_key": "PublicKey",
    },
    read={"KeyPairIds": ["id"]},
    missing=("InvalidKeyPair.NotFound",),
    delete=(Step(operation="delete_key_pair", params={"KeyName": "name"}),),
    tagging=TAGGING,
)

_ELASTIC_IP = AwsKind(
    name="aws_ec2_elastic_ip",
    description="A public address that stays the account's until it is released.",
    bases=("ip_address",),
    service="ec2",
    api=Call(operation="describe_addresses", items="Addresses"),
    id="PublicIp",
    prefix="ip",
    properties={
        "ip_address": "PublicIp",
        "ip_address_family": Value("PublicIp", lambda _: "ipv4"),
        "public_ip": "PublicIp",
        "private_ip_address": "PrivateIpAddress",
    },
    links=(
        Link(kind="aws_ec2_instance", path="InstanceId", parent=True, delete="after"),
        Link(kind="aws_ec2_network_interface", path="NetworkInterfaceId", parent=True, delete="after"),
    ),
    read={"PublicIps": ["id"]},
    missing=("InvalidAddress.NotFound", "InvalidAllocationID.NotFound"),
    delete=(
        Step(
            operation="disassociate_address",
            each=Call(
                operation="describe_addresses",
                items="Addresses",
                params={"AllocationIds": ["ip_allocation_id"]},
            ),
            params={"AssociationId": "item.AssociationId"},
            absent=("InvalidAssociationID.NotFound",),
        ),
        Step(operation="release_address", params={"AllocationId": "ip_allocation_id"}),
    ),
    tagging=Tagging(
        upsert="create_tags",
        remove="delete_tags",
        params={"Resources": ["ip_allocation_id"]},
        keys="Tags",
        keys_form="objects",
    ),
    held_back=(
        HeldBack("ip_service_managed", ("alb", "nlb", "rnat", "rds"), "the service it serves owns it"),
    ),
    changing=(
        "ip_association_id",
        "ip_instance_id",
        "ip_network_interface_id",
        "ip_network_interface_owner_id",
        "ip_subnet_id",
        "private_ip_address",
    ),
)

_NETWORK_INTERFACE = AwsKind(
    name="aws_ec2_network_interface",
    description="A network card of an instance or of a service.",
    bases=("network_interface",),
    service="ec2",
    api=Call(operation="describe_network_interfaces", items="NetworkInterfaces", page_size=1000),
    id="NetworkInterfaceId",
    arn="arn:{partition}:ec2:{region}:{account}:network-interface/{id}",
    prefix="nic",
    tags="TagSet",
    properties={
        "network_interface_status": "Status",
        "network_interface_type": "InterfaceType",
        "mac": "MacAddress",
        "private_ips": "PrivateIpAddresses[].PrivateIpAddress",
        "public_ips": "PrivateIpAddresses[].Association.PublicIp",
        "v6_ips": "Ipv6Addresses[].Ipv6Address",
        "description": "Description",
        "nic_private_ip_addresses": "PrivateIpAddresses",
        "nic_tag_set": "TagSet",
    },
    links=(
        Link(kind="aws_vpc", path="VpcId", parent=True, delete="before"),
        Link(kind="aws_ec2_subnet", path="SubnetId", parent=True, delete="before"),
        Link(kind="aws_ec2_security_group", path="Groups[].GroupId", parent=True, delete="before"),
        # It can't be deleted while it is attached.
        Link(kind="aws_ec2_instance", path="Attachment.InstanceId", parent=True, delete="after"),
    ),
    read={"NetworkInterfaceIds": ["id"]},
    missing=("InvalidNetworkInterfaceID.NotFound",),
    delete=(Step(operation="delete_network_interface", params={"NetworkInterfaceId": "id"}),),
    tagging=TAGGING,
    held_back=(
        HeldBack("nic_requester_managed", (True,), "the service that made it deletes it", along=True),
        HeldBack("nic_attachment.delete_on_termination", (True,), "it goes with its instance", along=True),
    ),
    changing=("network_interface_status", "nic_association", "nic_attachment", "public_ips"),
)

KINDS = (
    _INSTANCE,
    _INSTANCE_TYPE,
    _VOLUME,
    _VOLUME_TYPE,
    _SNAPSHOT,
    _KEYPAIR,
    _ELASTIC_IP,
    _NETWORK_INTERFACE,
)
