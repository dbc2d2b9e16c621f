"""From an event in moto's SQS to the inventory: the sensor's tick, its run, and what both leave alone."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from dagster import AssetKey, DagsterEventType, DagsterInstance, ExecuteInProcessResult, build_sensor_context
from sqlalchemy import Engine

from resoto_dagster.definitions import build_definitions
from resoto_dagster.settings_file import parse_settings
from resoto_dagster.workflow.project import Project
from resoto_dagster_tests.estate import table
from resoto_dagster_tests.providers.aws.cloudtrail import SECRET, Queue
from resoto_dagster_tests.providers.aws.front import Front
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, OTHER_ACCOUNT, OTHER_REGION, REGION
from resoto_dagster_tests.workflow import conftest as workflow_fixtures

pytestmark = pytest.mark.usefixtures("engine")
instance = workflow_fixtures.instance

Client = Callable[..., Any]

KINDS = ["aws_account", "aws_ec2_instance", "aws_ec2_volume", "aws_iam_user", "aws_vpc"]
SETTINGS = f"""
providers:
  aws:
    kinds: [{", ".join(KINDS)}]
    regions: [{REGION}, {OTHER_REGION}]
    accounts:
      - {{}}
      - id: "{OTHER_ACCOUNT}"
        role: resoto
    events:
      queue: resoto-events
      region: {REGION}
"""


def definitions() -> Any:
    return build_definitions(Project(parse_settings(SETTINGS, "resoto.yaml"), ()))


def collect_all(instance: DagsterInstance) -> None:
    assert definitions().resolve_job_def("collect").execute_in_process(instance=instance).success


def tick(instance: DagsterInstance) -> Any:
    """What the sensor wants now."""
    repository = definitions().get_repository_def()
    sensor = repository.get_sensor_def("on_aws_events")
    return sensor.evaluate_tick(build_sensor_context(instance=instance, repository_def=repository))


def launch(instance: DagsterInstance, request: Any) -> ExecuteInProcessResult:
    """The run that Dagster's daemon would launch."""
    job = definitions().resolve_job_def("collect_touched_aws")
    return job.execute_in_process(instance=instance, tags=dict(request.tags), raise_on_error=False)


def collect_touched(instance: DagsterInstance) -> ExecuteInProcessResult:
    (request,) = tick(instance).run_requests
    return launch(instance, request)


def shown(result: ExecuteInProcessResult) -> dict[str, Any]:
    """What the run's one step shows."""
    (event,) = (event for event in result.all_node_events if event.event_type == DagsterEventType.STEP_OUTPUT)
    return {name: value.value for name, value in event.step_output_data.metadata.items()}


def make_volume(client: Client, region: str = REGION, account: str = ACCOUNT) -> str:
    made = client("ec2", region, account).create_volume(AvailabilityZone=f"{region}a", Size=8)
    volume_id: str = made["VolumeId"]
    return volume_id


def volumes(engine: Engine) -> set[str]:
    return {
        id_ for (id_,) in table(engine, "SELECT id FROM inventory.resources WHERE kind = 'aws_ec2_volume'")
    }


def scopes(engine: Engine) -> dict[str, tuple[Any, ...]]:
    """All that is known of each scope."""
    statement = "SELECT account || '/' || region || '/' || kind, s.* FROM inventory.scopes s"
    return {name: tuple(row) for name, *row in table(engine, statement)}


def test_a_new_volume_is_collected_and_nothing_else_is_touched(
    client: Client, queue: Queue, front: Front, instance: DagsterInstance, engine: Engine
) -> None:
    first = make_volume(client)
    collect_all(instance)
    before, accounts = scopes(engine), table(engine, "SELECT * FROM inventory.accounts ORDER BY account")
    assert volumes(engine) == {first}

    made = make_volume(client)
    unseen = make_volume(client, OTHER_REGION)
    queue.tell("ec2", "CreateVolume")
    front.requests.clear()
    result = collect_touched(instance)

    assert result.success
    assert volumes(engine) == {first, made}, f"{unseen} is in a region of which no event told"
    assert queue.left() == 0
    after = scopes(engine)
    touched = f"{ACCOUNT}/{REGION}/aws_ec2_volume"
    assert {name for name in after if after[name] != before.get(name)} == {touched}
    assert table(engine, "SELECT * FROM inventory.accounts ORDER BY account") == accounts
    asked = {request.action for request in front.requests if request.service == "ec2"}
    assert asked == {"DescribeRegions", "DescribeVolumes"}
    told = shown(result)
    assert [row.data for row in told.pop("caused by").records] == [{"event": "ec2:CreateVolume", "count": 1}]
    edges = told.pop("edges")
    assert edges == table(engine, "SELECT count(*) FROM inventory.edges")[0][0]
    del told["deferred edges"]
    assert told == {
        "events": 1,
        "scopes read": 1,
        "scopes failed": 0,
        "scopes not configured": 0,
        "added": 1,
        "changed": 0,
        "removed": 0,
    }


