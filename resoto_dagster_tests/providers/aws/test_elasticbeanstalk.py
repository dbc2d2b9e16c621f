"""Applications and environments of Elastic Beanstalk, from the API's answer to their deletion.

moto knows neither the tags of applications nor what environments run on.
"""

import pytest

from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION, belongs_to, goes_before, stored, uses
from resoto_dagster_tests.providers.aws.samples import MOMENT
from resoto_dagster_tests.providers.aws.synthetic import Refusal

SERVICE = "elasticbeanstalk"
ARN = f"arn:aws:elasticbeanstalk:{REGION}:123456789012"
ALB = f"arn:aws:elasticloadbalancing:{REGION}:123456789012:loadbalancer/app/awseb/1"
APPLICATION = {
    "ApplicationName": "shop",
    "ApplicationArn": f"{ARN}:application/shop",
    "Description": "sells",
    "DateCreated": MOMENT,
    "DateUpdated": MOMENT,
    "Versions": ["v1", "v2"],
    "ConfigurationTemplates": ["small"],
    "ResourceLifecycleConfig": {"ServiceRole": "service"},
}
ENVIRONMENT = {
    "EnvironmentId": "e-1",
    "EnvironmentName": "shop-test",
    "EnvironmentArn": f"{ARN}:environment/shop/shop-test",
    "ApplicationName": "shop",
    "VersionLabel": "v2",
    "Description": "for trying out",
    "EndpointURL": "awseb.example.com",
    "CNAME": "shop-test.elasticbeanstalk.com",
    "DateCreated": MOMENT,
    "DateUpdated": MOMENT,
    "Status": "Ready",
    "Health": "Green",
    "HealthStatus": "Ok",
    "Tier": {"Name": "WebServer", "Type": "Standard", "Version": "1.0"},
}
RESOURCES = {
    "EnvironmentName": "shop-test",
    "AutoScalingGroups": [{"Name": "awseb-group"}],
    "Instances": [{"Id": "i-1"}, {"Id": "i-2"}],
    "LoadBalancers": [{"Name": ALB}, {"Name": "awseb-classic"}],
    "Queues": [
        {"Name": "WorkerQueue", "URL": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/awseb-worker"},
        {"Name": "WorkerDeadLetterQueue", "URL": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/awseb-dead"},
    ],
}


@pytest.fixture
def beanstalk(synthetic):
    """The server with an application and its environment."""
    applications, environments = {"shop": APPLICATION}, {"e-1": ENVIRONMENT}
    tags = {
        known: {"owner": "web", "env": "test"}
        for known in (f"{ARN}:application/shop", f"{ARN}:environment/shop/shop-test")
    }

    def described(known, asked):
        return [one for name, one in known.items() if not asked or name in asked]

    def resources(params):
        if params["EnvironmentId"] not in environments:
            raise Refusal("InvalidParameterValue", message="No Environment found for EnvironmentId = 'e-1'.")
        return {"EnvironmentResources": RESOURCES}

    def tags_of(params):
        if params["ResourceArn"] not in tags:
            raise Refusal("ResourceNotFoundException")
        return {"ResourceTags": [{"Key": k, "Value": v} for k, v in tags[params["ResourceArn"]].items()]}

    def update(params):
        changed = tags[params["ResourceArn"]]
        changed.update({tag["Key"]: tag["Value"] for tag in params.get("TagsToAdd", [])})
        for key in params.get("TagsToRemove", []):
            del changed[key]

    def delete(params):
        if params["ApplicationName"] not in applications:
            raise Refusal("InvalidParameterValue", message="No Application named 'shop' found.")
        del applications[params["ApplicationName"]]

    def terminate(params):
        if params["EnvironmentId"] not in environments:
            raise Refusal("InvalidParameterValue", message="No Environment found for EnvironmentId = 'e-1'.")
        return environments.pop(params["EnvironmentId"])

    synthetic.answer(
        SERVICE,
        "DescribeApplications",
        lambda params: {"Applications": described(applications, params.get("ApplicationNames"))},
    )
    synthetic.answer(
        SERVICE,
        "DescribeEnvironments",
        lambda params: {"Environments": described(environments, params.get("EnvironmentIds"))},
    )
    synthetic.answer(SERVICE, "DescribeEnvironmentResources", resources)
    synthetic.answer(SERVICE, "ListTagsForResource", tags_of)
    synthetic.answer(SERVICE, "UpdateTagsForResource", update)
    synthetic.answer(SERVICE, "DeleteApplication", delete)
    synthetic.answer(SERVICE, "TerminateEnvironment", terminate)
    return synthetic


def test_properties_and_edges_of_an_application(beanstalk, collect_kind):
    (shop,) = collect_kind("aws_beanstalk_application")

    assert (shop.id, shop.name, shop.region) == ("shop", "shop", REGION)
    assert (shop.ctime, shop.mtime) == (MOMENT, MOMENT)
    assert shop.tags == {"owner": "web", "env": "test"}
    assert shop.properties == {
        "arn": f"{ARN}:application/shop",
        "description": "sells",
        "beanstalk_versions": ["v1", "v2"],
        "beanstalk_configuration_templates": ["small"],
        "beanstalk_resource_lifecycle_config": {"service_role": "service"},
    }
    assert set(shop.edges) == {belongs_to("aws_region", REGION)}


def test_properties_and_edges_of_an_environment(beanstalk, collect_kind):
    (environment,) = collect_kind("aws_beanstalk_environment")

    assert (environment.id, environment.name, environment.region) == ("e-1", "shop-test", REGION)
    assert (environment.ctime, environment.mtime) == (MOMENT, MOMENT)
    assert environment.tags == {"owner": "web", "env": "test"}
    properties = environment.properties
    assert properties["arn"] == f"{ARN}:environment/shop/shop-test"
    assert properties["description"] == "for trying out"
    assert properties["beanstalk_application_name"] == "shop"
    assert properties["beanstalk_version_label"] == "v2"
    assert properties["beanstalk_endpoint_url"] == "awseb.example.com"
    assert properties["beanstalk_cname"] == "shop-test.elasticbeanstalk.com"
    assert (properties["beanstalk_status"], properties["beanstalk_health"]) == ("Ready", "Green")
    assert properties["beanstalk_tier"] == {"name": "WebServer", "type": "Standard", "version": "1.0"}
    assert properties["beanstalk_environment_resources"]["instances"] == [{"id": "i-1"}, {"id": "i-2"}]
    taken_along = [
        ("aws_autoscaling_group", "awseb-group", "name"),
        ("aws_ec2_instance", "i-1"),
        ("aws_ec2_instance", "i-2"),
        ("aws_alb", ALB, "arn"),
        ("aws_elb", "awseb-classic", "name"),
        ("aws_sqs_queue", "awseb-worker"),
        ("aws_sqs_queue", "awseb-dead"),
    ]
    assert set(environment.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_beanstalk_application", "shop", "name"),
        goes_before("aws_beanstalk_application", "shop", "name"),
        *(uses(*one) for one in taken_along),
        *(goes_before(*one) for one in taken_along),
    }
    assert beanstalk.asked(SERVICE, "DescribeEnvironments") == [{"IncludeDeleted": False}]


def test_a_terminated_environment_is_gone():
    assert map_item("aws_beanstalk_environment", {**ENVIRONMENT, "Status": "Terminated"}) is None
    assert map_item("aws_beanstalk_environment", {**ENVIRONMENT, "Status": "Terminating"}).id == "e-1"


@pytest.mark.parametrize("kind", ["aws_beanstalk_environment", "aws_beanstalk_application"])
def test_is_read_tagged_and_deleted(kind, beanstalk, collect_kind, session):
    (found,) = collect_kind(kind)
    known = stored(found)
    assert session.read(known) == found

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind(kind) == []
    session.delete(known)  # what is gone already is no error


def test_an_environment_that_goes_while_it_is_read(beanstalk, collect_kind):
    def gone(params):
        raise Refusal("InvalidParameterValue", message="No Environment found for EnvironmentId = 'e-1'.")

    beanstalk.answer(SERVICE, "DescribeEnvironmentResources", gone)

    assert collect_kind("aws_beanstalk_environment") == []


def test_what_an_environment_runs_on_goes_along(beanstalk, collect_kind, session):
    (environment,) = collect_kind("aws_beanstalk_environment")
    instance = map_item("aws_ec2_instance", {"InstanceId": "i-1"})

    assert KINDS["aws_beanstalk_environment"].takes_along
    assert session.goes_along(stored(instance), stored(environment))
