from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from resoto_dagster.cleanup import execute
from resoto_dagster.cleanup.plan import Plan
from resoto_dagster.errors import ResotoError
from resoto_dagster.inventory.collecting import InventorySink
from resoto_dagster.inventory.marks import Author, Mark, set_marks
from resoto_dagster.model.resource import Resource, StoredResource
from resoto_dagster_tests.cleanup.conftest import (
    EXPIRED,
    Estate,
    attached_to,
    network_with_everything,
    settings,
)
from resoto_dagster_tests.estate import goes_before, node, resource, scope, table


def journal(estate: Estate, id_: str) -> list[str]:
    rows = table(
        estate.engine,
        "SELECT event FROM inventory.journal JOIN inventory.plan_items USING (plan_id, node_id) "
        "WHERE id = :id ORDER BY journal_id",
        id=id_,
    )
    return [event for (event,) in rows]


def test_everything_goes_in_the_order_of_the_plan_and_leaves_the_inventory(estate: Estate) -> None:
    estate.collect(*network_with_everything(), resource("stays"))
    results = estate.execute(estate.plan())
    assert {id_: result.outcome for id_, result in results.items()} == dict.fromkeys(
        ("ins", "net", "vol"), "gone"
    )
    assert estate.cloud.deleted[0] == "ins"
    assert set(estate.cloud.resources) == {"stays"}
    assert table(estate.engine, "SELECT id FROM inventory.resources") == [("stays",)]
    assert table(estate.engine, "SELECT resources FROM inventory.scopes WHERE kind = 'sim_volume'") == [(1,)]


def test_trap_5_the_journal_is_written_before_and_after_every_call(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED))
    seen: list[list[str]] = []
    estate.cloud.before_delete = lambda _id: seen.append(journal(estate, "v1"))
    estate.execute(estate.plan())
    assert seen == [["intended"]]
    assert journal(estate, "v1") == ["intended", "answered", "gone"]
    requests = table(estate.engine, "SELECT request_ids FROM inventory.journal WHERE event = 'answered'")
    assert requests == [(["request-v1"],)]


def test_a_dry_run_looks_at_everything_and_deletes_nothing(estate: Estate) -> None:
    estate.collect(*network_with_everything())
    results = estate.execute(estate.plan(), settings(dry_run=True))
    assert {result.outcome for result in results.values()} == {"would_delete"}
    assert sorted(estate.cloud.reads) == ["ins", "net", "vol"]
    assert estate.cloud.deleted == []


def test_nothing_is_read_or_deleted_while_cleanup_is_off(estate: Estate) -> None:
    estate.collect(*network_with_everything())
    assert estate.execute(estate.plan(), settings(enabled=False)) == {}
    assert estate.cloud.reads == estate.cloud.deleted == []


def test_an_account_that_is_not_listed_any_more_is_left_alone(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED))
    result = estate.execute(estate.plan(), settings(accounts={"sim": []}))["v1"]
    assert (result.outcome, estate.cloud.deleted) == ("kept", [])


def test_what_was_protected_since_it_was_planned_is_kept(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED))
    plan = estate.plan()
    with estate.engine.begin() as connection:
        set_marks(connection, Author("person", "ann"), [Mark(node("v1"), "protected", "needed after all")])
    result = estate.execute(plan)["v1"]
    assert result.outcome == "kept"
    assert result.detail == "protected since it was planned, by person ann: needed after all"
    assert estate.cloud.deleted == []


def test_what_went_along_leaves_the_inventory_once_a_read_does_not_find_it(estate: Estate) -> None:
    network, instance, _ = network_with_everything()
    instance.tags = {}
    estate.cloud.along = {"ins", "vol"}
    estate.collect(network, instance, resource("vol", edges=goes_before("sim_network", "net")))
    plan = estate.plan()
    estate.cloud.before_delete = lambda _id: estate.cloud.resources.pop("ins", None)
    assert estate.execute(plan)["net"].outcome == "gone"
    assert table(estate.engine, "SELECT id FROM inventory.resources") == [("vol",)]


def test_what_would_take_along_something_protected_since_it_was_planned_is_kept(estate: Estate) -> None:
    network, instance, _ = network_with_everything()
    instance.tags = {}
    estate.cloud.along = {"ins"}
    estate.collect(network, instance)
    plan = estate.plan()
    with estate.engine.begin() as connection:
        set_marks(
            connection, Author("person", "ann"), [Mark(node("ins", "sim_instance"), "protected", "mine")]
        )
    assert estate.execute(plan)["net"].outcome == "kept"
    assert estate.cloud.deleted == []


