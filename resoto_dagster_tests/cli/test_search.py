import json
from pathlib import Path

import pytest
from sqlalchemy import Engine

from resoto_dagster_tests.cleanup.conftest import Estate
from resoto_dagster_tests.cli.commands import resoto
from resoto_dagster_tests.estate import collect, node, resource, scope


def test_resources_are_shown_whole_when_piped(engine: Engine) -> None:
    long = "volume-" + "x" * 300
    collect(engine, {scope(): [resource(long, name=f"{long}-name")]})
    header, row, total = resoto("search", "is(volume)").stdout.splitlines()
    assert header.split() == ["kind", "id", "name", "cloud", "account", "region", "age"]
    assert row.split()[:6] == ["sim_volume", long, f"{long}-name", "sim", "a1", "r1"]
    assert row.split()[6].startswith("10d")
    assert total == "1 row"


def test_what_things_are_named_does_not_steer_the_terminal(engine: Engine) -> None:
    collect(engine, {scope(): [resource("v1", name="\x1b[31mred\n[bold]x[/bold] :smile:")]})
    assert "\\x1b[31mred\\n[bold]x[/bold] :smile:" in resoto("search", "is(volume)").stdout


def test_json_is_an_object_a_line(estate: Estate) -> None:
    lines = resoto(
        "search", 'is(volume) and /ancestors.region.reported.id = "r2"', "--json"
    ).stdout.splitlines()
    second, first = map(json.loads, lines)
    assert (first["id"], second["name"]) == ("v1", "données")
    assert first["node_id"] == str(node("v1", region="r2"))
    assert set(first) == {
        *("node_id", "kind", "id", "name", "cloud", "account", "account_name", "region"),
        *("ctime", "mtime", "atime", "reported"),
    }
    assert first["account_name"] == "production"
    assert first["ctime"] == first["reported"]["ctime"]


def test_an_aggregation_shows_its_groups_and_values(estate: Estate) -> None:
    query = "aggregate(kind: sum(1) as n): is([volume, network])"
    table = [line.split() for line in resoto("search", query).stdout.splitlines()]
    assert table == [["kind", "n"], ["sim_network", "1"], ["sim_volume", "3"], ["2", "rows"]]
    objects = [json.loads(line) for line in resoto("search", query, "--json").stdout.splitlines()]
    assert objects == [{"kind": "sim_network", "n": 1}, {"kind": "sim_volume", "n": 3}]


def test_a_limit_is_kept_and_said(estate: Estate) -> None:
    shown = resoto("search", "is(volume)", "--limit", "2").stdout.splitlines()
    assert len(shown) == 4
    assert shown[-1] == "2 rows; there may be more, the limit is reached"
    assert len(resoto("search", "all", "--limit", "2", "--json").stdout.splitlines()) == 2
    assert "Invalid value for '--limit'" in resoto("search", "all", "--limit", "0", code=2).stderr


def test_nothing_found_is_said(engine: Engine) -> None:
    assert resoto("search", "is(volume)").stdout == "nothing found\n"
    assert resoto("search", "is(volume)", "--json").stdout == ""


def test_a_search_that_is_wrong_is_shown_with_the_place(engine: Engine) -> None:
    told = resoto("search", "is(volume", code=2).stderr
    assert told == "resoto: line 1, column 10: expected ), a comma\n  is(volume\n           ^\n"


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_what_only_the_database_can_refuse_is_one_line(estate: Estate, as_json: tuple[str, ...]) -> None:
    told = resoto("search", 'name ~ "("', *as_json, code=2).stderr
    assert told == ("resoto: the database refused: invalid regular expression: parentheses () not balanced\n")


def test_a_pipe_says_how_it_is_shown(estate: Estate) -> None:
    shown = resoto("search", "is(volume) sort id | head 2 | list --csv id, name").stdout.splitlines()
    assert shown[0] == "id,name"
    assert len(shown) == 3
    total = len(resoto("search", "all", "--json").stdout.splitlines())
    assert resoto("search", "all | count").stdout == f"total matched: {total}\ntotal unmatched: 0\n"
    (row,) = map(json.loads, resoto("search", "all | count", "--json").stdout.splitlines())
    assert row == {"count": total}


def test_what_a_search_finds_is_marked(estate: Estate) -> None:
    query = 'is(volume) and /ancestors.region.reported.id = "r2" | protect "not ours" | list id, /metadata'
    first, second, done = resoto("search", query).stdout.splitlines()
    assert first == "id=v2, protected=true"
    assert second == "id=v1, protected=true"
    assert done == '| protect "not ours": 2 resources by tester'
    assert "needs a reason" in resoto("search", "all | clean", code=2).stderr
    assert "nothing can be done to that" in resoto("search", 'all | clean "x"', "--at", "-1d", code=2).stderr


def test_tags_need_a_provider_that_is_configured(estate: Estate) -> None:
    done = resoto("search", 'id(v2) | tag update owner "bob"', code=1)
    assert done.stderr == "resoto: sim_volume v2: the provider sim is not configured in resoto.yaml\n"
    assert '| tag update "owner" "bob": 0 resources by tester' in done.stdout


def test_what_is_printed_can_be_written_to_a_file(estate: Estate, folder: Path) -> None:
    query = "is(volume) sort id | list --csv kind, id | write out.csv"
    assert resoto("search", query).stdout == "4 lines written to out.csv\n"
    assert Path("out.csv").read_text() == "kind,id\nsim_volume,v1\nsim_volume,v2\nsim_volume,vol\n"
    assert resoto("search", "all | count kind | write counts.txt").stdout.endswith("written to counts.txt\n")
    assert "sim_volume: 3" in Path("counts.txt").read_text()
    told = resoto("search", 'all | write "no/such/folder"', code=2).stderr
    assert told == "resoto: no/such/folder can't be written: No such file or directory\n"


def test_changes_are_told(estate: Estate, engine: Engine) -> None:
    collect(engine, {scope(region="r2"): [resource("v1", region="r2", name="renamed")]})
    lines = resoto("search", "/ancestors.region.reported.id = r2 and is(volume) | history").stdout
    assert "name: v1 → renamed" in lines
    assert lines.splitlines()[-1] == "4 changes"
    (row,) = map(json.loads, resoto("search", "all | history --change deleted", "--json").stdout.splitlines())
    assert (row["change"], row["id"], row["before"]) == ("node_deleted", "v2", None)


def test_a_search_is_explained(estate: Estate) -> None:
    told = resoto("search", "is(volume) and age > 3d | count", "--explain").stdout
    assert told.startswith("SELECT count(*)")
    assert "Aggregate" in told
