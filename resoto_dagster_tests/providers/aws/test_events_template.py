"""The CloudFormation template of the queue of events and its rules: taken by AWS, and letting through what it
should.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from resoto_dagster.providers.aws import event_queue, provider
from resoto_dagster.providers.aws.events_template import LONGEST, events_template, rule_patterns
from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster.providers.aws.role_template import as_yaml
from resoto_dagster.providers.aws.settings import AwsSettings
from resoto_dagster.providers.aws.touched import IDLE, Touched
from resoto_dagster_tests.cli.commands import resoto
from resoto_dagster_tests.providers.aws.cloudtrail import envelope
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, OTHER_ACCOUNT, OTHER_REGION, REGION

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse .*Policy")  # moto knows no such resources
Client = Callable[..., Any]

FILE = Path(__file__).parents[3] / "deploy" / "aws" / "events.yaml"
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/resoto-events"


def test_the_template_in_deploy_is_the_one_that_is_printed() -> None:
    printed = resoto("aws", "events-template").stdout
    assert FILE.read_text() == printed, "run `make aws-policies` and commit what it writes"


def test_the_template_is_one_that_cloudformation_takes() -> None:
    text = FILE.read_text()
    assert lint(text, config=ManualArgs(regions=[REGION, "cn-north-1", "us-gov-west-1"])) == []
    assert len(text.encode()) <= 51_200, "more than a template may have that is not read from S3"


def rules(template: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        one["Properties"]["EventPattern"]
        for name, one in template["Resources"].items()
        if name.startswith("Rule")
    ]


def test_the_rules_name_every_service_that_has_kinds_once() -> None:
    sources = [
        source
        for pattern in rules(yaml.safe_load(FILE.read_text()))
        for source in pattern["detail"]["eventSource"]
    ]
    assert sources == [f"{service}.amazonaws.com" for service in Touched(list(KINDS.values())).services]


def test_rules_become_several_where_one_would_be_too_long() -> None:
    services = [f"service-{number:03}" for number in range(199)] + ["logs"]
    patterns = rule_patterns(services)
    assert len(patterns) > 2
    assert [one for pattern in patterns for one in pattern["detail"]["eventSource"]] == [
        f"{service}.amazonaws.com" for service in services
    ]
    for pattern in patterns:
        assert len(json.dumps(pattern, separators=(",", ":"))) <= LONGEST
    assert patterns[-1]["detail"]["eventName"] == [{"anything-but": sorted(IDLE["logs"])}]
    assert "eventName" not in patterns[0]["detail"]


@pytest.fixture
def stack(client: Client, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, str]]:
    """A function that makes a stack of the template, and tells its outputs."""
    monkeypatch.setattr(event_queue, "WAIT_SECONDS", 0)
    monkeypatch.setattr(event_queue, "QUIET_SECONDS", 0)

    def make(region: str = REGION, account: str = ACCOUNT, **parameters: str) -> dict[str, str]:
        api = client("cloudformation", region, account)
        api.create_stack(
            StackName="resoto-events",
            TemplateBody=as_yaml(events_template(KINDS.values())),
            Parameters=[{"ParameterKey": key, "ParameterValue": text} for key, text in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        (made,) = api.describe_stacks(StackName="resoto-events")["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in made.get("Outputs", ())}

    return make


def put(client: Any, event: dict[str, Any]) -> None:
    """Have CloudTrail tell of a call."""
    entry = {"Source": event["source"], "DetailType": event["detail-type"]}
    client.put_events(Entries=[{**entry, "Detail": json.dumps(event["detail"])}])


def received(url: str, **settings: Any) -> list[tuple[str, set[tuple[str, str]]]]:
    """The events in the queue, with the accounts and regions they touch."""
    section = {"regions": [REGION, OTHER_REGION], "events": {"queue": url, "region": REGION}}
    source = provider.open_events(AwsSettings.model_validate(section | settings))
    found = source.receive(KINDS)
    source.close()
    assert found.dropped == {}, "the rules let nothing through that is not wanted"
    return [(event.name, {(one.account, one.region) for one in event.scopes}) for event in found.events]


def test_changes_come_into_the_queue_and_nothing_else_does(
    client: Client, stack: Callable[..., dict[str, str]]
) -> None:
    url = stack()["QueueUrl"]
    events = client("events")
    for event in (
        envelope("ec2", "DescribeVolumes", readOnly=True),
        envelope("ec2", "CreateVolume", errorCode="Client.UnauthorizedOperation"),
        envelope("s3", "PutObject", managementEvent=False),
        envelope("logs", "CreateLogStream"),
        envelope("appmesh", "CreateMesh"),
        {**envelope("ec2", "CreateVolume"), "detail-type": "EC2 Instance State-change Notification"},
        envelope("ec2", "CreateVolume"),
    ):
        put(events, event)
    assert received(url) == [("ec2:CreateVolume", {(ACCOUNT, REGION)})]


def test_another_region_and_another_account_forward_theirs(
    client: Client, stack: Callable[..., dict[str, str]]
) -> None:
    central = stack(OrganizationId="o-abcdefghij")
    assert central["BusArn"] == BUS
    for place in ({"region": OTHER_REGION}, {"account": OTHER_ACCOUNT}):
        assert stack(**place, CentralBusArn=BUS) == {}
    put(client("events", OTHER_REGION), envelope("ec2", "CreateVolume", awsRegion=OTHER_REGION))
    put(
        client("events", account=OTHER_ACCOUNT),
        envelope("ec2", "DeleteVolume", recipientAccountId=OTHER_ACCOUNT),
    )
    accounts = [{"id": ACCOUNT}, {"id": OTHER_ACCOUNT, "role": "resoto"}]
    assert received(central["QueueUrl"], accounts=accounts) == [
        ("ec2:CreateVolume", {(ACCOUNT, OTHER_REGION)}),
        ("ec2:DeleteVolume", {(OTHER_ACCOUNT, REGION)}),
    ]
    assert client("sqs", OTHER_REGION).list_queues().get("QueueUrls") is None


def test_what_is_given_up_goes_to_the_dead_letters(
    client: Client, stack: Callable[..., dict[str, str]]
) -> None:
    url = stack()["QueueUrl"]
    attributes = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    redrive = json.loads(attributes["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"] == f"arn:aws:sqs:{REGION}:{ACCOUNT}:resoto-events-dead-letters"
    assert int(redrive["maxReceiveCount"]) == 5
    assert int(attributes["VisibilityTimeout"]) == event_queue.HIDDEN_SECONDS


def test_only_the_rules_of_the_stack_may_fill_the_queue() -> None:
    resources = events_template(KINDS.values())["Resources"]
    (allowed,) = resources["QueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert allowed["Action"] == "sqs:SendMessage"
    ours = [name for name, one in resources.items() if one["Type"] == "AWS::Events::Rule"]
    sources = [source["Fn::GetAtt"] for source in allowed["Condition"]["ArnEquals"]["aws:SourceArn"]]
    assert sorted(sources) == sorted([name, "Arn"] for name in ours)


def test_others_may_put_events_on_the_bus_only_when_they_are_of_the_organization_that_is_named() -> None:
    template = events_template(KINDS.values())
    policy = template["Resources"]["BusPolicy"]
    allowed = policy["Properties"]["Statement"]
    assert allowed["Action"] == "events:PutEvents"
    assert allowed["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": {"Ref": "OrganizationId"}}}
    named = {"Fn::Not": [{"Fn::Equals": [{"Ref": "OrganizationId"}, ""]}]}
    assert named in template["Conditions"][policy["Condition"]]["Fn::And"]
    assert template["Parameters"]["OrganizationId"]["Default"] == ""


def test_who_forwards_may_put_events_on_the_central_bus_and_no_other() -> None:
    template = events_template(KINDS.values())
    role = template["Resources"]["ForwardingRole"]["Properties"]
    (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Principal"] == {"Service": "events.amazonaws.com"}
    (policy,) = role["Policies"]
    (allowed,) = policy["PolicyDocument"]["Statement"]
    assert (allowed["Action"], allowed["Resource"]) == ("events:PutEvents", {"Ref": "CentralBusArn"})
