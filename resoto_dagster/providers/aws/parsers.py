"""The parsers of AWS's answers: botocore's, and beside them a faster one for answers in XML."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.model import Shape, StructureShape
from botocore.parsers import ResponseParser, ResponseParserFactory
from botocore.utils import lowercase_dict

from resoto_dagster.providers.aws.times import parsed_time
from resoto_dagster.providers.aws.xml_answers import (
    ELSEWHERE,
    STRUCTURE,
    TEXT,
    Element,
    Elements,
    Shapes,
    Unusual,
    read,
    text_or_none,
    texts,
)

Answer = dict[str, Any]
Read = Callable[[Mapping[str, Any]], Answer]
"""Reads an answer of one operation: a mapping with `body` and `headers`."""

_METADATA = "ResponseMetadata"


class AnswerParsers(ResponseParserFactory):
    """Makes parsers for botocore; errors and whatever is unusual they leave to its own."""

    def __init__(self) -> None:
        super().__init__()
        self.set_parser_defaults(timestamp_parser=parsed_time)
        self._parsers: dict[str, AnswerParser] = {}

    def create_parser(self, protocol_name: str) -> "AnswerParser":
        """The parser of a protocol."""
        if protocol_name not in self._parsers:
            own = super().create_parser(protocol_name)
            self._parsers[protocol_name] = AnswerParser(own, _COMPILE.get(protocol_name))
        return self._parsers[protocol_name]


class AnswerParser(ResponseParser):
    """Parses as the given parser of botocore does, value by value, but faster where it can."""

    def __init__(self, own: ResponseParser, compile_: "Callable[[StructureShape | None], Read] | None"):
        super().__init__()
        self._own = own
        self._compile = compile_
        self._compiled: dict[Shape | None, Read | None] = {}

    def parse(self, response: Mapping[str, Any], shape: Any) -> Any:
        """The answer as a mapping; see botocore's parsers for its form and the errors."""
        if (
            self._compile is None
            or response["status_code"] >= 300
            or response.get("context", {}).get("checksum")
        ):
            return self._own.parse(response, shape)
        if shape not in self._compiled:
            self._compiled[shape] = _compiled(self._compile, shape)
        reads = self._compiled[shape]
        try:
            answer = None if reads is None else reads(response)
        except (Unusual, ValueError):
            answer = None
        if answer is None:
            return self._own.parse(response, shape)
        answer.setdefault(_METADATA, {}).update(
            HTTPStatusCode=response["status_code"], HTTPHeaders=lowercase_dict(response["headers"])
        )
        return answer


def _compiled(compile_: "Callable[[StructureShape | None], Read]", shape: Any) -> Read | None:
    try:
        return compile_(shape)
    except Unusual:
        return None


def _ec2(shape: StructureShape | None) -> Read:
    members = _members(shape)
    if members["requestId"] is not None or (shape is not None and "resultWrapper" in shape.serialization):
        raise Unusual("a member where the id of the request is")
    request_id = text_or_none(_METADATA)
    root = _root(Elements(lambda name: request_id if name == "requestId" else members[name]))

    def reads(response: Mapping[str, Any]) -> Answer:
        answer: Answer = read(response["body"], root)
        if _METADATA in answer:
            answer[_METADATA] = {"RequestId": answer[_METADATA]}
        return answer

    return reads


def _query(shape: StructureShape | None) -> Read:
    members, metadata = _members(shape), texts(_METADATA)
    wrapper = None if shape is None else shape.serialization.get("resultWrapper")
    if wrapper is None:
        plain = _root(Elements(lambda name: metadata if name == _METADATA else members[name]))
        return lambda response: read(response["body"], plain)
    parts = {wrapper: Element(STRUCTURE, wrapper, None, members), _METADATA: metadata}
    root = _root(Elements(parts.get))

    def reads(response: Mapping[str, Any]) -> Answer:
        found = read(response["body"], root)
        if wrapper not in found:
            raise Unusual(f"an answer without {wrapper}")
        answer: Answer = found[wrapper]
        return {**answer, _METADATA: found[_METADATA]} if _METADATA in found else answer

    return reads


def _rest_xml(shape: StructureShape | None) -> Read:
    headers = [] if shape is None else _header_members(shape)
    payload = None if shape is None else shape.serialization.get("payload")
    root = _root(_members(shape if shape is None or payload is None else shape.members[payload]))

    def reads(response: Mapping[str, Any]) -> Answer:
        given, body = response["headers"], response["body"]
        held = read(body, root) if body and shape is not None else {}
        answer = held if payload is None else {payload: held}
        for member, name, convert in headers:
            if name in given:
                answer[member] = given[name] if convert is None else convert(given[name])
        answer[_METADATA] = _ids(given)
        return answer

    return reads


def _root(inside: Elements) -> Element:
    return Element(STRUCTURE, None, None, inside)


def _members(shape: Shape | None) -> Elements:
    if shape is None:
        return Elements(lambda _: None)
    if not isinstance(shape, StructureShape):
        raise Unusual(f"{shape.name} is no structure")
    return Shapes().members(shape)


def _header_members(shape: StructureShape) -> list[tuple[str, str, Callable[[str], Any] | None]]:
    found = []
    for member, inner in shape.members.items():
        how = inner.serialization
        if how.get("location") not in ELSEWHERE:
            continue
        element = Shapes().element(inner, member)
        if how["location"] != "header" or element.holds != TEXT or how.get("jsonvalue"):
            raise Unusual(f"{shape.name}.{member} is not a plain header")
        found.append((member, how.get("name", member), element.convert))
    return found


def _ids(headers: Mapping[str, str]) -> dict[str, str]:
    if "x-amzn-requestid" in headers:
        return {"RequestId": headers["x-amzn-requestid"]}
    if "x-amz-request-id" in headers:
        return {"RequestId": headers["x-amz-request-id"], "HostId": headers.get("x-amz-id-2", "")}
    return {}


_COMPILE: Mapping[str, Callable[[StructureShape | None], Read]] = {
    "ec2": _ec2,
    "query": _query,
    "rest-xml": _rest_xml,
}
