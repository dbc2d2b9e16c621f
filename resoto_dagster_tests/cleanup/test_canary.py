"""The first few deletions go one by one; where most of them fail, the rest is left alone."""

from resoto_dagster_tests.cleanup.conftest import EXPIRED, Estate, settings
from resoto_dagster_tests.estate import resource

IDS = [f"v{number:02}" for number in range(8)]
DENIED = "AccessDenied: DeleteVolume"


def with_volumes(estate: Estate) -> None:
    estate.collect(*(resource(id_, tags=EXPIRED) for id_ in IDS))


def test_when_most_of_the_first_fail_the_rest_is_left_alone(estate: Estate) -> None:
    with_volumes(estate)
    estate.cloud.refuses = dict.fromkeys(IDS, DENIED)
    results = estate.execute(estate.plan())
    assert [results[id_].outcome for id_ in IDS] == ["failed"] * 3 + ["skipped"] * 5
    assert results["v07"].detail == f"3 of the first 3 failed, the first with: {DENIED}"


def test_when_most_of_the_first_go_the_rest_follows(estate: Estate) -> None:
    with_volumes(estate)
    estate.cloud.refuses = {"v01": DENIED}
    results = estate.execute(estate.plan())
    assert [id_ for id_ in IDS if results[id_].outcome != "gone"] == ["v01"]


def test_the_first_ones_go_one_by_one(estate: Estate) -> None:
    with_volumes(estate)
    gone_before: list[int] = []
    estate.cloud.before_delete = lambda _id: gone_before.append(len(estate.cloud.deleted))
    estate.execute(estate.plan(), settings(canary=3))
    assert gone_before[:3] == [0, 1, 2]


def test_what_failed_before_does_not_stand_in_the_way_again(estate: Estate) -> None:
    with_volumes(estate)
    estate.cloud.refuses = dict.fromkeys(IDS[:3], DENIED)
    estate.execute(estate.plan())
    assert estate.cloud.deleted == []
    estate.run = "run-2"
    with_volumes(estate)
    results = estate.execute(estate.plan())
    assert estate.cloud.deleted[:3] == IDS[3:6]
    assert [results[id_].outcome for id_ in IDS] == ["failed"] * 3 + ["gone"] * 5


def test_without_canaries_all_go_at_once(estate: Estate) -> None:
    with_volumes(estate)
    estate.cloud.refuses = dict.fromkeys(IDS[:7], DENIED)
    results = estate.execute(estate.plan(settings(canary=0)), settings(canary=0))
    assert results["v07"].outcome == "gone"


def test_what_a_first_one_blocks_says_so(estate: Estate) -> None:
    with_volumes(estate)
    estate.cloud.refuses = dict.fromkeys(IDS, DENIED)
    plan = estate.plan()
    resumed = [estate.execute(plan) for _ in range(2)]
    assert resumed[0] == resumed[1]
    assert estate.cloud.deleted == []
