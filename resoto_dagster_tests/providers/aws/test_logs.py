"""Groups of logs and their metric filters, from the API's answer to their deletion."""

from datetime import UTC, datetime

import pytest

from resoto_dagster_tests.providers.aws.answers import map_item, settled
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION, belongs_to, stored, uses

ARN = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/app/web"
ERRORS = {"metricName": "Errors", "metricNamespace": "App", "metricValue": "1", "defaultValue": 0.0}


@pytest.fixture
def logs(client):
    """Two groups of logs, each with a filter of the same name, and an alarm on what one of them counts."""
    logs = client("logs")
    logs.create_log_group(logGroupName="/app/web", tags={"owner": "web", "env": "test"})
    logs.create_log_group(logGroupName="/app/webold")
    logs.put_retention_policy(logGroupName="/app/web", retentionInDays=7)
    for group, transformation in (("/app/web", ERRORS), ("/app/webold", ERRORS | {"metricName": "Old"})):
        logs.put_metric_filter(
            logGroupName=group,
            filterName="errors",
            filterPattern="ERROR",
            metricTransformations=[transformation],
        )
    client("cloudwatch").put_metric_alarm(
        AlarmName="too-many",
        MetricName="Errors",
        Namespace="App",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    return logs


def test_properties_and_edges_of_a_log_group(logs, collect_kind):
    web, old = collect_kind("aws_cloudwatch_log_group")

    assert (web.id, web.name, web.region) == ("/app/web", "/app/web", REGION)
    assert (web.tags, old.tags) == ({"owner": "web", "env": "test"}, {})
    assert web.ctime is not None
    assert abs((datetime.now(UTC) - web.ctime).total_seconds()) < 3600
    assert web.properties == {
        "arn": f"{ARN}:*",
        "group_log_group_arn": ARN,
        "group_retention_in_days": 7,
        "group_metric_filter_count": 0,
        "group_stored_bytes": 0,
    }
    assert web.edges == (belongs_to("aws_region", REGION),)


def test_a_protected_log_group_is_held_back(session):
    item = {"logGroupName": "g", "deletionProtectionEnabled": True}
    assert session.held_back(stored(map_item("aws_cloudwatch_log_group", item))) == (
        "it is protected from deletion"
    )
    item["deletionProtectionEnabled"] = False
    assert session.held_back(stored(map_item("aws_cloudwatch_log_group", item))) is None


def test_what_is_logged_is_no_change_of_a_log_group(logs, collect_kind):
    before, _ = collect_kind("aws_cloudwatch_log_group")
    logs.create_log_stream(logGroupName="/app/web", logStreamName="s")
    now = int(datetime.now(UTC).timestamp() * 1000)
    logs.put_log_events(
        logGroupName="/app/web", logStreamName="s", logEvents=[{"timestamp": now, "message": "ERROR"}]
    )
    after, _ = collect_kind("aws_cloudwatch_log_group")

    assert before.properties != after.properties
    assert settled(before) == settled(after)


def test_properties_and_edges_of_metric_filters(logs, collect_kind):
    web, old = collect_kind("aws_cloudwatch_metric_filter")

    assert (web.id, web.name, web.region) == ("/app/web:errors", "errors", REGION)
    assert (old.id, old.name) == ("/app/webold:errors", "errors")
    assert web.properties == {
        "log_group_name": "/app/web",
        "filter_pattern": "ERROR",
        "filter_transformations": [
            {"metric_name": "Errors", "metric_namespace": "App", "metric_value": "1", "default_value": 0.0}
        ],
    }
    assert set(web.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_cloudwatch_log_group", "/app/web"),
        uses("aws_cloudwatch_alarm", "too-many"),
    }
    assert set(old.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_cloudwatch_log_group", "/app/webold"),
    }


def test_a_metric_filter_knows_when_it_was_made():
    item = {"logGroupName": "g", "filterName": "f", "creationTime": 1714559400250}

    assert map_item("aws_cloudwatch_metric_filter", item).ctime == datetime(
        2024, 5, 1, 10, 30, 0, 250000, tzinfo=UTC
    )


def test_a_log_group_takes_its_filters_along(logs, collect_kind, session):
    (web, _), (errors, _) = (
        collect_kind("aws_cloudwatch_log_group"),
        collect_kind("aws_cloudwatch_metric_filter"),
    )

    assert session.goes_along(stored(errors), stored(web))
    assert not session.goes_along(stored(web), stored(errors))


def test_are_read_tagged_and_deleted(logs, collect_kind, session):
    (web, old), (errors, old_errors) = (
        collect_kind("aws_cloudwatch_log_group"),
        collect_kind("aws_cloudwatch_metric_filter"),
    )
    for resource in (web, old, errors, old_errors):
        assert session.read(stored(resource)) == resource
    session.update_tags(stored(web), {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(stored(web)).tags == {"owner": "ops", "team": "a"}

    for resource in (errors, web):
        session.delete(stored(resource))
        assert session.read(stored(resource)) is None
        session.delete(stored(resource))  # what is gone already is no error

    assert collect_kind("aws_cloudwatch_log_group") == [old]
    assert [one.id for one in collect_kind("aws_cloudwatch_metric_filter")] == [old_errors.id]
