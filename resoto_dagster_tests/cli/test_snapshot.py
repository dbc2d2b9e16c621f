import json

from sqlalchemy import Engine

from resoto_dagster_tests.cleanup.conftest import Estate
from resoto_dagster_tests.cli.commands import resoto, resoto_json
from resoto_dagster_tests.estate import collect, resource, scope


def ids(*arguments: str) -> list[str]:
    return sorted(json.loads(line)["id"] for line in resoto(*arguments, "--json").stdout.splitlines())


def test_a_snapshot_is_taken_searched_and_deleted(estate: Estate, engine: Engine) -> None:
    assert resoto("snapshot", "list").stdout == "no snapshot has been taken yet\n"
    before = ids("search", "is(volume)")
    assert resoto("snapshot", "take", "before").stdout.startswith("snapshot before is the inventory as of 20")
    collect(engine, {scope(): [resource("new")], scope(region="r2"): []})
    assert ids("search", "is(volume)") == ["new"]
    assert ids("search", "is(volume)", "--at", "before") == before
    (listed,) = resoto_json("snapshot", "list")
    assert (listed["name"], listed["schedule"]) == ("before", None)
    assert ids("search", "is(volume)", "--at", listed["at"]) == before
    assert "there is a snapshot 'before' already" in resoto("snapshot", "take", "before", code=2).stderr
    assert resoto("snapshot", "delete", "before").stdout == "snapshot before is deleted\n"
    assert "no snapshot 'before'" in resoto("snapshot", "delete", "before", code=2).stderr
    told = resoto("search", "all", "--at", "before", code=2).stderr
    assert told.startswith("resoto: 'before' is no timestamp; expected e.g. 2026-01-31T12:00:00Z, or -30d")
