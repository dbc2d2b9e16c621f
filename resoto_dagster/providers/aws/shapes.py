"""What botocore's service models say of an answer: which members there are, and how to make JSON of them."""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore import xform_name
from botocore.model import (
    DenormalizedStructureBuilder,
    ListShape,
    MapShape,
    OperationModel,
    Shape,
    StringShape,
    StructureShape,
)
from botocore.session import Session

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, LastUse, Price

Convert = Callable[[Any], Any]

_COUNTED = frozenset({"Quantity", "Items"})
"""The members of the structures in which CloudFront has its lists; often there are no others."""


def operation_model(session: Session, service: str, method: str) -> OperationModel:
    """The model of a client's method. Raises LookupError when the service has no such method."""
    model = session.get_service_model(service)
    for name in model.operation_names:
        if xform_name(name) == method:
            return model.operation_model(name)
    raise LookupError(f"{service} has no operation {method}")


def waiter_method(session: Session, service: str, waiter: str) -> str:
    """The client's method by which a waiter sees what it waits for. Raises LookupError for no waiter."""
    model = session.get_waiter_model(service)
    for name in model.waiter_names:
        if xform_name(name) == waiter:
            return xform_name(model.get_waiter(name).operation)
    raise LookupError(f"botocore has no waiter {waiter}")


def shape_at(shape: Shape, path: str) -> Shape:
    """The shape at a path below a shape, through maps too. Raises LookupError when there is none."""
    for part in path.split(".") if path else ():
        name = part.removesuffix("[]")
        if isinstance(shape, MapShape) and name in (_keys(shape) or (name,)):
            shape = shape.value
        elif isinstance(shape, StructureShape) and name in shape.members:
            shape = shape.members[name]
        else:
            raise LookupError(f"{shape.name} has no member {name}")
        if part.endswith("[]"):
            if not isinstance(shape, ListShape):
                raise LookupError(f"{path}: {name} is no list")
            shape = shape.member
    return shape


def _keys(shape: MapShape) -> list[str]:
    """All keys that a map may have, or none where they are not listed."""
    return shape.key.enum if isinstance(shape.key, StringShape) else []


def item_members(session: Session, kind: AwsKind) -> dict[str, Shape]:
    """The members of a kind's items with all that its details add.

    Raises LookupError for an operation or a path that does not exist.
    """
    members = _listed_members(session, kind.service, kind.api)
    for detail in kind.details:
        members |= _detail_members(session, kind, detail)
    return members


def scalar_member(items: str) -> str:
    """How the one member of an item is called that the API answers as a plain value."""
    return items.rpartition(".")[2].removesuffix("[]")


def member_at(members: Mapping[str, Shape], path: str) -> Shape:
    """The shape at a path of an item. Raises LookupError when there is none."""
    first, _, rest = path.partition(".")
    name = first.removesuffix("[]")
    if name not in members:
        raise LookupError(f"there is no member {name}")
    shape = members[name]
    if first.endswith("[]"):
        if not isinstance(shape, ListShape):
            raise LookupError(f"{path}: {name} is no list")
        shape = shape.member
    return shape_at(shape, rest)


def converter(shape: Shape) -> Convert | None:
    """A function that makes JSON of a parsed value: snake_case names, times as text in UTC.

    None when the value can stay as it is. Keys of maps stay, since they are data. Of a list with its length
    the list alone is kept; what else is told of it stands beside it (`trusted_signers_enabled`).
    """
    return _converter(shape, {})


def iso_utc(moment: datetime) -> str:
    """A moment as ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _output(session: Session, service: str, method: str) -> Shape:
    shape = operation_model(session, service, method).output_shape
    if shape is None:
        raise LookupError(f"{service} answers nothing to {method}")
    return shape


def listed_shape(session: Session, service: str, call: Call) -> StructureShape:
    """The shape of what a list call lists, one of them. Raises LookupError when it lists nothing."""
    listed = shape_at(_output(session, service, call.operation), call.items)
    if isinstance(listed, ListShape):
        listed = listed.member
    if isinstance(listed, StructureShape):
        return listed
    members = {scalar_member(call.items): {"type": listed.type_name}}
    return DenormalizedStructureBuilder().with_members(members).build_model()


def _listed_members(session: Session, service: str, call: Call) -> dict[str, Shape]:
    members = dict(listed_shape(session, service, call).members)
    if call.split:
        members[call.split] = member_at(members, f"{call.split}[]")
    if call.owner and call.each:
        members[call.owner] = listed_shape(session, service, call.each)
    return members


def _detail_members(session: Session, kind: AwsKind, detail: Detail | LastUse | Price) -> dict[str, Shape]:
    if not isinstance(detail, Detail):
        return {name: Shape(name, {"type": type_}) for name, type_ in detail.members.items()}
    output = _output(session, detail.service or kind.service, detail.operation)
    shape = shape_at(output, detail.result or "")
    if detail.match and isinstance(shape, ListShape):
        shape = shape.member
    if detail.into:
        return {detail.into: shape}
    if not isinstance(shape, StructureShape):
        raise LookupError(f"{detail.operation} answers no structure whose members could be the item's")
    beside = {detail.beside: shape_at(output, detail.beside)} if detail.beside else {}
    return {**shape.members, **beside}


def _converter(shape: Shape, known: dict[str, Convert]) -> Convert | None:
    if isinstance(shape, StructureShape):
        if shape.is_document_type:
            return None  # JSON already, of whatever form
        if shape.name not in known:
            _compile_structure(shape, known)
        convert = known[shape.name]
        if shape.members.keys() != _COUNTED:
            return convert
        return lambda value: convert(value).get("items", [])
    if isinstance(shape, ListShape):
        element = _converter(shape.member, known)
        return None if element is None else (lambda values: [element(value) for value in values])
    if isinstance(shape, MapShape):
        entry = _converter(shape.value, known)
        return None if entry is None else (lambda value: {key: entry(inner) for key, inner in value.items()})
    if shape.type_name == "timestamp":
        return iso_utc
    if shape.type_name == "blob":
        return lambda value: base64.b64encode(value).decode()
    return None


def _beside(name: str, counted: Mapping[str, Any]) -> dict[str, Any]:
    """A list with its length as the list and all but the length beside it."""
    others = {f"{name}_{key}": value for key, value in counted.items() if key not in ("items", "quantity")}
    return {name: counted.get("items", []), **others}


def _compile_structure(shape: StructureShape, known: dict[str, Convert]) -> None:
    table: dict[str, tuple[str, Convert | None]] = {}
    # What botocore puts in the place of a member that AWS knows and it does not know yet.
    unknown = ("sdk_unknown_member", None)
    counted = [
        xform_name(name)
        for name, member in shape.members.items()
        if isinstance(member, StructureShape) and member.members.keys() > _COUNTED
    ]

    def convert(value: Any) -> Any:
        made = {}
        for key, inner in value.items():
            name, change = table.get(key, unknown)
            made[name] = inner if change is None else change(inner)
        for name in counted:
            if name in made:
                made |= _beside(name, made[name])
        return made

    known[shape.name] = convert  # known before its members are, since structures may hold themselves
    for member, member_shape in shape.members.items():
        table[member] = (xform_name(member), _converter(member_shape, known))
