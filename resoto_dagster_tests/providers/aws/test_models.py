"""The models of services are botocore's, but for what only people read."""

from typing import Any

import pytest
from botocore.loaders import Loader, create_loader

from resoto_dagster.providers.aws.models import ModelFiles

LOADER = Loader(file_loader=ModelFiles())


def undocumented(value: Any) -> Any:
    """The value without any documentation."""
    if isinstance(value, dict):
        return {
            key: undocumented(inner)
            for key, inner in value.items()
            if not (key == "documentation" and isinstance(inner, str))
        }
    return [undocumented(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("service", ["ec2", "s3", "iam", "apigateway"])
@pytest.mark.parametrize("type_", ["service-2", "paginators-1", "waiters-2", "endpoint-rule-set-1"])
def test_a_model_says_what_botocores_says(service: str, type_: str) -> None:
    known = create_loader()
    if service not in known.list_available_services(type_):
        assert service not in LOADER.list_available_services(type_)
        return
    theirs = known.load_service_model(service, type_)
    ours = LOADER.load_service_model(service, type_)
    assert undocumented(ours) == undocumented(theirs)


def test_a_member_called_documentation_stays() -> None:
    # API Gateway has shapes and members of that name, and those are no text.
    shapes = LOADER.load_service_model("apigateway", "service-2")["shapes"]
    theirs = create_loader().load_service_model("apigateway", "service-2")["shapes"]
    assert shapes.keys() == theirs.keys()
    for name, shape in theirs.items():
        assert shapes[name].get("members", {}).keys() == shape.get("members", {}).keys()


def test_documentation_is_not_kept() -> None:
    shapes = LOADER.load_service_model("ec2", "service-2")["shapes"]
    members = [member for shape in shapes.values() for member in shape.get("members", {}).values()]
    assert members
    assert not any("documentation" in member for member in members)
