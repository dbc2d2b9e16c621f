"""`resoto audit`: why something is gone, who wanted it, and by which requests."""

import re

from resoto_dagster_tests.cleanup.conftest import Estate, settings
from resoto_dagster_tests.cli.commands import resoto, resoto_json


def test_the_story_of_a_deletion(estate: Estate) -> None:
    estate.execute(estate.plan())
    told = resoto("audit", "vol").stdout.splitlines()
    assert told[0].startswith("sim_volume vol in sim production r1, there since 20")
    assert re.fullmatch(r"  plan \d+ of run run-1, made 20.*: to delete in wave 2", told[1])
    assert told[2].startswith("  because: expired 20")
    assert told[2].endswith("Z [planner expired]")
    assert [line.split("Z ", 1)[1] for line in told[3:]] == [
        "intended",
        "answered: accepted, requests request-vol",
        "gone: deleted",
    ]


def test_of_plans_that_led_to_nothing_the_last_one_is_told(estate: Estate) -> None:
    for _ in range(3):
        estate.plan(settings(accounts={}))
    told = resoto("audit", "vol").stdout
    assert ": kept, cleanup.accounts does not list sim account a1\n" in told
    assert told.endswith("2 other plans named it, and nothing came of them\n")
    assert len(resoto_json("audit", "vol")) == 3


def test_what_was_taken_along_is_told_by_what_took_it(estate: Estate) -> None:
    estate.cloud.along = {"vol"}
    estate.cloud.held = {"vol": "goes with its instance"}
    estate.execute(estate.plan())
    (with_instance,) = [one for one in resoto_json("audit", "vol") if one["along_with"]]
    assert with_instance["along_with"] == "sim_instance ins"
    assert "which takes it along" in resoto("audit", "vol").stdout


def test_what_no_plan_named_is_told(estate: Estate) -> None:
    assert resoto("audit", "nothing", code=2).stderr == "resoto: no plan ever named 'nothing'\n"
