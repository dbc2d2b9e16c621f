"""Containers: clusters, the services and tasks that run in them, and what they run on."""

from resoto_dagster.providers.aws.declaration import (
    AwsKind,
    Call,
    Detail,
    HeldBack,
    Link,
    Step,
    Tagging,
    Value,
)
from resoto_dagster.providers.aws.kinds.kms import encrypted_with

_CLUSTERS = Call(operation="list_clusters", items="clusterArns", page_size=100)
_OF_CLUSTER = {"cluster": "Cluster.clusterArns"}

_TAGGING = Tagging(
    upsert="tag_resource",
    remove="untag_resource",
    params={"resourceArn": "arn"},
    tags="tags",
    keys="tagKeys",
    named=("key", "value"),
)


def _last_part(arn: str) -> str:
    return arn.rpartition("/")[2]


def _in_cluster(cluster: str, arn_or_name: str) -> str:
    """The id of what is named once in its cluster."""
    return f"{_last_part(cluster)}:{_last_part(arn_or_name)}"


def _of_cluster(operation: str, items: str) -> Call:
    """A list call for each cluster."""
    return Call(
        operation=operation,
        items=items,
        params={"cluster": "item.clusterArns"},
        each=_CLUSTERS,
        owner="Cluster",
        page_size=100,
    )


_READ = {"item.clusterArns": "cluster_arn"}

_CLUSTER = AwsKind(
    name="aws_ecs_cluster",
    description="A cluster in which services and tasks run.",
    service="ecs",
    api=_CLUSTERS,
    details=(
        Detail(
            operation="describe_clusters",
            params={"clusters": ["clusterArns"]},
            const={"include": ["ATTACHMENTS", "CONFIGURATIONS", "SETTINGS", "STATISTICS", "TAGS"]},
            result="clusters",
            batch=100,
            match=("clusterArn", "clusterArns"),
            or_gone=True,
            into="",
        ),
    ),
    id=Value("clusterArns", _last_part),
    name_path="clusterName",
    arn="clusterArn",
    prefix="cluster",
    tags="tags",
    links=(
        Link(kind="aws_ecs_capacity_provider", path="capacityProviders[]", delete="before"),
        Link(
            kind="aws_s3_bucket",
            path="configuration.executeCommandConfiguration.logConfiguration.s3BucketName",
            delete="before",
        ),
        Link(
            kind="aws_cloudwatch_log_group",
            path="configuration.executeCommandConfiguration.logConfiguration.cloudWatchLogGroupName",
        ),
        *encrypted_with(
            "configuration.executeCommandConfiguration.kmsKeyId",
            "configuration.managedStorageConfiguration.kmsKeyId",
            "configuration.managedStorageConfiguration.fargateEphemeralStorageKmsKeyId",
        ),
    ),
    missing=("ClusterNotFoundException",),
    gone=("status", ("INACTIVE",)),
    delete=(
        # What was in it is still on its way out.
        Step(
            operation="delete_cluster",
            params={"cluster": "arn"},
            early=(
                "ClusterContainsContainerInstancesException",
                "ClusterContainsServicesException",
                "ClusterContainsTasksException",
                "UpdateInProgressException",
            ),
        ),
    ),
    tagging=_TAGGING,
    changing=(
        "cluster_active_services_count",
        "cluster_attachments_status",
        "cluster_pending_tasks_count",
        "cluster_registered_container_instances_count",
        "cluster_running_tasks_count",
        "cluster_statistics",
        "cluster_status",
    ),
)

_CAPACITY_PROVIDER = AwsKind(
    name="aws_ecs_capacity_provider",
    description="Where the tasks of clusters run: on an autoscaling group, or on machines of AWS.",
    service="ecs",
    api=Call(
        operation="describe_capacity_providers", items="capacityProviders", params={"include": ["TAGS"]}
    ),
    id="name",
    name_path="name",
    arn="capacityProviderArn",
    prefix="capacity_provider",
    tags="tags",
    properties={"status": "status"},
    links=(
        Link(
            kind="aws_autoscaling_group",
            path="autoScalingGroupProvider.autoScalingGroupArn",
            by="arn",
            delete="before",
        ),
    ),
    read={"capacityProviders": ["id"]},
    missing=("ClientException: The specified capacity provider does not exist",),
    gone=("status", ("INACTIVE",)),
    delete=(Step(operation="delete_capacity_provider", params={"capacityProvider": "arn"}),),
    tagging=_TAGGING,
    held_back=(HeldBack("name", ("FARGATE", "FARGATE_SPOT"), "AWS owns it"),),
    changing=("capacity_provider_update_status", "capacity_provider_update_status_reason"),
)

