"""Marks what hangs on networks of AWS that are marked to go, so that they can.

A live instance in the network that is not marked itself keeps the network, and nothing in it is marked. When
the plan keeps the network after all, it keeps with it what was marked for its sake alone.
"""

from sqlalchemy import Connection, text

from resoto_dagster.cleanup.planners.selection import Selected
from resoto_dagster.config import AwsAccountsSettings

NAME = "aws_vpcs"
DEPENDANTS = (
    "aws_alb",
    "aws_alb_target_group",
    "aws_ec2_internet_gateway",
    "aws_ec2_nat_gateway",
    "aws_ec2_network_acl",
    "aws_ec2_network_interface",
    "aws_ec2_route_table",
    "aws_ec2_security_group",
    "aws_ec2_subnet",
    "aws_elb",
    "aws_vpc_endpoint",
    "aws_vpc_peering_connection",
)
REASONS_FROM = ("aws_vpc", "aws_ec2_instance", *DEPENDANTS)

# Interfaces hang on subnets, so that two steps from the network lead to all there is.
_HANGING = """
    WITH going AS (
        SELECT r.node_id, r.id FROM inventory.resources r JOIN inventory.scopes s ON s.scope_id = r.scope_id
        WHERE r.kind = 'aws_vpc' AND s.provider = 'aws' AND s.account = ANY (:accounts) AND EXISTS (
            SELECT FROM inventory.marks m WHERE m.node_id = r.node_id AND m.mark = 'clean'
                AND (m.root_run_id = :root_run_id OR m.source = 'person'))
    ), near AS (
        SELECT going.id AS vpc, e.dst AS node_id FROM going JOIN inventory.edges e ON e.src = going.node_id
        WHERE e.type = 'default'
    ), hanging AS (
        SELECT vpc, node_id FROM near
        UNION SELECT near.vpc, e.dst FROM near JOIN inventory.edges e ON e.src = near.node_id
        WHERE e.type = 'default'
    ), kept AS (
        SELECT DISTINCT hanging.vpc FROM hanging JOIN inventory.resources r USING (node_id)
        WHERE r.kind = 'aws_ec2_instance' AND r.reported ->> 'instance_status' <> 'terminated'
            AND NOT EXISTS (SELECT FROM inventory.marks m WHERE m.node_id = r.node_id AND m.mark = 'clean'
                AND (m.root_run_id = :root_run_id OR m.source = 'person'))
    )
    SELECT r.node_id, s.provider, s.account, string_agg(DISTINCT hanging.vpc, ', ') AS vpcs
    FROM hanging
    JOIN inventory.resources r USING (node_id)
    JOIN inventory.scopes s ON s.scope_id = r.scope_id
    WHERE r.kind = ANY (:kinds) AND s.provider = 'aws' AND s.account = ANY (:accounts)
    GROUP BY r.node_id, s.provider, s.account
    HAVING NOT bool_or(EXISTS (SELECT FROM kept WHERE kept.vpc = hanging.vpc))
"""

NETWORKS = """
    SELECT DISTINCT v.node_id AS network, hanging.node_id
    FROM (
        SELECT dst AS node_id, src AS network FROM inventory.edges
        WHERE type = 'default' AND dst = ANY (:nodes)
        UNION SELECT e.dst, f.src FROM inventory.edges e JOIN inventory.edges f ON f.dst = e.src
        WHERE e.type = 'default' AND f.type = 'default' AND e.dst = ANY (:nodes)
    ) hanging
    JOIN inventory.resources v ON v.node_id = hanging.network AND v.kind = 'aws_vpc'
"""
"""The networks that some nodes hang on."""


def select(connection: Connection, settings: AwsAccountsSettings, root_run_id: str) -> list[Selected]:
    """All that hangs on a network that goes in this run, in the listed accounts, and on none that stays."""
    rows = connection.execute(
        text(_HANGING),
        {"accounts": settings.accounts, "root_run_id": root_run_id, "kinds": list(DEPENDANTS)},
    )
    return [
        Selected(row.node_id, row.provider, row.account, f"in the network {row.vpcs}, which goes")
        for row in rows
    ]
