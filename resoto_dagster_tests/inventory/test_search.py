"""Searches on a known estate: what each finds, what is wrong with others, and what never reaches the SQL."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from resoto_dagster.inventory.inventory import Inventory
from resoto_dagster.inventory.marks import Author, Mark, set_marks
from resoto_dagster.inventory.search.compile import compile_aggregate, compile_nodes
from resoto_dagster.inventory.search.parse import SearchError, parse_search
from resoto_dagster.inventory.search.query import IsKind, Path, Predicate, Query
from resoto_dagster_tests.estate import NOW, collect, node, resource, scope, table

ZERO = "012345678901"
"""An account whose id begins with a zero."""


def days(count: float) -> datetime:
    return NOW - timedelta(days=count)


def seed(engine: Engine) -> None:
    """Volumes v1–v5, instances i1–i3, a network, a region and two accounts, one of them without a name."""
    volumes = [
        resource(
            "v1",
            name="data",
            tags={"owner": "ann", "cost center": "42", "stage": "prod"},
            ctime=days(10),
            mtime=days(5),
            atime=days(2),
            properties={
                "volume_size": 8,
                "volume_type": "gp3",
                "volume_status": "available",
                "volume_encrypted": True,
                "attached": ["i1", "i2"],
                "nested": {"a": {"b": 1}, "list": [{"x": 1}, {"x": 2}]},
                "version": "1.10",
            },
        ),
        resource(
            "v2",
            name="data-2",
            tags={"owner": "bob", "expiration": "1d"},
            ctime=days(40),
            properties={
                "volume_size": 100,
                "volume_type": "io1",
                "volume_status": "in-use",
                "volume_encrypted": False,
                "attached": [],
                "nested": {"a": {"b": 2}},
                "version": "1.1",
            },
        ),
        resource(
            "v3",
            name="Größe",
            tags={"stage": "prod", "expiration": "never"},
            ctime=days(400),
            atime=days(390),
            properties={"volume_size": "8", "volume_type": None, "volume_iops": 3000.5, "version": 1.10},
        ),
    ]
    elsewhere = [
        resource("v4", region="r2", name='say "hi"', ctime=days(1), properties={"volume_size": 8}),
        resource("v5", region="r2", name="back\\slash", ctime=None, tags={"owner": ""}),
    ]
    instances = [
        resource("i1", "sim_instance", ctime=days(3), properties={"instance_cores": 2, "hourly": 0.5}),
        resource("i2", "sim_instance", ctime=days(3), properties={"instance_cores": 4, "hourly": 0.25}),
        resource("i3", "sim_instance", ctime=days(3), properties={"instance_cores": None}),
    ]
    later = {"resoto:expires": "2100-01-01T00:00:00Z"}
    collect(
        engine,
        {
            scope(): volumes,
            scope(region="r2"): elsewhere,
            scope("sim_instance"): instances,
            scope("sim_account", "global"): [resource("a1", "sim_account", "global", name="production")],
            scope("sim_region", "global"): [resource("r1", "sim_region", "global", name="Region One")],
            scope("sim_network", account=ZERO): [resource("n1", "sim_network", name="10", tags=later)],
        },
    )
    with engine.begin() as connection:
        set_marks(connection, Author("person", "ann"), [Mark(node("v1"), "protected", "mine")])
        set_marks(connection, Author("hook", "tidy", "run-1"), [Mark(node("v2"), "clean", "old")])


@pytest.fixture
def inventory(migrated_engine: Engine, request: pytest.FixtureRequest) -> Inventory:
    """The estate; made anew only where another test has been in between, as no search changes it."""
    if table(migrated_engine, "SELECT id FROM inventory.resources ORDER BY id") != [
        (id_,) for id_ in ALL.split()
    ]:
        seed(request.getfixturevalue("engine"))
    return Inventory(migrated_engine, Author("person", "ann"))


ALL = "a1 i1 i2 i3 n1 r1 v1 v2 v3 v4 v5"
NAMES = {
    "i1",
    "i2",
    "i3",
    "10",
    "production",
    "Region One",
    "data",
    "data-2",
    "Größe",
    'say "hi"',
    "back\\slash",
}
FOUND = {
    # kinds and base kinds
    "all": ALL,
    "is(resource)": ALL,
    "is(sim_volume)": "v1 v2 v3 v4 v5",
    "is(volume)": "v1 v2 v3 v4 v5",
    "is(instance)": "i1 i2 i3",
    "is(network)": "n1",
    "is(phantom_resource)": "r1",
    "is([sim_instance, network])": "i1 i2 i3 n1",
    "is( [ account , region ] )": "a1 r1",
    "is(database)": "",
    "is(volume) and is(instance)": "",
    "is(volume) and is(sim_volume) and all": "v1 v2 v3 v4 v5",
    'kind = "sim_region"': "r1",
    # identity
    "id(v1)": "v1",
    'id("v1")': "v1",
    "id(10)": "",
    "id(null)": "",
    "id = v1": "v1",
    "id == v1": "v1",
    "id != v1 and is(volume)": "v2 v3 v4 v5",
    "id in [v1, v2, nothing]": "v1 v2",
    "id not in [v1, v2] and is(volume)": "v3 v4 v5",
    "id in []": "",
    "id not in [] and is(network)": "n1",
    'id > "v3"': "v4 v5",
    "id >= v4": "v4 v5",
    "id < i2": "a1 i1",
    "id != null and is(network)": "n1",
    "id = null": "",
    # texts
    "name = data": "v1",
    "name = 'data'": "v1",
    'name = "Größe"': "v3",
    "name = Größe": "v3",
    'name = "say \\"hi\\""': "v4",
    "name = 'say \"hi\"'": "v4",
    'name = "back\\\\slash"': "v5",
    "name = 10": "n1",
    "name in [10, data]": "n1 v1",
    "name = true": "",
    "name ~ data": "v1 v2",
    "name =~ '^data$'": "v1",
    'name ~ "^data-\\d$"': "v2",
    "name !~ data and is(volume)": "v3 v4 v5",
    "name = data-2": "v2",
    # properties
    "volume_size = 8": "v1 v4",
    "volume_size = 8.0": "v1 v4",
    "/reported.volume_size = 8": "v1 v4",
    'volume_size = "8"': "v3",
    "volume_size != 8": "v2 v3",
    "volume_size > 8": "v2",
    "volume_size >= 8": "v1 v2 v4",
    "volume_size < 100": "v1 v4",
    "volume_size <= 100": "v1 v2 v4",
    "volume_size > -1": "v1 v2 v4",
    'volume_size > ""': "v3",
    "volume_size in [8, 100]": "v1 v2 v4",
    'volume_size in [8, "8"]': "v1 v3 v4",
    "volume_size not in [8]": "v2 v3",
    "volume_size ~ 8": "v3",
    "volume_iops = 3000.5": "v3",
    "volume_iops > 3000.49": "v3",
    "version = 1.10": "v3",
    "version = 1.1": "v3",
    'version = "1.1"': "v2",
    "volume_encrypted = true": "v1",
    "volume_encrypted = false": "v2",
    "volume_encrypted != true": "v2",
    'volume_encrypted = "true"': "",
    "volume_type = gp3": "v1",
    "volume_type != gp3": "v2",
    "volume_type ~ '^(gp|io)'": "v1 v2",
    "volume_type !~ gp": "v2",
    "volume_type > gp3": "v2",
    # null and missing are one
    "volume_type = null and is(volume)": "v3 v4 v5",
    "volume_type != null": "v1 v2",
    "volume_type < zzz": "v1 v2",
    "volume_type not in [gp3]": "v2",
    "instance_cores = null and is(instance)": "i3",
    "instance_cores < 100": "i1 i2",
    "nothing = null and is(network)": "n1",
    "nothing != null": "",
    "nothing != 1": "",
    "nothing not in [1]": "",
    # nested values, arrays and tags
    "nested.a.b = 1": "v1",
    "nested.a.b >= 1": "v1 v2",
    "nested.a.c = null and is(volume) and nested != null": "v1 v2",
    "nested.`list`.`1`.x = 2": "v1",
    "attached = [i1, i2]": "v1",
    "attached = [i2, i1]": "",
    "attached = []": "v2",
    "attached != []": "v1",
    "attached.`0` = i1": "v1",
    "tags.owner = ann": "v1",
    "tags.`owner` = ann": "v1",
    "tags.`cost center` = '42'": "v1",
    "tags.`cost center` = 42": "",
    "tags.owner = null and is(volume)": "v3 v4",
    'tags.owner = ""': "v5",
    "tags.owner in [ann, bob]": "v1 v2",
    "tags.owner ~ '^(ann|bob)$'": "v1 v2",
    "tags.owner !~ ann": "v2 v5",
    "tags.stage = prod and tags.owner = ann": "v1",
    "tags.owner != null and age > 20d": "v2",
    # ages; v5 has no ctime and counts from when it was first seen
    "age > 30d": "v2 v3",
    "age > 12M": "v3",
    "is(volume) and age < 2d": "v4 v5",
    'is(volume) and age <= "11 days"': "v1 v4 v5",
    'is(volume) and age >= "1 month 1 week"': "v2 v3",
    "is(volume) and age > 2h30m": "v1 v2 v3 v4",
    "/reported.age > 30d": "v2 v3",
    "is(volume) and last_update > 30d": "v2 v3",
    "is(volume) and last_update < 6d": "v1 v4 v5",
    "last_access > 1d": "v1 v3",
    "last_access < 3d": "v1",
    "last_access = null and is(volume)": "v2 v4 v5",
    "last_access != null": "v1 v3",
    # times
    f'is(volume) and ctime < "{days(30).isoformat()}"': "v2 v3",
    f"is(volume) and ctime >= {days(1).isoformat()}": "v4 v5",
    f'ctime = "{days(40).isoformat()}"': "v2",
    f'is(instance) and ctime != "{days(3).isoformat()}"': "",
    "ctime < 2020-01-01": "",
    "ctime = null": "",
    f'mtime = "{days(5).isoformat()}"': "v1",
    f'mtime < "{days(30).isoformat()}"': "v2 v3",
    "atime = null and is(volume)": "v2 v4 v5",
    f'atime > "{days(3).isoformat()}"': "v1",
    # ancestors, marks and expiry
    "/ancestors.account.reported.name = production and is(instance)": "i1 i2 i3",
    "/ancestors.account.reported.id = a1 and is(network)": "",
    f"/ancestors.account.reported.id = {ZERO}": "n1",
    f"/ancestors.account.reported.id in [{ZERO}, 5]": "n1",
    f"/ancestors.account.reported.name = '{ZERO}'": "n1",
    "/ancestors.account.reported.name ~ '^prod' and is(region)": "r1",
    "/ancestors.region.reported.name = r2": "v4 v5",
    "/ancestors.region.reported.id != r1 and is(volume)": "v4 v5",
    "/ancestors.cloud.reported.name = sim and is(network)": "n1",
    "/ancestors.cloud.reported.id = aws": "",
    "/metadata.protected = true": "v1",
    "/metadata.protected != true and is(volume)": "v2 v3 v4 v5",
    "/metadata.protected = false and is(volume)": "v2 v3 v4 v5",
    "/desired.clean = true": "v2",
    "/desired.clean != false": "v2",
    "/metadata.expires != null": "n1 v2",
    "/metadata.expires = null and is(volume)": "v1 v3 v4 v5",
    f'/metadata.expires < "{NOW.isoformat()}"': "v2",
    "/metadata.expires > 2099-12-31": "n1",
    "/metadata.expires = 2100-01-01T00:00:00Z": "n1",
    # space means nothing
    "is(volume)and volume_size=8": "v1 v4",
    "\n  is(volume)\n  and  volume_size\t=\n8\n": "v1 v4",
}


@pytest.mark.parametrize("search", FOUND, ids=range(len(FOUND)))  # times in them differ by process
def test_a_search_finds_exactly(inventory: Inventory, search: str) -> None:
    assert " ".join(sorted(row["id"] for row in inventory.rows(search))) == FOUND[search]
    assert len(inventory.nodes(search)) == len(FOUND[search].split())


AGGREGATED: dict[str, list[tuple[object, ...]]] = {
    "aggregate(sum(1) as n): is(volume)": [(5,)],
    "aggregate(count()): is(volume)": [(5,)],
    "aggregate(count(1)): is(volume)": [(5,)],
    "aggregate(count(volume_size)): all": [(4,)],
    "aggregate(count(volume_type)): all": [(2,)],
    "aggregate(count(name)): is(volume)": [(5,)],
    "aggregate(count(atime)): all": [(2,)],
    "aggregate(count(/metadata.expires)): all": [(2,)],
    "aggregate(sum(volume_size)): all": [(116,)],
    "aggregate(min(volume_size), max(volume_size), avg(hourly)): all": [(8, 100, Decimal("0.375"))],
    "aggregate(sum(volume_size * 1024 / 2 + 1 - 0.5) as total): id in [v1, v2]": [(55297,)],
    "aggregate(sum(volume_size)): is(instance)": [(None,)],
    "aggregate(kind: sum(1) as n): is([volume, network])": [("sim_network", 1), ("sim_volume", 5)],
    "aggregate(volume_type: sum(volume_size) as size): is(volume)": [("gp3", 8), ("io1", 100), (None, 8)],
    "aggregate(kind, volume_encrypted as enc: count() as n): is(volume) and id != v5": [
        ("sim_volume", "false", 1),
        ("sim_volume", "true", 1),
        ("sim_volume", None, 2),
    ],
    "aggregate(tags.`cost center` as center: sum(1) as n): is(volume)": [("42", 1), (None, 4)],
    "aggregate(/ancestors.account.reported.name as account, /ancestors.region.reported.id as region: "
    "sum(instance_cores) as cores): is(instance)": [("production", "r1", 6)],
    "aggregate(/metadata.protected: sum(1) as n): is(volume)": [(False, 4), (True, 1)],
    "aggregate(/desired.clean as going: sum(1) as n): is(volume)": [(False, 4), (True, 1)],
    "aggregate(nested.a.b: sum(1) as n): nested != null": [("1", 1), ("2", 1)],
    "aggregate(kind: sum(1) as n): is(database)": [],
}


@pytest.mark.parametrize("search", AGGREGATED)
def test_an_aggregation_gives_exactly(inventory: Inventory, search: str) -> None:
    assert [tuple(row.values()) for row in inventory.rows(search)] == AGGREGATED[search]


def test_the_columns_of_an_aggregation_bear_the_names_given_or_their_own(inventory: Inventory) -> None:
    (row,) = inventory.rows(
        "aggregate(kind, tags.owner, tags.stage as s: sum(1), max(volume_size) as m): id(v1)"
    )
    assert row == {"kind": "sim_volume", "owner": "ann", "s": "prod", "sum_of_1": 1, "m": 8}


IDS = "[, a number, a quoted text, a value"
VALUES = f"{IDS}, false, null, true, {{"
FUNCTIONS = "all, has_key(...), id(...), in_subnet(...), is(kind), not"
TERMS = f"(, /, a property, a quoted text, {FUNCTIONS}"
SEARCHES = TERMS.replace("all,", "aggregate(...), all,")
COMPARED = "., [0] or [*], a comparison (= != < <= > >= ~ !~), any, all or none, in, not in"
AFTER = "a way through the graph (--> <-- -[0:3]->), and, limit, or, reversed, sort, the end, with(...), {, |"
DURATION = "expected e.g. 30d, 2h30m or '7 days 4 hours' (m is minutes, M is months)"
MOMENT = "expected e.g. 2026-01-31T12:00:00Z, or -30d for 30 days ago"


def at(line: int, column: int, problem: str, shown: str) -> str:
    return f"line {line}, column {column}: {problem}\n  {shown}\n  {' ' * (column - 1)}^"


def unexpected(column: int, expected: str, shown: str, line: int = 1) -> str:
    return at(line, column, f"expected {expected}", shown)


WRONG = {
    "": unexpected(1, SEARCHES, ""),
    "\n": unexpected(1, SEARCHES, "", line=2),
    "is(": unexpected(4, "[, a name, a quoted text", "is("),
    "is()": unexpected(4, "[, a name, a quoted text", "is()"),
    "is([])": unexpected(5, "a name, a quoted text", "is([])"),
    "is(volume": unexpected(10, "), a comma", "is(volume"),
    "is(a b)": unexpected(6, "), a comma", "is(a b)"),
    "id()": unexpected(4, IDS, "id()"),
    "id([])": unexpected(5, IDS.removeprefix("[, "), "id([])"),
    "name": unexpected(5, COMPARED, "name"),
    "name =": unexpected(7, VALUES, "name ="),
    "name = 'open": unexpected(8, VALUES, "name = 'open"),
    "name = a b": unexpected(10, AFTER, "name = a b"),
    "all and": unexpected(8, TERMS, "all and"),
    "all and\n": unexpected(1, TERMS, "", line=2),
    "all and\n  name ! 5 and\nall": unexpected(8, COMPARED, "  name ! 5 and", line=2),
    "a..b = 1": unexpected(3, "a property, {", "a..b = 1"),
    "x in [1, 2": unexpected(11, "], a comma", "x in [1, 2"),
    "aggregate(: all": unexpected(
        11, "/, a property, a quoted text, sum, min, max, avg or count", "aggregate(: all"
    ),
    "aggregate(sum(1)) all": unexpected(19, ":", "aggregate(sum(1)) all"),
    "aggregate(sum()): all": "sum() needs something to aggregate, e.g. sum(1)",
    "aggregate(sum(a), sum(a)): all": "'sum_of_a' would stand twice in the result; name one of them with as",
    "aggregate(kind, kind: count()): all": "'kind' would stand twice in the result; name one of them with as",
    "aggregate(age: count()): all": "age is another for every resource; it can't be grouped by",
    "aggregate(max(name)): all": "max(name): only numbers can be aggregated, and name is none",
    "aggregate(avg(age)): all": "avg(age): only numbers can be aggregated, and age is none",
    "aggregate(sum(1/0)): all": "the database refused: division by zero",
    'name = "\x00"': at(1, 9, "a search can't hold the character U+0000", 'name = "\ufffd"'),
    'all and name = "\ud800"': at(
        1, 17, "a search can't hold the character U+D800", 'all and name = "\ufffd"'
    ),
    f"volume_size = {'9' * 101}": f"a number has 100 characters at most: {'9' * 20}…",
    "is(volum)": at(1, 4, "unknown kind volum; did you mean volume?", "is(volum)"),
    "is([volume, sim_instanse])": at(
        1, 13, "unknown kind sim_instanse; did you mean sim_instance?", "is([volume, sim_instanse])"
    ),
    "is(zzz)": at(1, 4, "unknown kind zzz; no provider collected so far has it", "is(zzz)"),
    "age > 5": "age compares (= != < <= > >=) with a duration, e.g. 30d, not 5",
    "age ~ 5d": "age compares (= != < <= > >=) with a duration, e.g. 30d, not '5d'",
    "age > true": "age compares (= != < <= > >=) with a duration, e.g. 30d, not true",
    "age in [5d]": "age compares (= != < <= > >=) with a duration, e.g. 30d, not [5d]",
    "age > 5x": f"age: duration '5x' has the unknown unit 'x'; {DURATION}",
    "age > 0h": f"age: duration '0h' is empty or zero; {DURATION}",
    'age > "-7d"': f"age: duration '-7d' is negative; {DURATION}",
    "age > 300000y": f"age: duration '300000y' is longer than 1000 years; {DURATION}",
    "age > null": "age: null compares with = and != only",
    "ctime > 5d": f"ctime: '5d' is no timestamp; {MOMENT}",
    "ctime > -5x": f"ctime: duration '5x' has the unknown unit 'x'; {DURATION}",
    "/metadata.expires < soon": f"/metadata.expires: 'soon' is no timestamp; {MOMENT}",
    "/metadata.expires < null": "/metadata.expires: null compares with = and != only",
    "name < null": "name: null compares with = and != only",
    "volume_size < null": "volume_size: null compares with = and != only",
    "name < [a]": "name < … needs a single value",
    "name in a": "name in … needs a list",
    "volume_size not in 5": "volume_size not in … needs a list",
    "name = [a]": "name is a text; it compares with a list by in and not in",
    "volume_type in [gp3, null]": "volume_type in …: null is in no list; compare it with = or !=",
    "volume_type in [null]": "volume_type in …: null is in no list; compare it with = or !=",
    "/desired.clean = yes": "/desired.clean is true or false; compare it with = or !=",
    "/metadata.protected > false": "/metadata.protected is true or false; compare it with = or !=",
    'name ~ "("': "the database refused: invalid regular expression: parentheses () not balanced",
    "/foo.bar = 1": (
        "unknown section /foo.bar; known are /reported.…, "
        "/ancestors.KIND.reported.…, /descendants.KIND.reported.…, "
        "/metadata.protected, /metadata.phantom, /desired.clean, /metadata.expires"
    ),
}


@pytest.mark.parametrize("search", WRONG)
def test_a_search_that_is_wrong_is_told_with_the_place_and_what_was_expected(
    inventory: Inventory, search: str
) -> None:
    with pytest.raises(SearchError) as refused:
        list(inventory.rows(search))
    assert str(refused.value) == WRONG[search]


def test_before_the_first_collect_any_kind_may_be_named(engine: Engine) -> None:
    assert Inventory(engine, Author("person", "ann")).nodes("is(aws_not_known_yet)") == []


def test_an_aggregation_has_nothing_to_mark(inventory: Inventory) -> None:
    for act in (inventory.clean, inventory.protect):
        with pytest.raises(SearchError) as refused:
            act("aggregate(count()): all", "why")
        assert str(refused.value) == "an aggregation has no resources to work on"


def test_a_table_has_a_column_a_property_and_keeps_nested_values(inventory: Inventory) -> None:
    found = inventory.search("is(volume) sort id").set_index("id")
    assert list(found.index) == ["v1", "v2", "v3", "v4", "v5"]
    assert found.loc["v1", "tags"] == {"owner": "ann", "cost center": "42", "stage": "prod"}
    assert found.loc["v1", "nested"] == {"a": {"b": 1}, "list": [{"x": 1}, {"x": 2}]}
    assert found.loc["v2", "attached"] == []
    assert found.loc["v3", "volume_size"] == "8"
    assert found.loc["v1", "account_name"] == "production"
    assert found.loc["v1", "ctime"] == days(10)
    assert found.loc["v4", "region"] == "r2"
    assert isinstance(found.loc["v1", "node_id"], uuid.UUID)


def test_a_column_of_a_list_may_be_named_like_a_nodes(inventory: Inventory) -> None:
    found = inventory.search("id(v1) | list volume_size as reported, /reported.nested.a as node_id")
    assert found.to_dict("records") == [{"reported": 8, "node_id": {"b": 1}}]


def test_a_table_of_nothing_is_empty(inventory: Inventory) -> None:
    """It has the columns that every answer has, so that what works on the table works on this one too."""
    nothing = inventory.search("id(nothing)")
    assert nothing.empty
    assert {"id", "account_name", "ctime"} <= set(nothing)
    assert list(inventory.search("id(nothing) | list name, tags.owner as who")) == ["name", "who"]
    assert list(inventory.search("aggregate(kind: count() as n): id(nothing)")) == ["kind", "n"]
    assert "above" in inventory.search("id(nothing) {above: <--}")


def test_rows_are_streamed(engine: Engine) -> None:
    collect(engine, {scope(): [resource(f"v{i:04}") for i in range(2500)]})
    cursors = []

    def count(_connection: object, cursor: object, *_rest: object) -> None:
        cursors.append(type(cursor).__name__)

    event.listen(engine, "after_cursor_execute", count)
    try:
        rows = Inventory(engine, Author("person", "ann")).rows("is(volume)")
        first = next(rows)
        assert first["id"] == "v0000"
        assert sum(1 for _ in rows) == 2499
    finally:
        event.remove(engine, "after_cursor_execute", count)
    assert "ServerCursor" in cursors, "the server keeps the rows until they are asked for"


texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=20)
values = st.one_of(texts, st.booleans(), st.decimals(allow_nan=False, allow_infinity=False, places=2))
paths = st.sampled_from(
    [("name",), ("volume_size",), ("tags", "owner"), ("ancestors", "account", "reported", "id")]
)


def compiled(path: tuple[str, ...], comparison: str, value: object) -> str:
    rooted = path[0] == "ancestors"
    query = Query((Predicate(Path(path, rooted), comparison, value),))  # type: ignore[arg-type]
    return compile_nodes(query, {}, "r.id").sql


@given(paths, st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "~", "!~"]), values, values)
@example(("name",), "=", "'; DROP TABLE inventory.resources; --", "x")
@example(("tags", "owner"), "=", ":p0 %s {} %(p)s", "x")
def test_a_value_is_never_part_of_the_sql(path, comparison, one, other) -> None:
    assert compiled(path, comparison, one) == compiled(path, comparison, other)


@given(texts, texts)
@example("a", "'; DROP TABLE inventory.resources; --")
@example("a", ":p0")
def test_neither_is_a_property_or_a_kind(one: str, other: str) -> None:
    assume(one.isdigit() == other.isdigit())  # digits can be a place in an array, which no index knows
    for make in (
        lambda name: Query((Predicate(Path(("tags", name)), "=", "x"),)),
        lambda name: Query((IsKind((name,)),)),
    ):
        assert compile_nodes(make(one), {}, "r.id").sql == compile_nodes(make(other), {}, "r.id").sql


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts)
@example("'; DROP TABLE inventory.resources; --")
@example(":p0 %s %(p0)s {}")
@example('\\"')
@example("\\")
def test_any_text_is_searched_for_as_it_is(inventory: Inventory, value: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    query = parse_search(f'name = "{quoted}" and tags.x = "{quoted}" and name in ["{quoted}"]')
    assert [term.value for term in query.terms] == [value, value, (value,)]  # type: ignore[union-attr]
    assert len(inventory.nodes(f'name = "{quoted}"')) == (value in NAMES)


tokens = st.sampled_from(
    [
        *("is(volume)", "is([a,b])", "id(x)", "all", "and", "aggregate(", "sum(", "count()", ")", ":", ","),
        *(
            "name",
            "tags.`a b`",
            "/metadata.expires",
            "/reported",
            "age",
            "ctime",
            "=",
            "!=",
            "~",
            "<",
            "in",
            "not",
        ),
        *(
            "[",
            "]",
            "5",
            "-1.5",
            "007",
            "30d",
            "'x'",
            '"',
            "true",
            "null",
            "2026-01-01",
            "\n",
            "`",
            "as",
            "*",
            "\\",
        ),
    ]
)


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.text(max_size=40), st.lists(tokens, max_size=12).map(" ".join)))
@example("x = " + "[" * 200)
@example("/reported = 1")
@example("all and\n")
def test_any_text_is_a_search_or_refused(text: str) -> None:
    problem = None
    try:
        query = parse_search(text)
        if query.aggregate is None:
            compile_nodes(query, {}, "r.id")
        else:
            compile_aggregate(query, {})
    except SearchError as error:
        problem = str(error)
    assert problem is None or problem.split("\n")[0]


@settings(deadline=None, max_examples=60)
@given(st.integers(-(10**30), 10**30), st.integers(1, 10**6))
def test_numbers_keep_every_digit(whole: int, fraction: int) -> None:
    (term,) = parse_search(f"x = {whole}.{fraction}").terms
    assert isinstance(term, Predicate)
    assert isinstance(term.value, Decimal)
    assert format(term.value, "f") == f"{whole}.{fraction}"


def test_times_without_a_zone_are_utc() -> None:
    (term,) = parse_search("ctime < 2026-01-01").terms
    (moment,) = compile_nodes(Query((term,)), {}, "r.id").parameters.values()
    assert moment == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_long_search_takes_no_long_time() -> None:
    assert len(parse_search(" and ".join(["tags.`x y` = 'abc'"] * 300)).terms) == 300
    (term,) = parse_search(f"x in [{', '.join(map(str, range(1000)))}]").terms
    assert isinstance(term, Predicate)
    assert len(term.value) == 1000  # type: ignore[arg-type]
