"""The params of calls: paths, lists, objects, texts and values made of what is there."""

import pytest

from resoto_dagster.providers.aws.declaration import Value
from resoto_dagster.providers.aws.params import Source, compile_params

ITEM = {"Id": "a", "Name": "one", "Parts": [{"Size": 1}, {}, {"Size": 2}], "Place": {"Zone": "z"}}


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("Place.Zone", "z"),
        (["Id", "Parts[].Size"], ["a", 1, 2]),
        ({"Key": "Id", "Zone": "Place.Zone"}, {"Key": "a", "Zone": "z"}),
        ("arn:{Id}/{Name}", "arn:a/one"),
        (Value(("Id", "None"), lambda *values: list(values)), ["a", None]),
    ],
)
def test_what_a_param_is_made_of(source: Source, made: object) -> None:
    assert compile_params({"Asked": source}, {"Limit": 5})(ITEM) == {"Asked": made, "Limit": 5}


@pytest.mark.parametrize(
    "source", ["None", ["None"], {"Key": "None"}, "arn:{Id}/{None}", Value("Id", lambda _: None)]
)
def test_a_call_is_not_made_where_something_is_not_there(source: Source) -> None:
    assert compile_params({"Asked": source})(ITEM) is None


def test_dotted_names_lead_into_structures() -> None:
    assert compile_params({"In.Inner": "Id"}, {"In.Other": 1})(ITEM) == {"In": {"Inner": "a", "Other": 1}}
