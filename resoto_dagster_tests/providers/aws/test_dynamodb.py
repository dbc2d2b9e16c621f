"""Tables, from the API's answer to their deletion."""

from datetime import UTC, datetime

import pytest

from resoto_dagster_tests.providers.aws.answers import map_item, settled
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION, belongs_to, goes_before, stored, uses

MOMENT = datetime(2024, 5, 1, 10, 30, tzinfo=UTC)
KEYS = [{"AttributeName": "id", "KeyType": "HASH"}]
ATTRIBUTES = [{"AttributeName": "id", "AttributeType": "S"}]


STREAM = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream"


@pytest.fixture
def orders(front, client):
    """A table, as AWS describes it, whose changes go to a stream of Kinesis, and went to another one."""
    destinations = [
        {"StreamArn": f"{STREAM}/changes", "DestinationStatus": "ACTIVE"},
        {"StreamArn": f"{STREAM}/former", "DestinationStatus": "DISABLED"},
    ]
    front.answer("DescribeKinesisStreamingDestination", {"KinesisDataStreamDestinations": destinations})
    dynamodb = client("dynamodb")
    made = dynamodb.create_table(
        TableName="orders",
        KeySchema=KEYS,
        AttributeDefinitions=ATTRIBUTES,
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        Tags=[{"Key": "owner", "Value": "web"}, {"Key": "env", "Value": "test"}],
    )
    dynamodb.update_continuous_backups(
        TableName="orders", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    return made["TableDescription"]


def test_properties_and_edges_of_a_table(orders, collect_kind):
    (table,) = collect_kind("aws_dynamodb_table")

    assert (table.id, table.name, table.region) == ("orders", "orders", REGION)
    assert table.tags == {"owner": "web", "env": "test"}
    assert table.ctime is not None
    properties = table.properties
    assert properties["arn"] == f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders"
    assert (properties["db_type"], properties["db_status"]) == ("dynamodb", "available")
    assert properties["volume_encrypted"] is True
    assert properties["dynamodb_table_status"] == "ACTIVE"
    assert properties["dynamodb_key_schema"] == [{"attribute_name": "id", "key_type": "HASH"}]
    assert properties["dynamodb_billing_mode_summary"] == {"billing_mode": "PAY_PER_REQUEST"}
    assert properties["dynamodb_latest_stream_arn"] == orders["LatestStreamArn"]
    assert properties["dynamodb_item_count"] == 0
    assert properties["dynamodb_point_in_time_recovery"] == "ENABLED"
    assert properties["dynamodb_continuous_backup"]["continuous_backups_status"] == "ENABLED"
    assert properties["dynamodb_kinesis_data_stream_destinations"] == [
        {"stream_arn": f"{STREAM}/changes", "destination_status": "ACTIVE"},
        {"stream_arn": f"{STREAM}/former", "destination_status": "DISABLED"},
    ]
    assert set(table.edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_kinesis_stream", f"{STREAM}/changes", "arn"),
        goes_before("aws_kinesis_stream", f"{STREAM}/changes", "arn"),
    }


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "UnknownOperationException"])
def test_a_table_whose_changes_go_to_no_stream(code, orders, front, collect_kind):
    front.refuse(lambda asked: asked.action == "DescribeKinesisStreamingDestination", 400, code)

    (table,) = collect_kind("aws_dynamodb_table")

    assert "dynamodb_kinesis_data_stream_destinations" not in table.properties
    assert table.edges == (belongs_to("aws_region", REGION),)


def test_a_table_made_anew_is_another_one():
    items = [{"TableNames": "t", "TableId": table_id} for table_id in ("1", "2")]
    first, second = (settled(map_item("aws_dynamodb_table", item)) for item in items)

    assert first.id == second.id == "t"
    assert first.properties["dynamodb_table_id"] == "1"
    assert first != second


@pytest.mark.parametrize(
    ("status", "normalised"),
    [("DELETING", "terminated"), ("UPDATING", "busy"), ("ARCHIVED", "stopped"), ("NEW_TO_US", "unknown")],
)
def test_the_status_of_a_table(status, normalised):
    item = {"TableNames": "t", "TableStatus": status}

    assert map_item("aws_dynamodb_table", item).properties["db_status"] == normalised


def test_a_table_that_is_protected_is_held_back(orders, client, collect_kind, session):
    (before,) = collect_kind("aws_dynamodb_table")
    client("dynamodb").update_table(TableName="orders", DeletionProtectionEnabled=True)
    (after,) = collect_kind("aws_dynamodb_table")

    assert session.held_back(stored(before)) is None
    assert session.held_back(stored(after)) == "it is protected from deletion"


