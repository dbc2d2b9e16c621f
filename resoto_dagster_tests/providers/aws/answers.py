"""Answers of AWS that moto's server never gives, and what of a resource must not change by itself."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from resoto_dagster.model.resource import Resource
from resoto_dagster.providers.aws.clients import new_session
from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster.providers.aws.mapping import Place, compile_mapper
from resoto_dagster.providers.aws.shapes import item_members
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION


def map_item(kind: str, item: Mapping[str, Any]) -> Resource | None:
    """The resource that is made of an item of the kind's list call and details."""
    declared = KINDS[kind]
    make = compile_mapper(declared, item_members(new_session(), declared))
    return make(item, Place("aws", ACCOUNT, REGION))


def settled(resource: Resource) -> Resource:
    """The resource without the properties that may change by themselves."""
    unsettled = KINDS[resource.kind].unsettled
    kept = {name: value for name, value in resource.properties.items() if name not in unsettled}
    return replace(resource, properties=kept)
