"""Databases, from the API's answer to their deletion."""

import pytest

from resoto_dagster.providers.base import ProviderError
from resoto_dagster_tests.providers.aws.answers import map_item, settled
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    KEY,
    REGION,
    belongs_to,
    encrypted_with,
    goes_after,
    goes_before,
    stored,
    uses,
)
from resoto_dagster_tests.providers.aws.network import make_network

TAGS = [{"Key": "owner", "Value": "web"}, {"Key": "env", "Value": "test"}]
ENCRYPTED = encrypted_with(KEY)


def _database(client, network, **more):
    rds = client("rds")
    rds.create_db_subnet_group(
        DBSubnetGroupName="subnets", DBSubnetGroupDescription="both", SubnetIds=list(network.subnets)
    )
    rds.create_db_instance(
        DBInstanceIdentifier="db-1",
        DBName="shop",
        Engine="postgres",
        EngineVersion="16.1",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=50,
        Iops=3000,
        StorageEncrypted=True,
        PubliclyAccessible=False,
        MasterUsername="root",
        MasterUserPassword="not-a-secret",
        DBSubnetGroupName="subnets",
        VpcSecurityGroupIds=[network.security_group],
        KmsKeyId=KEY,
        Tags=TAGS,
        **more,
    )


def test_properties_and_edges(client, collect_kind):
    network = make_network(client)
    _database(client, network)

    (database,) = collect_kind("aws_rds_instance")

    assert (database.id, database.name, database.region) == ("db-1", "shop", REGION)
    assert database.tags == {"owner": "web", "env": "test"}
    assert database.ctime is not None
    properties = database.properties
    assert properties["arn"] == f"arn:aws:rds:{REGION}:123456789012:db:db-1"
    assert properties["db_type"] == "postgres"
    assert properties["db_status"] == "available"
    assert properties["db_version"] == "16.1"
    assert properties["db_endpoint"].startswith("db-1.")
    assert properties["db_endpoint"].endswith(f".{REGION}.rds.amazonaws.com:5432")
    assert properties["db_publicly_accessible"] is False
    assert properties["instance_type"] == "db.t3.micro"
    assert (properties["volume_size"], properties["volume_iops"]) == (50, 3000)
    assert properties["volume_encrypted"] is True
    assert properties["rds_master_username"] == "root"
    assert "not-a-secret" not in str(database)
    owners = [
        ("aws_vpc", network.vpc),
        ("aws_ec2_subnet", network.subnets[0]),
        ("aws_ec2_subnet", network.subnets[1]),
        ("aws_ec2_security_group", network.security_group),
    ]
    assert set(database.edges) == {
        belongs_to("aws_region", REGION),
        *(belongs_to(*owner) for owner in owners),
        *(goes_before(*owner) for owner in owners),
        *ENCRYPTED,
    }


def test_the_status_of_a_stopped_database(client, collect_kind):
    _database(client, make_network(client))
    client("rds").stop_db_instance(DBInstanceIdentifier="db-1")

    (database,) = collect_kind("aws_rds_instance")

    assert database.properties["db_status"] == "stopped"


@pytest.mark.parametrize(
    ("answered", "status"),
    [
        ("storage-optimization", "available"),
        ("backing-up", "busy"),
        ("storage-full", "failed"),
        ("deleting", "terminated"),
        ("a-status-of-the-future", "unknown"),
    ],
)
def test_the_status_in_the_words_of_all_databases(answered, status):
    database = map_item("aws_rds_instance", {"DBInstanceIdentifier": "db-1", "DBInstanceStatus": answered})

    assert database.properties["db_status"] == status


def test_a_database_that_still_waits_for_its_address():
    database = map_item("aws_rds_instance", {"DBInstanceIdentifier": "db-1", "Endpoint": {}})

    assert database.name == "db-1"
    assert "db_endpoint" not in database.properties


def test_is_read_tagged_and_deleted(client, collect_kind, session):
    _database(client, make_network(client))
    (database,) = collect_kind("aws_rds_instance")
    known = stored(database)
    assert settled(session.read(known)) == settled(database)

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind("aws_rds_instance") == []
    assert client("rds").describe_db_snapshots()["DBSnapshots"] == []
    session.delete(known)  # what is gone already is no error


def test_a_protected_database_stays(client, collect_kind, session):
    _database(client, make_network(client), DeletionProtection=True)
    (database,) = collect_kind("aws_rds_instance")

    with pytest.raises(ProviderError, match="rds:DeleteDBInstance"):
        session.delete(stored(database))

    assert settled(session.read(stored(database))) == settled(database)


