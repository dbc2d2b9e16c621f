"""What the declarations ask of AWS."""

from collections.abc import Iterator

from botocore import xform_name

from resoto_dagster.providers.aws.declaration import AwsKind, Call
from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster_tests.providers.aws.samples import service_model


def declared_operations() -> list[tuple[str, str]]:
    """All operations that the declarations use (`ListAgents`), with the names of their services."""
    found = set()
    for kind in KINDS.values():
        for service, method in _methods(kind):
            names = {xform_name(name): name for name in service_model(service).operation_names}
            found.add((service, names[method]))
    return sorted(found)


def _methods(kind: AwsKind) -> Iterator[tuple[str, str]]:
    for call in (kind.api, kind.global_api, *(step.each for step in kind.changing_steps)):
        yield from ((kind.service, method) for method in _calls(call))
    for detail in kind.details:
        yield detail.service or kind.service, detail.operation
    for step in kind.changing_steps:
        yield kind.service, step.operation
    if kind.tagging:
        yield kind.service, kind.tagging.upsert
        yield kind.service, kind.tagging.remove


def _calls(call: Call | None) -> Iterator[str]:
    if call is not None:
        yield call.operation
        yield from _calls(call.each)
