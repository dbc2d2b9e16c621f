"""Ways through a known graph: what they lead to, what has to be there, and what relatives report."""

from typing import Any

import pytest
from sqlalchemy import Engine, text

from resoto_dagster.inventory.collecting import register_kinds
from resoto_dagster.inventory.inventory import Inventory
from resoto_dagster.inventory.marks import Author
from resoto_dagster.inventory.search.compile import compile_nodes
from resoto_dagster.inventory.search.parse import parse_search
from resoto_dagster.model.kind import Kind
from resoto_dagster.model.resource import Edge, EdgeType
from resoto_dagster_tests.estate import collect, no_properties, resource, scope, table

MORE_KINDS = {
    kind.name: kind
    for kind in (
        Kind(name="sim_balancer", description="A load balancer.", bases=("load_balancer",)),
        Kind(name="sim_targets", description="A target group.", bases=()),
        Kind(name="sim_type", description="An instance type.", bases=("instance_type",)),
        Kind(name="sim_profile", description="An instance profile.", bases=("instance_profile",)),
        Kind(name="sim_peering", description="A peering.", bases=("peering_connection",)),
    )
}
IDS = "a1 c1 c2 c3 i1 i2 i3 lb1 lb2 lb3 n1 p1 r1 r2 t1 t2 tg1 tg2 v1 v2 v3 v4"


def below(kind: str, id_: str) -> Edge:
    """The edge from a resource to the one that is below it."""
    return Edge(EdgeType.DEFAULT, outgoing=False, kind=kind, value=id_)


def waits(kind: str, id_: str) -> Edge:
    """The edge to what must be deleted first."""
    return Edge(EdgeType.DELETE, outgoing=True, kind=kind, value=id_)


def seed(engine: Engine) -> None:
    """An account's tree, delete edges, load balancers with target groups, instance types, and a circle.

    a1 > r1 > n1 > i1 > v1, v2; n1 > i2 > v3; a1 > r2 > i3; r1 > v4; t1 > i1, i2; t2 > i3; p1 > i1;
    i1 > tg1 > lb1; tg2 > lb2; lb3; c1 > c2 > c3 > c1; n1 waits for i1 and i2, v1 for i1.
    """
    with engine.begin() as connection:
        register_kinds(connection, "sim", MORE_KINDS, list(MORE_KINDS), "1", no_properties)

    def made(id_: str, kind: str, *edges: Edge, **properties: Any) -> Any:
        return resource(id_, kind, edges=edges, properties=properties)

    collect(
        engine,
        {
            scope("sim_account", "global"): [resource("a1", "sim_account", "global", name="sunshine")],
            scope("sim_region", "global"): [
                resource(name, "sim_region", "global", edges=(below("account", "a1"),))
                for name in ("r1", "r2")
            ],
            scope("sim_network"): [
                made(
                    "n1",
                    "sim_network",
                    below("region", "r1"),
                    waits("instance", "i1"),
                    waits("instance", "i2"),
                )
            ],
            scope("sim_type"): [
                made("t1", "sim_type", ondemand_cost=0.5, family={"name": "m"}),
                made("t2", "sim_type", ondemand_cost=0.25),
            ],
            scope("sim_profile"): [made("p1", "sim_profile")],
            scope("sim_instance"): [
                made(
                    "i1",
                    "sim_instance",
                    below("network", "n1"),
                    below("sim_type", "t1"),
                    below("sim_profile", "p1"),
                    status="running",
                ),
                made("i2", "sim_instance", below("network", "n1"), below("sim_type", "t1"), status="stopped"),
                made("i3", "sim_instance", below("region", "r2"), below("sim_type", "t2"), status="running"),
            ],
            scope("sim_volume"): [
                made("v1", "sim_volume", below("instance", "i1"), waits("instance", "i1"), size=1),
                made("v2", "sim_volume", below("instance", "i1"), size=2),
                made("v3", "sim_volume", below("instance", "i2"), size=3),
                made("v4", "sim_volume", below("region", "r1"), size=4),
            ],
            scope("sim_targets"): [
                made("tg1", "sim_targets", below("instance", "i1")),
                made("tg2", "sim_targets"),
            ],
            scope("sim_balancer"): [
                made("lb1", "sim_balancer", below("sim_targets", "tg1"), backends=["i1"]),
                made("lb2", "sim_balancer", below("sim_targets", "tg2"), backends=[]),
                made("lb3", "sim_balancer", backends=[]),
            ],
            scope("sim_peering"): [
                made("c1", "sim_peering", below("sim_peering", "c3")),
                made("c2", "sim_peering", below("sim_peering", "c1")),
                made("c3", "sim_peering", below("sim_peering", "c2")),
            ],
        },
    )


