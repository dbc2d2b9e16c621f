"""The role by which an account is collected and cleaned up, as a CloudFormation template."""

from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from resoto_dagster.providers.aws.declaration import AwsKind
from resoto_dagster.providers.aws.policies import (
    LISTING,
    Statement,
    collect_actions,
    documents,
    statements_for,
)
from resoto_dagster.providers.aws.settings import DEFAULT_ROLE

_PARAMETERS = {
    "CollectorAccount": {
        "Type": "String",
        "AllowedPattern": "[0-9]{12}",
        "Description": "The account that resoto runs in, whose credentials assume the role.",
    },
    "ExternalId": {
        "Type": "String",
        "AllowedPattern": r"[\w+=,.@:/-]{2,1224}",
        "Description": "What resoto.yaml says as external_id. Without it the role is not to be had.",
    },
    "RoleName": {
        "Type": "String",
        "Default": DEFAULT_ROLE,
        "AllowedPattern": r"[\w+=,.@-]{1,64}",
        "Description": "What resoto.yaml says as role.",
    },
    "Cleanup": {
        "Type": "String",
        "Default": "no",
        "AllowedValues": ["yes", "no"],
        "Description": "Whether the role may delete resources and change their tags, too.",
    },
    "ListOrganization": {
        "Type": "String",
        "Default": "no",
        "AllowedValues": ["yes", "no"],
        "Description": "Whether the role may list the accounts of its organization.",
    },
}


def role_template(kinds: Iterable[AwsKind]) -> dict[str, Any]:
    """The template, which takes the collector's account and an external id.

    The policies are managed ones, since all of them together are longer than a role's own may be.
    """
    known = list(kinds)
    collect = documents([Statement("Collect", collect_actions(known))])
    cleanup = documents(statements_for(("cleanup", "tagging"), known))
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "The role by which resoto collects an account and, where it is to, cleans it up.",
        "Parameters": _PARAMETERS,
        "Conditions": {
            "MayCleanUp": {"Fn::Equals": [{"Ref": "Cleanup"}, "yes"]},
            "MayListOrganization": {"Fn::Equals": [{"Ref": "ListOrganization"}, "yes"]},
        },
        "Resources": {
            "Role": _ROLE,
            **_policies("Collect", collect),
            **_policies("Cleanup", cleanup, Condition="MayCleanUp"),
            **_policies(
                "ListOrganization",
                documents([Statement("ListOrganization", LISTING)]),
                Condition="MayListOrganization",
            ),
        },
        "Outputs": {"RoleArn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}}},
    }


def as_yaml(template: dict[str, Any]) -> str:
    """The template as text; lists of words in as few lines as they fit into."""
    return yaml.dump(template, Dumper=_Dumper, sort_keys=False, width=110)


class _Dumper(yaml.SafeDumper):
    pass


def _list(dumper: yaml.SafeDumper, data: list[Any]) -> yaml.Node:
    words = all(isinstance(one, str) for one in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=words)


_Dumper.add_representer(list, _list)

_ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "RoleName": {"Ref": "RoleName"},
        "Description": "Assumed by resoto.",
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {
                        "AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${CollectorAccount}:root"},
                    },
                    "Action": "sts:AssumeRole",
                    "Condition": {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}},
                }
            ],
        },
    },
}


def _policies(name: str, made: Sequence[dict[str, Any]], **more: str) -> dict[str, Any]:
    return {
        f"{name}Policy{number}": {
            "Type": "AWS::IAM::ManagedPolicy",
            **more,
            "Properties": {"Roles": [{"Ref": "Role"}], "PolicyDocument": document},
        }
        for number, document in enumerate(made, 1)
    }