def test_items_and_the_times_to_restore_are_no_change_of_a_table(orders, client, collect_kind):
    (before,) = collect_kind("aws_dynamodb_table")
    client("dynamodb").put_item(TableName="orders", Item={"id": {"S": "1"}})
    (after,) = collect_kind("aws_dynamodb_table")

    assert before.properties["dynamodb_item_count"] != after.properties["dynamodb_item_count"]
    assert settled(before) == settled(after)
    assert "dynamodb_continuous_backup" in before.volatile


def test_a_table_is_read_tagged_and_deleted(orders, client, collect_kind, session):
    client("dynamodb").create_table(
        TableName="other", KeySchema=KEYS, AttributeDefinitions=ATTRIBUTES, BillingMode="PAY_PER_REQUEST"
    )
    table, other = collect_kind("aws_dynamodb_table")
    known = stored(table)
    assert session.read(known) == table

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind("aws_dynamodb_table") == [other]
    session.delete(known)  # what is gone already is no error


class GlobalTables:
    """Two global tables of the first version, which moto does not know, listed one a page."""

    def __init__(self, synthetic):
        self.tables = {"orders": [REGION, "eu-west-1"], "users": [REGION]}
        self.tags = {"owner": "web"}
        answer = synthetic.answer
        answer("dynamodb", "ListGlobalTables", self.listed)
        answer("dynamodb", "DescribeGlobalTable", self.described)
        answer("dynamodb", "UpdateGlobalTable", self.update)
        answer("dynamodb", "ListTagsOfResource", self.tagged)
        answer("dynamodb", "TagResource", lambda asked: self.tags.update({"team": "a"}))

    def listed(self, asked):
        names = [name for name in self.tables if name > asked.get("ExclusiveStartGlobalTableName", "")]
        more = {"LastEvaluatedGlobalTableName": names[0]} if len(names) > 1 else {}
        return {"GlobalTables": [{"GlobalTableName": name} for name in names[:1]], **more}

    def described(self, asked):
        name = asked["GlobalTableName"]
        replicas = [{"RegionName": region, "ReplicaStatus": "ACTIVE"} for region in self.tables[name]]
        return {
            "GlobalTableDescription": {
                "GlobalTableName": name,
                "GlobalTableArn": f"arn:aws:dynamodb::{ACCOUNT}:global-table/{name}",
                "GlobalTableStatus": "ACTIVE",
                "CreationDateTime": MOMENT,
                "ReplicationGroup": replicas,
            }
        }

    def tagged(self, asked):
        tags = self.tags if asked["ResourceArn"].endswith("/orders") else {}
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def update(self, asked):
        for update in asked["ReplicaUpdates"]:
            self.tables[asked["GlobalTableName"]].remove(update["Delete"]["RegionName"])
        if not self.tables[asked["GlobalTableName"]]:
            del self.tables[asked["GlobalTableName"]]


def test_properties_and_edges_of_global_tables(synthetic, collect_kind, session):
    GlobalTables(synthetic)

    orders, users = collect_kind("aws_dynamodb_global_table")

    assert (orders.id, orders.name, orders.region) == ("orders", "orders", "global")
    assert (orders.ctime, orders.tags, users.tags) == (MOMENT, {"owner": "web"}, {})
    assert orders.properties == {
        "arn": f"arn:aws:dynamodb::{ACCOUNT}:global-table/orders",
        "dynamodb_global_table_status": "ACTIVE",
        "dynamodb_replication_group": [
            {"region_name": REGION, "replica_status": "ACTIVE"},
            {"region_name": "eu-west-1", "replica_status": "ACTIVE"},
        ],
    }
    assert orders.edges == (belongs_to("aws_account", ACCOUNT),)
    assert users.id == "users"
    assert session.read(stored(users)) == users


def test_a_global_table_is_tagged_and_dissolved(synthetic, collect_kind, session):
    GlobalTables(synthetic)
    orders, users = collect_kind("aws_dynamodb_global_table")
    session.update_tags(stored(orders), {"team": "a"}, [])
    assert session.read(stored(orders)).tags == {"owner": "web", "team": "a"}

    session.delete(stored(orders))

    assert session.read(stored(orders)) is None
    assert collect_kind("aws_dynamodb_global_table") == [users]
    assert synthetic.asked("dynamodb", "UpdateGlobalTable") == [
        {
            "GlobalTableName": "orders",
            "ReplicaUpdates": [
                {"Delete": {"RegionName": REGION}},
                {"Delete": {"RegionName": "eu-west-1"}},
            ],
        }
    ]
    synthetic.refuse("dynamodb", "DescribeGlobalTable", "GlobalTableNotFoundException")
    session.delete(stored(orders))  # what is gone already is no error


def test_a_global_table_may_be_one_that_has_no_tags(synthetic, collect_kind):
    GlobalTables(synthetic)
    synthetic.refuse("dynamodb", "ListTagsOfResource", "ValidationException")

    assert [table.tags for table in collect_kind("aws_dynamodb_global_table")] == [{}, {}]