@pytest.fixture
def inventory(migrated_engine: Engine, request: pytest.FixtureRequest) -> Inventory:
    """The graph; made anew only where another test has been in between, as no search changes it."""
    ids = table(migrated_engine, "SELECT id FROM inventory.resources ORDER BY id")
    if ids != [(id_,) for id_ in IDS.split()]:
        seed(request.getfixturevalue("engine"))
    return Inventory(migrated_engine, Author("person", "ann"))


TREE = "a1 i1 i2 i3 lb1 n1 r1 r2 tg1 v1 v2 v3 v4"
FOUND = {
    # one step, and what the nodes must be
    "is(account) -->": "r1 r2",
    "is(account) --> all": "r1 r2",
    "is(instance) <-- is(region)": "r2",
    "is(instance) -default-> is(volume)": "v1 v2 v3",
    "is(region) and name = r1 -->": "n1 v4",
    "is(region) and name=r1-->": "n1 v4",
    "id(i1) <--": "n1 p1 t1",
    "id(v4) -->": "",
    "id(v1) <-- is(instance) and status = running": "i1",
    "id(v1) <-- is(instance) and not status = running": "",
    "id(v1) <-- id(i1) or id(i2)": "i1",
    "id(v1) <-- <--": "n1 p1 t1",
    "id(v1) <-- is(instance) <-- is(network) <-- is(region) <--": "a1",
    "id(v1) <-- is(instance) --> is(volume)": "v1 v2",
    "is(volume) <-- is(volume)": "",
    # depths
    "is(account) -[0:1]->": "a1 r1 r2",
    "is(region) and name==r1 <-[0:1]-": "a1 r1",
    "is(account) -[2:2]->": "i3 n1 v4",
    "is(account) -[2]->": "i3 n1 v4",
    "is(account) -[2:3]->": "i1 i2 i3 n1 v4",
    "is(account) -[2..3]->": "i1 i2 i3 n1 v4",
    "is(account) -[0:0]->": "a1",
    "is(account) -[9:9]->": "",
    "is(sim_targets) <-[2:2]- is(instance_profile)": "p1",
    "is(account) and name==sunshine -[0:]->": TREE,
    "is(account) and name==sunshine -[1:]->": TREE.removeprefix("a1 "),
    "is(account) -[3:]->": "i1 i2 lb1 tg1 v1 v2 v3",
    "is(account) -[0:]-> is(volume)": "v1 v2 v3 v4",
    "id(v1) <-[1:]- is(account)": "a1",
    "is(volume) <-[1:]- is([account, region])": "a1 r1",
    "is(account) -[ 0 : 1 ]->": "a1 r1 r2",
    # both ways
    "id(r1) <-->": "a1 n1 v4",
    "id(n1) <-[1:1]->": "i1 i2 r1",
    "id(n1) <-[2]->": "a1 tg1 v1 v2 v3",
    "id(n1) <-[0:]-> is([region, volume])": "r1 v1 v2 v3",
    'name="sunshine" and is(account) <-[0:]->': TREE,
    # types of edges
    "is(volume) and name==v1 -delete->": "i1",
    "is(volume) and name==v1 -delete[1:]->": "i1",
    "id(v1) -default,delete->": "i1",
    "id(i1) -default,delete->": "tg1 v1 v2",
    "id(i1) <-delete-": "n1 v1",
    "id(i1) <-default,delete[0:]-": "a1 i1 n1 p1 r1 t1 v1",
    "id(n1) -delete[0:]->": "i1 i2 n1",
    "id(n1) -[0:]delete->": "i1 i2 n1",
    "is(network) limit 1 <-delete[1:1]->": "i1 i2",
    "id(i1) <-delete[1:1]default,delete->": "n1 tg1 v1 v2",
    "id(i1) <-delete[1:1]default->": "n1 tg1 v1 v2",
    # circles end
    "id(c1) -->": "c2",
    "id(c1) -[1:]->": "c1 c2 c3",
    "id(c1) -[0:]->": "c1 c2 c3",
    "id(c1) <-[1:]-": "c1 c2 c3",
    "id(c1) -[3:3]->": "c1",
    "id(c1) -[4:]->": "c1 c2 c3",
    "id(c1) -[0:250]->": "c1 c2 c3",
    "id(c1) <-[0:]->": "c1 c2 c3",
    # with
    "is(sim_targets) with (empty, <-- is(instance))": "tg2",
    "is(sim_targets) with(any, <-- is(instance))": "tg1",
    "is(instance) with(empty, --> is(volume))": "i3",
    "is(instance) with(count > 1, --> is(volume))": "i1",
    "is(instance) with(count==1, --> is(volume))": "i2",
    "is(instance) with(count != 1, --> is(volume))": "i1 i3",
    "is(instance) with(count >= 1, --> size > 1)": "i1 i2",
    "is(instance) with(count = 0, -->)": "i3",
    "is(instance) with(any, -delete->)": "",
    "is(instance) with(any, <-delete- is(volume))": "i1",
    "is(region) with(count > 2, -[1:]->)": "r1",
    "is(region) with(any, -[1:]-> is(volume) and size = 3)": "r1",
    "is(account) with(count = 4, -[0:]-> is(volume))": "a1",
    "is(network) with(any, --> is(instance) with(any, --> is(volume) and size = 3))": "n1",
    "is(network) with(count = 1, --> is(instance) with(count = 2, --> is(volume)))": "n1",
    "is(network) with(any, --> is(instance) with(empty, --> is(volume)))": "",
    "is(region) with(empty, --> is(network) with(any, --> is(instance)))": "r2",
    "is(sim_peering) with(count = 3, -[0:]->)": "c1 c2 c3",
    "is(instance) and status = running with(any, --> is(volume)) --> is(volume)": "v1 v2",
    "all with(count > 2, -->)": "i1",
    "is(load_balancer) and backends==[] with(empty, <-- is(sim_targets) with(empty, <-- is(instance))) "
    "<-[0:1]- is(sim_targets) or is(load_balancer)": "lb3",
    "is(load_balancer) and backends==[] with(empty, <-- is(sim_targets) with(any, <-- is(instance))) "
    "<-[0:1]- is(sim_targets) or is(load_balancer)": "lb2 lb3 tg2",
    # limits and orders on the way
    "is(volume) sort size desc limit 1 <--": "r1",
    "is(volume) sort size limit 1,1 <-- is(instance) limit 1 <-- is(network) limit 1": "n1",
    "is(volume) limit 2 <-- is(instance)": "i1",
    "is(volume) sort size desc limit 1 reversed <--": "r1",
    "is(instance) --> is(volume) sort size desc limit 1": "v3",
    "is(instance) --> sort size desc limit 1": "v3",
    # relatives
    "/ancestors.instance_type.reported.ondemand_cost = 0.5": "i1 i2 lb1 tg1 v1 v2 v3",
    "is(instance) and /ancestors.instance_type.reported.ondemand_cost < 0.5": "i3",
    "is(instance) and /ancestors.instance_type.reported.family.name = m": "i1 i2",
    "is(instance) and /ancestors.instance_type.reported.family = null": "i3",
    "is(volume) and /ancestors.network.reported.name = n1": "v1 v2 v3",
    "is(volume) and not /ancestors.network.reported.name = n1": "v4",
    "is(volume) and /ancestors.sim_network.reported.id in [n1]": "v1 v2 v3",
    "is(instance) and /descendants.volume.reported.size = 3": "i2",
    "/descendants.network.reported.id = n1": "a1 r1",
    "is(sim_peering) and /ancestors.sim_peering.reported.id = c3": "c1",
    "/ancestors.instance.reported.status = stopped": "v3",
    "/ancestors.account.reported.name = sunshine and is(region)": "r1 r2",
    # pipes
    "is(account) | successors": "r1 r2",
    "id(v1) | predecessors": "i1",
    "id(v1) | ancestors": "a1 i1 n1 p1 r1 t1",
    "id(v1) | ancestors --with-origin": "a1 i1 n1 p1 r1 t1 v1",
    "id(v1) | ancestors account": "a1",
    "id(n1) | descendants delete": "i1 i2",
    "id(n1) | descendants volume | predecessors instance": "i1 i2",
    "id(n1) | descendants | head 1": "lb1",
}


