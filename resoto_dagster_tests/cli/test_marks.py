from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from resoto_dagster.inventory.marks import Author, Mark, set_marks
from resoto_dagster_tests.cleanup.conftest import Estate
from resoto_dagster_tests.cli.commands import resoto, resoto_json
from resoto_dagster_tests.estate import collect, node, resource, scope, table


def marks(estate: Estate) -> list[tuple[Any, ...]]:
    return table(
        estate.engine,
        "SELECT r.id, m.mark, m.source, m.author, m.reason FROM inventory.marks m "
        "JOIN inventory.resources r USING (node_id) ORDER BY 1, 2, 3, 4",
    )


def test_a_persons_marks_bear_name_and_reason(estate: Estate) -> None:
    told = resoto("protect", "vol", "v1", "--reason", "the last backup").stdout
    assert "2 resources protected by tester" in told
    told = resoto("clean", "--search", "is(network)", "--reason", "left over").stdout
    assert "1 resource marked to be cleaned by tester" in told
    assert marks(estate) == [
        ("net", "clean", "person", "tester", "left over"),
        ("v1", "protected", "person", "tester", "the last backup"),
        ("vol", "protected", "person", "tester", "the last backup"),
    ]


def test_a_persons_clean_mark_is_planned_and_a_protection_keeps(estate: Estate) -> None:
    resoto("clean", "v1", "--reason", "left over")
    resoto("protect", "vol", "--reason", "the last backup")
    plan = estate.plan()
    assert {item.resource.id for item in plan.going} == {"ins", "net", "v1"}
    assert {item.resource.id: item.kept for item in plan.kept} == {
        "vol": "protected by person tester: the last backup"
    }


def test_what_is_kept_for_a_while_goes_afterwards(estate: Estate) -> None:
    told = resoto("keep", "vol", "--for", "1d", "--reason", "until tomorrow").stdout
    (until,) = table(estate.engine, "SELECT until FROM inventory.marks")[0]
    assert timedelta(hours=23) < until - datetime.now(UTC) < timedelta(hours=25)
    assert told.endswith(f"1 resource protected by tester until {until:%Y-%m-%d %H:%M}Z\n")
    assert {item.resource.id: item.kept for item in estate.plan().kept}["vol"] == (
        "protected by person tester: until tomorrow"
    )
    with estate.engine.begin() as connection:
        connection.execute(text("UPDATE inventory.marks SET until = now() WHERE until IS NOT NULL"))
    assert "vol" in {item.resource.id for item in estate.plan().going}


def test_a_later_protection_of_ones_own_holds_for_good(estate: Estate) -> None:
    resoto("keep", "vol", "--reason", "a month")
    resoto("protect", "vol", "--reason", "for good")
    assert table(estate.engine, "SELECT reason, until FROM inventory.marks") == [("for good", None)]


def test_nothing_is_kept_for_no_time(estate: Estate) -> None:
    for length in ("0d", "-1d", "soon"):
        assert "--for: " in resoto("keep", "vol", f"--for={length}", "--reason", "x", code=2).stderr
    assert marks(estate) == []


def test_unmark_takes_back_ones_own_and_shows_the_rest(estate: Estate) -> None:
    resoto("protect", "vol", "--reason", "mine")
    with estate.engine.begin() as connection:
        set_marks(connection, Author("person", "anna"), [Mark(node("vol"), "protected", "hers")])
    told = resoto("unmark", "vol").stdout
    assert told.startswith("1 mark taken back\nthese stay:\n")
    assert told.splitlines()[-1].split() == ["vol", "protected", "person", "anna", "hers"]
    assert [mark[3] for mark in marks(estate)] == ["anna"]
    assert resoto_json("unmark", "vol") == {
        "unmarked": 0,
        "remaining": [
            {
                "node_id": str(node("vol")),
                "mark": "protected",
                "source": "person",
                "author": "anna",
                "reason": "hers",
            }
        ],
    }


def test_json_names_what_was_marked(estate: Estate) -> None:
    told = resoto_json("clean", "vol", "--reason", "left over")
    assert told["marked"] == 1
    assert told["resources"][0]["node_id"] == str(node("vol"))
    assert told["resources"][0]["account_name"] == "production"


def test_an_id_that_several_have_is_not_guessed(estate: Estate) -> None:
    collect(estate.engine, {scope(region="r3"): [resource("vol", region="r3")]})
    told = resoto("clean", "v1", "vol", "--reason", "left over", code=2).stderr
    assert told.startswith("resoto: 2 resources have the id 'vol'; say which with --search")
    assert len(told.splitlines()) == 3
    assert marks(estate) == []
    search = told.splitlines()[0].partition("e.g. --search '")[2].removesuffix("'")
    assert "1 resource marked" in resoto("clean", "--search", search, "--reason", "left over").stdout


def test_an_id_that_nobody_has_marks_nothing(estate: Estate) -> None:
    told = resoto("clean", "vol", 'no"pe', "--reason", "left over", code=2).stderr
    assert told == "resoto: no resource has the id 'no\"pe'; nothing was marked or unmarked\n"
    assert marks(estate) == []


def test_a_reason_and_resources_must_be_given(estate: Estate) -> None:
    assert "--reason" in resoto("protect", "vol", code=2).stderr
    assert "--reason is empty" in resoto("protect", "vol", "--reason", " ", code=2).stderr
    assert "name resources by their ids" in resoto("protect", "--reason", "x", code=2).stderr
    told = resoto("clean", "vol", "--search", "is(volume)", "--reason", "x", code=2).stderr
    assert "name resources by their ids" in told
    told = resoto("clean", "--search", "aggregate(kind: sum(1) as n): all", "--reason", "x", code=2).stderr
    assert "an aggregation has no resources" in told
    assert marks(estate) == []


def test_a_search_for_a_kind_that_there_is_not_is_refused(estate: Estate) -> None:
    told = resoto("protect", "--search", "is(volum)", "--reason", "a typo", code=2).stderr
    assert "unknown kind volum; did you mean volume?" in told
    assert marks(estate) == []
