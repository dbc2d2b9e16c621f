import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from resoto_dagster.cli.aws import app
from resoto_dagster.providers.aws import policies
from resoto_dagster_tests.cli.commands import resoto


def test_a_policy_is_printed_for_the_kinds_that_are_named(folder: Path) -> None:
    printed = json.loads(
        resoto("aws", "iam-policy", "--cleanup", "--kinds", "volume", "--kinds", "aws_vpc").stdout
    )
    assert printed == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Cleanup",
                "Effect": "Allow",
                "Action": ["ec2:DeleteVolume", "ec2:DeleteVpc"],
                "Resource": "*",
            }
        ],
    }


def test_each_part_is_a_statement_of_its_own(folder: Path) -> None:
    parts = ("--events", "--tagging", "--cleanup", "--collect")
    printed = resoto("aws", "iam-policy", *parts, "--kinds", "volume").stdout
    sids = [statement["Sid"] for statement in json.loads(printed)["Statement"]]
    assert sids == ["Collect", "ListOrganization", "EnterAccounts", "Cleanup", "Tagging", "Events"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "say what the policy is for: --collect, --cleanup, --tagging, --events, or several of them"),
        (["--collect", "--kinds", "volum"], "--kinds: unknown kind 'volum'; did you mean 'volume'?"),
        (
            ["--cleanup", "--tagging", "--kinds", "aws_region"],
            "there is nothing to allow: none of these kinds has any cleanup or tagging",
        ),
        (["--collect", "--into", "taken"], "--into: taken can't be written: File exists"),
    ],
)
def test_what_makes_no_policy_is_told(folder: Path, arguments: list[str], told: str) -> None:
    (folder / "taken").touch()
    done = resoto("aws", "iam-policy", *arguments, code=2)
    assert (done.stdout, done.stderr) == ("", f"resoto: {told}\n")


def test_files_are_written_in_place_of_older_ones(folder: Path) -> None:
    (folder / "cleanup-policy-2.json").touch()
    (folder / "collect-policy-2.json").touch()
    (folder / "collect-policy-of-mine.json").touch()
    done = resoto("aws", "iam-policy", "--collect", "--kinds", "volume", "--into", ".")
    assert done.stdout == "collect-policy-1.json\n"
    assert sorted(path.name for path in folder.iterdir()) == [
        "cleanup-policy-2.json",
        "collect-policy-1.json",
        "collect-policy-of-mine.json",
    ]
    assert json.loads((folder / "collect-policy-1.json").read_text())["Statement"][0]["Sid"] == "Collect"


def test_several_policies_are_printed_one_after_the_other_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "LONGEST", 1500)
    done = CliRunner().invoke(app, ["iam-policy", "--collect", "--cleanup"])
    assert done.exit_code == 0
    decoder, left, printed = json.JSONDecoder(), done.stdout.strip(), []
    while left:
        document, end = decoder.raw_decode(left)
        printed.append(document)
        left = left[end:].strip()
    assert len(printed) > 1
    assert all(len(json.dumps(one, separators=(",", ":"))) <= 1500 for one in printed)
    assert done.stderr == f"resoto: {len(printed)} policies, since IAM takes 1500 characters of each\n"


def test_the_role_is_printed_as_a_template(folder: Path) -> None:
    template = yaml.safe_load(resoto("aws", "role-template", "--kinds", "volume").stdout)
    assert list(template["Resources"]) == [
        "Role",
        "CollectPolicy1",
        "CleanupPolicy1",
        "ListOrganizationPolicy1",
    ]
    policy = template["Resources"]["CleanupPolicy1"]["Properties"]["PolicyDocument"]
    assert policy["Statement"][0]["Action"] == ["ec2:DeleteVolume"]
