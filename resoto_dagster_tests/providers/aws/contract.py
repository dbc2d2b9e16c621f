"""What of a declaration does not hold against botocore's service models."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.session import Session

from resoto_dagster.model.base_kinds import BASE_KINDS, properties_of
from resoto_dagster.providers.aws.declaration import (
    AwsKind,
    Call,
    Detail,
    LastUse,
    Price,
    Step,
    Tagging,
    Value,
)
from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster.providers.aws.mapping import RESERVED, property_names
from resoto_dagster.providers.aws.params import named_in
from resoto_dagster.providers.aws.shapes import (
    item_members,
    listed_shape,
    member_at,
    operation_model,
    shape_at,
    waiter_method,
)

MODELS = Session()

_TOKENS = {"Marker", "NextContinuationToken", "ContinuationToken"}
_FOLLOWED = {"NextToken", "nextToken", "NextMarker"}
"""Tokens that need no paginator, if the call takes what its answer gives."""

_NOT_TOLD = {
    "aws_acm_certificate": {"sha1_fingerprint"},
    "aws_cloudfront_function": {"memory_size"},
    "aws_dynamodb_table": {
        "db_endpoint",
        "db_publicly_accessible",
        "db_version",
        "instance_type",
        "volume_iops",
        "volume_size",
    },
    "aws_efs_file_system": {"share_iops", "share_type"},
    "aws_elb": {"public_ip_address"},
    "aws_iam_server_certificate": {"dns_names"},
    "aws_rds_cluster": {"instance_type", "volume_size"},
    "aws_rds_snapshot": {"description", "owner_alias", "owner_id", "volume_id"},
    "instance_type": {"reservations"},
    "quota": {"quota", "usage", "quota_type"},
    "region": {"region_in_use"},
    "volume": {"snapshot_before_delete"},
}
"""Properties of base kinds that no answer of AWS holds, or that other kinds tell, by kind or base kind."""


def problems(kind: AwsKind) -> list[str]:
    """All that is wrong with a declaration, each in one line."""
    found: list[str] = []

    def check(part: str, checks: Callable[[], Iterable[str]]) -> None:
        try:
            found.extend(f"{part}: {problem}" for problem in checks())
        except LookupError as error:
            found.append(f"{part}: {error}")

    check("items", lambda: _items(kind))
    if found:
        return found
    members = item_members(MODELS, kind)
    check("bases", lambda: _bases(kind, members))
    check("links", lambda: _links(kind, members))
    check("reported", lambda: _of_reported(kind, members))
    for detail in kind.details:
        check(detail.operation, lambda detail=detail: _detail(kind, detail, members))
    for step in kind.changing_steps:
        check(step.operation, lambda step=step: _step(kind, step, members))
    if kind.tagging:
        check("tagging", lambda: _tagging(kind, kind.tagging, members))
    return found


def _items(kind: AwsKind) -> Iterator[str]:
    if not kind.description.endswith("."):
        yield "the description is no sentence"
    if kind.prefix.endswith("_"):
        yield "the prefix brings its own underscore"
    yield from _call(kind.service, kind.api, owner_paths=True)
    if kind.global_api:
        yield from _call(kind.service, kind.global_api, owner_paths=True)
        shapes = [listed_shape(MODELS, kind.service, call).name for call in (kind.api, kind.global_api)]
        if shapes[0] != shapes[1] or not kind.regional:
            yield "global_api is for more of the same in a regional kind"
    members = item_members(MODELS, kind)
    property_names(kind, members)
    times = [path for path in (kind.ctime, kind.mtime, kind.atime) if path]
    for source in (kind.id, kind.name_path, *times, kind.gone[0] if kind.gone else None):
        for path in _paths_of(source):
            member_at(members, path)
    if kind.arn and "{" not in kind.arn:
        member_at(members, kind.arn)
    if kind.tags and (kind.tagging or kind.tags != "Tags"):
        member_at(members, kind.tags)
    for source in (*kind.properties.values(), kind.region_path):
        for path in _paths_of(source):
            member_at(members, path)
    told = [path for path in times if isinstance(path, str)]
    yield from (f"{path} is no time" for path in told if not _is_time(member_at(members, path)))
    yield from (f"there is no {name} to drop" for name in kind.drop if name not in members)
    for path in kind.secret:
        shape = member_at(members, path)
        if not isinstance(shape, MapShape) and shape.type_name != "string":
            yield f"{path} is no map and no text"


def _bases(kind: AwsKind, members: Mapping[str, Shape]) -> Iterator[str]:
    unknown = [base for base in kind.bases if base not in BASE_KINDS]
    if unknown:
        yield f"no base kinds: {unknown}"
        return
    not_told = {name for base in (kind.name, *kind.all_bases) for name in _NOT_TOLD.get(base, ())}
    missing = properties_of(kind.bases) - RESERVED - not_told - property_names(kind, members)
    yield from (f"{name} is not set" for name in sorted(missing))


def _links(kind: AwsKind, members: Mapping[str, Shape]) -> Iterator[str]:
    for link in kind.links:
        shapes = [member_at(members, path) for path in _paths_of(link.path)]
        if link.kind not in KINDS:
            yield f"there is no kind {link.kind}"
        if isinstance(link.path, str) and _element(shapes[0]).type_name != "string":
            yield f"{link.path} is no text"
        if link.by == "arn" and link.kind in KINDS and not KINDS[link.kind].arn:
            yield f"{link.kind} has no ARN"


def _of_reported(kind: AwsKind, members: Mapping[str, Shape]) -> Iterator[str]:
    reported = property_names(kind, members) | RESERVED
    yield from (f"changing: there is no property {name}" for name in kind.unsettled if name not in reported)
    for name in named_in(kind.arn or ""):
        if name not in reported | {"partition", "region", "account"}:
            yield f"arn: there is no property {name}"
    for kind_taken in () if isinstance(kind.takes_along, bool) else kind.takes_along:
        if kind_taken not in KINDS:
            yield f"takes_along: there is no kind {kind_taken}"
    for rule in kind.held_back:
        yield from _unreported(kind, rule.property, members)
    if kind.read is not None:
        operation = operation_model(MODELS, kind.service, kind.api.operation)
        own = {name for name in kind.read if not name.startswith("item.")}
        reached = {name for name in _of_owner(kind.api) if kind.api.params[name] in kind.read}
        yield from _params(operation, own | reached | _given(kind.api) - _of_owner(kind.api))
        for name in kind.read.keys() - own:
            if kind.api.each is None:
                yield f"{name} is of an owner, and there is no call for owners"
            else:
                shape_at(listed_shape(MODELS, kind.service, kind.api.each), name.removeprefix("item."))
        for source in kind.read.values():
            yield from _unreported(kind, source, members)


def _detail(kind: AwsKind, detail: Detail | LastUse | Price, members: Mapping[str, Shape]) -> Iterator[str]:
    if isinstance(detail, LastUse):
        for path in (detail.id, detail.idle[0], detail.since):
            member_at(members, path)
        return
    if isinstance(detail, Price):
        for path in detail.paths.values():
            member_at(members, path)
        return
    operation = operation_model(MODELS, detail.service or kind.service, detail.operation)
    yield from _params(operation, {*detail.params, *detail.const})
    yield from _pagination(operation, None)
    source: Mapping[str, Shape] = members
    if detail.each:
        source = _structure(_element(member_at(members, detail.each)))
    for path in _paths(detail.params.values()):
        for name in set(named_in(path)) - {"partition", "region", "account"} if "{" in path else (path,):
            member_at(source, name)
    if detail.batch > 1 and detail.match is None:
        yield "a batch needs a match"
    if detail.batch > 1 and not any(isinstance(value, list) for value in detail.params.values()):
        yield "a batch needs a list param"
    if detail.beside and detail.into:
        yield "only where the members of the answer become the item's is there something beside them"
    if detail.or_gone and detail.batch == 1:
        yield "only the answer of a batch leaves out what is gone"
    if detail.everywhere and detail.batch == 1:
        yield "only a batch is asked once for everywhere"
    if detail.match and detail.batch == 1 and detail.params:
        yield "a match is for a batch, or for one call without params"
    if detail.ready:
        shape_at(operation.output_shape, ".".join(filter(None, (detail.result, detail.ready[0]))))
    if detail.match:
        answer = shape_at(operation.output_shape, detail.result or "")
        shape_at(_element(answer), detail.match[0])
        for path in _paths_of(detail.match[1]):
            member_at(members, path)


def _step(kind: AwsKind, step: Step, members: Mapping[str, Shape]) -> Iterator[str]:
    operation = operation_model(MODELS, kind.service, step.operation)
    yield from _params(operation, {*step.params, *step.const})
    item: Mapping[str, Shape] = {}
    if step.each:
        yield from _call(kind.service, step.each, owner_paths=False)
        if step.each.absent:
            yield "the step says which codes mean that there is nothing to do, not its list call"
        if step.each.where or step.each.recurse or step.each.errors:
            yield "a list call of a step is taken as it is"
        listed = operation_model(MODELS, kind.service, step.each.operation).output_shape
        element = _element(shape_at(listed, step.each.items))
        name = step.each.items.rpartition(".")[2].removesuffix("[]")
        item = _structure(element) if isinstance(element, StructureShape) else {name: element}
        for source in step.each.params.values():
            yield from _unreported(kind, source, members)
    for path in _paths(step.params.values()):
        if path.startswith("item."):
            member_at(item, path.removeprefix("item."))
        else:
            # What a kind unties is of its own kind so far.
            yield from _unreported(kind, path.removeprefix("other."), members)
    if step.errors:
        shape_at(operation.output_shape, step.errors)
    if step.until:
        waiter_method(MODELS, kind.service, step.until)


def _tagging(kind: AwsKind, tagging: Tagging, members: Mapping[str, Shape]) -> Iterator[str]:
    for source in (*tagging.params.values(), *tagging.tag_members.values()):
        yield from _unreported(kind, source, members)
    upsert = operation_model(MODELS, kind.service, tagging.upsert)
    remove = operation_model(MODELS, kind.service, tagging.remove)
    yield from _params(upsert, {*tagging.params, *tagging.const, tagging.tags})
    keys = () if tagging.replaces else (tagging.keys,)
    yield from _params(remove, {*tagging.params, *tagging.const, *keys})
    tags = shape_at(upsert.input_shape, tagging.tags)
    if isinstance(tags, MapShape) != (tagging.tags_form == "map"):
        yield "tags_form is another one"
    elif isinstance(tags, ListShape):
        yield from _missing_members(tags.member, {*tagging.named, *tagging.tag_members, *tagging.tag_const})
    if not tagging.replaces:
        key = _element(shape_at(remove.input_shape, tagging.keys))
        if isinstance(key, StructureShape) != (tagging.keys_form == "objects"):
            yield "keys_form is another one"
        elif isinstance(key, StructureShape):
            yield from _missing_members(key, {tagging.named[0], *tagging.tag_members, *tagging.tag_const})


def _call(service: str, call: Call, *, owner_paths: bool) -> Iterator[str]:
    operation = operation_model(MODELS, service, call.operation)
    yield from _params(operation, _given(call))
    yield from _pagination(operation, call.page_size)
    if call.each and owner_paths:
        yield from _call(service, call.each, owner_paths=True)
        owner = listed_shape(MODELS, service, call.each)
        for name in _of_owner(call):
            shape_at(owner, call.params[name].removeprefix("item."))
    if (call.owner or call.recurse) and not call.each:
        yield "has an owner, but no call for owners"
    listed = listed_shape(MODELS, service, call)
    if call.where:
        shape_at(listed, call.where[0])
    if call.errors:
        shape_at(operation.output_shape, call.errors)
    for name in _of_owner(call) if call.recurse else ():
        shape_at(listed, call.params[name].removeprefix("item."))


def _given(call: Call) -> set[str]:
    return set(call.params)


def _of_owner(call: Call) -> set[str]:
    return {k for k, v in call.params.items() if call.each and isinstance(v, str) and v.startswith("item.")}


def _params(operation: OperationModel, given: set[str]) -> Iterator[str]:
    """What is given and unknown, and what is required and not given."""
    if operation.input_shape is None:
        yield from (f"takes no {name}" for name in given)
        return
    for name in given:
        shape_at(operation.input_shape, name)
    top = {name.partition(".")[0] for name in given} | set(operation.idempotent_members)
    yield from (f"needs {name}" for name in operation.input_shape.required_members if name not in top)


def _pagination(operation: OperationModel, page_size: int | None) -> Iterator[str]:
    paginators = MODELS.get_paginator_model(operation.service_model.service_name)
    try:
        config: Any = paginators.get_paginator(operation.name)
    except ValueError:
        output, taken = (
            set(shape.members if shape else ()) for shape in (operation.output_shape, operation.input_shape)
        )
        last = {name.removeprefix("LastEvaluated") for name in output if name.startswith("LastEvaluated")}
        unfollowed = (
            output & (_TOKENS | _FOLLOWED - taken) or {f"ExclusiveStart{name}" for name in last} - taken
        )
        if unfollowed or (_marked(operation) and "Marker" not in taken):
            yield "answers in pages, and botocore knows no paginator for it"
        if page_size:
            yield "has no pages, but a page_size"
        return
    if page_size:
        limit = operation.input_shape.members[config["limit_key"]].metadata
        if not limit.get("min", 1) <= page_size <= limit.get("max", page_size):
            yield f"a page can't hold {page_size}"


def _marked(operation: OperationModel) -> bool:
    """Whether the marker of the next page stands beside the items."""
    output: Any = operation.output_shape
    parts = output.members.values() if output else ()
    return any(isinstance(part, StructureShape) and "NextMarker" in part.members for part in parts)


def _unreported(kind: AwsKind, source: Any, members: Mapping[str, Shape]) -> Iterator[str]:
    reported = property_names(kind, members) | RESERVED
    for path in _paths([source]):
        name = path.partition(".")[0].removesuffix("[]")
        if name not in reported:
            yield f"{name} is not reported"


def _missing_members(shape: Shape, names: set[str]) -> Iterator[str]:
    yield from (f"a tag has no {name}" for name in names if name not in _structure(shape))


def _paths(sources: Iterable[Any]) -> Iterator[str]:
    for source in sources:
        if isinstance(source, str | Value):
            yield from _paths_of(source)
        elif isinstance(source, Mapping):
            yield from source.values()
        else:
            yield from _paths(source)


def _paths_of(source: str | Value | None) -> tuple[str, ...]:
    if isinstance(source, Value):
        return source.paths
    return (source,) if source else ()


def _element(shape: Shape) -> Shape:
    return shape.member if isinstance(shape, ListShape) else shape


def _structure(shape: Shape) -> Mapping[str, Shape]:
    if not isinstance(shape, StructureShape):
        raise LookupError(f"{shape.name} has no members")
    return shape.members


def _is_time(shape: Shape) -> bool:
    return shape.type_name in ("timestamp", "string", "long")
