"""What each planner marks, on data: an AWS estate as a collect would have left it in the inventory."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from resoto_dagster.cleanup.planners import Marked, follow_marks, run_planners
from resoto_dagster.cleanup.planners.aws_vpcs import DEPENDANTS
from resoto_dagster.cleanup.planning import make_plan
from resoto_dagster.config import (
    AlarmsSettings,
    AwsAccountsSettings,
    BudgetSettings,
    CleanupSettings,
    LoadBalancersSettings,
    PlannersSettings,
    ProtectorSettings,
    UntaggedSettings,
    VolumesSettings,
)
from resoto_dagster.inventory.collecting import InventorySink, register_kinds, settle_graph
from resoto_dagster.inventory.marks import Author, Mark, replace_marks, set_marks
from resoto_dagster.model.resource import Edge, EdgeType, Resource, Scope, node_id
from resoto_dagster.providers.aws import provider as aws
from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster_tests.cleanup.cloud import Cloud
from resoto_dagster_tests.estate import NOW, table

ACCOUNT, REGION = "111111111111", "us-east-1"
LONG_AGO = NOW - timedelta(days=100)
IN_ACCOUNT = {"enabled": True, "accounts": [ACCOUNT]}
EMPTY = (
    *DEPENDANTS,
    "aws_autoscaling_group",
    "aws_cloudwatch_alarm",
    "aws_ec2_instance",
    "aws_ec2_volume",
    "aws_ecs_service",
    "aws_vpc",
)


def thing(kind: str, id_: str, **given: Any) -> Resource:
    """A resource that has long been there and has not changed since."""
    times = {"ctime": LONG_AGO, "mtime": LONG_AGO, "atime": LONG_AGO}
    return Resource(kind=kind, id=id_, name=id_, region=REGION, **(times | given))


def uses(kind: str, *ids: str) -> tuple[Edge, ...]:
    """Edges to what a resource uses."""
    return tuple(Edge(EdgeType.DEFAULT, outgoing=True, kind=kind, value=id_) for id_ in ids)


def within(kind: str, *ids: str) -> tuple[Edge, ...]:
    """Edges from what a resource belongs to."""
    return tuple(Edge(EdgeType.DEFAULT, outgoing=False, kind=kind, value=id_) for id_ in ids)


def scope_of(kind: str, account: str = ACCOUNT) -> Scope:
    return Scope("aws", account, REGION, kind)


class Estate:
    """The inventory after a collect of AWS, and the planners over it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def holds(
        self,
        *resources: Resource,
        account: str = ACCOUNT,
        failed: Mapping[str, str] | None = None,
        without: Sequence[str] = (),
    ) -> None:
        """Collect these resources; all other kinds are empty, have failed or are not collected at all."""
        sink = InventorySink(self.engine, "aws", "run-1")
        with self.engine.begin() as connection:
            register_kinds(connection, "aws", KINDS, list(KINDS), "1", aws.property_types)
        kinds = {*EMPTY, *(one.kind for one in resources)} - {*without}
        sink.accounts_expected([account])
        sink.scopes_expected([scope_of(kind, account) for kind in kinds])
        for kind in kinds:
            if kind in (failed or {}):
                sink.failed(scope_of(kind, account), (failed or {})[kind])
            else:
                sink.collected(scope_of(kind, account), [one for one in resources if one.kind == kind])
        with self.engine.begin() as connection:
            settle_graph(connection)

    def mark(self, **planners: Any) -> Marked:
        """Run the planners with these settings, and those that follow."""
        settings = CleanupSettings(planners=PlannersSettings(**planners))
        with self.engine.begin() as connection:
            first = run_planners(connection, settings, "run-1")
            then = follow_marks(connection, settings, "run-1")
        return Marked({**first.counts, **then.counts}, first.notes + then.notes)

    def marked(self, mark: str = "clean") -> dict[str, str]:
        """The reasons by the ids of what is marked."""
        return dict(
            table(
                self.engine,
                "SELECT r.id, m.reason FROM inventory.marks m JOIN inventory.resources r USING (node_id) "
                "WHERE m.mark = :mark",
                mark=mark,
            )
        )


