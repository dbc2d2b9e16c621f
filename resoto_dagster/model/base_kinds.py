"""The unified base kinds: what holds across providers, so that one search finds every cloud's volumes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BaseKind:
    """A base kind: its own base kinds and the properties that every resource of it may carry."""

    name: str
    bases: tuple[str, ...]
    properties: tuple[str, ...]


_ALL = (
    BaseKind("resource", (), ("id", "tags", "name", "ctime", "mtime", "atime")),
    BaseKind("phantom_resource", ("resource",), ()),
    BaseKind("quota", ("phantom_resource",), ("quota", "usage", "quota_type")),
    BaseKind("type", ("quota",), ()),
    BaseKind("instance_quota", ("quota",), ("instance_type",)),
    BaseKind(
        "instance_type",
        ("type",),
        ("instance_type", "instance_cores", "instance_memory", "ondemand_cost", "reservations"),
    ),
    BaseKind("base_cloud", ("phantom_resource",), ()),
    BaseKind("account", ("resource",), ()),
    BaseKind("region", ("phantom_resource",), ("long_name", "latitude", "longitude", "region_in_use")),
    BaseKind("zone", ("phantom_resource",), ("long_name",)),
    BaseKind(
        "instance", ("resource",), ("instance_cores", "instance_memory", "instance_type", "instance_status")
    ),
    BaseKind("volume_type", ("type",), ("volume_type", "ondemand_cost")),
    BaseKind(
        "network_share",
        ("resource",),
        ("share_size", "share_type", "share_status", "share_iops", "share_throughput", "share_encrypted"),
    ),
    BaseKind(
        "volume",
        ("resource",),
        (
            "volume_size",
            "volume_type",
            "volume_status",
            "volume_iops",
            "volume_throughput",
            "volume_encrypted",
            "snapshot_before_delete",
        ),
    ),
    BaseKind(
        "snapshot",
        ("resource",),
        (
            "snapshot_status",
            "description",
            "volume_id",
            "volume_size",
            "encrypted",
            "owner_id",
            "owner_alias",
        ),
    ),
    BaseKind("cloud", ("base_cloud",), ()),
    BaseKind("graph_root", ("phantom_resource",), ()),
    BaseKind("bucket", ("resource",), ("encryption_enabled", "versioning_enabled")),
    BaseKind(
        "queue", ("resource",), ("queue_type", "approximate_message_count", "message_retention_period_days")
    ),
    BaseKind("keypair", ("resource",), ("fingerprint",)),
    BaseKind("bucket_quota", ("quota",), ()),
    BaseKind("serverless_function", ("resource",), ("memory_size",)),
    BaseKind("network", ("resource",), ("cidr_blocks",)),
    BaseKind("network_quota", ("quota",), ()),
    BaseKind("firewall", ("resource",), ()),
    BaseKind("database_instance_type", ("instance_type",), ()),
    BaseKind(
        "database",
        ("resource",),
        (
            "db_type",
            "db_status",
            "db_endpoint",
            "db_version",
            "db_publicly_accessible",
            "instance_type",
            "volume_size",
            "volume_iops",
            "volume_encrypted",
        ),
    ),
    BaseKind("load_balancer", ("resource",), ("lb_type", "public_ip_address", "backends")),
    BaseKind("load_balancer_quota", ("quota",), ()),
    BaseKind("subnet", ("resource",), ("cidr_block",)),
    BaseKind("gateway", ("resource",), ()),
    BaseKind("tunnel", ("resource",), ()),
    BaseKind("gateway_quota", ("quota",), ()),
    BaseKind("security_group", ("resource",), ()),
    BaseKind("routing_table", ("resource",), ()),
    BaseKind("route", ("resource",), ()),
    BaseKind("network_acl", ("resource",), ()),
    BaseKind("peering_connection", ("resource",), ()),
    BaseKind("endpoint", ("resource",), ()),
    BaseKind(
        "network_interface",
        ("resource",),
        (
            "network_interface_status",
            "network_interface_type",
            "mac",
            "private_ips",
            "public_ips",
            "v6_ips",
            "description",
        ),
    ),
    BaseKind("iam_principal", ("resource",), ()),
    BaseKind("user", ("resource",), ()),
    BaseKind("group", ("resource",), ()),
    BaseKind("policy", ("resource",), ()),
    BaseKind("role", ("resource",), ()),
    BaseKind("instance_profile", ("resource",), ()),
    BaseKind("access_key", ("resource",), ("access_key_status",)),
    BaseKind("certificate", ("resource",), ("expires", "dns_names", "sha1_fingerprint")),
    BaseKind("certificate_quota", ("quota",), ()),
    BaseKind("stack", ("resource",), ("stack_status", "stack_status_reason", "stack_parameters")),
    BaseKind("autoscaling_group", ("resource",), ("min_size", "max_size")),
    BaseKind("ip_address", ("resource",), ("ip_address", "ip_address_family")),
    BaseKind(
        "health_check",
        ("resource",),
        ("check_interval", "healthy_threshold", "unhealthy_threshold", "timeout", "health_check_type"),
    ),
    BaseKind("dns_zone", ("resource",), ("private_zone",)),
    BaseKind("dns_record_set", ("resource",), ("record_ttl", "record_type", "record_values")),
    BaseKind(
        "dns_record",
        ("resource",),
        (
            "record_ttl",
            "record_type",
            "record_data",
            "record_value",
            "record_priority",
            "record_port",
            "record_weight",
            "record_flags",
            "record_tag",
            "record_mname",
            "record_rname",
            "record_serial",
            "record_refresh",
            "record_retry",
            "record_expire",
            "record_minimum",
        ),
    ),
    BaseKind("organizational_root", ("resource",), ()),
    BaseKind("organizational_unit", ("resource",), ()),
    BaseKind("managed_kubernetes_cluster_provider", ("resource",), ("version", "endpoint")),
    BaseKind("ai_resource", ("resource",), ()),
    BaseKind("ai_job", ("ai_resource",), ("ai_job_status",)),
    BaseKind("ai_model", ("ai_resource",), ()),
    BaseKind("unknown_cloud", ("base_cloud",), ()),
    BaseKind("unknown_account", ("account",), ()),
    BaseKind("unknown_region", ("region",), ()),
    BaseKind("unknown_dns_zone", ("dns_zone",), ()),
    BaseKind("unknown_zone", ("zone",), ()),
    BaseKind("unknown_location", ("resource",), ()),
)

BASE_KINDS: Mapping[str, BaseKind] = {kind.name: kind for kind in _ALL}

PHANTOM = "phantom_resource"
"""The base of all that has no life of its own and can never be cleaned: clouds, regions, quotas, types."""


def with_all_bases(bases: Iterable[str]) -> frozenset[str]:
    """The given base kinds with all that they are based on; `resource` always among them.

    Raises KeyError for a name that is no base kind.
    """
    found: set[str] = {"resource"}
    todo = list(bases)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(BASE_KINDS[name].bases)
    return frozenset(found)


def properties_of(bases: Iterable[str]) -> frozenset[str]:
    """The normalised properties that the given base kinds promise."""
    return frozenset(name for base in with_all_bases(bases) for name in BASE_KINDS[base].properties)