_CONTAINER_INSTANCE = AwsKind(
    name="aws_ecs_container_instance",
    description="An instance on which tasks of a cluster run; it runs on when it is no more part of that.",
    service="ecs",
    api=_of_cluster("list_container_instances", "containerInstanceArns"),
    details=(
        Detail(
            operation="describe_container_instances",
            params={**_OF_CLUSTER, "containerInstances": ["containerInstanceArns"]},
            const={"include": ["TAGS", "CONTAINER_INSTANCE_HEALTH"]},
            result="containerInstances",
            batch=100,
            match=("containerInstanceArn", "containerInstanceArns"),
            or_gone=True,
            into="",
        ),
    ),
    id=Value("containerInstanceArns", _last_part),
    name_path="containerInstanceArn",
    arn="containerInstanceArn",
    prefix="",
    ctime="registeredAt",
    tags="tags",
    properties={
        "cluster_arn": "Cluster.clusterArns",
        "version": Value("version", str),
        "health_overall_status": "healthStatus.overallStatus",
        "health_status": "healthStatus",
    },
    drop=("Cluster",),
    links=(
        Link(kind="aws_ecs_cluster", path="Cluster.clusterArns", by="arn", parent=True, delete="before"),
        Link(kind="aws_ec2_instance", path="ec2InstanceId"),
    ),
    read=_READ,
    missing=("ClusterNotFoundException",),
    gone=("status", ("INACTIVE",)),
    delete=(
        Step(
            operation="deregister_container_instance",
            params={"cluster": "cluster_arn", "containerInstance": "arn"},
        ),
    ),
    tagging=_TAGGING,
    changing=(
        "agent_connected",
        "agent_update_status",
        "attachments",
        "health_overall_status",
        "pending_tasks_count",
        "remaining_resources",
        "running_tasks_count",
        "status",
        "status_reason",
        "version",
    ),
    volatile=("health_status",),
)

_NETWORKS = tuple(
    f"{place}networkConfiguration.awsvpcConfiguration" for place in ("", "taskSets[].", "deployments[].")
)
_STRATEGIES = tuple(
    f"{place}capacityProviderStrategy[].capacityProvider" for place in ("", "taskSets[].", "deployments[].")
)

_SERVICE = AwsKind(
    name="aws_ecs_service",
    description="A number of tasks that are kept running; deleting it ends them.",
    service="ecs",
    api=_of_cluster("list_services", "serviceArns"),
    details=(
        Detail(
            operation="describe_services",
            params={**_OF_CLUSTER, "services": ["serviceArns"]},
            const={"include": ["TAGS"]},
            result="services",
            batch=10,
            match=("serviceArn", "serviceArns"),
            or_gone=True,
            into="",
        ),
    ),
    id=Value(("Cluster.clusterArns", "serviceArns"), _in_cluster),
    name_path="serviceName",
    arn="serviceArn",
    prefix="service",
    ctime="createdAt",
    tags="tags",
    properties={
        "cluster_arn": "Cluster.clusterArns",
        "status": "status",
        "service_deployment_controller": "deploymentController.type",
    },
    drop=("Cluster", "clusterArn", "deploymentController"),
    links=(
        Link(kind="aws_ecs_cluster", path="clusterArn", by="arn", parent=True, delete="before"),
        Link(kind="aws_ecs_task_definition", path="taskDefinition", by="arn", delete="before"),
        Link(kind="aws_alb_target_group", path="loadBalancers[].targetGroupArn", by="arn", delete="before"),
        Link(kind="aws_elb", path="loadBalancers[].loadBalancerName", by="name", delete="before"),
        Link(kind="aws_iam_role", path="roleArn", by="arn", parent=True, delete="before"),
        *(
            Link(kind=kind, path=f"{network}.{member}[]", parent=True, delete="before")
            for network in _NETWORKS
            for kind, member in (("aws_ec2_subnet", "subnets"), ("aws_ec2_security_group", "securityGroups"))
        ),
        *(Link(kind="aws_ecs_capacity_provider", path=path, delete="before") for path in _STRATEGIES),
    ),
    read=_READ,
    missing=("ClusterNotFoundException", "ServiceNotFoundException"),
    gone=("status", ("INACTIVE",)),
    delete=(
        Step(
            operation="delete_service",
            params={"cluster": "cluster_arn", "service": "arn"},
            const={"force": True},
        ),
    ),
    tagging=_TAGGING,
    takes_along=("aws_ecs_task",),
    changing=(
        "service_current_service_deployment",
        "service_current_service_revisions",
        "service_deployments",
        "service_desired_count",
        "service_pending_count",
        "service_running_count",
        "service_task_sets",
    ),
    volatile=("service_events",),
)


def _of_service(group: str | None) -> bool:
    return (group or "").startswith("service:")


