import uuid
from datetime import UTC, datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from resoto_dagster.model.resource import Resource, Scope, StoredResource, node_id

SCOPE = Scope("aws", "123456789012", "us-east-1", "aws_ec2_volume")
parts = st.tuples(*[st.text("ab/-:", max_size=4)] * 5)


def test_the_identity_of_a_resource_is_the_same_for_ever() -> None:
    assert node_id(SCOPE, "vol-1") == uuid.UUID("3862211e-47f4-b443-53d7-fc65f2586577")


@given(parts, parts)
def test_resources_of_which_any_part_differs_differ(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assume(one != other)
    assert node_id(Scope(*one[:4]), one[4]) != node_id(Scope(*other[:4]), other[4])


def test_scopes_whose_parts_run_together_are_not_confused() -> None:
    identities = {
        node_id(Scope("aws", "12", "3", "kind"), "id"),
        node_id(Scope("aws", "1", "23", "kind"), "id"),
        node_id(Scope("aws", "123", "", "kind"), "id"),
        node_id(Scope("aws1", "2", "3", "kind"), "id"),
        node_id(Scope("aws", "12", "3", "kindi"), "d"),
        node_id(Scope("aws", "12", "3", "kind"), "i/d"),
    }
    assert len(identities) == 6


def test_identity_does_not_depend_on_what_is_reported() -> None:
    one, other = Resource("k", "id", "one", "r1"), Resource("k", "id", "other", "r2", tags={"a": "b"})
    assert node_id(SCOPE, one.id) == node_id(SCOPE, other.id)


def test_what_is_reported_has_the_names_that_searches_use() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    resource = Resource(
        "aws_ec2_volume",
        "vol-1",
        "data",
        "us-east-1",
        tags={"owner": "ann"},
        ctime=moment,
        atime=moment,
        properties={"volume_size": 8, "name": "a property can't hide the name"},
    )
    assert resource.reported() == {
        "volume_size": 8,
        "id": "vol-1",
        "kind": "aws_ec2_volume",
        "name": "data",
        "tags": {"owner": "ann"},
        "ctime": moment,
        "mtime": None,
    }


def test_scopes_and_resources_are_shown_by_their_path() -> None:
    assert str(SCOPE) == "aws/123456789012/us-east-1/aws_ec2_volume"
    assert str(StoredResource(node_id(SCOPE, "v"), SCOPE, "v", "name", {})) == f"{SCOPE}/v"


def test_scopes_are_ordered_part_by_part() -> None:
    scopes = [
        Scope("b", "1", "r", "k"),
        Scope("a", "2", "r", "k"),
        Scope("a", "1", "s", "k"),
        Scope("a", "1", "r", "k"),
    ]
    assert sorted(scopes) == list(reversed(scopes))