@pytest.fixture
def estate(engine: Engine) -> Estate:
    return Estate(engine)


def test_nothing_is_marked_unless_a_planner_is_on(estate: Estate) -> None:
    estate.holds(thing("aws_ec2_volume", "vol", properties={"volume_status": "available"}))
    assert estate.mark() == Marked({}, ())
    assert estate.marked() == {}


def volume(id_: str, status: str = "available", **given: Any) -> Resource:
    return thing("aws_ec2_volume", id_, properties={"volume_status": status}, **given)


VOLUMES_ON = VolumesSettings(enabled=True)


def test_volumes_that_nothing_uses(estate: Estate) -> None:
    recently = NOW - timedelta(days=13)
    estate.holds(
        volume("unused"),
        volume("attached", "in-use"),
        volume("young", ctime=recently, mtime=recently, atime=recently),
        volume("read", atime=recently),
        volume("written", mtime=recently),
        volume("unknown", atime=None),
    )
    assert estate.mark(volumes=VOLUMES_ON).counts == {"volumes": 1}
    assert estate.marked() == {"unused": f"not attached, and not used since {LONG_AGO:%Y-%m-%d}"}
    assert estate.mark(volumes=VolumesSettings(enabled=True, min_age="12d")).counts == {"volumes": 4}


def test_what_a_planner_marked_goes_with_its_reason(estate: Estate) -> None:
    estate.holds(volume("vol"))
    estate.mark(volumes=VOLUMES_ON)
    estate.holds(volume("vol", "in-use"))
    estate.mark(volumes=VOLUMES_ON)
    assert estate.marked() == {}
    estate.holds(volume("vol"))
    estate.mark(volumes=VOLUMES_ON)
    estate.mark()
    assert estate.marked() == {}, "the planner is off"


UNTAGGED = {"enabled": True, "kinds": ["volume", "volume_type"], "accounts": {"aws": [ACCOUNT]}}


def test_what_lacks_a_tag(estate: Estate) -> None:
    young = NOW - timedelta(minutes=90)
    estate.holds(
        volume("bare"),
        volume("owned", tags={"owner": "ann"}),
        volume("both", tags={"owner": "ann", "expiration": "never"}),
        volume("young", ctime=young),
        thing("aws_ec2_instance", "other kind"),
        thing("aws_ec2_volume_type", "no volume that could go", properties={}),
    )
    estate.holds(volume("elsewhere"), account="222222222222")
    estate.mark(untagged=UntaggedSettings(**UNTAGGED))
    assert estate.marked() == {"bare": "tag expiration, owner missing", "owned": "tag expiration missing"}
    estate.mark(untagged=UntaggedSettings(**{**UNTAGGED, "tags": ["owner"], "age": "1m"}))
    assert estate.marked() == {"bare": "tag owner missing", "young": "tag owner missing"}


@pytest.mark.parametrize("given", [{"accounts": {}}, {"accounts": {"aws": []}}, {"kinds": []}])
def test_trap_11_an_empty_list_means_none(estate: Estate, given: dict[str, Any]) -> None:
    estate.holds(volume("bare"))
    assert estate.mark(untagged=UntaggedSettings(**{**UNTAGGED, **given})).counts == {"untagged": 0}


LOAD_BALANCERS_ON = LoadBalancersSettings(enabled=True)


def balancer(kind: str, id_: str, *backends: str, **given: Any) -> Resource:
    edges = (*given.pop("edges", ()), *uses("aws_ec2_instance", *backends))
    return thing(kind, id_, properties={"backends": list(backends)}, edges=edges, **given)


def instance(id_: str, status: str = "running", **given: Any) -> Resource:
    return thing("aws_ec2_instance", id_, properties={"instance_status": status}, **given)