@pytest.mark.parametrize("search", FOUND)
def test_a_way_leads_exactly_to(inventory: Inventory, search: str) -> None:
    query = parse_search(search)
    assert parse_search(str(query)) == query
    assert " ".join(sorted(row["id"] for row in inventory.rows(search))) == FOUND[search]


SUMMED: dict[str, list[tuple[object, ...]]] = {
    "aggregate(sum(/ancestors.instance_type.reported.ondemand_cost) as cost): is(instance)": [("1.25",)],
    "is(instance) and status == running | aggregate /ancestors.region.reported.name as region, "
    "/ancestors.instance_type.reported.id as type: "
    "sum(/ancestors.instance_type.reported.ondemand_cost * 2) as cost": [
        ("r1", "t1", "1.0"),
        ("r1", "t2", "0.50"),
    ],
    "aggregate(/ancestors.instance.reported.id as i: sum(size) as n): is(volume)": [
        ("i1", "3"),
        ("i2", "3"),
        ("None", "4"),
    ],
    "aggregate(kind: count() as n): is(account) -[0:]->": [
        ("sim_account", "1"),
        ("sim_balancer", "1"),
        ("sim_instance", "3"),
        ("sim_network", "1"),
        ("sim_region", "2"),
        ("sim_targets", "1"),
        ("sim_volume", "4"),
    ],
    "id(n1) --> | count status": [("running", "1"), ("stopped", "1")],
}