@pytest.fixture
def cluster(client):
    """The network of a cluster with an instance in it."""
    network = make_network(client)
    rds = client("rds")
    rds.create_db_cluster(
        DBClusterIdentifier="c-1",
        DatabaseName="shop",
        Engine="aurora-postgresql",
        EngineVersion="15.4",
        MasterUsername="root",
        MasterUserPassword="not-a-secret",
        StorageEncrypted=True,
        KmsKeyId=KEY,
        VpcSecurityGroupIds=[network.security_group],
        Tags=TAGS,
    )
    rds.create_db_instance(
        DBInstanceIdentifier="db-1",
        DBClusterIdentifier="c-1",
        DBInstanceClass="db.r6g.large",
        Engine="aurora-postgresql",
    )
    return network


def read_tag_and_delete(session, collect_kind, found):
    known = stored(found)
    assert session.held_back(known) is None
    assert settled(session.read(known)) == settled(found)
    session.update_tags(known, {"owner": "ops"}, ["env"])
    assert session.read(known).tags == {"owner": "ops"}
    assert len(session.delete(known).request_ids) == 1
    assert session.read(known) is None
    assert known.id not in {one.id for one in collect_kind(found.kind)}
    session.delete(known)  # what is gone already is no error


def test_cluster(cluster, client, collect_kind, session):
    (found,) = collect_kind("aws_rds_cluster")

    assert (found.id, found.name, found.region) == ("c-1", "c-1", REGION)
    assert found.tags == {"owner": "web", "env": "test"}
    assert found.ctime is not None
    properties = found.properties
    assert properties["arn"] == f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:c-1"
    assert properties["db_type"] == "aurora-postgresql"
    assert properties["db_status"] == "available"
    assert properties["db_version"] == "15.4"
    assert properties["db_endpoint"] == f"{properties['rds_endpoint']}:{properties['rds_port']}"
    assert properties["rds_endpoint"].startswith("c-1.cluster-")
    assert properties["rds_port"] == 5432
    assert properties["db_publicly_accessible"] is False
    assert properties["volume_encrypted"] is True
    assert properties["rds_database_name"] == "shop"
    assert properties["rds_db_subnet_group_name"] == "default"
    assert properties["rds_db_cluster_members"][0]["db_instance_identifier"] == "db-1"
    assert properties["rds_kms_key_id"] == KEY
    assert "not-a-secret" not in str(found)
    assert set(found.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_ec2_security_group", cluster.security_group),
        goes_before("aws_ec2_security_group", cluster.security_group),
        uses("aws_rds_instance", "db-1"),
        goes_after("aws_rds_instance", "db-1"),
        *ENCRYPTED,
    }
    with pytest.raises(ProviderError, match=r"^InvalidDBClusterStateFault: rds:DeleteDBCluster: "):
        session.delete(stored(found))

    client("rds").delete_db_instance(DBInstanceIdentifier="db-1", SkipFinalSnapshot=True)
    (found,) = collect_kind("aws_rds_cluster")
    read_tag_and_delete(session, collect_kind, found)
    manual = client("rds").describe_db_cluster_snapshots(SnapshotType="manual")
    assert manual["DBClusterSnapshots"] == []


@pytest.mark.parametrize(
    ("answered", "status"),
    [("failing-over", "busy"), ("migration-failed", "failed"), ("stopped", "stopped"), ("new", "unknown")],
)
def test_the_status_of_a_cluster(answered, status):
    found = map_item("aws_rds_cluster", {"DBClusterIdentifier": "c-1", "Status": answered})
    assert found.properties["db_status"] == status


def test_where_the_activity_of_a_cluster_is_told():
    item = {"DBClusterIdentifier": "c-1", "ActivityStreamKinesisStreamName": "aws-rds-das-cluster-1"}
    assert set(map_item("aws_rds_cluster", item).edges) == {
        belongs_to("aws_region", REGION),
        uses("aws_kinesis_stream", "aws-rds-das-cluster-1"),
    }


@pytest.mark.parametrize("kind", ["aws_rds_cluster", "aws_rds_instance"])
def test_no_password_is_kept_that_waits_to_be_set(kind):
    pending = {"MasterUserPassword": "not-a-secret", "EngineVersion": "16.2"}
    names = {"DBClusterIdentifier": "d", "DBInstanceIdentifier": "d"}
    found = map_item(kind, names | {"PendingModifiedValues": pending})
    assert "not-a-secret" not in str(found)
    (kept,) = (value for name, value in found.properties.items() if name.endswith("pending_modified_values"))
    assert kept == {"master_user_password": "***", "engine_version": "16.2"}