def _service(cluster: str, group: str) -> str | None:
    """The id of the service that keeps the task running."""
    return _in_cluster(cluster, group.removeprefix("service:")) if _of_service(group) else None


def _unless_of_service(path: str) -> Value:
    """What is at the path of a task that no service keeps running; the other ones go with their service."""
    return Value((path, "group"), lambda value, group: None if _of_service(group) else value)


_TASK = AwsKind(
    name="aws_ecs_task",
    description="Containers that run together.",
    service="ecs",
    api=_of_cluster("list_tasks", "taskArns"),
    details=(
        Detail(
            operation="describe_tasks",
            params={**_OF_CLUSTER, "tasks": ["taskArns"]},
            const={"include": ["TAGS"]},
            result="tasks",
            batch=100,
            match=("taskArn", "taskArns"),
            or_gone=True,
            into="",
        ),
    ),
    id=Value("taskArns", _last_part),
    arn="taskArn",
    prefix="task",
    ctime="createdAt",
    tags="tags",
    properties={
        "cluster_arn": "Cluster.clusterArns",
        "task_ephemeral_storage": "ephemeralStorage.sizeInGiB",
        "task_group": "group",
        "task_of_service": Value("group", _of_service, absent=False),
    },
    drop=("Cluster", "ephemeralStorage"),
    secret=("overrides.containerOverrides[].environment[].value",),
    links=(
        Link(kind="aws_ecs_cluster", path="clusterArn", by="arn", parent=True),
        Link(
            kind="aws_ecs_cluster",
            path=_unless_of_service("clusterArn"),
            by="arn",
            parent=True,
            delete="before",
        ),
        Link(kind="aws_ecs_service", path=Value(("clusterArn", "group"), _service), parent=True),
        Link(kind="aws_ecs_task_definition", path="taskDefinitionArn", by="arn", parent=True),
        Link(
            kind="aws_ecs_task_definition",
            path=_unless_of_service("taskDefinitionArn"),
            by="arn",
            parent=True,
            delete="before",
        ),
        Link(kind="aws_iam_role", path="overrides.taskRoleArn", by="arn", parent=True, delete="before"),
        Link(kind="aws_iam_role", path="overrides.executionRoleArn", by="arn", parent=True, delete="before"),
        Link(kind="aws_ecs_container_instance", path="containerInstanceArn", by="arn", delete="before"),
        Link(kind="aws_ecs_capacity_provider", path="capacityProviderName"),
    ),
    read=_READ,
    missing=("ClusterNotFoundException", "InvalidParameterException: The referenced task was not found"),
    gone=("lastStatus", ("STOPPED",)),
    delete=(Step(operation="stop_task", params={"cluster": "cluster_arn", "task": "arn"}),),
    tagging=_TAGGING,
    held_back=(HeldBack("task_of_service", (True,), "its service would start another one"),),
    changing=(
        "task_attachments",
        "task_connectivity",
        "task_connectivity_at",
        "task_containers",
        "task_desired_status",
        "task_health_status",
        "task_last_status",
        "task_pull_started_at",
        "task_pull_stopped_at",
        "task_started_at",
        "task_version",
    ),
)

_TASK_DEFINITION = AwsKind(
    name="aws_ecs_task_definition",
    description="What containers a task is made of; deleting it makes it inactive, so that none starts anew.",
    service="ecs",
    api=Call(operation="list_task_definitions", items="taskDefinitionArns", page_size=100),
    details=(
        Detail(
            operation="describe_task_definition",
            params={"taskDefinition": "taskDefinitionArns"},
            const={"include": ["TAGS"]},
            result="taskDefinition",
            beside="tags",
            into="",
        ),
    ),
    id=Value("taskDefinitionArns", _last_part),
    arn="taskDefinitionArn",
    prefix="",
    ctime="registeredAt",
    tags="tags",
    properties={"ephemeral_storage": "ephemeralStorage.sizeInGiB"},
    secret=(
        "containerDefinitions[].environment[].value",
        "volumes[].dockerVolumeConfiguration.driverOpts",
    ),
    links=(
        Link(kind="aws_iam_role", path="taskRoleArn", by="arn", parent=True, delete="before"),
        Link(kind="aws_iam_role", path="executionRoleArn", by="arn", parent=True, delete="before"),
    ),
    read={"familyPrefix": "family"},
    missing=("ClientException: Unable to describe task definition",),
    gone=("status", ("INACTIVE", "DELETE_IN_PROGRESS")),
    delete=(Step(operation="deregister_task_definition", params={"taskDefinition": "arn"}),),
    tagging=_TAGGING,
)

KINDS = (_CLUSTER, _CAPACITY_PROVIDER, _CONTAINER_INSTANCE, _SERVICE, _TASK, _TASK_DEFINITION)
