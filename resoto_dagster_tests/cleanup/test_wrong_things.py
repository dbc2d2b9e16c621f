"""What people get wrong: each mistake is told in a line, and deletes nothing."""

import threading
import types
from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel
from sqlalchemy import text

from resoto_dagster.cleanup.planners import run_planners
from resoto_dagster.config import CleanupSettings, PlannersSettings, RuleSettings, Settings
from resoto_dagster.errors import ConfigError, ResotoError
from resoto_dagster.inventory.collecting import register_kinds
from resoto_dagster.settings_file import parse_settings
from resoto_dagster_tests.cleanup.conftest import EXPIRED, Estate, network_with_everything, settings
from resoto_dagster_tests.estate import KINDS, resource, table


def ruled(search: str, **given: Any) -> CleanupSettings:
    """Settings with one rule and no planner."""
    rule = RuleSettings(name="rule", search=search, reason="because")
    return settings(rules=[rule], planners=PlannersSettings(), **given)


def properties(kinds: Collection[str]) -> dict[str, dict[str, str]]:
    """What resources may report."""
    return {kind: {"volume_size": "number"} for kind in kinds}


@pytest.mark.parametrize(
    ("search", "told"),
    [
        ("is(sim_volum)", "unknown kind sim_volum; did you mean sim_volume?"),
        ("is(sim_volume) and volume_sise > 1", "volume_sise; did you mean volume_size?"),
        ("is(sim_volume) and not has_key(tag, keep)", "tag; did you mean tags?"),  # it would find them all
    ],
)
def test_a_rule_with_a_typo_does_nothing_and_says_so(estate: Estate, search: str, told: str) -> None:
    estate.collect(resource("v1", tags={"keep": ""}, properties={"volume_size": 5}))
    with estate.engine.begin() as connection:
        connection.execute(text("TRUNCATE inventory.kinds, inventory.properties"))
        register_kinds(connection, "sim", KINDS, list(KINDS), "2", properties)
    plan = estate.plan(ruled(search))
    assert plan.items == ()
    (note,) = plan.notes
    assert note.startswith("rule rule does nothing: ")
    assert told in note


def test_a_rule_that_can_not_be_read_is_refused_with_its_line() -> None:
    wrong = "cleanup:\n  rules:\n    - name: a\n      reason: x\n      search: is(volume) adn age > 3d"
    with pytest.raises(ConfigError, match=r"^f\.yaml, line 5: cleanup\.rules\.0\.search: "):
        parse_settings(wrong, "f.yaml")


@pytest.mark.parametrize("accounts", [{}, {"sim": []}])
def test_an_empty_list_of_accounts_deletes_nothing(estate: Estate, accounts: dict[str, list[str]]) -> None:
    estate.collect(resource("v1", tags=EXPIRED))
    nowhere = settings(accounts=accounts)
    plan = estate.plan(nowhere)
    assert [item.kept for item in plan.items] == ["cleanup.accounts does not list sim account a1"]
    assert estate.execute(plan, nowhere) == {}
    assert estate.cloud.reads == estate.cloud.deleted == []


def durations(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all durations in the settings; a list or mapping on the way is not followed."""
    for name, field in model.model_fields.items():
        for part in _parts(field.annotation):
            if part is timedelta:
                yield (*path, name)
            elif isinstance(part, type) and issubclass(part, BaseModel):
                yield from durations(part, (*path, name))


def _parts(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _parts(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [part for one in get_args(annotation) for part in _parts(one)]
    return [annotation]


DURATIONS = list(durations(Settings))


@pytest.mark.parametrize("path", DURATIONS, ids=".".join)
def test_no_setting_takes_a_negative_duration(path: tuple[str, ...]) -> None:
    nested = "".join(f"{'  ' * depth}{name}:\n" for depth, name in enumerate(path))
    with pytest.raises(ConfigError) as refused:
        parse_settings(f"{nested.rstrip()} -7d\n", "f.yaml")
    told = str(refused.value)
    assert told.startswith(f"f.yaml, line {len(path)}: {'.'.join(path)}: duration '-7d' is negative; ")


def test_those_are_the_durations_of_the_cleanup() -> None:
    """Nothing would be tested above, did the search for them find none."""
    assert {("cleanup", "max_data_age"), ("cleanup", "planners", "volumes", "min_age")} <= {*DURATIONS}


def test_a_negative_longest_life_of_tags_is_refused() -> None:
    wrong = "cleanup: {tag_validator: {accounts: {aws: {'1': -7d}}}}"
    with pytest.raises(ConfigError, match=r"tag_validator\.accounts\.aws\.1: duration '-7d' is negative; "):
        parse_settings(wrong, "f.yaml")


@pytest.mark.parametrize("value", ["-7d", "-1h30m", "−7d"])
def test_a_negative_duration_in_a_tag_expires_nothing_and_is_told(estate: Estate, value: str) -> None:
    estate.collect(resource("v1", tags={"expiration": value}))
    assert estate.plan().items == ()
    with estate.engine.begin() as connection:
        assert run_planners(connection, settings(), "run-2").counts["expired"] == 0
    assert value in table(estate.engine, "SELECT tag_problem FROM inventory.resources")[0][0]


@pytest.mark.parametrize(
    ("budget", "held"),
    [
        (
            {"resources": 11, "share": 1.0},
            "12 resources would be deleted, more than cleanup.budget.resources = 11",
        ),
        (
            {"resources": 100, "share": 0.9},
            "12 of the 12 resources of sim/a1/r1/sim_volume would be deleted, "
            "more than cleanup.budget.share = 0.9",
        ),
    ],
)
def test_a_rule_that_matches_everything_is_held_and_nothing_of_it_done(
    estate: Estate, budget: dict[str, Any], held: str
) -> None:
    estate.collect(*(resource(f"v{number}") for number in range(12)))
    everything = ruled("all", budget=budget)
    plan = estate.plan(everything)
    assert plan.held == held
    assert estate.execute(plan, everything) == {}
    assert estate.cloud.reads == estate.cloud.deleted == []


def test_of_two_cleanups_at_once_the_second_one_is_refused_and_the_first_one_goes_on(estate: Estate) -> None:
    estate.collect(*network_with_everything())
    plan = estate.plan()
    deleting, told = threading.Event(), threading.Event()

    def wait(_id: str) -> None:
        deleting.set()
        assert told.wait(30)

    estate.cloud.before_delete = wait
    first: dict[str, Any] = {}
    thread = threading.Thread(target=lambda: first.update(estate.execute(plan)))
    thread.start()
    try:
        assert deleting.wait(30)
        with pytest.raises(ResotoError) as refused:
            estate.execute(plan)
    finally:
        told.set()
        thread.join(30)
    assert str(refused.value) == "another cleanup is under way; nothing was deleted by this one"
    assert {result.outcome for result in first.values()} == {"gone"}
    assert sorted(estate.cloud.deleted) == ["ins", "net", "vol"], "each of them once"
    assert {result.outcome for result in estate.execute(plan).values()} == {"gone"}, "now it may"
