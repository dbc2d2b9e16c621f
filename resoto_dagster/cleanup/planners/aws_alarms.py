"""Marks CloudWatch's alarms on instances that are gone."""

from sqlalchemy import Connection

from resoto_dagster.cleanup.planners.selection import Selected, found_by, in_accounts
from resoto_dagster.config import AwsAccountsSettings

REASONS_FROM = ("aws_cloudwatch_alarm", "aws_ec2_instance")

_SEARCH = (
    "is(aws_cloudwatch_alarm) and cloudwatch_namespace = 'AWS/EC2' "
    "and cloudwatch_dimensions[*].name = InstanceId with(empty, <-- is(aws_ec2_instance))"
)


def select(connection: Connection, settings: AwsAccountsSettings) -> list[Selected]:
    """The alarms on an instance that the inventory does not hold, in the listed accounts."""
    found = found_by(connection, _SEARCH, lambda row: f"its instance {_instances(row.reported)} is gone")
    return in_accounts(found, "aws", settings.accounts)


def _instances(reported: dict[str, list[dict[str, str]]]) -> str:
    dimensions = reported["cloudwatch_dimensions"]
    return ", ".join(one["value"] for one in dimensions if one["name"] == "InstanceId")
