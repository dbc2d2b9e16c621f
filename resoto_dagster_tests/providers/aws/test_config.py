"""Recorders, from the API's answer to their deletion."""

import pytest

from resoto_dagster_tests.providers.aws.answers import settled
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION, belongs_to, stored, uses

ROLE = f"arn:aws:iam::{ACCOUNT}:role/config"
ARN = f"arn:aws:config:{REGION}:{ACCOUNT}:configuration-recorder/default/1"


@pytest.fixture
def recorder(client):
    config = client("config")
    config.put_configuration_recorder(
        ConfigurationRecorder={
            "name": "default",
            "roleARN": ROLE,
            "recordingGroup": {"allSupported": False, "resourceTypes": ["AWS::EC2::Instance"]},
        }
    )
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "records"})
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    return config


def test_properties_and_edges(recorder, collect_kind):
    (found,) = collect_kind("aws_config_recorder")

    assert (found.id, found.name, found.region) == ("default", "default", REGION)
    assert found.properties["recorder_role_arn"] == ROLE
    assert found.properties["recorder_group"]["all_supported"] is False
    assert found.properties["recorder_group"]["resource_types"] == ["AWS::EC2::Instance"]
    assert found.properties["recorder_recording"] is True
    assert found.properties["recorder_status"]["last_status"] == "PENDING"
    assert set(found.edges) == {belongs_to("aws_region", REGION), uses("aws_iam_role", ROLE, "arn")}


def test_is_read_and_deleted(recorder, collect_kind, session):
    (found,) = collect_kind("aws_config_recorder")
    assert session.read(stored(found)) == found

    session.delete(stored(found))

    assert session.read(stored(found)) is None
    assert collect_kind("aws_config_recorder") == []
    session.delete(stored(found))  # what is gone already is no error


def test_has_an_arn_and_tags(synthetic, collect_kind, session):
    tags = {"owner": "web"}
    answer = synthetic.answer
    recorders = [{"name": "default", "arn": ARN}]
    answer("config", "DescribeConfigurationRecorders", {"ConfigurationRecorders": recorders})
    answer("config", "DescribeConfigurationRecorderStatus", {"ConfigurationRecordersStatus": []})
    answer(
        "config",
        "ListTagsForResource",
        lambda _: {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]},
    )
    answer(
        "config",
        "TagResource",
        lambda asked: tags.update({tag["Key"]: tag["Value"] for tag in asked["Tags"]}),
    )
    answer("config", "UntagResource", lambda asked: [tags.pop(key) for key in asked["TagKeys"]] and None)

    (found,) = collect_kind("aws_config_recorder")

    assert (found.properties["arn"], found.tags) == (ARN, {"owner": "web"})
    session.update_tags(stored(found), {"team": "a"}, ["owner"])
    assert session.read(stored(found)).tags == {"team": "a"}
    assert [asked["ResourceArn"] for asked in synthetic.asked("config", "UntagResource")] == [ARN]


def test_what_it_did_last_is_no_change_but_whether_it_records_is(synthetic, collect_kind):
    status = {"name": "default", "recording": True, "lastStatus": "PENDING"}
    recorders = {"ConfigurationRecorders": [{"name": "default"}]}
    synthetic.answer("config", "DescribeConfigurationRecorders", recorders)
    synthetic.answer(
        "config", "DescribeConfigurationRecorderStatus", lambda _: {"ConfigurationRecordersStatus": [status]}
    )

    (before,) = collect_kind("aws_config_recorder")
    status["lastStatus"] = "SUCCESS"
    (later,) = collect_kind("aws_config_recorder")
    status["recording"] = False
    (stopped,) = collect_kind("aws_config_recorder")

    assert before.properties != later.properties
    assert settled(before) == settled(later)
    assert settled(later) != settled(stopped)