def test_a_scope_that_failed_since_it_was_planned_is_left_alone(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED))
    plan = estate.plan()
    InventorySink(estate.engine, "sim", "run-2").failed(scope(), "Throttled")
    assert estate.execute(plan)["v1"].detail == "not read well since it was planned: Throttled"


@pytest.mark.parametrize(
    "change",
    [{"tags": {"expiration": "1d", "owner": "ann"}}, {"properties": {"volume_size": 2}}, {"tags": {}}],
)
def test_what_changed_since_it_was_planned_is_kept(estate: Estate, change: dict[str, object]) -> None:
    estate.collect(resource("v1", tags=EXPIRED))
    plan = estate.plan()
    estate.cloud.change("v1", **change)
    assert estate.execute(plan)["v1"].detail == "changed since it was planned"
    assert estate.cloud.deleted == []


def test_what_changes_by_itself_is_no_change(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED, properties={"volume_status": "in-use"}))
    plan = estate.plan()
    estate.cloud.change("v1", properties={"volume_status": "available"})
    assert estate.execute(plan)["v1"].outcome == "gone"


def test_what_is_in_use_by_now_is_kept(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED))
    plan = estate.plan()
    estate.cloud.change("v1", edges=attached_to("brand-new"))
    assert estate.execute(plan)["v1"].detail == "sim_instance brand-new needs it by now"


def test_trap_6_what_a_refused_deletion_blocks_is_skipped_with_that_reason(estate: Estate) -> None:
    estate.collect(*network_with_everything())
    estate.cloud.refuses["ins"] = "OperationNotPermitted: termination protection"
    results = estate.execute(estate.plan())
    assert results["ins"].outcome == "failed"
    assert results["ins"].detail == "OperationNotPermitted: termination protection"
    for id_ in ("net", "vol"):
        assert results[id_].outcome == "skipped"
        assert results[id_].detail == "sim_instance ins is still there (failed)"
    assert set(estate.cloud.resources) == {"ins", "net", "vol"}


def test_what_is_gone_already_is_gone(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED))
    plan = estate.plan()
    estate.cloud.resources.clear()
    result = estate.execute(plan)["v1"]
    assert (result.outcome, result.detail) == ("gone", "was gone already")


