import re

from sqlalchemy import Engine

from resoto_dagster.config import BudgetSettings
from resoto_dagster_tests.cleanup.conftest import EXPIRED, Estate, network_with_everything, settings
from resoto_dagster_tests.cli.commands import resoto, resoto_json
from resoto_dagster_tests.estate import resource


def columns(*arguments: str) -> list[list[str]]:
    return [re.split(r" {2,}", line.strip()) for line in resoto(*arguments).stdout.splitlines()]


def test_no_plan_yet_is_said(engine: Engine) -> None:
    assert "there is no plan yet" in resoto("plan", "show").stdout
    assert resoto_json("plan", "show") is None


def test_a_plan_says_what_where_why_how_old_and_when(estate: Estate) -> None:
    estate.plan(notes=["something is odd"])
    told = resoto("plan", "show").stdout
    assert "note: something is odd" in told
    assert "cleanup is off (cleanup.enabled: false)" in told
    assert "3 resources to delete in 2 waves, 0 marked but kept" in told
    rows = [row for row in columns("plan", "show") if row[0] in ("1", "2")]
    assert [row[:3] for row in rows] == [
        ["1", "sim_instance ins", "sim production r1"],
        ["2", "sim_network net", "sim production r1"],
        ["2", "sim_volume vol", "sim production r1"],
    ]
    assert all(re.fullmatch(r"expired .*Z \[planner expired\]", row[3]) for row in rows)
    assert all(row[4].startswith("10d") for row in rows)


def test_outcomes_are_shown_as_far_as_they_are_known(estate: Estate) -> None:
    estate.cloud.refuses["ins"] = "AccessDenied"
    estate.execute(estate.plan())
    shown = {row[1]: row[-1] for row in columns("plan", "show") if row[0] in ("1", "2")}
    assert shown == {
        "sim_instance ins": "failed: AccessDenied",
        "sim_network net": "skipped: sim_instance ins is still there (failed)",
        "sim_volume vol": "skipped: sim_instance ins is still there (failed)",
    }
    estate.run = "run-2"
    estate.execute(estate.plan(), settings(dry_run=True))
    assert resoto("plan", "show").stdout.count("would_delete") == 3
    told = resoto("plan", "show", "--run", "run-1").stdout
    assert " of run run-1, made " in told
    assert "AccessDenied" in told


def test_what_stays_says_why(estate: Estate) -> None:
    estate.plan(settings(accounts={}))
    told = resoto("plan", "show").stdout
    assert "cleanup.accounts does not list sim account a1" in told
    assert "0 resources to delete, 3 marked but kept" in told


def test_a_held_plan_says_so(estate: Estate) -> None:
    estate.plan(settings(budget=BudgetSettings(resources=1)))
    assert "HELD, none of it is done: 3 resources would be deleted" in resoto("plan", "show").stdout


def test_json_has_every_item(estate: Estate) -> None:
    plan = estate.plan(notes=["something is odd"])
    estate.execute(plan)
    told = resoto_json("plan", "show")
    assert told["run_id"] == "run-1"
    assert (told["hash"], told["held"], told["notes"]) == (plan.hash, None, ["something is odd"])
    assert {one["id"]: (one["wave"], one["kept"], one["outcome"]) for one in told["items"]} == {
        "ins": (1, None, "gone"),
        "net": (2, None, "gone"),
        "vol": (2, None, "gone"),
    }


def test_what_goes_along_is_named(estate: Estate) -> None:
    estate.cloud.along = {"ins"}
    network, instance, _ = network_with_everything()
    instance.tags = {}
    estate.collect(network, instance)
    estate.plan()
    assert "sim_network net, and with it sim_instance ins" in resoto("plan", "show").stdout
    item = resoto_json("plan", "show")["items"][0]
    assert item["takes_along"] == [{"kind": "sim_instance", "id": "ins"}]