def test_the_new_resource_has_its_place_in_the_graph(
    client: Client, queue: Queue, instance: DagsterInstance, engine: Engine
) -> None:
    made = client("ec2").run_instances(
        ImageId="ami-12345678", InstanceType="t3.micro", MinCount=1, MaxCount=1
    )
    collect_all(instance)
    volume = make_volume(client)
    client("ec2").attach_volume(
        VolumeId=volume, InstanceId=made["Instances"][0]["InstanceId"], Device="/dev/sdx"
    )
    queue.tell("ec2", "CreateVolume")
    queue.tell("ec2", "AttachVolume")
    assert collect_touched(instance).success
    statement = """
        SELECT s.kind, d.kind, e.type FROM inventory.edges e JOIN inventory.resources s ON s.node_id = e.src
        JOIN inventory.resources d ON d.node_id = e.dst WHERE :id IN (s.id, d.id) ORDER BY e.type
    """
    assert table(engine, statement, id=volume) == [
        ("aws_ec2_instance", "aws_ec2_volume", "default"),
        ("aws_ec2_volume", "aws_ec2_instance", "delete"),
    ]


def test_a_deleted_volume_is_gone(
    client: Client, queue: Queue, instance: DagsterInstance, engine: Engine
) -> None:
    stays, goes = make_volume(client), make_volume(client)
    collect_all(instance)
    client("ec2").delete_volume(VolumeId=goes)
    queue.tell("ec2", "DeleteVolume")
    result = collect_touched(instance)
    assert volumes(engine) == {stays}
    assert shown(result)["removed"] == 1
    assert table(engine, "SELECT id, change, run_id FROM inventory.history") == [
        (goes, "deleted", result.run_id)
    ]


def test_events_of_one_tick_are_united(
    client: Client, queue: Queue, front: Front, instance: DagsterInstance, engine: Engine
) -> None:
    collect_all(instance)
    made = {
        *(make_volume(client) for _ in range(2)),
        make_volume(client, OTHER_REGION),
        make_volume(client, account=OTHER_ACCOUNT),
    }
    for _ in range(2):
        queue.tell("ec2", "CreateVolume")
    queue.tell("ec2", "CreateVolume", awsRegion=OTHER_REGION)
    queue.tell("ec2", "CreateVolume", recipientAccountId=OTHER_ACCOUNT)
    client("iam").create_user(UserName="one")
    queue.tell("iam", "CreateUser")

    (request,) = tick(instance).run_requests
    assert request.tags["resoto/events"] == "ec2:CreateVolume 4, iam:CreateUser 1"
    front.requests.clear()
    result = launch(instance, request)

    assert volumes(engine) == made
    assert table(engine, "SELECT name FROM inventory.resources WHERE kind = 'aws_iam_user'") == [("one",)]
    assert front.count()["DescribeVolumes"] == 3
    told = shown(result)
    assert (told["events"], told["scopes read"], told["added"]) == (5, 4, 5)
    assert queue.left() == 0
    assert not tick(instance).run_requests


def test_what_was_delivered_twice_is_collected_once(
    client: Client, queue: Queue, front: Front, instance: DagsterInstance
) -> None:
    queue.tell("ec2", "CreateVolume")
    (request,) = tick(instance).run_requests
    front.deny("DeleteMessageBatch")
    result = launch(instance, request)
    assert result.success, "what can't be deleted comes again, and does no harm"
    assert queue.left() == 1
    front.rules.clear()

    queue.show_again()
    again = tick(instance)
    assert not again.run_requests
    assert again.skip_message == f"run {result.run_id} has collected these events already"
    assert queue.left() == 0
    assert tick(instance).skip_message == "no events of what is collected; dropped: none"