def test_trap_5_accepted_is_not_gone(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    monkeypatch.setattr(execute, "GONE_TIMEOUT", timedelta(seconds=0.2))
    estate.collect(resource("v1", tags=EXPIRED))
    plan = estate.plan()
    stubborn = estate.cloud.resources["v1"]

    def still_there(_id: str) -> None:
        estate.cloud.resources = _Stubborn(v1=stubborn)

    estate.cloud.before_delete = still_there
    result = estate.execute(plan)["v1"]
    assert result.outcome == "failed"
    assert "still there" in result.detail
    assert table(estate.engine, "SELECT id FROM inventory.resources") == [("v1",)]


class _Stubborn(dict):  # type: ignore[type-arg]
    def pop(self, *_args: object) -> None:
        return None


def test_trap_5_a_run_that_died_goes_on_from_its_journal(estate: Estate) -> None:
    estate.collect(*network_with_everything())
    plan = estate.plan()

    def die(id_: str) -> None:
        if id_ == "net":
            raise KeyboardInterrupt

    estate.cloud.before_delete = die
    with pytest.raises(KeyboardInterrupt):
        estate.execute(plan)
    assert "ins" not in estate.cloud.resources
    assert "net" in estate.cloud.resources
    estate.cloud.before_delete = lambda _id: None
    calls = list(estate.cloud.deleted)
    results = estate.execute(plan)
    assert {result.outcome for result in results.values()} == {"gone"}
    assert estate.cloud.deleted[len(calls) :].count("ins") == 0, "nothing is deleted twice"
    assert estate.cloud.resources == {}
    ends = table(
        estate.engine,
        "SELECT count(*) FROM inventory.journal WHERE event NOT IN ('intended', 'answered') GROUP BY node_id",
    )
    assert ends == [(1,)] * 3, "everything planned has exactly one outcome"


@pytest.fixture
def instantly(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for a resource to go does not wait long."""
    monkeypatch.setattr(execute, "UNANSWERED_TIMEOUT", timedelta(0))


def interrupted(estate: Estate, plan: Plan, step: str, before: bool = True) -> None:
    """Execute the plan until a step of the session is taken: dies right before it, or right after."""
    take = getattr(estate.cloud, step)

    def die(resource: StoredResource) -> object:
        if before:
            raise KeyboardInterrupt
        take(resource)
        raise KeyboardInterrupt

    setattr(estate.cloud, step, die)
    with pytest.raises(KeyboardInterrupt):
        estate.execute(plan)
    setattr(estate.cloud, step, take)


def test_what_the_api_accepted_is_waited_for_and_not_asked_for_again(estate: Estate) -> None:
    """It is still told of for a while when the run that asked for it has died."""
    estate.collect(resource("v1", tags=EXPIRED))
    plan, there = estate.plan(), estate.cloud.resources["v1"]
    told = iter([there, KeyboardInterrupt(), there, None])

    def read(_resource: StoredResource) -> Resource | None:
        answer = next(told)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    estate.cloud.read = read  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        estate.execute(plan)
    assert journal(estate, "v1") == ["intended", "answered"]
    assert estate.execute(plan)["v1"].outcome == "gone"
    assert estate.cloud.deleted == ["v1"]
    assert journal(estate, "v1") == ["intended", "answered", "gone"]


def test_a_deletion_of_several_calls_that_was_interrupted_between_them_is_finished(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED, properties={"parts": ["a", "b"]}))
    plan = estate.plan()
    interrupted(estate, plan, "delete")
    estate.cloud.deletes_in_parts = {"v1"}
    estate.cloud.change("v1", properties={"parts": ["b"]})
    result = estate.execute(plan)["v1"]
    assert (result.outcome, result.detail) == ("gone", "deleted")


def test_a_later_one_of_the_name_is_no_deletion_half_done(estate: Estate, instantly: None) -> None:
    estate.collect(resource("v1", tags=EXPIRED, properties={"parts": ["a", "b"]}))
    plan = estate.plan()
    interrupted(estate, plan, "delete", before=False)
    estate.cloud.deletes_in_parts = {"v1"}
    again = resource("v1", tags=EXPIRED, properties={"parts": ["a"]}, ctime=datetime.now(UTC))
    estate.cloud.resources["v1"] = again
    assert estate.execute(plan)["v1"].outcome == "kept"
    assert estate.cloud.resources["v1"] is again


def test_what_was_begun_by_one_call_is_on_its_way_out(estate: Estate, instantly: None) -> None:
    """Its answer was not heard; until it is gone the API tells of it as it goes."""
    estate.collect(resource("v1", tags=EXPIRED))
    plan = estate.plan()
    interrupted(estate, plan, "delete")
    there = resource("v1", tags=EXPIRED, properties={"state": "deleting"})
    told = iter([there, None])
    estate.cloud.read = lambda _resource: next(told)  # type: ignore[method-assign]
    result = estate.execute(plan)["v1"]
    assert (result.outcome, result.detail) == ("gone", "deleted before the run was interrupted")
    assert estate.cloud.deleted == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"properties": {"volume_size": 2}}, "changed since it was planned"),
        ({"tags": {**EXPIRED, "owner": "ann"}}, "changed since it was planned"),
        ({"edges": attached_to("brand-new")}, "sim_instance brand-new needs it by now"),
    ],
)
def test_what_people_did_to_it_since_the_interruption_keeps_it(
    estate: Estate, instantly: None, change: dict[str, object], why: str
) -> None:
    estate.collect(resource("v1", tags=EXPIRED))
    plan = estate.plan()
    interrupted(estate, plan, "delete")
    estate.cloud.change("v1", **change)
    result = estate.execute(plan)["v1"]
    assert (result.outcome, result.detail) == ("kept", why)
    assert estate.cloud.deleted == []


def test_what_was_deleted_and_never_answered_for_is_not_said_to_be_gone_by_itself(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED))
    plan = estate.plan()
    interrupted(estate, plan, "delete", before=False)
    result = estate.execute(plan)["v1"]
    assert (result.outcome, result.detail) == ("gone", "deleted before the run was interrupted")
    assert estate.cloud.deleted == ["v1"]


def test_what_went_along_leaves_the_inventory_also_when_the_run_dies_right_then(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, instance, _ = network_with_everything()
    instance.tags = {}
    estate.cloud.along = {"ins"}
    estate.collect(network, instance)
    plan = estate.plan()
    estate.cloud.before_delete = lambda _id: estate.cloud.resources.pop("ins", None)

    def die(*_given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(execute._Execution, "_forget_what_went_along", die)
        with pytest.raises(KeyboardInterrupt):
            estate.execute(plan)
    assert estate.execute(plan)["net"].outcome == "gone"
    assert table(estate.engine, "SELECT id FROM inventory.resources") == []


def test_a_second_cleanup_at_the_same_time_is_refused(estate: Estate) -> None:
    estate.collect(resource("v1", tags=EXPIRED))
    plan = estate.plan()
    with estate.engine.connect() as other:
        other.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": execute._LOCK})
        with pytest.raises(ResotoError, match="another cleanup is under way"):
            estate.execute(plan)
        other.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": execute._LOCK})
    assert estate.cloud.deleted == []