def test_load_balancers_with_nothing_behind_them(estate: Estate) -> None:
    estate.holds(
        balancer("aws_elb", "elb"),
        balancer("aws_elb", "elb of gone ones", "i-gone", "i-ended"),
        balancer("aws_elb", "elb in use", "i-1", "i-gone"),
        balancer("aws_elb", "elb of a group"),
        balancer("aws_elb", "elb for ever", tags={"expiration": "never"}),
        balancer("aws_elb", "young elb", ctime=NOW - timedelta(days=6)),
        balancer("aws_alb", "alb"),
        balancer("aws_alb", "alb with addresses", "10.0.0.7"),
        balancer("aws_alb", "alb of a group"),
        balancer("aws_alb_target_group", "targets"),
        balancer("aws_alb_target_group", "targets in use", "i-1"),
        balancer("aws_alb_target_group", "targets of a group", edges=within("aws_alb", "alb of a group")),
        balancer("aws_alb_target_group", "targets of a service"),
        instance("i-1"),
        instance("i-ended", "terminated"),
        thing(
            "aws_autoscaling_group",
            "scaled to zero",
            edges=uses("aws_elb", "elb of a group") + uses("aws_alb_target_group", "targets of a group"),
        ),
        thing("aws_ecs_service", "stopped", edges=uses("aws_alb_target_group", "targets of a service")),
    )
    assert estate.mark(aws_load_balancers=LOAD_BALANCERS_ON).notes == ()
    assert set(estate.marked()) == {"elb", "elb of gone ones", "alb", "targets"}


def alarm(id_: str, *instances: str, namespace: str = "AWS/EC2") -> Resource:
    dimensions = [{"name": "InstanceId", "value": one} for one in instances]
    return thing(
        "aws_cloudwatch_alarm",
        id_,
        properties={"cloudwatch_namespace": namespace, "cloudwatch_dimensions": dimensions},
        edges=within("aws_ec2_instance", *instances),
    )


def test_alarms_on_instances_that_are_gone(estate: Estate) -> None:
    alarms = (
        alarm("orphan", "i-gone"),
        alarm("in use", "i-1"),
        alarm("of one that is left", "i-1", "i-gone"),
        alarm("of all instances"),
        alarm("of the user's own", "i-gone", namespace="Mine"),
    )
    estate.holds(*alarms, instance("i-1"))
    estate.mark(aws_alarms=AlarmsSettings(**IN_ACCOUNT))
    assert estate.marked() == {"orphan": "its instance i-gone is gone"}
    estate.mark(aws_alarms=AlarmsSettings(enabled=True))
    assert estate.marked() == {}, "no account is listed"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (
            {"failed": {"aws_ec2_instance": "UnauthorizedOperation: ec2:DescribeInstances"}},
            "us-east-1 aws_ec2_instance: not read well: UnauthorizedOperation: ec2:DescribeInstances",
        ),
        ({"without": ["aws_ec2_instance"]}, "no aws_ec2_instance of it is collected"),
    ],
)
def test_trap_1_a_planner_sits_an_account_out_of_which_it_does_not_know_enough(
    estate: Estate, given: dict[str, Any], why: str
) -> None:
    estate.holds(alarm("orphan", "i-gone"), account="222222222222")
    estate.holds(alarm("no orphan", "i-1"), balancer("aws_elb", "elb", "i-1"), **given)
    accounts = {"enabled": True, "accounts": [ACCOUNT, "222222222222"]}
    marked = estate.mark(aws_alarms=AlarmsSettings(**accounts), aws_load_balancers=LOAD_BALANCERS_ON)
    assert estate.marked() == {"orphan": "its instance i-gone is gone"}, "the other account is known well"
    assert marked.notes == (
        f"planner aws_load_balancers sits aws account {ACCOUNT} out: {why}",
        f"planner aws_alarms sits aws account {ACCOUNT} out: {why}",
    )


def test_a_planner_of_what_nobody_collects_says_so(estate: Estate) -> None:
    with estate.engine.begin() as connection:
        register_kinds(connection, "aws", {}, [], "1", aws.property_types)
    assert estate.mark(aws_alarms=AlarmsSettings(**IN_ACCOUNT)).notes == (
        "planner aws_alarms does nothing: no aws_cloudwatch_alarm is collected",
    )


VPC = {"enabled": True, "accounts": [ACCOUNT]}


