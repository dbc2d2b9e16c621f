import pytest

from resoto_dagster.model.base_kinds import BASE_KINDS, PHANTOM, properties_of, with_all_bases
from resoto_dagster.model.kind import Kind

PHANTOMS = {
    "quota",
    "type",
    "instance_type",
    "base_cloud",
    "cloud",
    "region",
    "zone",
    "graph_root",
    "unknown_region",
}


def test_every_base_kind_stands_once_below_its_own_name() -> None:
    assert all(name == kind.name for name, kind in BASE_KINDS.items())
    assert len(BASE_KINDS) > 60


@pytest.mark.parametrize("name", BASE_KINDS)
def test_the_bases_of_a_base_kind_are_base_kinds_and_lead_to_resource(name: str) -> None:
    bases = with_all_bases([name])
    assert {name, "resource"} <= bases <= set(BASE_KINDS)
    above = {base for parent in BASE_KINDS[name].bases for base in with_all_bases([parent])}
    assert name not in above, "a base kind is not based on itself"
    assert bases == {name, "resource"} | above


def test_a_kind_counts_as_all_that_its_bases_are_based_on() -> None:
    kind = Kind(name="x_instance_type", description="A type.", bases=("instance_type",))
    assert kind.all_bases == {"instance_type", "type", "quota", PHANTOM, "resource"}
    assert kind.phantom
    assert Kind(name="x", description="Anything.").all_bases == {"resource"}


@pytest.mark.parametrize("name", BASE_KINDS)
def test_phantoms_are_clouds_places_quotas_and_types_but_nothing_that_lives(name: str) -> None:
    phantom = PHANTOM in with_all_bases([name])
    expected = (
        name == PHANTOM or name in PHANTOMS or name.endswith(("_quota", "_type", "_cloud", "_zone", "zone"))
    )
    if name.endswith("dns_zone"):
        expected = False
    assert phantom == expected


def test_an_account_lives() -> None:
    assert PHANTOM not in with_all_bases(["account"])


def test_a_base_kind_has_the_properties_of_its_bases() -> None:
    assert properties_of(["volume"]) > {"id", "tags", "name", "ctime", "mtime", "atime", "volume_size"}
    assert properties_of(["instance_type"]) > {"quota", "usage", "instance_cores"}
    assert properties_of([]) == {"id", "tags", "name", "ctime", "mtime", "atime"}


def test_an_unknown_base_kind_is_an_error() -> None:
    with pytest.raises(KeyError, match="volumne"):
        with_all_bases(["volumne"])
