"""What conditions, orders, limits and pipes find on a known estate, and what is told of a wrong search."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from resoto_dagster.inventory import inventory as inventory_module
from resoto_dagster.inventory.inventory import Inventory
from resoto_dagster.inventory.marks import Author, Mark, set_marks
from resoto_dagster.inventory.search.parse import SearchError, parse_search
from resoto_dagster.inventory.search.pipes import lines
from resoto_dagster.inventory.search.query import Dump
from resoto_dagster_tests.estate import NOW, collect, node, resource, scope, table

IDS = "a1 b1 b2 f1 f2 i1 i2 i3 n1 v1 v2 v3"


def rule(start: int, end: int, *ranges: dict[str, Any]) -> dict[str, Any]:
    return {"from_port": start, "to_port": end, "ip_protocol": "tcp", "ip_ranges": list(ranges)}


def seed(engine: Engine) -> None:
    """Instances i1–i3 with addresses, networks f1 and f2 with rules, volumes, and an account with a tag."""
    firewalls = [
        resource(
            "f1",
            "sim_network",
            name="redirus-master",
            properties={
                "rules": [
                    rule(80, 80, {"cidr_ip": "0.0.0.0/0"}),
                    rule(22, 22, {"cidr_ip": "3.3.175.2/32"}, {"cidr_ip": "4.4.0.0/16", "note": "Office"}),
                ],
                "test": [1, 2, 3, 4],
                "matrix": [[1, 2], [3]],
            },
        ),
        resource(
            "f2",
            "sim_network",
            name="open",
            properties={
                "rules": [rule(22, 22, {"cidr_ip": "0.0.0.0/0"}), rule(443, 443)],
                "test": [5],
                "some": {
                    "non.compliant.key": {"prop": 42},
                    "nested": [{"prop": 1}, {"prop": 2}, {"prop": 3}],
                },
            },
        ),
        resource("n1", "sim_network", name="sunset", properties={"test": [], "ends": "2020-01-01T00:00:00Z"}),
    ]
    instances = [
        resource(
            "i1",
            "sim_instance",
            name="sunrise",
            ctime=NOW - timedelta(days=100),
            tags={"owner": "ann", "expiration": "never"},
            properties={
                "instance_cores": 4,
                "instance_type": "m5.large",
                "ip": "10.1.2.3",
                "ips": ["10.1.2.3", "192.168.0.1"],
                "ends": "2999-01-01T00:00:00Z",
            },
        ),
        resource(
            "i2",
            "sim_instance",
            name="sunset",
            ctime=NOW - timedelta(days=50),
            tags={"owner": "bob"},
            properties={"instance_cores": 2, "instance_type": "m5a.large", "ip": "167.123.13.102", "ips": []},
        ),
        resource(
            "i3",
            "sim_instance",
            name="moon",
            ctime=NOW - timedelta(days=1),
            tags={"owner": None},  # type: ignore[dict-item]
            properties={"instance_cores": 8, "ip": "not an address", "all": True, "sort": 1},
        ),
    ]
    volumes = [
        resource(f"v{i}", name=f"volume-{i}", properties={"volume_size": size, "conf": {"a": i, "b": [True]}})
        for i, size in ((1, 10), (2, 10), (3, 20))
    ]
    buckets = [
        resource("b1", region="r2", name="data_lake", properties={"note": "Big data, all of it"}),
        resource("b2", region="r2", name="logs", properties={"note": "the lake's data", "code": 4711}),
    ]
    account = resource("a1", "sim_account", "global", name="engineering", tags={"cost": "42"})
    collect(
        engine,
        {
            scope(): volumes,
            scope(region="r2"): buckets,
            scope("sim_instance"): instances,
            scope("sim_network"): firewalls,
            scope("sim_account", "global"): [account],
        },
    )
    with engine.begin() as connection:
        set_marks(connection, Author("person", "ann"), [Mark(node("v1"), "protected", "mine")])
        set_marks(connection, Author("hook", "tidy", "run-1"), [Mark(node("v2"), "clean", "old")])


@pytest.fixture
def inventory(migrated_engine: Engine, request: pytest.FixtureRequest) -> Inventory:
    """The estate; made anew only where another test has been in between, as no search changes it."""
    ids = table(migrated_engine, "SELECT id FROM inventory.resources ORDER BY id")
    if ids != [(id_,) for id_ in IDS.split()]:
        seed(request.getfixturevalue("engine"))
    return Inventory(migrated_engine, Author("person", "ann"))


FOUND = {
    # and, or, not, parentheses; without them from left to right
    "id = v1 or id = v2": "v1 v2",
    "id = v1 or id = v2 and volume_size = 10": "v1 v2",
    "id = v3 or id = v2 and volume_size = 10": "v2",
    "id = v3 or (id = v2 and volume_size = 10)": "v2 v3",
    "(id = v3 or id = v2) and volume_size = 10": "v2",
    "volume_size = 10 and id = v1 or id = v3": "v1 v3",
    "volume_size = 10 and (id = v1 or id = v3)": "v1",
    "is(instance) and not name = sunset": "i1 i3",
    "not is(volume) and not is(network)": "a1 i1 i2 i3",
    "not (is(volume) or is(network) or is(account))": "i1 i2 i3",
    "not not is(account)": "a1",
    "is(instance) and not (name = sunset or name = moon)": "i1",
    "not instance_cores > 2 and is(instance)": "i2",
    "not volume_size > 1 and is([instance, account])": "a1 i1 i2 i3",
    "is(volume) or is(account) or is(network)": "a1 b1 b2 f1 f2 n1 v1 v2 v3",
    "((((is(account)))))": "a1",
    "name in [sunset, sunrise]": "i1 i2 n1",
    "is(instance) and name==sunrise": "i1",
    'is(sim_instance) and (instance_type=="m5a.large" or instance_cores>2)': "i1 i2 i3",
    "is(instance) and /ancestors.account.reported.name=~engineering": "i1 i2 i3",
    "is(instance) and not /ancestors.account.reported.name==engineering": "",
    'name=~"sun.*" and age>30d': "i1 i2",
    "is(volume, account)": "a1 b1 b2 v1 v2 v3",
    "id(v1, v2)": "v1 v2",
    "id([v1, i3])": "i3 v1",
    # arrays
    "test = 3": "f1",
    "test > 4": "f2",
    "test any > 2": "f1 f2",
    "test all >= 1": "f1 f2 n1",
    "test all > 1": "f2 n1",
    "test none > 4": "f1 n1",
    "test none > 100": "f1 f2 n1",
    "test any in [1, 5]": "f1 f2",
    "test all in [1, 2, 3, 4]": "f1 n1",
    "test none in [1]": "f2 n1",
    "test not in [1]": "f1 f2",
    "test != 5": "f1",
    "test all != 5": "f1 n1",
    "test = [1, 2, 3, 4]": "f1",
    "test != []": "f1 f2",
    "test = []": "n1",
    "matrix = [[1, 2], [3]]": "f1",
    "matrix any = [3]": "f1",
    "volume_size all = 10": "v1 v2",
    "volume_size none = 10": "v3",
    "nothing none = 1": "",
    "nothing all = 1": "",
    "ips = 10.1.2.3": "i1",
    'ips ~ "^192"': "i1",
    'ips all ~ "^1"': "i1 i2",
    "ips none = x": "i1 i2",
    "name none = sunset and is(instance)": "i1 i3",
    "name any in [moon]": "i3",
    "test[0] = 1": "f1",
    "test[1] > 1": "f1",
    "test[7] = null and is(network)": "f1 f2 n1",
    "matrix[0][1] = 2": "f1",
    "matrix[*][*] = 3": "f1",
    "matrix[*][0] > 1": "f1",
    "some.nested[0].prop = 1": "f2",
    "some.nested[0].prop > 2": "",
    "some.nested[*].prop==2": "f2",
    "some.nested[*].prop>1": "f2",
    "some.nested[*].prop>3": "",
    "some.nested[ * ].prop all < 4": "f2",
    "some.nested[*].prop all < 3": "",
    "some.nested[*].prop none > 3": "f2",
    "some.`non.compliant.key`.prop = 42": "f2",
    "rules[*].ip_ranges[*].note = Office": "f1",
    "rules[*].ip_ranges[*].note = null": "f1 f2",
    "rules[*].ip_ranges[*].note != null": "f1",
    'rules[*].from_port>=22 and rules[*].to_port<=22 and rules[*].ip_ranges[*].cidr_ip~"0.0.0.0"': "f1 f2",
    'rules[*].{from_port>=22, to_port<=22, ip_ranges[*].cidr_ip~"0.0.0.0"}': "f2",
    'rules[*].{from_port>=22, to_port<=22, ip_ranges[*].{cidr_ip~"0.0.0.0" or note~"Office"}}': "f1 f2",
    'rules[*].{from_port = 22 and not ip_ranges[*].cidr_ip ~ "^0"}': "f1",
    "not rules[*].{from_port = 80} and is(network)": "f2 n1",
    "rules[1].{from_port = 443 or from_port = 22}": "f1 f2",
    "conf.{a > 1 and b = true}": "v2 v3",
    "some.{nested[*].{prop = 3}}": "f2",
    'rules[*].{in_subnet(ip_ranges[0].cidr_ip, "4.0.0.0/7")}': "",
    "rules[*].{ip_ranges[*].{has_key(note, x)}}": "",
    # objects
    'conf = {"a": 1, "b": [true]}': "v1",
    'conf = {"b": [true], "a": 1.0}': "v1",
    'conf != {"a": 1, "b": [true]}': "v2 v3",
    "conf = {}": "",
    'some.nested = {"prop": 3}': "f2",
    # functions
    "has_key(tags, owner)": "i1 i2 i3",
    "is(instance) and has_key(tags, owner) and tags.owner != null": "i1 i2",
    "has_key(tags, [owner, expiration])": "i1",
    "has_key(tags, owner, expiration)": "i1",
    "has_key(some, 'non.compliant.key')": "f2",
    "has_key(test, a)": "",
    'in_subnet(ip, "10.0.0.0/8")': "i1",
    'in_subnet(ip, "167.123.0.0/16")': "i2",
    'in_subnet(ip, "167.123.13.102/16")': "i2",
    "in_subnet(ip, 0.0.0.0)": "",
    'in_subnet(ip, "0.0.0.0/0")': "i1 i2",
    'in_subnet(ips, "192.168.0.0/16")': "i1",
    'not in_subnet(ip, "10.0.0.0/8") and is(instance)': "i2 i3",
    # full text
    '"sunset"': "i2 n1",
    '"SunSet"': "i2 n1",
    '"167.123.13.102"': "i2",
    '"167" and "123" and "13" and "102"': "i2",
    '("167.123" or "192.168") and "13.102"': "i2",
    '"167.123.13.102" and is(instance) and age>3w and instance_cores>0': "i2",
    '"data lake"': "b1",
    '"lake data"': "",
    '"lake" and "data"': "b1 b2",
    '"lake\'s data"': "b2",
    '"4711"': "b2",
    '"m5"': "i1",
    '"m5" or "m5a"': "i1 i2",
    'not "sunset" and is(instance)': "i1 i3",
    '"no such word"': "",
    '""': "",
    # sections and times
    "/reported.instance_cores > 4": "i3",
    '/reported.some.`non.compliant.key` = {"prop": 42}': "f2",
    "/ancestors.region.reported.name = r2": "b1 b2",
    "/ancestors.account.reported.tags.cost = '42' and is(instance)": "i1 i2 i3",
    "/ancestors.account.reported.nothing = null and is(account)": "a1",
    "/metadata.phantom = true": "",
    "/metadata.protected = true or /desired.clean = true": "v1 v2",
    "ctime < @NOW@ and is(account)": "a1",
    "ctime > @UTC@": "",
    'ctime < "@TODAY@" and is(instance) and age > 2d': "i1 i2",
    "ctime > @TOMORROW@": "",
    "ctime < @YESTERDAY@ and is(instance) and age > 3d": "i1 i2",
    "ends < @UTC@": "n1",
    "ends > @NOW@": "i1",
    "ends > @TODAY@": "i1",
    "ends < 2021-01-01": "n1",
    "ctime < -30d and is(instance)": "i1 i2",
    "ctime > -2d and is(instance)": "i3",
    "ctime < +1d and is(account)": "a1",
    "/metadata.expires > -1d": "",
    "ends < -1d": "n1",
    "ends > +10y": "i1",
    "ends < -1x": "",
    # regular expressions take upper and lower case for the same, and quotes may stand around kinds
    "name ~ SUN": "i1 i2 n1",
    'is(instance) and name !~ "^Sun"': "i3",
    "instance_type =~ M5A": "i2",
    'is("volume") and volume_size = 20': "v3",
    # words of the language as properties
    "`all` = true": "i3",
    "is(instance) and `sort` = 1": "i3",
    "is(instance) and sort = 1": "i3",
}


@pytest.mark.parametrize("search", FOUND)
def test_a_search_finds_exactly(inventory: Inventory, search: str) -> None:
    assert " ".join(sorted(row["id"] for row in inventory.rows(search))) == FOUND[search]


@pytest.mark.parametrize("search", FOUND)
def test_a_search_finds_the_same_as_it_was_read(inventory: Inventory, search: str) -> None:
    query = parse_search(search)
    assert parse_search(str(query)) == query
    assert " ".join(sorted(row["id"] for row in inventory.rows(str(query)))) == FOUND[search]


ORDERED = {
    "is(instance) sort instance_cores": "i2 i1 i3",
    "is(instance) sort instance_cores desc": "i3 i1 i2",
    "is(instance) sort instance_cores asc limit 1": "i2",
    "is(instance) sort name": "i3 i1 i2",
    "is(instance) sort age": "i3 i2 i1",
    "is(instance) sort ctime": "i1 i2 i3",
    "is(instance) sort instance_type": "i3 i1 i2",
    "is(instance) sort instance_type desc": "i2 i1 i3",
    "is(instance) sort ips[0], id desc": "i3 i2 i1",
    "is(volume) sort volume_size desc, name": "v3 v1 v2 b1 b2",
    "is(volume) sort kind, volume_size desc, name asc": "v3 v1 v2 b1 b2",
    "is(volume) sort /ancestors.region.reported.name desc, id desc": "b2 b1 v3 v2 v1",
    "is(network) sort some.nested[*].prop desc": "f2 f1 n1",
    "is(volume) limit 2": "b1 b2",
    "is(volume) limit 3, 5": "v2 v3",
    "is(volume) limit 0": "",
    "is(volume) limit 10, 5": "",
    "is(volume) reversed": "v3 v2 v1 b2 b1",
    "is(volume) sort volume_size desc limit 3 reversed": "v2 v1 v3",
    "is(volume) sort volume_size limit 2 reversed": "b2 b1",
    "all sort name limit 1, 2": "a1 b2",
    "is(volume) | head 2": "b1 b2",
    "is(volume) | tail -1": "v3",
    "is(volume) | tail": "b1 b2 v1 v2 v3",
    "is(volume) | head 4 | tail 2": "v1 v2",
    "is(volume) limit 3 | head -2": "b1 b2",
}


@pytest.mark.parametrize("search", ORDERED)
def test_a_search_finds_in_order(inventory: Inventory, search: str) -> None:
    query = parse_search(search)
    assert parse_search(str(query)) == query
    assert " ".join(row["id"] for row in inventory.rows(search)) == ORDERED[search]


SUMMED: dict[str, list[tuple[object, ...]]] = {
    "is(instance) | aggregate sum(1) as count": [(3,)],
    "is(instance) | aggregate sum(1) as count, sum(instance_cores) as cores": [(3, 14)],
    "is(instance) | aggregate instance_type as type: sum(1) as count | head 1": [("m5.large", 1)],
    "aggregate(sum(volume_size % 3) as x): is(volume)": [(4,)],
    "aggregate(sum(volume_size) as x): is(volume) sort volume_size desc limit 2": [(30,)],
    "aggregate(count() as n): is(volume) limit 3, 1": [(1,)],
    "aggregate(/ancestors.account.reported.tags.cost as cost: count() as n): is(instance)": [("42", 3)],
    "aggregate(sum(test[*]) as total): is(network)": [(15,)],
    "aggregate(count(/metadata.protected) as n): all": [(1,)],
    # of an array that is grouped by every element counts
    "aggregate(rules[*].from_port as port: count() as n): is(network)": [("22", 2), ("443", 1), ("80", 1)],
    "aggregate(rules[*].ip_protocol as p: sum(rules[*].to_port) as ports): id(f1)": [("tcp", 102)],
    "aggregate(rules[*].from_port as port, rules[*].ip_ranges[*].cidr_ip as cidr: count() as n): id(f1)": [
        ("22", "3.3.175.2/32", 1),
        ("22", "4.4.0.0/16", 1),
        ("80", "0.0.0.0/0", 1),
    ],
    'aggregate("{tags.owner}: {instance_type}" as what: count() as n): is(instance)': [
        (": ", 1),
        ("ann: m5.large", 1),
        ("bob: m5a.large", 1),
    ],
    "is(volume) | count": [(5,)],
    "all | count kind": [("sim_account", 1), ("sim_instance", 3), ("sim_network", 3), ("sim_volume", 5)],
    "is(volume) | count volume_size": [("10", 2), ("20", 1), (None, 2)],
    "is(instance) | list id, instance_cores as cores, tags.owner": [
        ("i3", 8, None),
        ("i1", 4, "ann"),
        ("i2", 2, "bob"),
    ],
}


@pytest.mark.parametrize("search", SUMMED)
def test_a_sum_gives_exactly(inventory: Inventory, search: str) -> None:
    query = parse_search(search)
    assert parse_search(str(query)) == query
    assert [tuple(row.values()) for row in inventory.rows(search)] == SUMMED[search]


SHOWN = {
    "is(volume) | count volume_size": ["20: 1", "10: 2", "total matched: 3", "total unmatched: 2"],
    "is(volume) | count": ["total matched: 5", "total unmatched: 0"],
    "is(instance) | list kind as a, name as b, does_not_exist": [
        "a=sim_instance, b=moon",
        "a=sim_instance, b=sunrise",
        "a=sim_instance, b=sunset",
    ],
    "id(b1) | list kind, id, /ancestors.account.reported.name as account, age": [
        "kind=sim_volume, id=b1, account=engineering, age=10d"
    ],
    "id(i1) | list": [
        "kind=sim_instance, id=i1, name=sunrise, age=100d, last_update=100d, cloud=sim, "
        "account=engineering, region=r1"
    ],
    "id(i1) | list --csv id, tags, ctime, nothing": [
        "id,tags,ctime,nothing",
        f'i1,"{{""owner"": ""ann"", ""expiration"": ""never""}}",'
        f"{(NOW - timedelta(days=100)).isoformat().replace('+00:00', 'Z')},",
    ],
    "id([v1, v3]) | list --markdown id, volume_size as size": [
        "| id | size |",
        "| --- | --- |",
        "| v1 | 10 |",
        "| v3 | 20 |",
    ],
    "id(v1) | list --json id, conf": ['{"id": "v1", "conf": {"a": 1, "b": [true]}}'],
    'id(f2) | format "{kind} {name}: {some.nested[1].prop}, {nothing}!"': ["sim_network open: 2, null!"],
    'is(account) | format "no value"': ["no value"],
}


def without_the_time(line: str) -> str:
    return line.replace("100d0h", "100d").replace("10d0h", "10d")


@pytest.mark.parametrize("search", SHOWN)
def test_a_pipe_shows_exactly(inventory: Inventory, search: str) -> None:
    query = parse_search(search)
    assert parse_search(str(query)) == query
    shown = [without_the_time(line) for line in lines(query.pipes[-1], inventory.rows(search))]
    assert shown == SHOWN[search]


def test_a_dump_shows_all_that_is_known(inventory: Inventory) -> None:
    shown = list(lines(Dump(), inventory.rows("id(v1) | dump")))
    assert shown[0] == "---"
    assert {"kind: sim_volume", "id: v1", "reported:", "  volume_size: 10"} <= set(shown)


WRONG = {
    "all -foo->": "line 1, column 5: expected a way through the graph",
    "all -[3:1]->": "-[3:1]-> ends before it starts",
    "all -[0:251]->": "-[0:251]->: 250 steps are the most; leave the end open to go on to the last",
    "all -delete[1:1]default->": "-delete[1:1]default->: name the types of edges once",
    "all --": "line 1, column 5: expected a way through the graph (--> <-- -[0:3]->)",
    "all <-[a]-": "<-[a]- is no way through the graph; expected e.g. -->, <--, -[0:3]->, -delete->",
    "is(account) and (is(volum) or is(region))": "line 1, column 21: unknown kind volum; did you mean",
    "is(account) with(any, --> is(volum))": "line 1, column 30: unknown kind volum; did you mean volume?",
    "/ancestors.acount.reported.x = 1": "line 1, column 12: unknown kind acount; did you mean account?",
    "is(volume) <-- is(instanse)": "line 1, column 19: unknown kind instanse; did you mean instance?",
    "a[*].{is(volume)}": "is(volume) can't stand in {…}: that holds conditions on one value of a node",
    "a[*].{not (b = 1 or 'x')}": '"x" can\'t stand in {…}: that holds conditions on one value of a node',
    "a[*].{/metadata.protected = true}": "/metadata.protected can't stand in {…}: paths start at the value",
    'in_subnet(ip, "10.0.0.0/99")': "in_subnet(ip, \"10.0.0.0/99\"): '10.0.0.0/99' is no network, e.g.",
    'in_subnet(name, "10.0.0.0/8")': "name is no object or address",
    "ctime < @SOON@": "ctime: '@SOON@' is no timestamp; expected e.g. 2026-01-31T12:00:00Z",
    "with(count ~ 2, -->)": "line 1, column 5: expected",
    "all with(count ~ 2, -->)": "count ~ …: a count compares with = != < <= > >=",
    "conf > {}": "conf > …: an object compares with = and != only",
    "all | list | head 3": "nothing can follow | list",
    "all | count | successors": "after a sum or a list there are no resources any more to go on with",
    "aggregate(count()): all | count": "a sum can only be followed by | head, | tail or | write",
    "aggregate(count()): all | successors": "after a sum or a list there are no resources any more",
    "all | lst": "line 1, column 7: expected aggregate, ancestors, descendants, predecessors, successors",
    'all | format "{a b}"': "line 1, column 3: expected ., [0] or [*], the end",
    "all limit x": "line 1, column 11: expected a whole number",
    "(all or\nname =) ": "line 2, column 7: expected [, a number, a quoted text",
    "a = 1 orange = 2": "line 1, column 7: expected a way through the graph",
    "a = 1 or (b = 2 and (" * 120 + "all" + "))" * 120: "a search can be nested 200 levels deep at most",
    "x = " + "[" * 300 + "]" * 300: "a search can be nested 200 levels deep at most",
    "all" + " -->" * 300: "a search can be nested 200 levels deep at most",
}


@pytest.mark.parametrize("search", WRONG, ids=lambda search: search[:40])
def test_a_search_that_is_wrong_is_told_why(inventory: Inventory, search: str) -> None:
    with pytest.raises(SearchError) as refused:
        list(inventory.rows(search))
    assert str(refused.value).startswith(WRONG[search])


@pytest.mark.parametrize("search", ["all | list", "all | count", "all | head 3", "aggregate(count()): all"])
def test_only_resources_can_be_marked(inventory: Inventory, search: str) -> None:
    with pytest.raises(SearchError, match="to work on"):
        inventory.protect(search, "why")


def test_a_search_that_takes_too_long_is_given_up(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory_module, "_SECONDS", 1)
    with pytest.raises(SearchError) as refused, inventory._searching() as connection:
        connection.exec_driver_sql("SELECT pg_sleep(30)")
    assert str(refused.value) == "the search was given up after 1 seconds; narrow it down"


def test_deep_parentheses_and_many_negations_are_no_depth() -> None:
    assert parse_search("(" * 3000 + "a = 1" + ")" * 3000) == parse_search("a = 1")
    assert parse_search("not " * 3000 + "a = 1") == parse_search("a = 1")