def test_an_unknown_run_is_refused(estate: Estate) -> None:
    estate.plan()
    assert resoto("plan", "show", "--run", "nope", code=2).stderr == (
        "resoto: there is no plan of a run 'nope'; `resoto plan show` shows the last one\n"
    )


def test_plans_are_compared(estate: Estate) -> None:
    estate.plan()
    resoto("protect", "vol", "--reason", "mine")
    estate.collect(*estate.cloud.resources.values(), resource("v9", tags=EXPIRED))
    estate.plan()
    found = {one["id"]: (one["before"], one["after"]) for one in resoto_json("plan", "diff")}
    assert found["v9"] == (None, "to delete")
    assert found["vol"] == ("to delete", "kept: protected by person tester: mine")
    told = resoto("plan", "diff").stdout
    assert re.match(r"plan \d+, made 20\S+ \S+, and plan \d+, made 20", told)
    assert told.endswith(f"{len(found)} resources planned otherwise\n")
    estate.plan()
    assert resoto("plan", "diff").stdout.endswith("0 resources planned otherwise\n")
    assert len(resoto_json("plan", "diff", "--from", "run-1")) == 0


def test_there_must_be_two_plans_to_compare(estate: Estate) -> None:
    assert resoto("plan", "diff", code=2).stderr.startswith("resoto: there are no two plans yet; ")
    estate.plan()
    told = resoto("plan", "diff", "--from", "nothing", code=2).stderr
    assert told.startswith("resoto: there is no plan of a run 'nothing' to compare; ")


def test_a_plan_says_what_it_saves_and_what_comes_first(estate: Estate) -> None:
    estate.plan()
    told = resoto("plan", "show").stdout
    assert "saves $0.00 a month, with 3 of unknown cost" in told
    assert [row[5:7] for row in columns("plan", "show") if row[0] == "2"] == [["?", "ins"], ["?", "ins"]]
    items = {one["id"]: one for one in resoto_json("plan", "show")["items"]}
    assert (items["vol"]["monthly_cost"], items["vol"]["waits_for"], items["vol"]["unties"]) == (
        None,
        ["ins"],
        [],
    )


ALWAYS = settings(approval="always")


def test_a_plan_that_waits_is_approved_by_its_number(estate: Estate) -> None:
    plan = estate.plan(ALWAYS)
    number = str(plan.plan_id)
    assert "WAITS FOR APPROVAL: cleanup.approval = always" in resoto("plan", "show").stdout
    assert resoto("plan", "approve", number, "--reason", " ", code=2).stderr.startswith(
        "resoto: the reason is empty"
    )
    told = resoto("plan", "approve", number, "--reason", "looked at it").stdout
    assert told == f"plan {number} is approved by tester: 3 resources to delete\n"
    assert "decided: approved by tester at 20" in resoto("plan", "show").stdout
    assert resoto_json("plan", "show")["approval"]["decision"] == "approved"
    again = resoto("plan", "reject", number, "--reason", "no", code=2).stderr
    assert again.startswith(f"resoto: plan {number} was approved by tester at 20")


def test_only_a_plan_that_waits_can_be_decided_on(estate: Estate) -> None:
    number = str(estate.plan().plan_id)
    assert resoto("plan", "approve", number, "--reason", "yes", code=2).stderr == (
        f"resoto: plan {number} waits for no approval\n"
    )
    assert resoto("plan", "approve", "999999", "--reason", "yes", code=2).stderr == (
        "resoto: there is no plan 999999; `resoto plan show` shows the last one\n"
    )


def test_only_what_was_approved_is_executed(estate: Estate) -> None:
    number = str(estate.plan(ALWAYS).plan_id)
    refused = resoto("plan", "execute", number, code=2).stderr
    assert refused == "resoto: cleanup is off (cleanup.enabled: false)\n"
    other = str(estate.plan().plan_id)
    assert "cleanup is off" in resoto("plan", "execute", other, code=2).stderr
