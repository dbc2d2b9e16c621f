"""Groups that keep a number of instances running."""

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Link, Step, Tagging, Value

_GROUP = {"AutoScalingGroupName": "name"}
_MIXED = "MixedInstancesPolicy.LaunchTemplate"
_TEMPLATES = (
    "LaunchTemplate",
    f"{_MIXED}.LaunchTemplateSpecification",
    f"{_MIXED}.Overrides[].LaunchTemplateSpecification",
)
"""Where a group names the templates that it launches instances from."""

_AUTOSCALING_GROUP = AwsKind(
    name="aws_autoscaling_group",
    description="A group that keeps a number of instances running; deleting it lets go of its instances, "
    "which run on.",
    bases=("autoscaling_group",),
    service="autoscaling",
    api=Call(operation="describe_auto_scaling_groups", items="AutoScalingGroups", page_size=100),
    id="AutoScalingGroupName",
    name_path="AutoScalingGroupName",
    arn="AutoScalingGroupARN",
    prefix="autoscaling",
    ctime="CreatedTime",
    properties={
        "min_size": "MinSize",
        "max_size": "MaxSize",
        "autoscaling_target_group_ar_ns": "TargetGroupARNs",
    },
    links=(
        Link(
            kind="aws_ec2_subnet",
            path=Value("VPCZoneIdentifier", lambda subnets: subnets.split(",")),
            delete="before",
        ),
        Link(kind="aws_elb", path="LoadBalancerNames[]", by="name"),
        Link(kind="aws_alb_target_group", path="TargetGroupARNs[]", by="arn"),
        Link(kind="aws_ec2_instance", path="Instances[].InstanceId", delete="before"),
        # AWS would delete a template that a group still launches from.
        *(
            Link(kind="aws_ec2_launch_template", path=f"{place}.LaunchTemplateId", delete="before")
            for place in _TEMPLATES
        ),
    ),
    read={"AutoScalingGroupNames": ["name"]},
    # A forced deletion would end instances that nobody planned to delete, and without force AWS keeps a
    # group that has any. So the group lets go of them; those that are planned too go after it.
    delete=(
        Step(operation="update_auto_scaling_group", params=_GROUP, const={"MinSize": 0}),
        Step(
            operation="detach_instances",
            each=Call(
                operation="describe_auto_scaling_groups",
                items="AutoScalingGroups[].Instances[]",
                params={"AutoScalingGroupNames": ["name"]},
            ),
            params={**_GROUP, "InstanceIds": ["item.InstanceId"]},
            const={"ShouldDecrementDesiredCapacity": True},
        ),
        Step(operation="delete_auto_scaling_group", params=_GROUP),
    ),
    tagging=Tagging(
        upsert="create_or_update_tags",
        remove="delete_tags",
        params={},
        keys="Tags",
        keys_form="objects",
        tag_members={"ResourceId": "name"},
        tag_const={"ResourceType": "auto-scaling-group", "PropagateAtLaunch": False},
    ),
    changing=(
        "autoscaling_desired_capacity",
        "autoscaling_instances",
        "autoscaling_predicted_capacity",
        "autoscaling_warm_pool_size",
    ),
)

KINDS = (_AUTOSCALING_GROUP,)
