"""Caches and the groups of them, from the API's answer to their deletion."""

import pytest

from resoto_dagster_tests.providers.aws.answers import map_item, settled
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    REGION,
    belongs_to,
    goes_after,
    goes_before,
    stored,
    uses,
)
from resoto_dagster_tests.providers.aws.samples import MOMENT
from resoto_dagster_tests.providers.aws.synthetic import Refusal

ARN = f"arn:aws:elasticache:{REGION}:123456789012"
TAGS = [{"Key": "owner", "Value": "web"}, {"Key": "env", "Value": "test"}]


@pytest.fixture
def group(synthetic):
    """A group of two caches, told by the server; what it knows by name."""
    known = {
        "sessions": {
            "ReplicationGroupId": "sessions",
            "Description": "of the shop",
            "Status": "available",
            "ARN": f"{ARN}:replicationgroup:sessions",
            "MemberClusters": ["sessions-001", "sessions-002"],
            "CacheNodeType": "cache.t3.micro",
            "ReplicationGroupCreateTime": MOMENT,
        }
    }
    members = {
        f"sessions-00{number}": {
            "CacheClusterId": f"sessions-00{number}",
            "ARN": f"{ARN}:cluster:sessions-00{number}",
            "ReplicationGroupId": "sessions",
        }
        for number in (1, 2)
    }

    def groups(params):
        if params.get("ReplicationGroupId", "sessions") not in known:
            if params:
                raise Refusal("ReplicationGroupNotFoundFault", 404)
            return {"ReplicationGroups": []}
        return {"ReplicationGroups": list(known.values())}

    def clusters(params):
        asked = params.get("CacheClusterId")
        if asked and asked not in members:
            raise Refusal("CacheClusterNotFound", 404)
        return {"CacheClusters": [members[asked]] if asked else list(members.values())}

    def delete(params):
        del known[params["ReplicationGroupId"]]
        members.clear()

    synthetic.answer("elasticache", "DescribeReplicationGroups", groups)
    synthetic.answer("elasticache", "DescribeCacheClusters", clusters)
    synthetic.answer("elasticache", "ListTagsForResource", {"TagList": TAGS})
    synthetic.answer("elasticache", "DeleteReplicationGroup", delete)
    return known


def test_properties_of_a_cluster(client, collect_kind):
    client("elasticache").create_cache_cluster(
        CacheClusterId="pages",
        Engine="memcached",
        EngineVersion="1.6.22",
        CacheNodeType="cache.t3.micro",
        NumCacheNodes=3,
        Tags=TAGS,
    )

    (cluster,) = collect_kind("aws_elasticache_cache_cluster")

    assert (cluster.id, cluster.name, cluster.region) == ("pages", "pages", REGION)
    assert cluster.tags == {"owner": "web", "env": "test"}
    properties = cluster.properties
    assert properties["arn"] == f"{ARN}:cluster:pages"
    assert cluster.ctime.isoformat().replace("+00:00", "Z") == properties["cluster_cache_cluster_create_time"]
    assert properties["cluster_engine"] == "memcached"
    assert properties["cluster_engine_version"] == "1.6.22"
    assert properties["cluster_cache_node_type"] == "cache.t3.micro"
    assert properties["cluster_num_cache_nodes"] == 3
    assert properties["cluster_cache_cluster_status"] == "available"
    assert properties["cluster_in_replication_group"] is False


def test_a_cluster_stays_in_its_security_groups_and_notifies_a_topic():
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:caches"
    cluster = map_item(
        "aws_elasticache_cache_cluster",
        {
            "CacheClusterId": "pages",
            "SecurityGroups": [{"SecurityGroupId": "sg-7", "Status": "active"}],
            "NotificationConfiguration": {"TopicArn": topic},
        },
    )

    assert set(cluster.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_ec2_security_group", "sg-7"),
        goes_before("aws_ec2_security_group", "sg-7"),
        uses("aws_sns_topic", topic, "arn"),
    }


