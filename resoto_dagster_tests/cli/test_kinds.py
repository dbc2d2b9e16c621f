from resoto_dagster.providers import load_provider
from resoto_dagster_tests.cli.commands import resoto, resoto_json

KINDS = load_provider("aws").kinds


def test_all_kinds_are_listed() -> None:
    lines = resoto("kinds").stdout.splitlines()
    assert lines[0].split() == ["kind", "bases", "deletable", "taggable", "description"]
    assert lines[-1] == f"{len(KINDS)} kinds"
    (volume,) = (line for line in lines if line.startswith("aws_ec2_volume "))
    assert volume.split() == ["aws_ec2_volume", "volume", "true", "true", "A", "disk."]
    assert {one["kind"] for one in resoto_json("kinds")} == set(KINDS)


def test_a_kind_is_shown_with_properties_and_relations() -> None:
    lines = resoto("kinds", "aws_ec2_volume").stdout.splitlines()
    assert lines[:3] == [
        "aws_ec2_volume: A disk.",
        "bases: volume",
        "can be deleted, its tags can be changed",
    ]
    words = [line.split() for line in lines]
    assert ["volume_size", "number"] in words
    assert ["volume_attachments", "list", "of", "object"] in words
    assert ["ctime", "time"] in words
    assert ["belongs", "to", "aws_ec2_instance", "goes", "after", "it"] in words
    shown = resoto_json("kinds", "aws_ec2_instance")
    assert shown["properties"]["instance_type"] == "text"
    volume = {"kind": "aws_ec2_volume", "role": "has", "goes": "before", "declared_by": "aws_ec2_volume"}
    network = {"kind": "aws_vpc", "role": "belongs to", "goes": "before", "declared_by": "aws_ec2_instance"}
    assert volume in shown["relations"]
    assert network in shown["relations"]


def test_a_base_kind_is_shown_with_what_is_based_on_it() -> None:
    shown = resoto_json("kinds", "volume")
    assert shown["bases"] == ["resource"]
    assert {"volume_size", "volume_status", "tags"} <= set(shown["properties"])
    assert shown["kinds"] == ["aws_ec2_volume"]
    assert "kinds: aws_ec2_volume" in resoto("kinds", "volume").stdout


def test_the_nearest_kind_is_told() -> None:
    told = resoto("kinds", "aws_ec2_volum", code=2).stderr
    assert told == "resoto: unknown kind 'aws_ec2_volum'; did you mean aws_ec2_volume?\n"
    assert "`resoto kinds` lists all" in resoto("kinds", "zzzzzzzz", code=2).stderr