def network(*more: Resource) -> list[Resource]:
    inside = within("aws_vpc", "vpc-1")
    return [
        thing("aws_vpc", "vpc-1"),
        thing("aws_vpc", "vpc-2"),
        thing("aws_ec2_subnet", "subnet-1", edges=inside),
        thing("aws_ec2_subnet", "subnet-2", edges=within("aws_vpc", "vpc-2")),
        thing("aws_ec2_route_table", "rtb-1", edges=inside),
        thing("aws_ec2_security_group", "sg-1", edges=inside),
        thing("aws_ec2_network_acl", "acl-1", edges=inside),
        thing("aws_ec2_internet_gateway", "igw-1", edges=inside),
        thing("aws_ec2_nat_gateway", "nat-1", edges=inside),
        thing("aws_ec2_network_interface", "eni-1", edges=within("aws_ec2_subnet", "subnet-1")),
        thing("aws_vpc_endpoint", "vpce-1", edges=inside),
        thing("aws_vpc_peering_connection", "pcx-1", edges=inside),
        *more,
    ]


def marked_by_a_hook(estate: Estate, *nodes: tuple[str, str]) -> None:
    with estate.engine.begin() as connection:
        marks = [Mark(node_id(scope_of(kind), id_), "clean", "unused") for kind, id_ in nodes]
        replace_marks(connection, Author("hook", "mine", "run-1"), marks)


def test_all_that_hangs_on_a_network_that_goes(estate: Estate) -> None:
    estate.holds(*network())
    marked_by_a_hook(estate, ("aws_vpc", "vpc-1"))
    estate.mark(aws_vpcs=AwsAccountsSettings(**VPC))
    expected = {"subnet-1", "rtb-1", "sg-1", "acl-1", "igw-1", "nat-1", "eni-1", "vpce-1", "pcx-1"}
    assert set(estate.marked()) - {"vpc-1"} == expected
    assert estate.marked()["eni-1"] == "in the network vpc-1, which goes"


@pytest.mark.parametrize(("status", "marks"), [("running", False), ("stopped", False), ("terminated", True)])
def test_a_live_instance_keeps_its_network(estate: Estate, status: str, marks: bool) -> None:
    estate.holds(*network(instance("i-1", status, edges=within("aws_ec2_subnet", "subnet-1"))))
    marked_by_a_hook(estate, ("aws_vpc", "vpc-1"))
    assert bool(estate.mark(aws_vpcs=AwsAccountsSettings(**VPC)).counts["aws_vpcs"]) == marks


def test_an_instance_that_goes_itself_does_not_keep_its_network(estate: Estate) -> None:
    estate.holds(*network(instance("i-1", edges=within("aws_ec2_subnet", "subnet-1"))))
    marked_by_a_hook(estate, ("aws_vpc", "vpc-1"), ("aws_ec2_instance", "i-1"))
    assert estate.mark(aws_vpcs=AwsAccountsSettings(**VPC)).counts["aws_vpcs"] == 9


def test_what_hangs_on_a_network_that_stays_too_stays(estate: Estate) -> None:
    both = within("aws_vpc", "vpc-1") + within("aws_vpc", "vpc-2")
    lives = instance("i-2", edges=within("aws_ec2_subnet", "subnet-2"))
    estate.holds(*network(thing("aws_vpc_peering_connection", "pcx-2", edges=both), lives))
    marked_by_a_hook(estate, ("aws_vpc", "vpc-1"), ("aws_vpc", "vpc-2"))
    estate.mark(aws_vpcs=AwsAccountsSettings(**VPC))
    assert "pcx-2" not in estate.marked()
    assert "pcx-1" in estate.marked()


def test_in_no_other_account(estate: Estate) -> None:
    estate.holds(*network())
    marked_by_a_hook(estate, ("aws_vpc", "vpc-1"))
    for accounts in ([], ["222222222222"]):
        settings = AwsAccountsSettings(enabled=True, accounts=accounts)
        assert estate.mark(aws_vpcs=settings).counts == {"aws_vpcs": 0}


