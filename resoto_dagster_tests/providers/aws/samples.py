"""Answers of AWS made out of botocore's models, so that a test has to say only what matters to it."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from botocore.session import Session

MOMENT = datetime(2024, 5, 1, 10, 30, tzinfo=UTC)
"""The moment that every time of a sample is."""

_SESSION = Session()
_PLAIN: Mapping[str, Any] = {
    "blob": b"blob",
    "boolean": True,
    "double": 1.5,
    "float": 1.5,
    "integer": 1,
    "long": 1,
    "timestamp": MOMENT,
}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "blob": (bytes,),
    "boolean": (bool,),
    "double": (int, float),
    "float": (int, float),
    "integer": (int,),
    "long": (int,),
    "string": (str,),
    "timestamp": (datetime,),
}
_TOKENS = {"nexttoken", "marker", "nextmarker", "nextpagetoken", "position", "istruncated", "hasmore"}


@cache
def service_model(service: str) -> ServiceModel:
    """botocore's model of a service; its name is that of the client."""
    return _SESSION.get_service_model(service)


def synthesise(service: str, operation: str, **given: Any) -> dict[str, Any]:
    """A full answer to an operation (`ListAgents`), without the members that lead to a next page.

    What is given stands as in `sample`.
    """
    output = service_model(service).operation_model(operation).output_shape
    if output is None:
        return {}
    onwards = dict.fromkeys(name for name in output.members if name.lower() in _TOKENS)
    onwards |= dict.fromkeys(_onwards(service, operation))
    return sample(output, **(onwards | given))


def sample(shape: Shape, **given: Any) -> Any:
    """A value of a shape, the same one every time, with what is given in its place.

    A text is called like its member (`agentName`), but one of an enum is the enum's first, and of an ARN an
    ARN; all times are `MOMENT`. A structure that is given may be partial: the rest is filled in, and a member
    that is given as None is left out. Of a union there is the first member, or what is given. A list that is
    given has as many elements as that, each of them filled in. A structure inside itself is left out.
    """
    return _filled(shape, given or None, shape.name, ())


def misfits(shape: Shape | None, value: Any, path: str = "the answer") -> Iterator[str]:
    """What a value has that the shape does not know, or that is of another type; each in one line."""
    if shape is None:
        yield from [f"{path} has no members"] if value else []
    elif isinstance(shape, StructureShape):
        if not isinstance(value, Mapping):
            yield f"{path} is no structure: {value!r}"
        elif not shape.is_document_type:
            for name, inner in value.items():
                if name in shape.members:
                    yield from misfits(shape.members[name], inner, f"{path}.{name}")
                else:
                    yield f"{path} has no member {name}, but {', '.join(shape.members)}"
    elif isinstance(shape, ListShape):
        if not isinstance(value, list | tuple):
            yield f"{path} is no list: {value!r}"
        else:
            for inner in value:
                yield from misfits(shape.member, inner, f"{path}[]")
    elif isinstance(shape, MapShape):
        if not isinstance(value, Mapping):
            yield f"{path} is no map: {value!r}"
        else:
            for inner in value.values():
                yield from misfits(shape.value, inner, f"{path}.*")
    elif not isinstance(value, _TYPES.get(shape.type_name, object)):
        yield f"{path} is no {shape.type_name}: {value!r}"


def _onwards(service: str, operation: str) -> Iterator[str]:
    """The members of an answer by which botocore finds the next page."""
    try:
        config: Any = _SESSION.get_paginator_model(service).get_paginator(operation)
    except (UnknownServiceError, ValueError):
        return
    tokens = config["output_token"]
    for path in (*(tokens if isinstance(tokens, list) else [tokens]), config.get("more_results")):
        if path and path.isidentifier():
            yield path


def _filled(shape: Shape, given: Any, name: str, around: tuple[str, ...]) -> Any:
    if isinstance(shape, StructureShape):
        return _structure(shape, given, around)
    if isinstance(shape, ListShape):
        elements = [None] if given is None else given
        if given is None and _holds_itself(shape.member, around):
            return []
        return [_filled(shape.member, element, name, around) for element in elements]
    if isinstance(shape, MapShape):
        if given is None and _holds_itself(shape.value, around):
            return {}
        entries = {_filled(shape.key, None, f"{name}Key", around): None} if given is None else given
        return {key: _filled(shape.value, value, name, around) for key, value in entries.items()}
    return _text(shape, name) if given is None and shape.type_name == "string" else _plain(shape, given)


def _structure(shape: StructureShape, given: Any, around: tuple[str, ...]) -> Any:
    if shape.is_document_type:
        return {"key": "value"} if given is None else given
    given = given or {}
    unknown = sorted(set(given) - set(shape.members))
    if unknown:
        raise LookupError(f"{shape.name} has no member {unknown[0]}, but {', '.join(shape.members)}")
    wanted = list(given) or list(shape.members)[:1] if shape.is_tagged_union else list(shape.members)
    inside = (*around, shape.name)
    return {
        member: _filled(shape.members[member], given.get(member), member, inside)
        for member in wanted
        if not (member in given and given[member] is None)
        and not (member not in given and _holds_itself(shape.members[member], inside))
    }


def _holds_itself(shape: Shape, around: tuple[str, ...]) -> bool:
    return isinstance(shape, StructureShape) and shape.name in around


def _text(shape: Shape, name: str) -> str:
    if shape.enum:
        return str(shape.enum[0])
    if name.lower().endswith("arn"):
        return f"arn:aws:service:us-east-1:123456789012:{name}"
    return name


def _plain(shape: Shape, given: Any) -> Any:
    return _PLAIN[shape.type_name] if given is None else given
