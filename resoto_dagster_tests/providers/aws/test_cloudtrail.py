"""Trails, from the API's answer to their deletion."""

import pytest

from resoto_dagster_tests.providers.aws.answers import map_item, settled
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    OTHER_REGION,
    REGION,
    belongs_to,
    stored,
    uses,
)

ROLE = f"arn:aws:iam::{ACCOUNT}:role/trail"
LOG_GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:trail:*"
TAGS = [{"Key": "owner", "Value": "web"}, {"Key": "env", "Value": "test"}]


@pytest.fixture
def trail(client):
    """A trail of all regions that writes to a bucket and a group of logs; its ARN."""
    client("s3").create_bucket(Bucket="audit")
    cloudtrail = client("cloudtrail")
    answer = cloudtrail.create_trail(
        Name="audit-trail",
        S3BucketName="audit",
        S3KeyPrefix="calls",
        IsMultiRegionTrail=True,
        CloudWatchLogsLogGroupArn=LOG_GROUP,
        CloudWatchLogsRoleArn=ROLE,
        TagsList=TAGS,
    )
    cloudtrail.start_logging(Name="audit-trail")
    return answer["TrailARN"]


def test_properties_and_edges(trail, collect_kind):
    (found,) = collect_kind("aws_cloud_trail")

    assert (found.id, found.name, found.region) == ("audit-trail", "audit-trail", REGION)
    assert found.tags == {"owner": "web", "env": "test"}
    assert found.ctime is not None
    properties = found.properties
    assert properties["arn"] == trail
    assert properties["trail_s3_bucket_name"] == "audit"
    assert properties["trail_s3_key_prefix"] == "calls"
    assert properties["trail_home_region"] == REGION
    assert properties["trail_is_multi_region_trail"] is True
    assert properties["trail_include_global_service_events"] is True
    assert properties["trail_log_file_validation_enabled"] is False
    assert properties["trail_cloud_watch_logs_log_group_arn"] == LOG_GROUP
    assert properties["trail_is_logging"] is True
    assert properties["trail_status"]["is_logging"] is True
    assert "trail_event_selectors" not in properties
    assert properties["trail_insight_selectors"] == []
    assert set(found.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_s3_bucket", "audit"),
        uses("aws_cloudwatch_log_group", LOG_GROUP, "arn"),
        uses("aws_iam_role", ROLE, "arn"),
    }


def test_a_trail_of_all_regions_is_of_its_home_region_alone(trail, collect_kind):
    found = collect_kind("aws_cloud_trail", regions=[REGION, OTHER_REGION])

    assert [(one.name, one.region) for one in found] == [("audit-trail", REGION)]


def test_is_read_tagged_and_deleted(trail, collect_kind, session):
    (found,) = collect_kind("aws_cloud_trail")
    known = stored(found)
    assert session.read(known) == found

    session.update_tags(known, {"team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "web", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind("aws_cloud_trail") == []
    session.delete(known)  # what is gone already is no error


ARN = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/t"


def _state(synthetic, status, **more):
    """A trail that moto would not give: one that is asked for more, or whose status changes."""
    synthetic.answer("cloudtrail", "DescribeTrails", {"trailList": [{"Name": "t", "TrailARN": ARN, **more}]})
    synthetic.answer("cloudtrail", "ListTags", {"ResourceTagList": [{"ResourceId": ARN, "TagsList": []}]})
    synthetic.answer("cloudtrail", "GetTrailStatus", lambda _: status)


def test_whom_a_trail_tells():
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:trail"
    found = map_item("aws_cloud_trail", {"Name": "t", "SnsTopicARN": topic})
    assert set(found.edges) == {belongs_to("aws_region", REGION), uses("aws_sns_topic", topic, "arn")}


def test_what_a_trail_records_beyond_the_usual(synthetic, collect_kind):
    _state(synthetic, {}, HasCustomEventSelectors=True, HasInsightSelectors=True)
    data = {"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::files/"]}
    selectors = {"TrailARN": ARN, "EventSelectors": [{"ReadWriteType": "All", "DataResources": [data]}]}
    insights = [{"InsightType": "ApiCallRateInsight"}, {"InsightType": "ApiErrorRateInsight"}]
    synthetic.answer("cloudtrail", "GetEventSelectors", selectors)
    synthetic.answer("cloudtrail", "GetInsightSelectors", {"InsightSelectors": insights})

    (found,) = collect_kind("aws_cloud_trail")

    assert found.properties["trail_event_selectors"]["event_selectors"] == [
        {
            "read_write_type": "All",
            "data_resources": [{"type": "AWS::S3::Object", "values": ["arn:aws:s3:::files/"]}],
        }
    ]
    assert found.properties["trail_insight_selectors"] == ["ApiCallRateInsight", "ApiErrorRateInsight"]
    assert synthetic.asked("cloudtrail", "GetEventSelectors") == [{"TrailName": ARN}]


def test_what_is_delivered_is_no_change_but_whether_it_records_is(synthetic, collect_kind):
    status = {"IsLogging": True, "LatestDeliveryAttemptTime": "2024-05-01T10:30:00Z"}
    _state(synthetic, status)

    (before,) = collect_kind("aws_cloud_trail")
    status["LatestDeliveryAttemptTime"] = "2024-05-01T10:35:00Z"
    (later,) = collect_kind("aws_cloud_trail")
    status["IsLogging"] = False
    (stopped,) = collect_kind("aws_cloud_trail")

    assert before.properties != later.properties
    assert settled(before) == settled(later)
    assert settled(later) != settled(stopped)
