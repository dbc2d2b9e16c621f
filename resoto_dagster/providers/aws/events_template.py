"""The queue of events and the rules that fill it, as a CloudFormation template."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from resoto_dagster.providers.aws.declaration import AwsKind
from resoto_dagster.providers.aws.settings import DEFAULT_QUEUE
from resoto_dagster.providers.aws.touched import IDLE, Touched

LONGEST = 2048
"""The characters that EventBridge takes of a pattern."""

_TYPE = "AWS API Call via CloudTrail"

_PARAMETERS = {
    "Name": {
        "Type": "String",
        "Default": DEFAULT_QUEUE,
        "AllowedPattern": r"[A-Za-z0-9_-]{1,60}",
        "Description": "What the queue is called, and the bus that others forward to.",
    },
    "CentralBusArn": {
        "Type": "String",
        "Default": "",
        "AllowedPattern": r"(arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9_-]+)?",
        "Description": "The BusArn of the stack that has the queue. Without one this stack has it.",
    },
    "OrganizationId": {
        "Type": "String",
        "Default": "",
        "AllowedPattern": "(o-[a-z0-9]{10,32})?",
        "Description": "The organization whose accounts may forward to this stack. Without one none may, "
        "but the regions of this account.",
    },
}

_HAS_QUEUE, _FORWARDS, _FROM_ORGANIZATION = "HasQueue", "Forwards", "FromOrganization"

_CONDITIONS = {
    _HAS_QUEUE: {"Fn::Equals": [{"Ref": "CentralBusArn"}, ""]},
    _FORWARDS: {"Fn::Not": [{"Condition": _HAS_QUEUE}]},
    _FROM_ORGANIZATION: {
        "Fn::And": [
            {"Condition": _HAS_QUEUE},
            {"Fn::Not": [{"Fn::Equals": [{"Ref": "OrganizationId"}, ""]}]},
        ]
    },
}


def events_template(kinds: Iterable[AwsKind]) -> dict[str, Any]:
    """The template: with the queue, or, where a central bus is given, with rules that forward to it.

    The rules take calls of the services that have kinds, if they change something, succeeded and are none of
    those that programs make all the time.
    """
    patterns = rule_patterns(Touched(list(kinds)).services)
    rules = {f"Rule{number}": _rule(pattern) for number, pattern in enumerate(patterns, 1)}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "CloudTrail's events of changes, in a queue that resoto collects on.",
        "Parameters": _PARAMETERS,
        "Conditions": _CONDITIONS,
        "Resources": {
            "Queue": _QUEUE,
            "DeadLetters": _DEAD_LETTERS,
            "QueuePolicy": _queue_policy([*rules, "BusRule"]),
            "Bus": {
                "Type": "AWS::Events::EventBus",
                "Condition": _HAS_QUEUE,
                "Properties": {"Name": {"Ref": "Name"}},
            },
            "BusPolicy": _BUS_POLICY,
            "BusRule": _BUS_RULE,
            "ForwardingRole": _FORWARDING_ROLE,
            **rules,
        },
        "Outputs": {
            "QueueUrl": {"Condition": _HAS_QUEUE, "Value": {"Ref": "Queue"}},
            "BusArn": {"Condition": _HAS_QUEUE, "Value": {"Fn::GetAtt": ["Bus", "Arn"]}},
        },
    }


def rule_patterns(services: Sequence[str]) -> list[dict[str, Any]]:
    """Patterns of the calls of services that may change what is collected, as few as they fit into."""
    patterns: list[dict[str, Any]] = []
    chosen: list[str] = []
    for service in services:
        pattern = _pattern([*chosen, service])
        if not chosen or len(json.dumps(pattern, separators=(",", ":"))) > LONGEST:
            chosen = []
            patterns.append({})
        chosen.append(service)
        patterns[-1] = _pattern(chosen)
    return patterns


def _pattern(services: Sequence[str]) -> dict[str, Any]:
    idle = sorted({name for service in services for name in IDLE.get(service, ())})
    return {
        "detail-type": [_TYPE],
        "detail": {
            "eventSource": [f"{service}.amazonaws.com" for service in services],
            **({"eventName": [{"anything-but": idle}]} if idle else {}),
            "readOnly": [False],
            "managementEvent": [True],
            "errorCode": [{"exists": False}],
        },
    }


def _rule(pattern: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "Description": "Calls that change what resoto collects.",
            "EventPattern": pattern,
            "Targets": [
                {
                    "Fn::If": [
                        _HAS_QUEUE,
                        {"Id": "queue", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}},
                        {
                            "Id": "bus",
                            "Arn": {"Ref": "CentralBusArn"},
                            "RoleArn": {"Fn::GetAtt": ["ForwardingRole", "Arn"]},
                        },
                    ]
                }
            ],
        },
    }


def _queue_policy(rules: Iterable[str]) -> dict[str, Any]:
    return {
        "Type": "AWS::SQS::QueuePolicy",
        "Condition": _HAS_QUEUE,
        "Properties": {
            "Queues": [{"Ref": "Queue"}],
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "RulesOnly",
                        "Effect": "Allow",
                        "Principal": {"Service": "events.amazonaws.com"},
                        "Action": "sqs:SendMessage",
                        "Resource": {"Fn::GetAtt": ["Queue", "Arn"]},
                        "Condition": {
                            "ArnEquals": {
                                "aws:SourceArn": [{"Fn::GetAtt": [rule, "Arn"]} for rule in rules],
                            }
                        },
                    }
                ],
            },
        },
    }


_DAY = 86_400

_QUEUE = {
    "Type": "AWS::SQS::Queue",
    "Condition": _HAS_QUEUE,
    "Properties": {
        "QueueName": {"Ref": "Name"},
        "SqsManagedSseEnabled": True,
        "MessageRetentionPeriod": 4 * _DAY,
        "VisibilityTimeout": 120,
        "RedrivePolicy": {
            "deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetters", "Arn"]},
            "maxReceiveCount": 5,
        },
    },
}

_DEAD_LETTERS = {
    "Type": "AWS::SQS::Queue",
    "Condition": _HAS_QUEUE,
    "Properties": {
        "QueueName": {"Fn::Sub": "${Name}-dead-letters"},
        "SqsManagedSseEnabled": True,
        "MessageRetentionPeriod": 14 * _DAY,
    },
}

_BUS_POLICY = {
    "Type": "AWS::Events::EventBusPolicy",
    "Condition": _FROM_ORGANIZATION,
    "Properties": {
        "EventBusName": {"Fn::GetAtt": ["Bus", "Name"]},
        "StatementId": "Organization",
        "Statement": {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "events:PutEvents",
            "Resource": {"Fn::GetAtt": ["Bus", "Arn"]},
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": {"Ref": "OrganizationId"}}},
        },
    },
}

_BUS_RULE = {
    "Type": "AWS::Events::Rule",
    "Condition": _HAS_QUEUE,
    "Properties": {
        "Description": "What other regions and accounts forward.",
        "EventBusName": {"Fn::GetAtt": ["Bus", "Name"]},
        "EventPattern": {"detail-type": [_TYPE]},
        "Targets": [{"Id": "queue", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}],
    },
}

_FORWARDING_ROLE = {
    "Type": "AWS::IAM::Role",
    "Condition": _FORWARDS,
    "Properties": {
        "Description": "Puts events of changes on the bus that resoto's queue is fed from.",
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ],
        },
        "Policies": [
            {
                "PolicyName": "forward",
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "events:PutEvents",
                            "Resource": {"Ref": "CentralBusArn"},
                        }
                    ],
                },
            }
        ],
    },
}