def test_a_run_that_dies_before_it_deletes_is_made_up_for(
    client: Client,
    queue: Queue,
    instance: DagsterInstance,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    volume = make_volume(client)
    queue.tell("ec2", "CreateVolume")
    (request,) = tick(instance).run_requests
    with monkeypatch.context() as patched:
        patched.setattr("resoto_dagster.workflow.events._forget", _die)
        assert not launch(instance, request).success
    assert volumes(engine) == {volume}, "it was collected"
    assert queue.left() == 1, "and is not forgotten"

    assert not tick(instance).run_requests, "the message is hidden for a while"
    queue.show_again()
    (again,) = tick(instance).run_requests
    assert again.run_key != request.run_key, "Dagster launches one run for one key"
    assert launch(instance, again).success
    assert volumes(engine) == {volume}
    assert queue.left() == 0


def _die(*_: Any) -> None:
    raise RuntimeError("the process dies")


def test_a_tick_whose_run_is_never_launched_loses_nothing(
    client: Client, queue: Queue, instance: DagsterInstance, engine: Engine
) -> None:
    volume = make_volume(client)
    queue.tell("ec2", "CreateVolume")
    (lost,) = tick(instance).run_requests
    queue.show_again()
    (request,) = tick(instance).run_requests
    assert request.run_key == lost.run_key, "should both be launched, Dagster makes one run of them"
    assert launch(instance, request).success
    assert volumes(engine) == {volume}
    assert queue.left() == 0


def test_a_run_whose_events_came_again_leaves_them_to_the_other_run(
    queue: Queue, instance: DagsterInstance
) -> None:
    queue.tell("ec2", "CreateVolume")
    (late,) = tick(instance).run_requests
    queue.show_again()
    queue.tell("iam", "CreateUser")
    (united,) = tick(instance).run_requests
    assert united.run_key != late.run_key
    assert shown(launch(instance, late)) == {"events": 0}
    assert queue.left() == 2
    assert shown(launch(instance, united))["events"] == 2
    assert queue.left() == 0


def test_what_is_not_collected_launches_nothing(queue: Queue, instance: DagsterInstance) -> None:
    queue.tell("ec2", "CreateVolume", recipientAccountId="333333333333")
    queue.tell("appmesh", "CreateMesh")
    queue.put("no event")
    result = tick(instance)
    assert not result.run_requests
    assert result.skip_message == (
        "no events of what is collected; dropped: call in an account that is not configured 1, "
        "call of a service without kinds 1, malformed message 1"
    )
    assert queue.left() == 0


def test_a_malformed_message_does_not_keep_others(
    client: Client, queue: Queue, instance: DagsterInstance, engine: Engine
) -> None:
    volume = make_volume(client)
    queue.put("no event")
    queue.tell("ec2", "CreateVolume")
    assert collect_touched(instance).success
    assert volumes(engine) == {volume}
    assert queue.left() == 0


def test_what_can_not_be_read_fails_its_scope_and_is_not_asked_for_again(
    client: Client, queue: Queue, front: Front, instance: DagsterInstance, engine: Engine
) -> None:
    volume = make_volume(client)
    collect_all(instance)
    front.deny("DescribeVolumes")
    queue.tell("ec2", "CreateVolume")
    queue.tell("ec2", "CreateVpc")
    result = collect_touched(instance)
    assert result.success
    told = shown(result)
    assert (told["scopes read"], told["scopes failed"]) == (1, 1)
    failed = "SELECT kind, region, error FROM inventory.scopes WHERE state <> 'fresh'"
    assert table(engine, failed) == [("aws_ec2_volume", REGION, "UnauthorizedOperation: ec2:DescribeVolumes")]
    assert volumes(engine) == {volume}, "its last good state is kept"
    assert queue.left() == 0


def test_an_account_that_can_not_be_entered_fails_the_touched_scopes_alone(
    client: Client, queue: Queue, front: Front, instance: DagsterInstance, engine: Engine
) -> None:
    collect_all(instance)
    front.refuse(lambda asked: asked.action == "AssumeRole")
    queue.tell("ec2", "CreateVolume", recipientAccountId=OTHER_ACCOUNT)
    assert collect_touched(instance).success
    failed = table(engine, "SELECT account, region, kind FROM inventory.scopes WHERE state <> 'fresh'")
    assert failed == [(OTHER_ACCOUNT, REGION, "aws_ec2_volume")]
    assert table(engine, "SELECT DISTINCT state FROM inventory.accounts") == [("fresh",)]


def test_the_kinds_that_changed_say_so_and_nothing_is_planned_or_generated(
    client: Client, queue: Queue, instance: DagsterInstance, engine: Engine
) -> None:
    collect_all(instance)
    snapshots = table(engine, "SELECT count(*) FROM inventory.metrics")
    make_volume(client)
    queue.tell("ec2", "CreateVolume")
    queue.tell("iam", "CreateUser")
    result = collect_touched(instance)
    observed = {
        event.event_specific_data.asset_observation.asset_key
        for event in result.all_node_events
        if event.event_type == DagsterEventType.ASSET_OBSERVATION
    }
    assert observed == {AssetKey(["aws", "aws_ec2_volume"])}, "nothing of IAM has changed"
    assert result.get_asset_materialization_events() == []
    assert table(engine, "SELECT count(*) FROM inventory.plans") == [(0,)]
    assert table(engine, "SELECT count(*) FROM inventory.metrics") == snapshots


def test_no_secret_of_an_event_is_written_anywhere(
    queue: Queue, instance: DagsterInstance, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    queue.tell("ec2", "CreateVolume")
    queue.put(f'{{"detail-type": "AWS API Call via CloudTrail", "detail": {{"eventName": "{SECRET}!"}}}}')
    with caplog.at_level(logging.DEBUG, logger="resoto_dagster"):
        (request,) = tick(instance).run_requests
        kept = table(engine, "SELECT CAST(b AS text) FROM inventory.event_batches b")
        result = launch(instance, request)
    events = [record.event_log_entry for record in instance.get_records_for_run(result.run_id).records]
    assert len(kept) == 1
    for place in (kept, request, events, caplog.text):
        assert SECRET not in repr(place)
