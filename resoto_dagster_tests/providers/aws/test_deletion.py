"""How the steps of a deletion follow each other."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from resoto_dagster.model.resource import Resource
from resoto_dagster.providers.aws import deletion
from resoto_dagster.providers.aws.accounts import Account
from resoto_dagster.providers.aws.declaration import AwsKind, Call, Step
from resoto_dagster.providers.aws.deletion import delete
from resoto_dagster.providers.aws.settings import AccountSettings
from resoto_dagster.providers.base import ProviderError
from resoto_dagster_tests.providers.aws.harness import REGION, stored
from resoto_dagster_tests.providers.aws.synthetic import Refusal

NAME = {"NotebookInstanceName": "id"}
STOP = Step(
    operation="stop_notebook_instance",
    params=NAME,
    absent=("ValidationException: not in",),
    until="notebook_instance_stopped",
)
NOTEBOOK = AwsKind(
    name="aws_sagemaker_notebook",
    description="A notebook.",
    service="sagemaker",
    api=Call(operation="list_notebook_instances", items="NotebookInstances"),
    id="NotebookInstanceName",
    prefix="notebook",
    delete=(STOP, Step(operation="delete_notebook_instance", params=NAME)),
)


def _delete(kind: AwsKind, **properties: Any) -> None:
    account = Account(AccountSettings(), None, [REGION])
    delete(kind, stored(Resource(kind=kind.name, id="n", name="n", region=REGION, **properties)), account)


def test_it_goes_on_when_what_was_stopped_has_stopped(synthetic):
    synthetic.answer("sagemaker", "StopNotebookInstance", {})
    synthetic.answer("sagemaker", "DescribeNotebookInstance", {"NotebookInstanceStatus": "Stopped"})
    synthetic.answer("sagemaker", "DeleteNotebookInstance", {})

    _delete(NOTEBOOK)

    asked = [call.operation for call in synthetic.calls if call.service == "sagemaker"]
    assert asked == [
        "StopNotebookInstance",
        "DescribeNotebookInstance",
        "DeleteNotebookInstance",
    ]


def test_what_does_not_stop_is_not_deleted(synthetic):
    synthetic.answer("sagemaker", "StopNotebookInstance", {})
    synthetic.answer("sagemaker", "DescribeNotebookInstance", {"NotebookInstanceStatus": "Failed"})

    with pytest.raises(ProviderError, match="WaiterError: sagemaker:StopNotebookInstance"):
        _delete(NOTEBOOK)

    assert synthetic.asked("sagemaker", "DeleteNotebookInstance") == []


def test_nothing_is_waited_for_where_there_is_nothing_to_stop(synthetic):
    synthetic.refuse(
        "sagemaker",
        "StopNotebookInstance",
        "ValidationException",
        message="Status (Failed) not in ([InService])",
    )
    synthetic.answer("sagemaker", "DeleteNotebookInstance", {})

    _delete(NOTEBOOK)

    assert synthetic.asked("sagemaker", "DeleteNotebookInstance") == [{"NotebookInstanceName": "n"}]


def test_what_the_deletion_asks_must_be_known(synthetic):
    app = {"DomainId": "domain", "AppType": "type", "AppName": "id"}
    kind = replace(
        NOTEBOOK,
        delete=(
            Step(operation="delete_app", params={**app, "UserProfileName": "user"}),
            Step(operation="delete_app", params={**app, "SpaceName": "space"}),
        ),
    )
    synthetic.answer("sagemaker", "DeleteApp", {})
    told = {"DomainId": "d", "AppType": "t", "AppName": "n"}

    _delete(kind, properties={"domain": "d", "type": "t", "user": "u"})
    _delete(kind, properties={"domain": "d", "type": "t", "space": "s"})
    with pytest.raises(ProviderError, match=r"delete_app: not all of .* is known of"):
        _delete(kind, properties={"domain": "d", "type": "t"})

    assert synthetic.asked("sagemaker", "DeleteApp") == [
        {**told, "UserProfileName": "u"},
        {**told, "SpaceName": "s"},
    ]


def test_a_constant_changes_what_was_found(synthetic):
    kind = replace(
        NOTEBOOK,
        service="cloudfront",
        delete=(
            Step(
                operation="update_public_key",
                each=Call(operation="get_public_key_config", items="", params={"Id": "id"}),
                params={"Id": "id", "IfMatch": "item.ETag", "PublicKeyConfig": "item.PublicKeyConfig"},
                const={"PublicKeyConfig.Comment": "off"},
            ),
            Step(operation="delete_public_key", params={"Id": "id"}),
        ),
    )
    config = {"CallerReference": "c", "Name": "n", "EncodedKey": "k", "Comment": "on"}
    synthetic.answer("cloudfront", "GetPublicKeyConfig", {"ETag": "e", "PublicKeyConfig": config})
    synthetic.answer("cloudfront", "UpdatePublicKey", {})
    synthetic.answer("cloudfront", "DeletePublicKey", {})

    _delete(kind)

    (asked,) = synthetic.asked("cloudfront", "UpdatePublicKey")
    assert (asked["Id"], asked["IfMatch"]) == ("n", "e")
    assert asked["PublicKeyConfig"] == config | {"Comment": "off"}


EARLY = replace(
    NOTEBOOK, delete=(Step(operation="delete_notebook_instance", params=NAME, early=("Conflict",)),)
)


def test_a_step_that_comes_too_early_is_tried_again(synthetic, monkeypatch):
    monkeypatch.setattr(deletion, "_PAUSE", timedelta(0))
    refusals = [Refusal("Conflict"), Refusal("Conflict")]

    def deleted(params):
        if refusals:
            raise refusals.pop()

    synthetic.answer("sagemaker", "DeleteNotebookInstance", deleted)

    _delete(EARLY)

    assert len(synthetic.asked("sagemaker", "DeleteNotebookInstance")) == 3


def test_a_step_is_not_tried_for_ever_and_not_for_any_error(synthetic, monkeypatch):
    monkeypatch.setattr(deletion, "_PATIENCE", timedelta(seconds=-1))
    for code in ("Conflict", "InUse"):
        synthetic.refuse("sagemaker", "DeleteNotebookInstance", code)
        with pytest.raises(ProviderError, match=code):
            _delete(EARLY)

    assert len(synthetic.asked("sagemaker", "DeleteNotebookInstance")) == 2
