from sqlalchemy import Engine, text

from resoto_dagster_tests.cleanup.conftest import Estate
from resoto_dagster_tests.cli.commands import resoto, resoto_json


def lines(*arguments: str) -> list[list[str]]:
    return [line.split() for line in resoto(*arguments).stdout.splitlines()]


def test_nothing_collected_yet_is_said(engine: Engine) -> None:
    assert "nothing has been collected yet" in resoto("status").stdout
    assert resoto_json("status") == {"accounts": [], "regions": [], "scopes": []}


def test_each_region_is_one_line(estate: Estate) -> None:
    shown = lines("status")
    assert shown[0][:7] == ["provider", "account", "region", "fresh", "stale", "failed", "collecting"]
    assert [line[:8] for line in shown[1:4]] == [
        ["sim", "production", "global", "1", "0", "0", "0", "1"],
        ["sim", "production", "r1", "3", "0", "0", "0", "3"],
        ["sim", "production", "r2", "1", "0", "0", "0", "2"],
    ]
    assert shown[4:] == [["1", "account,", "5", "scopes", "(5", "fresh),", "6", "resources"]]


def test_every_problem_is_told_once_with_its_reason(failing: Estate) -> None:
    told = resoto("status").stdout
    assert told.count("Throttled: slow down") == 1
    assert told.count("AccessDenied: no role") == 1
    shown = [" ".join(line) for line in lines("status")]
    assert "failed sim a2 the account AccessDenied: no role" in shown
    assert "failed sim production 2 scopes in r2 Throttled: slow down" in shown
    assert shown[-1] == "2 accounts, 6 scopes (4 fresh, 2 failed), 6 resources"


def test_all_shows_every_scope(failing: Estate) -> None:
    shown = [" ".join(line) for line in lines("status", "--all")]
    assert "sim production r2 sim_instance failed 0 Throttled: slow down" in shown
    assert any(line.startswith("sim production r1 sim_network fresh 1 ") for line in shown)
    assert "failed sim a2 the account AccessDenied: no role" in shown


def test_what_is_too_old_is_stale(estate: Estate) -> None:
    with estate.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE inventory.scopes SET succeeded_at = succeeded_at - interval '3h' WHERE region = 'r2'"
            )
        )
    assert any(line[:4] == ["stale", "sim", "production", "r2"] for line in lines("status"))


def test_json_has_the_problems_and_with_all_everything(failing: Estate) -> None:
    told = resoto_json("status")
    assert [(one["account"], one["state"], one["error"]) for one in told["accounts"]] == [
        ("a1", "fresh", None),
        ("a2", "failed", "AccessDenied: no role"),
    ]
    assert [(one["kind"], one["freshness"], one["error"]) for one in told["scopes"]] == [
        ("sim_instance", "failed", "Throttled: slow down"),
        ("sim_volume", "failed", "Throttled: slow down"),
    ]
    (r2,) = (one for one in told["regions"] if one["region"] == "r2")
    assert (r2["fresh"], r2["failed"], r2["resources"]) == (0, 2, 2)
    assert len(resoto_json("status", "--all")["scopes"]) == 6
