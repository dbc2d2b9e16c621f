"""Clusters of containers and what is in them, from the API's answer to their deletion."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from resoto_dagster.providers.aws import deletion
from resoto_dagster_tests.providers.aws.answers import map_item, settled
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    REGION,
    belongs_to,
    goes_before,
    stored,
    uses,
)
from resoto_dagster_tests.providers.aws.network import Network, make_network, run_instance
from resoto_dagster_tests.providers.aws.synthetic import Refusal

ARN = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
CLUSTER = f"{ARN}:cluster/blue"
DEFINITION = f"{ARN}:task-definition/app:1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/task"
EXECUTION_ROLE = f"arn:aws:iam::{ACCOUNT}:role/execution"
TAGS = [{"key": "owner", "value": "web"}, {"key": "env", "value": "test"}]
MOMENT = datetime(2024, 5, 1, 10, 30, tzinfo=UTC)
OF_REGION = belongs_to("aws_region", REGION)
OF_CLUSTER = {belongs_to("aws_ecs_cluster", CLUSTER, "arn"), goes_before("aws_ecs_cluster", CLUSTER, "arn")}


def needs(kind, value, by="id"):
    """The edges to what is used, and stays until the resource is gone."""
    return {uses(kind, value, by), goes_before(kind, value, by)}


def owned(kind, value, by="id"):
    """The edges from what it belongs to, and that stays until the resource is gone."""
    return {belongs_to(kind, value, by), goes_before(kind, value, by)}


@dataclass(frozen=True)
class Containers:
    """What runs in moto: two clusters with a service of the same name each, and in the first one a task."""

    network: Network
    instance: str
    container_instance: str
    task: str


@pytest.fixture
def containers(client):
    ecs, network = client("ecs"), make_network(client)
    ecs.register_task_definition(
        family="app",
        taskRoleArn=ROLE,
        executionRoleArn=EXECUTION_ROLE,
        networkMode="bridge",
        containerDefinitions=[
            {
                "name": "web",
                "image": "web:1",
                "memory": 64,
                "environment": [{"name": "PASSWORD", "value": "not-a-secret"}],
            }
        ],
        volumes=[
            {
                "name": "share",
                "dockerVolumeConfiguration": {"driver": "cifs", "driverOpts": {"o": "password=not-a-secret"}},
            }
        ],
        tags=TAGS,
    )
    for name in ("blue", "green"):
        ecs.create_cluster(
            clusterName=name, tags=TAGS, settings=[{"name": "containerInsights", "value": "on"}]
        )
        ecs.create_service(
            cluster=name,
            serviceName="web",
            taskDefinition="app",
            desiredCount=2,
            loadBalancers=[
                {"targetGroupArn": "arn:targets", "containerName": "web", "containerPort": 80},
                {"loadBalancerName": "classic", "containerName": "web", "containerPort": 80},
            ],
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": list(network.subnets),
                    "securityGroups": [network.security_group],
                }
            },
            tags=TAGS,
        )
    instance = run_instance(client, network.subnets[0])
    container_instance = ecs.register_container_instance(
        cluster="blue", instanceIdentityDocument=json.dumps({"instanceId": instance})
    )["containerInstance"]["containerInstanceArn"]
    task = ecs.run_task(
        cluster="blue",
        taskDefinition="app",
        tags=TAGS,
        overrides={
            "taskRoleArn": ROLE,
            "containerOverrides": [
                {"name": "web", "environment": [{"name": "PASSWORD", "value": "not-a-secret"}]}
            ],
        },
    )["tasks"][0]["taskArn"]
    return Containers(network, instance, container_instance, task)


def test_properties_and_edges_of_clusters(containers, collect_kind):
    blue, green = collect_kind("aws_ecs_cluster")

    assert (blue.id, blue.name, blue.region) == ("blue", "blue", REGION)
    assert blue.tags == {"owner": "web", "env": "test"}
    assert green.id == "green"
    properties = blue.properties
    assert properties["arn"] == CLUSTER
    assert properties["cluster_status"] == "ACTIVE"
    assert properties["cluster_registered_container_instances_count"] == 1
    assert properties["cluster_settings"] == [{"name": "containerInsights", "value": "on"}]
    assert blue.edges == (OF_REGION,)


def test_what_a_cluster_uses():
    logging = {"s3BucketName": "shells", "cloudWatchLogGroupName": "/shells"}
    item = {
        "clusterArns": CLUSTER,
        "status": "ACTIVE",
        "capacityProviders": ["FARGATE", "own"],
        "configuration": {"executeCommandConfiguration": {"logConfiguration": logging}},
    }

    assert set(map_item("aws_ecs_cluster", item).edges) == {
        OF_REGION,
        *needs("aws_ecs_capacity_provider", "FARGATE"),
        *needs("aws_ecs_capacity_provider", "own"),
        *needs("aws_s3_bucket", "shells"),
        uses("aws_cloudwatch_log_group", "/shells"),
    }


def test_properties_and_edges_of_a_container_instance(containers, collect_kind):
    (found,) = collect_kind("aws_ecs_container_instance")

    arn = containers.container_instance
    assert (found.id, found.name, found.region) == (arn.rpartition("/")[2], arn, REGION)
    properties = found.properties
    assert properties["arn"] == arn
    assert properties["cluster_arn"] == CLUSTER
    assert properties["ec2_instance_id"] == containers.instance
    assert properties["status"] == "ACTIVE"
    assert properties["agent_connected"] is True
    assert properties["running_tasks_count"] == 1
    assert {"name": "CPU", "type": "INTEGER"}.items() <= properties["registered_resources"][0].items()
    assert set(found.edges) == {
        OF_REGION,
        *OF_CLUSTER,
        uses("aws_ec2_instance", containers.instance),
    }


def test_the_health_of_a_container_instance():
    health = {"overallStatus": "IMPAIRED", "details": [{"type": "CONTAINER_RUNTIME", "status": "IMPAIRED"}]}
    item = {
        "containerInstanceArns": "a/1",
        "Cluster": {"clusterArns": CLUSTER},
        "version": 7,
        "healthStatus": health,
    }

    found = map_item("aws_ecs_container_instance", item)

    assert found.properties["version"] == "7"
    assert found.properties["health_overall_status"] == "IMPAIRED"
    assert found.properties["health_status"]["details"][0]["type"] == "CONTAINER_RUNTIME"


def test_properties_and_edges_of_services(containers, collect_kind):
    blues, greens = collect_kind("aws_ecs_service")

    network = containers.network
    assert (blues.id, blues.name, blues.region) == ("blue:web", "web", REGION)
    assert (greens.id, greens.name) == ("green:web", "web")
    assert blues.tags == {"owner": "web", "env": "test"}
    properties = blues.properties
    assert properties["arn"] == f"{ARN}:service/blue/web"
    assert properties["cluster_arn"] == CLUSTER
    assert properties["status"] == "ACTIVE"
    assert properties["service_desired_count"] == 2
    assert properties["service_task_definition"] == DEFINITION
    assert properties["service_deployment_controller"] == "ECS"
    assert properties["service_load_balancers"][0] == {
        "target_group_arn": "arn:targets",
        "container_name": "web",
        "container_port": 80,
    }
    assert set(blues.edges) == {
        OF_REGION,
        *OF_CLUSTER,
        *needs("aws_ecs_task_definition", DEFINITION, "arn"),
        *needs("aws_alb_target_group", "arn:targets", "arn"),
        *needs("aws_elb", "classic", "name"),
        *owned("aws_ec2_subnet", network.subnets[0]),
        *owned("aws_ec2_subnet", network.subnets[1]),
        *owned("aws_ec2_security_group", network.security_group),
    }


def test_what_a_service_uses_in_its_sets_and_deployments():
    def network(subnet):
        return {"networkConfiguration": {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": []}}}

    def strategy(provider):
        return {"capacityProviderStrategy": [{"capacityProvider": provider}]}

    item = {
        "Cluster": {"clusterArns": CLUSTER},
        "serviceArns": f"{ARN}:service/blue/web",
        "status": "ACTIVE",
        "createdAt": MOMENT,
        "roleArn": ROLE,
        "taskSets": [network("subnet-1") | strategy("one")],
        "deployments": [network("subnet-2") | strategy("two")],
    }

    service = map_item("aws_ecs_service", item)

    assert service.ctime == MOMENT
    assert set(service.edges) == {
        OF_REGION,
        *owned("aws_iam_role", ROLE, "arn"),
        *owned("aws_ec2_subnet", "subnet-1"),
        *owned("aws_ec2_subnet", "subnet-2"),
        *needs("aws_ecs_capacity_provider", "one"),
        *needs("aws_ecs_capacity_provider", "two"),
    }


def test_properties_and_edges_of_a_task(containers, collect_kind):
    (task,) = collect_kind("aws_ecs_task")

    arn = containers.task
    assert (task.id, task.name, task.region) == (arn.rpartition("/")[2], arn.rpartition("/")[2], REGION)
    assert task.tags == {"owner": "web", "env": "test"}
    properties = task.properties
    assert properties["arn"] == arn
    assert properties["task_cluster_arn"] == CLUSTER
    assert properties["task_definition_arn"] == DEFINITION
    assert properties["task_group"] == "family:app"
    assert properties["task_of_service"] is False
    assert properties["task_desired_status"] == "RUNNING"
    assert properties["task_container_instance_arn"] == containers.container_instance
    assert properties["task_overrides"]["container_overrides"][0]["environment"] == [
        {"name": "PASSWORD", "value": "***"}
    ]
    assert "not-a-secret" not in str(task)
    assert set(task.edges) == {
        OF_REGION,
        *OF_CLUSTER,
        *owned("aws_ecs_task_definition", DEFINITION, "arn"),
        *owned("aws_iam_role", ROLE, "arn"),
        *needs("aws_ecs_container_instance", containers.container_instance, "arn"),
    }


def test_a_task_of_a_service_goes_with_it(containers, collect_kind, session):
    item = {
        "Cluster": {"clusterArns": CLUSTER},
        "taskArns": f"{ARN}:task/blue/1",
        "clusterArn": CLUSTER,
        "taskDefinitionArn": DEFINITION,
        "group": "service:web",
        "capacityProviderName": "own",
        "ephemeralStorage": {"sizeInGiB": 21},
    }
    task, (service, _) = map_item("aws_ecs_task", item), collect_kind("aws_ecs_service")
    (alone,) = collect_kind("aws_ecs_task")

    assert task.properties["task_ephemeral_storage"] == 21
    assert set(task.edges) == {
        OF_REGION,
        belongs_to("aws_ecs_cluster", CLUSTER, "arn"),
        belongs_to("aws_ecs_service", service.id),
        belongs_to("aws_ecs_task_definition", DEFINITION, "arn"),
        uses("aws_ecs_capacity_provider", "own"),
    }
    assert session.held_back(stored(task)) == "its service would start another one"
    assert session.held_back(stored(alone)) is None
    assert session.goes_along(stored(task), stored(service))


def test_properties_and_edges_of_a_task_definition(containers, collect_kind):
    (definition,) = collect_kind("aws_ecs_task_definition")

    assert (definition.id, definition.name, definition.region) == ("app:1", "app:1", REGION)
    assert definition.tags == {"owner": "web", "env": "test"}
    properties = definition.properties
    assert properties["arn"] == DEFINITION
    assert (properties["family"], properties["revision"]) == ("app", 1)
    assert properties["status"] == "ACTIVE"
    assert properties["network_mode"] == "bridge"
    assert properties["task_role_arn"] == ROLE
    assert properties["execution_role_arn"] == EXECUTION_ROLE
    assert properties["container_definitions"][0]["image"] == "web:1"
    assert set(definition.edges) == {
        OF_REGION,
        *owned("aws_iam_role", ROLE, "arn"),
        *owned("aws_iam_role", EXECUTION_ROLE, "arn"),
    }


def test_what_may_be_secret_in_a_task_definition_is_not_kept(containers, collect_kind):
    (definition,) = collect_kind("aws_ecs_task_definition")

    assert definition.properties["container_definitions"][0]["environment"] == [
        {"name": "PASSWORD", "value": "***"}
    ]
    assert definition.properties["volumes"][0]["docker_volume_configuration"] == {
        "driver": "cifs",
        "driver_opts": {"o": "***"},
    }
    assert "not-a-secret" not in str(definition)


KINDS = (
    "aws_ecs_task",
    "aws_ecs_container_instance",
    "aws_ecs_service",
    "aws_ecs_task_definition",
    "aws_ecs_cluster",
)


@pytest.mark.parametrize("kind", KINDS)
def test_are_read(kind, containers, collect_kind, session):
    found = collect_kind(kind)[0]

    assert settled(session.read(stored(found))) == settled(found)


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"aws_ecs_container_instance"}))
def test_are_tagged(kind, containers, collect_kind, session):
    known = stored(collect_kind(kind)[0])

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])

    assert session.read(known).tags == {"owner": "ops", "team": "a"}


def test_a_container_instance_is_tagged(synthetic, collect_kind, session):
    arn, tags = f"{ARN}:container-instance/blue/1", {"owner": "web", "env": "test"}

    def describe(_):
        listed = [{"key": key, "value": value} for key, value in tags.items()]
        return {"containerInstances": [{"containerInstanceArn": arn, "status": "ACTIVE", "tags": listed}]}

    answer = synthetic.answer
    answer("ecs", "ListClusters", {"clusterArns": [CLUSTER]})
    answer("ecs", "ListContainerInstances", {"containerInstanceArns": [arn]})
    answer("ecs", "DescribeContainerInstances", describe)
    answer(
        "ecs", "TagResource", lambda asked: tags.update({tag["key"]: tag["value"] for tag in asked["tags"]})
    )
    answer("ecs", "UntagResource", lambda asked: [tags.pop(key) for key in asked["tagKeys"]] and {})
    (found,) = collect_kind("aws_ecs_container_instance")
    assert found.tags == {"owner": "web", "env": "test"}

    session.update_tags(stored(found), {"owner": "ops", "team": "a"}, ["env"])

    assert session.read(stored(found)).tags == {"owner": "ops", "team": "a"}
    assert [asked["resourceArn"] for asked in synthetic.asked("ecs", "TagResource")] == [arn]


def test_are_deleted_in_their_order(containers, collect_kind, session):
    for kind in KINDS:
        found, *others = collect_kind(kind)

        session.delete(stored(found))

        assert session.read(stored(found)) is None
        assert [one.id for one in collect_kind(kind)] == [one.id for one in others]


def test_what_is_gone_already_is_no_error(synthetic, session):
    cluster = {"Cluster": {"clusterArns": CLUSTER}}
    services = cluster | {"serviceArns": "web", "serviceArn": "web", "status": "ACTIVE"}
    for operation in ("DeleteCluster", "DeleteService", "ListServices"):
        synthetic.refuse("ecs", operation, "ClusterNotFoundException")

    service = stored(map_item("aws_ecs_service", services))
    session.delete(service)
    session.delete(
        stored(
            map_item("aws_ecs_cluster", {"clusterArns": CLUSTER, "clusterArn": CLUSTER, "status": "ACTIVE"})
        )
    )

    assert session.read(service) is None
    assert synthetic.asked("ecs", "DeleteService") == [{"cluster": CLUSTER, "service": "web", "force": True}]


def test_what_went_between_list_and_description_is_gone(synthetic, collect_kind):
    arns = [f"{ARN}:service/blue/{number}" for number in range(12)]

    def describe(asked):
        assert (asked["cluster"], asked["include"]) == (CLUSTER, ["TAGS"])
        assert len(asked["services"]) <= 10
        there = [arn for arn in asked["services"] if not arn.endswith("/3")]
        missing = [arn for arn in asked["services"] if arn.endswith("/3")]
        return {
            "services": [
                {"serviceArn": arn, "serviceName": arn.rpartition("/")[2], "status": "ACTIVE"}
                for arn in there
            ],
            "failures": [{"arn": arn, "reason": "MISSING"} for arn in missing],
        }

    synthetic.answer("ecs", "ListClusters", {"clusterArns": [CLUSTER]})
    synthetic.answer("ecs", "ListServices", {"serviceArns": arns})
    synthetic.answer("ecs", "DescribeServices", describe)

    names = {service.name for service in collect_kind("aws_ecs_service")}

    assert names == {str(number) for number in range(12)} - {"3"}
    assert len(synthetic.asked("ecs", "DescribeServices")) == 2


def test_what_happens_in_a_service_is_no_change_of_it(containers, client, collect_kind):
    before = collect_kind("aws_ecs_service")[0]
    client("ecs").update_service(cluster="blue", service="web", desiredCount=3)
    after = collect_kind("aws_ecs_service")[0]

    assert after.properties["service_desired_count"] == 3
    assert settled(before) == settled(after)


def test_a_cluster_waits_until_what_was_in_it_has_ended(synthetic, session, monkeypatch):
    monkeypatch.setattr(deletion, "_PAUSE", timedelta(0))
    refusals = ["ClusterContainsTasksException", "ClusterContainsServicesException"]

    def delete(asked):
        if refusals:
            raise Refusal(refusals.pop())
        return {}

    synthetic.answer("ecs", "DeleteCluster", delete)
    item = {"clusterArns": CLUSTER, "clusterArn": CLUSTER, "status": "ACTIVE"}

    session.delete(stored(map_item("aws_ecs_cluster", item)))

    assert synthetic.asked("ecs", "DeleteCluster") == [{"cluster": CLUSTER}] * 3


class Providers:
    """Capacity providers, of which moto describes those alone that are asked for by name; one a page."""

    def __init__(self, synthetic):
        self.group = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:1:autoScalingGroupName/nodes"
        self.tags = {"owner": "web"}
        self.providers = ["FARGATE", "own"]
        answer = synthetic.answer
        answer("ecs", "DescribeCapacityProviders", self.described)
        answer("ecs", "DeleteCapacityProvider", self.delete)
        answer("ecs", "TagResource", lambda asked: self.tags.update({"team": "a"}))

    def described(self, asked):
        assert asked["include"] == ["TAGS"]
        wanted = [name for name in self.providers if name in asked.get("capacityProviders", self.providers)]
        at = int(asked.get("nextToken", 0))
        more = {"nextToken": str(at + 1)} if at + 1 < len(wanted) else {}
        return {"capacityProviders": [self.provider(name) for name in wanted[at : at + 1]], **more}

    def provider(self, name):
        provider = {
            "name": name,
            "capacityProviderArn": f"{ARN}:capacity-provider/{name}",
            "status": "ACTIVE",
            "tags": [{"key": key, "value": value} for key, value in self.tags.items()],
        }
        if name == "own":
            provider["autoScalingGroupProvider"] = {
                "autoScalingGroupArn": self.group,
                "managedScaling": {"status": "ENABLED"},
            }
            provider["updateStatus"] = "UPDATE_COMPLETE"
        return provider

    def delete(self, asked):
        self.providers.remove(asked["capacityProvider"].rpartition("/")[2])
        return {}


def test_properties_and_edges_of_capacity_providers(synthetic, collect_kind, session):
    group = Providers(synthetic).group

    fargate, own = collect_kind("aws_ecs_capacity_provider")

    assert (own.id, own.name, own.region, own.tags) == ("own", "own", REGION, {"owner": "web"})
    assert own.properties == {
        "arn": f"{ARN}:capacity-provider/own",
        "status": "ACTIVE",
        "capacity_provider_auto_scaling_group_provider": {
            "auto_scaling_group_arn": group,
            "managed_scaling": {"status": "ENABLED"},
        },
        "capacity_provider_update_status": "UPDATE_COMPLETE",
    }
    assert set(own.edges) == {OF_REGION, *needs("aws_autoscaling_group", group, "arn")}
    assert session.held_back(stored(own)) is None
    assert session.held_back(stored(fargate)) == "AWS owns it"


def test_a_capacity_provider_is_read_tagged_and_deleted(synthetic, collect_kind, session):
    Providers(synthetic)
    fargate, own = collect_kind("aws_ecs_capacity_provider")
    assert session.read(stored(own)) == own
    session.update_tags(stored(own), {"team": "a"}, [])
    assert session.read(stored(own)).tags == {"owner": "web", "team": "a"}

    session.delete(stored(own))

    assert session.read(stored(own)) is None
    assert [one.id for one in collect_kind("aws_ecs_capacity_provider")] == [fargate.id]