def test_snapshot(client, collect_kind, session):
    _database(client, make_network(client))
    client("rds").create_db_snapshot(DBInstanceIdentifier="db-1", DBSnapshotIdentifier="s-1", Tags=TAGS)

    found = next(one for one in collect_kind("aws_rds_snapshot") if one.id == "s-1")

    assert (found.name, found.region) == ("s-1", REGION)
    assert found.tags == {"owner": "web", "env": "test"}
    assert found.ctime is not None
    properties = found.properties
    assert properties["arn"] == f"arn:aws:rds:{REGION}:{ACCOUNT}:snapshot:s-1"
    assert properties["snapshot_status"] == "available"
    assert (properties["volume_size"], properties["rds_allocated_storage"]) == (50, 50)
    assert (properties["encrypted"], properties["rds_encrypted"]) == (True, True)
    assert properties["rds_db_instance_identifier"] == "db-1"
    assert properties["rds_engine"] == "postgres"
    assert properties["rds_engine_version"] == "16.1"
    assert properties["rds_snapshot_type"] == "manual"
    assert properties["rds_master_username"] == "root"
    assert set(found.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_rds_instance", "db-1"),
        *ENCRYPTED,
    }
    read_tag_and_delete(session, collect_kind, found)


def test_cluster_snapshot(cluster, client, collect_kind, session):
    client("rds").create_db_cluster_snapshot(
        DBClusterIdentifier="c-1", DBClusterSnapshotIdentifier="s-1", Tags=TAGS
    )

    found = next(one for one in collect_kind("aws_rds_cluster_snapshot") if one.id == "s-1")

    assert (found.name, found.region) == ("s-1", REGION)
    assert found.tags == {"owner": "web", "env": "test"}
    assert found.ctime is not None
    properties = found.properties
    assert properties["arn"] == f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster-snapshot:s-1"
    assert properties["rds_db_cluster_snapshot_arn"] == properties["arn"]
    assert properties["rds_db_cluster_identifier"] == "c-1"
    assert properties["rds_status"] == "available"
    assert properties["rds_engine"] == "aurora-postgresql"
    assert properties["rds_storage_encrypted"] is True
    assert properties["rds_snapshot_type"] == "manual"
    assert set(found.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_rds_cluster", "c-1"),
        *ENCRYPTED,
    }
    read_tag_and_delete(session, collect_kind, found)


@pytest.mark.parametrize(
    ("snapshot_type", "reason", "along"),
    [
        ("manual", None, False),
        ("automated", "it goes with the automated backups of its database", True),
        ("awsbackup", "AWS Backup owns it", False),
    ],
)
@pytest.mark.parametrize(
    ("kind", "owner_kind"),
    [("aws_rds_snapshot", "aws_rds_instance"), ("aws_rds_cluster_snapshot", "aws_rds_cluster")],
)
def test_snapshots_that_are_held_back(session, kind, owner_kind, snapshot_type, reason, along):
    names = {"DBSnapshotIdentifier": "s", "DBClusterSnapshotIdentifier": "s"}
    found = map_item(kind, names | {"SnapshotType": snapshot_type})
    assert session.held_back(stored(found)) == reason
    owner = map_item(owner_kind, {"DBInstanceIdentifier": "d", "DBClusterIdentifier": "d"})
    assert session.goes_along(stored(found), stored(owner)) is along


def test_an_automated_snapshot_is_read_as_one(synthetic, collect_kind, session):
    snapshot = {
        "DBSnapshotIdentifier": "rds:db-1-2026",
        "SnapshotType": "automated",
        "ProcessorFeatures": [{"Name": "coreCount", "Value": "4"}],
    }
    synthetic.answer("rds", "DescribeDBSnapshots", {"DBSnapshots": [snapshot]})

    (found,) = collect_kind("aws_rds_snapshot")

    assert found.properties["rds_processor_features"] == {"coreCount": "4"}
    assert session.read(stored(found)) == found
    assert synthetic.asked("rds", "DescribeDBSnapshots")[1] == {
        "DBSnapshotIdentifier": "rds:db-1-2026",
        "SnapshotType": "automated",
    }
