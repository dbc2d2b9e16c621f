"""Whoever comes from Resoto finds each of its AWS kinds with the same bases, properties, edges and abilities.

`resoto_kinds.csv` says what Resoto's kinds have: `neighbours` are the kinds that edges lead from and to,
`goes_before` are those that must stay until the resource is gone, `goes_after` those that must go first.
"""

import csv
from collections.abc import Mapping
from pathlib import Path

import pytest

from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster.providers.aws.mapping import RESERVED, property_names
from resoto_dagster.providers.aws.shapes import item_members
from resoto_dagster_tests.providers.aws.contract import MODELS

_FILE = Path(__file__).with_name("resoto_kinds.csv")
RESOTO = {row["kind"]: row for row in csv.DictReader(_FILE.read_text().splitlines())}

OTHERWISE: Mapping[tuple[str, str], str] = {
    ("aws_ecs_container_instance", "aws_ec2_instance"): (
        "it can be deregistered while its instance runs, and is when that ends"
    ),
    ("aws_ecs_task", "aws_ecs_container_instance"): "a task stops before what it runs on goes",
    ("aws_cloudwatch_metric_filter", "aws_cloudwatch_log_group"): (
        "a filter needs no deletion of its group to go, and goes along with it"
    ),
    ("aws_ssm_resource_compliance", "title"): "patches have titles; compliance_details holds them",
    ("aws_bedrock_agent_flow_version", "taggable"): "its ARN is that of the flow, which alone has tags",
    ("aws_apigateway_domain_name", "aws_vpc_endpoint"): (
        "AWS deletes a domain name whose endpoints stay, which serve others as well"
    ),
    ("aws_apigateway_rest_api", "aws_vpc_endpoint"): (
        "AWS deletes an API whose endpoints stay, which serve others as well"
    ),
    ("aws_lambda_function", "aws_apigateway_rest_api"): "it is the API's resources that call functions",
    ("aws_beanstalk_environment", "aws_beanstalk_application"): (
        "AWS keeps an application that has an environment, so that the environment goes first"
    ),
    ("aws_cloudformation_stack", "taggable"): "AWS would update every resource in it",
    ("aws_cloudformation_stack_set", "taggable"): "AWS would update every stack of the set",
    ("aws_ec2_network_acl", "aws_ec2_subnet"): "AWS keeps it while a subnet has it, so the subnet goes first",
    ("aws_ec2_network_interface", "aws_ec2_instance"): "AWS keeps it while it is attached",
    ("aws_iam_role", "aws_iam_policy"): "AWS keeps a policy that a role has; a role that goes lets go of it",
    ("aws_iam_user", "aws_iam_policy"): "AWS keeps a policy that a user has; a user who goes lets go of it",
    (
        "aws_iam_group",
        "aws_iam_policy",
    ): "AWS keeps a policy that a group has; a group that goes lets go of it",
    ("aws_ec2_instance_type", "memory_info"): "instance_memory holds it, in the unit of the base kind",
    ("aws_sagemaker_app", "aws_sagemaker_user_profile"): (
        "AWS keeps a user profile that has an app, so that the app goes first"
    ),
    ("aws_sagemaker_domain", "aws_sagemaker_code_repository"): (
        "a domain names repositories by their address alone, and no edge is found by that"
    ),
    ("aws_sagemaker_user_profile", "aws_sagemaker_domain"): (
        "AWS keeps a domain that has a user profile, so that the user profile goes first"
    ),
}
"""What is not as in Resoto, by kind and what of it, with the reason."""

NOT_THERE: Mapping[str, str] = {
    "aws_sagemaker_job": "it is what Resoto's kinds of jobs have in common, which all count as ai_job here",
}
"""The kinds of Resoto that there are not, with the reason."""


def _links(kind: str) -> set[tuple[str, str | None]]:
    """The kinds that edges lead from and to, whichever end declares them, and which of both goes first."""
    mirrored = {"before": "after", "after": "before", None: None}
    own = {(link.kind, link.delete) for link in KINDS[kind].links}
    others = {
        (other.name, mirrored[link.delete])
        for other in KINDS.values()
        for link in other.links
        if link.kind == kind
    }
    return own | others


def _lacking(kind: str) -> set[str]:
    """What Resoto's kind has and ours does not."""
    declared, row, links = KINDS[kind], RESOTO[kind], _links(kind)
    there = {
        "bases": set(declared.all_bases),
        "properties": property_names(declared, item_members(MODELS, declared)) | RESERVED,
        "neighbours": {name for name, _ in links} | set(declared.parents),
        "goes_before": {name for name, order in links if order == "before"},
        "goes_after": {name for name, order in links if order == "after"},
        "deletable": {"yes"} if declared.deletable else set(),
        "taggable": {"yes"} if declared.taggable else set(),
    }
    lacking = {column: set(row[column].split()) - found for column, found in there.items()}
    return {column if "yes" in missing else one for column, missing in lacking.items() for one in missing}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind in RESOTO])
def test_a_kind_has_all_that_it_has_in_resoto(kind: str) -> None:
    assert _lacking(kind) == {what for otherwise, what in OTHERWISE if otherwise == kind}


def test_all_kinds_of_resoto_are_there() -> None:
    assert RESOTO.keys() - KINDS.keys() == NOT_THERE.keys()


def test_what_is_otherwise_is_of_a_kind() -> None:
    assert {kind for kind, _ in OTHERWISE} <= KINDS.keys() & RESOTO.keys()