def ahead_of(kind: str, id_: str) -> tuple[Edge, ...]:
    """Edges of what hangs on something and must go before it."""
    return (*within(kind, id_), Edge(EdgeType.DELETE, outgoing=False, kind=kind, value=id_))


def planned(estate: Estate, cloud: Cloud) -> dict[str, str | None]:
    """Why each marked resource is kept, None for what goes, by a plan for a network that a hook marked."""
    settings = CleanupSettings(
        accounts={"aws": [ACCOUNT]},
        budget=BudgetSettings(share=1.0),
        planners=PlannersSettings(aws_vpcs=AwsAccountsSettings(**VPC)),
    )
    marked_by_a_hook(estate, ("aws_vpc", "vpc-1"))
    with estate.engine.begin() as connection:
        follow_marks(connection, settings, "run-1")
        plan = make_plan(connection, settings, KINDS, cloud, "run-1", "run-1")
    return {item.resource.id: item.kept for item in plan.items}


def small_network(*more: Resource) -> list[Resource]:
    return [
        thing("aws_vpc", "vpc-1"),
        thing("aws_ec2_subnet", "subnet-1", edges=ahead_of("aws_vpc", "vpc-1")),
        thing("aws_ec2_nat_gateway", "nat-1", edges=ahead_of("aws_ec2_subnet", "subnet-1")),
        thing("aws_vpc_endpoint", "vpce-1", edges=within("aws_vpc", "vpc-1")),
        *more,
    ]


def test_a_network_goes_with_all_that_hangs_on_it(estate: Estate) -> None:
    estate.holds(*small_network())
    assert planned(estate, Cloud()) == dict.fromkeys(("vpc-1", "subnet-1", "nat-1", "vpce-1"))


def test_of_a_protected_network_nothing_goes(estate: Estate) -> None:
    estate.holds(*small_network())
    with estate.engine.begin() as connection:
        mark = Mark(node_id(scope_of("aws_vpc"), "vpc-1"), "protected", "mine")
        set_marks(connection, Author("person", "ann"), [mark])
    kept = planned(estate, Cloud())
    assert kept.pop("vpc-1") == "protected by person ann: mine"
    assert kept == dict.fromkeys(("subnet-1", "nat-1", "vpce-1"), "aws_vpc vpc-1 stays, and can't without it")


def test_a_network_that_something_keeps_keeps_its_gateways_and_endpoints(estate: Estate) -> None:
    database = thing("aws_rds_instance", "db", edges=ahead_of("aws_ec2_subnet", "subnet-1"))
    estate.holds(*small_network(database))
    assert all(planned(estate, Cloud()).values()), "the database stays, and the world finds it as before"


def test_what_waits_in_a_circle_keeps_the_whole_network(estate: Estate) -> None:
    def group(id_: str, other: str) -> Resource:
        names = Edge(EdgeType.DELETE, outgoing=True, kind="aws_ec2_security_group", value=other)
        return thing("aws_ec2_security_group", id_, edges=(*ahead_of("aws_vpc", "vpc-1"), names))

    estate.holds(*small_network(group("sg-1", "sg-2"), group("sg-2", "sg-1")))
    kept = planned(estate, Cloud())
    assert set(kept) == {"vpc-1", "subnet-1", "nat-1", "vpce-1", "sg-1", "sg-2"}
    assert all(kept.values())


def test_what_is_listed_is_protected(estate: Estate) -> None:
    estate.holds(volume("vol-1"), volume("vol-2"))
    listed = {"aws": {ACCOUNT: {REGION: {"aws_ec2_volume": ["vol-1", "vol-9"]}, "eu-west-1": {}}}}
    protector = ProtectorSettings(enabled=True, resources=listed)
    assert estate.mark(protector=protector).counts == {"protector": 1}
    assert estate.marked("protected") == {"vol-1": "listed in the settings"}
    elsewhere = {"aws": {ACCOUNT: {"eu-west-1": {"aws_ec2_volume": ["vol-1"]}}}}
    estate.mark(protector=ProtectorSettings(enabled=True, resources=elsewhere))
    assert estate.marked("protected") == {}, "it is in another region"
