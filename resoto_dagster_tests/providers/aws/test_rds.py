"""Databases, from the API's answer to their deletion."""

import pytest

from resoto_dagster.providers.base import ProviderError
from resoto_dagster_tests.providers.aws.answers import map_item, settled
from resoto_dagster_tests.providers.aws.harness import REGION, belongs_to, goes_before, stored
from resoto_dagster_tests.providers.aws.network import make_network


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
        Tags=[{"Key": "owner", "Value": "web"}, {"Key": "env", "Value": "test"}],
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