@pytest.mark.parametrize("search", SUMMED)
def test_relatives_are_summed_up(inventory: Inventory, search: str) -> None:
    rows = [tuple(map(str, row.values())) for row in inventory.rows(search)]
    assert [tuple(map(_number, row)) for row in rows] == [tuple(map(_number, row)) for row in SUMMED[search]]


def _number(value: object) -> object:
    try:
        return float(str(value))
    except ValueError:
        return value


@pytest.mark.parametrize(
    "search",
    ["id(i7) -[1:3]->", "id(i7) <-[1:3]-", "id(i7) -[0:]->", "id(i7) -->", "id(i7) with(any, -[1:2]->)"],
)
def test_a_search_from_one_node_asks_the_indexes_of_the_edges(engine: Engine, search: str) -> None:
    collect(
        engine,
        {
            scope("sim_network"): [resource(f"n{i}", "sim_network") for i in range(200)],
            scope("sim_instance"): [
                resource(f"i{i}", "sim_instance", edges=(below("network", f"n{i % 200}"),))
                for i in range(3000)
            ],
        },
    )
    statement = compile_nodes(parse_search(search), {}, "r.id")
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(
            text(
                "INSERT INTO inventory.edges (scope_id, type, outgoing, kind, key, value, src, dst, since) "
                "SELECT scope_id, 'default', true, 'x', 'id', 'x', "
                "gen_random_uuid(), gen_random_uuid(), now() "
                "FROM generate_series(1, 20000), (SELECT min(scope_id) AS scope_id FROM inventory.scopes) s"
            )
        )
        connection.execute(text("ANALYZE inventory.resources, inventory.edges, inventory.scopes"))
        plan = connection.execute(text(f"EXPLAIN {statement.sql}"), statement.parameters).scalars().all()
    shown = "\n".join(plan)
    assert "edges_src" in shown or "edges_dst" in shown, shown
    assert "Seq Scan on edges" not in shown, shown


def test_a_search_for_words_asks_their_index(engine: Engine) -> None:
    collect(engine, {scope(): [resource(f"v{i}", name=f"disk number {i}") for i in range(3000)]})
    statement = compile_nodes(parse_search('"number 1234"'), {}, "r.id")
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(
            text(
                "INSERT INTO inventory.words SELECT gen_random_uuid(), to_tsvector('simple', 'other ' || i) "
                "FROM generate_series(1, 20000) i"
            )
        )
        connection.execute(text("SELECT gin_clean_pending_list('inventory.words_words')"))
        connection.execute(text("ANALYZE inventory.resources, inventory.words"))
        plan = connection.execute(text(f"EXPLAIN {statement.sql}"), statement.parameters).scalars().all()
        assert list(connection.execute(text(statement.sql), statement.parameters).scalars()) == ["v1234"]
    shown = "\n".join(plan)
    assert "words_words" in shown, shown


def test_a_resource_with_very_many_words_is_taken(engine: Engine) -> None:
    many = " ".join(f"größe{i}" for i in range(150_000))
    collect(engine, {scope(): [resource("v1", properties={"a": many, "z": "x" * 5000})]})
    found = Inventory(engine, Author("person", "ann")).rows('"größe17"')
    assert [row["id"] for row in found] == ["v1"]