def test_a_cluster_is_read_tagged_and_deleted(client, collect_kind, session):
    client("elasticache").create_cache_cluster(
        CacheClusterId="pages", Engine="memcached", CacheNodeType="cache.t3.micro", Tags=TAGS
    )
    (cluster,) = collect_kind("aws_elasticache_cache_cluster")
    known = stored(cluster)
    assert session.read(known) == cluster
    assert session.held_back(known) is None

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    # moto never comes to the end of it
    assert session.read(known).properties["cluster_cache_cluster_status"] == "deleting"


def test_a_cluster_that_is_gone(synthetic, session):
    synthetic.refuse("elasticache", "DescribeCacheClusters", "CacheClusterNotFound", 404)
    synthetic.refuse("elasticache", "DeleteCacheCluster", "CacheClusterNotFound", 404)
    known = stored(map_item("aws_elasticache_cache_cluster", {"CacheClusterId": "pages"}))

    session.delete(known)
    assert session.read(known) is None


def test_the_nodes_of_a_cluster_are_asked_for(group, synthetic, collect_kind):
    collect_kind("aws_elasticache_cache_cluster")

    assert synthetic.asked("elasticache", "DescribeCacheClusters") == [{"ShowCacheNodeInfo": True}]


def test_properties_and_edges_of_a_group(group, collect_kind):
    (found,) = collect_kind("aws_elasticache_replication_group")

    assert (found.id, found.name, found.region) == ("sessions", "sessions", REGION)
    assert found.ctime == MOMENT
    assert found.tags == {"owner": "web", "env": "test"}
    assert found.properties == {
        "arn": f"{ARN}:replicationgroup:sessions",
        "replication_group_arn": f"{ARN}:replicationgroup:sessions",
        "replication_group_cache_node_type": "cache.t3.micro",
        "replication_group_description": "of the shop",
        "replication_group_member_clusters": ["sessions-001", "sessions-002"],
        "replication_group_status": "available",
    }
    assert set(found.edges) == {belongs_to("aws_region", REGION)}


def test_members_go_with_their_group(group, collect_kind, session):
    (owner,) = collect_kind("aws_elasticache_replication_group")
    members = collect_kind("aws_elasticache_cache_cluster")

    assert [member.id for member in members] == ["sessions-001", "sessions-002"]
    for member in members:
        assert set(member.edges) == {
            belongs_to("aws_region", REGION),
            belongs_to("aws_elasticache_replication_group", "sessions"),
            goes_after("aws_elasticache_replication_group", "sessions"),
        }
        assert session.held_back(stored(member)) == "it goes with its replication group"
        assert session.goes_along(stored(member), stored(owner))

    session.delete(stored(owner))

    assert [session.read(stored(resource)) for resource in (owner, *members)] == [None, None, None]
    assert collect_kind("aws_elasticache_replication_group") == []


def test_a_group_is_read_and_tagged_on_moto(client, collect_kind, session):
    client("elasticache").create_replication_group(
        ReplicationGroupId="sessions", ReplicationGroupDescription="of the shop", Engine="redis", Tags=TAGS
    )
    (found,) = collect_kind("aws_elasticache_replication_group")
    known = stored(found)
    assert found.tags == {"owner": "web", "env": "test"}
    assert settled(session.read(known)) == settled(found)

    session.update_tags(known, {"owner": "ops"}, ["env"])
    assert session.read(known).tags == {"owner": "ops"}

    session.delete(known)
    assert session.read(known).properties["replication_group_status"] == "deleting"


@pytest.mark.parametrize(
    ("role", "reason"),
    [("PRIMARY", "it has to leave its global datastore first"), (None, None)],
)
def test_a_group_in_a_global_datastore_is_held_back(role, reason, session):
    datastore = {"GlobalReplicationGroupId": "g-1", "GlobalReplicationGroupMemberRole": role} if role else {}
    found = map_item(
        "aws_elasticache_replication_group",
        {"ReplicationGroupId": "sessions", "GlobalReplicationGroupInfo": datastore},
    )

    assert session.held_back(stored(found)) == reason
