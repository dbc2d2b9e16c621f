"""The whole Dagster job on AWS, with an account whose credentials are wrong."""

from collections.abc import Callable
from typing import Any

import pytest
from dagster import AssetKey, DagsterInstance, ExecuteInProcessResult
from sqlalchemy import Engine

from resoto_dagster.definitions import build_definitions
from resoto_dagster.settings_file import parse_settings
from resoto_dagster.workflow.project import Project
from resoto_dagster_tests.estate import table
from resoto_dagster_tests.providers.aws.front import Front
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, OTHER_ACCOUNT, REGION
from resoto_dagster_tests.workflow import conftest as workflow_fixtures

instance = workflow_fixtures.instance
SETTINGS = f"""
providers:
  aws:
    kinds: [aws_account, aws_ec2_volume]
    regions: [{REGION}]
    accounts:
      - {{}}
      - id: "{OTHER_ACCOUNT}"
        role: resoto
cleanup:
  enabled: true
  dry_run: false
  accounts: {{aws: ["{ACCOUNT}", "{OTHER_ACCOUNT}"]}}
  planners: {{expired: {{enabled: true}}}}
"""
EXPIRED = [{"Key": "resoto:expires", "Value": "2020-01-01"}]


def run(instance: DagsterInstance, cleanup: bool = True) -> ExecuteInProcessResult:
    """The workflow as these settings have it."""
    settings = SETTINGS if cleanup else SETTINGS.replace("enabled: true\n  dry", "enabled: false\n  dry")
    project = Project(parse_settings(settings, "resoto.yaml"), ())
    job = build_definitions(project).resolve_job_def("collect_and_cleanup")
    return job.execute_in_process(instance=instance, raise_on_error=False)


def metadata(result: ExecuteInProcessResult, *key: str) -> dict[str, Any]:
    (event,) = (
        event for event in result.get_asset_materialization_events() if event.asset_key == AssetKey(list(key))
    )
    return {name: value.value for name, value in event.materialization.metadata.items()}


def not_collected(instance: DagsterInstance, result: ExecuteInProcessResult) -> str | None:
    """What the run's tag says that was not collected."""
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    return run.tags.get("resoto/not_collected_aws")


def volumes(engine: Engine) -> dict[str, str]:
    """The account of each volume in the inventory."""
    statement = (
        "SELECT r.id, s.account FROM inventory.resources r JOIN inventory.scopes s USING (scope_id) "
        "WHERE r.kind = 'aws_ec2_volume'"
    )
    return dict(table(engine, statement))  # type: ignore[arg-type]


@pytest.mark.usefixtures("engine")
def test_wrong_credentials_for_one_account_leave_the_others_collected_and_nothing_of_it_deleted(
    client: Callable[..., Any],
    front: Front,
    instance: DagsterInstance,
    engine: Engine,
    caplog: pytest.LogCaptureFixture,
) -> None:
    volume = {
        account: client("ec2", account=account).create_volume(
            AvailabilityZone=f"{REGION}a",
            Size=8,
            TagSpecifications=[{"ResourceType": "volume", "Tags": EXPIRED}],
        )["VolumeId"]
        for account in (ACCOUNT, OTHER_ACCOUNT)
    }
    first = run(instance, cleanup=False)
    assert first.success
    assert not_collected(instance, first) is None
    assert volumes(engine) == {volume[ACCOUNT]: ACCOUNT, volume[OTHER_ACCOUNT]: OTHER_ACCOUNT}

    front.refuse(lambda asked: asked.action == "AssumeRole", code="InvalidClientTokenId")
    result = run(instance)

    assert result.success
    error = "InvalidClientTokenId: sts:AssumeRole: You are not authorized."
    assert not_collected(instance, result) == "1 accounts, 0 scopes"
    roll_up = metadata(result, "aws", "inventory")
    assert roll_up["failed accounts"] == 1
    assert [row.data for row in roll_up["accounts not collected"].records] == [
        {"what": OTHER_ACCOUNT, "error": error}
    ]
    assert roll_up["dagster/row_count"] == 2, "the account itself and its volume"
    inventory = metadata(result, "inventory")
    assert inventory["scopes not fresh"] == 2
    assert {row.data["what"]: row.data["error"] for row in inventory["not fresh"].records} == {
        f"aws/{OTHER_ACCOUNT}/global/aws_account": f"failed: {error}",
        f"aws/{OTHER_ACCOUNT}/{REGION}/aws_ec2_volume": f"failed: {error}",
    }
    assert table(engine, "SELECT account, state, error FROM inventory.accounts ORDER BY account") == [
        (ACCOUNT, "fresh", None),
        (OTHER_ACCOUNT, "failed", error),
    ]

    plan = metadata(result, "cleanup_plan")
    assert [row.data["id"] for row in plan["plan"].records] == [volume[ACCOUNT]]
    (kept_row,) = plan["marked and kept"].records
    assert kept_row.data["id"] == volume[OTHER_ACCOUNT]
    assert error in kept_row.data["kept because"]
    assert metadata(result, "cleanup")["deleted"] == 1
    assert volumes(engine) == {volume[OTHER_ACCOUNT]: OTHER_ACCOUNT}, "its last good state is kept"
    assert [one["VolumeId"] for one in client("ec2").describe_volumes()["Volumes"]] == []
    front.rules.clear()
    (kept,) = client("ec2", account=OTHER_ACCOUNT).describe_volumes()["Volumes"]
    assert kept["VolumeId"] == volume[OTHER_ACCOUNT]
    assert [record for record in caplog.records if record.exc_info] == [], "the error is told once, in a line"
