"""Alarms, from the API's answer to their deletion."""

import pytest

from resoto_dagster_tests.providers.aws.answers import settled
from resoto_dagster_tests.providers.aws.harness import REGION, belongs_to, goes_before, stored


@pytest.fixture
def alarm(client):
    client("cloudwatch").put_metric_alarm(
        AlarmName="busy",
        AlarmDescription="too much to do",
        MetricName="CPUUtilization",
        Namespace="AWS/EC2",
        Statistic="Average",
        Dimensions=[{"Name": "InstanceId", "Value": "i-0123"}, {"Name": "Other", "Value": "i-9999"}],
        Period=60,
        EvaluationPeriods=3,
        Threshold=90,
        ComparisonOperator="GreaterThanThreshold",
        OKActions=[f"arn:aws:sns:{REGION}:123456789012:ok"],
        Tags=[{"Key": "owner", "Value": "web"}, {"Key": "env", "Value": "test"}],
    )


def test_properties_and_edges(alarm, collect_kind):
    (busy,) = collect_kind("aws_cloudwatch_alarm")

    assert (busy.id, busy.name, busy.region) == ("busy", "busy", REGION)
    assert busy.tags == {"owner": "web", "env": "test"}
    assert busy.mtime is not None
    properties = busy.properties
    assert properties["arn"] == f"arn:aws:cloudwatch:{REGION}:123456789012:alarm:busy"
    assert properties["cloudwatch_alarm_description"] == "too much to do"
    assert properties["cloudwatch_metric_name"] == "CPUUtilization"
    assert properties["cloudwatch_dimensions"][0] == {"name": "InstanceId", "value": "i-0123"}
    assert properties["cloudwatch_ok_actions"] == [f"arn:aws:sns:{REGION}:123456789012:ok"]
    assert properties["cloudwatch_threshold"] == 90
    assert set(busy.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_ec2_instance", "i-0123"),
        goes_before("aws_ec2_instance", "i-0123"),
    }


def test_an_alarm_on_a_formula_belongs_to_the_instances_in_it(client, collect_kind):
    def metric(name, instance):
        dimensions = [{"Name": "InstanceId", "Value": instance}]
        described = {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Dimensions": dimensions}
        stat = {"Metric": described, "Period": 60, "Stat": "Average"}
        return {"Id": name, "MetricStat": stat, "ReturnData": False}

    formula = {"Id": "sum", "Expression": "one + two", "ReturnData": True}
    client("cloudwatch").put_metric_alarm(
        AlarmName="both",
        Metrics=[metric("one", "i-1"), metric("two", "i-2"), formula],
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )

    (both,) = collect_kind("aws_cloudwatch_alarm")

    assert {edge.value for edge in both.edges if edge.kind == "aws_ec2_instance"} == {"i-1", "i-2"}


def test_is_read_tagged_and_deleted(alarm, collect_kind, session):
    (busy,) = collect_kind("aws_cloudwatch_alarm")
    known = stored(busy)
    assert session.read(known) == busy

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind("aws_cloudwatch_alarm") == []
    session.delete(known)  # what is gone already is no error


def test_the_state_is_no_part_of_what_it_is(alarm, client, collect_kind):
    (before,) = collect_kind("aws_cloudwatch_alarm")
    client("cloudwatch").set_alarm_state(AlarmName="busy", StateValue="ALARM", StateReason="by hand")
    (after,) = collect_kind("aws_cloudwatch_alarm")

    assert before.properties != after.properties
    assert settled(before) == settled(after)
