"""Answers in XML are read as botocore's own parser reads them, value by value."""

from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.model import ServiceModel
from botocore.parsers import ResponseParser, ResponseParserFactory

from resoto_dagster.providers.aws.parsers import AnswerParsers
from resoto_dagster.providers.aws.times import parsed_time
from resoto_dagster_tests.providers.aws.declared import declared_operations
from resoto_dagster_tests.providers.aws.samples import sample, service_model
from resoto_dagster_tests.providers.aws.synthetic import answered, routed_model

XML = ("ec2", "query", "rest-xml")
LEFT_TO_BOTOCORE = frozenset({("s3", "GetBucketAcl"), ("s3", "GetBucketLogging"), ("s3", "GetBucketPolicy")})
"""Answers with attributes, or with a text that is no XML."""


def _declared() -> list[tuple[str, str]]:
    operations = declared_operations()
    return [asked for asked in operations if service_model(asked[0]).resolved_protocol in XML]


def _both(protocol: str, shape: Any, body: bytes, **headers: str) -> tuple[Any, Any]:
    """What our parser and botocore's make of a successful answer."""
    theirs = ResponseParserFactory()
    theirs.set_parser_defaults(timestamp_parser=parsed_time)
    response = {"body": body, "headers": HeadersDict(headers), "status_code": 200, "context": {}}
    return _outcome(AnswerParsers(), protocol, response, shape), _outcome(theirs, protocol, response, shape)


def _outcome(parsers: ResponseParserFactory, protocol: str, response: dict[str, Any], shape: Any) -> Any:
    try:
        return typed(parsers.create_parser(protocol).parse(response, shape))
    except Exception as error:
        return type(error), str(error)


def typed(value: Any) -> Any:
    """The value with the type of everything in it, since True equals 1."""
    if isinstance(value, dict):
        return {key: typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    return type(value).__name__, value


def test_there_is_something_to_compare() -> None:
    declared = _declared()
    assert ("ec2", "DescribeInstances") in declared
    assert ("iam", "GetAccountAuthorizationDetails") in declared
    assert ("s3", "ListBuckets") in declared


@pytest.mark.parametrize(("service", "operation"), _declared())
def test_an_answer_is_read_as_botocore_reads_it(service, operation, monkeypatch) -> None:
    model = service_model(service)
    shape = model.operation_model(operation).output_shape
    protocol = model.resolved_protocol
    stated = {} if shape is None else sample(shape)
    wire = answered(protocol, service, routed_model(service).operation_model(operation), stated, "r-1")
    headers = {**wire.headers, "x-amz-request-id": "r-1", "x-amz-id-2": "h-1"}
    ours, theirs = _both(protocol, shape, wire.data, **headers)
    assert ours == theirs
    asked: list[Any] = []
    parse = ResponseParser.parse
    monkeypatch.setattr(ResponseParser, "parse", lambda *given: asked.append(given) or parse(*given))
    response = {"body": wire.data, "headers": HeadersDict(headers), "status_code": 200, "context": {}}
    assert _outcome(AnswerParsers(), protocol, response, shape) == ours
    assert bool(asked) == ((service, operation) in LEFT_TO_BOTOCORE), "whether botocore's parser was asked"


ITEM = {
    "an empty text": "<volumeId/>",
    "entities": "<volumeId>&lt;a&amp;b&#233;&gt;</volumeId>",
    "verbatim": "<volumeId>a<![CDATA[<b>]]>c</volumeId>",
    "a comment": "<volumeId>a<!-- no -->b</volumeId>",
    "spaces": "\n <volumeId> a\n</volumeId> <size>  7 </size>",
    "umlauts": "<volumeId>äöü</volumeId>",
    "what nobody knows": "<mood><size>1</size></mood><size>2</size>",
    "a member twice": "<size>1</size><size>2</size>",
    "an element in a text": "<volumeId>a<b>c</b>d</volumeId>",
    "no number": "<size>large</size>",
    "no time": "<createTime>soon</createTime>",
    "a time in seconds": "<createTime>1700000000</createTime>",
    "a time with parts": "<createTime>2024-05-01T10:30:00.123Z</createTime>",
    "a time elsewhere": "<createTime>2024-05-01T10:30:00+02:00</createTime>",
    "falsehood": "<encrypted>false</encrypted>",
    "neither": "<encrypted>True</encrypted>",
}
EC2 = {name: f"<volumeSet><item>{item}</item></volumeSet>" for name, item in ITEM.items()} | {
    "nothing": "",
    "an empty list": "<volumeSet/>",
    "a list of two": "<volumeSet><item><size>1</size></item><item><size>2</size></item></volumeSet>",
    "two lists": "<volumeSet><item><size>1</size></item></volumeSet><volumeSet/>",
    "a prefix": "<x:volumeSet xmlns:x='urn:x'><x:item><x:size>2</x:size></x:item></x:volumeSet>",
    "unclosed": "<volumeSet><item>",
    "no id of the request": "<requestId/>",
}


@pytest.mark.parametrize("content", EC2.values(), ids=EC2)
@pytest.mark.parametrize("head", ["<DescribeVolumesResponse xmlns='urn:ec2'>", "<DescribeVolumesResponse>"])
def test_whatever_is_in_a_document_is_read_as_botocore_reads_it(content: str, head: str) -> None:
    shape = service_model("ec2").operation_model("DescribeVolumes").output_shape
    body = f"{head}<requestId>r-1</requestId>{content}</DescribeVolumesResponse>".encode()
    ours, theirs = _both("ec2", shape, body)
    assert ours == theirs


@pytest.mark.parametrize("body", [b"", b"<", b"\xff", b"no xml"])
def test_what_is_no_document_fails_as_botocore_fails(body: bytes) -> None:
    shape = service_model("ec2").operation_model("DescribeVolumes").output_shape
    ours, theirs = _both("ec2", shape, body)
    assert ours == theirs
    assert ours[0].__name__ == "ResponseParserError"


STRUCTURE = {"type": "structure", "members": {"Name": {"shape": "Text"}, "Deep": {"shape": "Part"}}}
SHAPES = {
    "Text": {"type": "string"},
    "Number": {"type": "integer"},
    "Blob": {"type": "blob"},
    "Part": STRUCTURE,
    "Flat": {"type": "list", "flattened": True, "member": {"shape": "Text"}},
    "FlatNamed": {"type": "list", "flattened": True, "member": {"shape": "Text", "locationName": "One"}},
    "FlatParts": {"type": "list", "flattened": True, "member": {"shape": "Part"}},
    "Lists": {"type": "list", "member": {"shape": "Texts"}},
    "Texts": {"type": "list", "member": {"shape": "Text"}},
    "Map": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Number"}},
    "MapOfParts": {
        "type": "map",
        "flattened": True,
        "key": {"shape": "Text", "locationName": "K"},
        "value": {"shape": "Part", "locationName": "V"},
    },
    "Union": {
        "type": "structure",
        "union": True,
        "members": {"A": {"shape": "Text"}, "B": {"shape": "Text"}},
    },
    "WithAttribute": {
        "type": "structure",
        "members": {"Type": {"shape": "Text", "xmlAttribute": True, "locationName": "xsi:type"}},
    },
}
FORMS = {
    "flat": ("Flat", "<M>a</M><M>b</M>"),
    "flat, one": ("Flat", "<M>a</M>"),
    "flat, apart": ("Flat", "<M>a</M><Other/><M>b</M>"),
    "flat, named": ("FlatNamed", "<One>a</One><One>b</One><M>c</M>"),
    "flat parts": ("FlatParts", "<M><Name>a</Name></M><M/>"),
    "lists of lists": ("Lists", "<M><member><member>a</member></member><member/></M>"),
    "parts inside": ("Part", "<M><Deep><Deep><Name>a</Name></Deep></Deep></M>"),
    "a part twice": ("Part", "<M><Name>a</Name></M><M><Name>b</Name></M>"),
    "a map": (
        "Map",
        "<M><entry><key>a</key><value>1</value></entry><entry><value>2</value><key>b</key></entry></M>",
    ),
    "an empty map": ("Map", "<M/>"),
    "half an entry": ("Map", "<M><entry><key>a</key></entry></M>"),
    "an odd entry": ("Map", "<M><entry><key>a</key><value>1</value><mood/></entry></M>"),
    "a flat map": ("MapOfParts", "<M><K>a</K><V><Name>b</Name></V></M><M><K>c</K><V/></M>"),
    "bytes": ("Blob", "<M>YWI=</M>"),
    "no bytes": ("Blob", "<M>Y</M>"),
    "one of several": ("Union", "<M><B>a</B></M>"),
    "one that nobody knows": ("Union", "<M><C>a</C></M>"),
    "none of several": ("Union", "<M/>"),
    "an attribute": ("WithAttribute", '<M xmlns:xsi="urn:x" xsi:type="Group"/>'),
}


def _service(protocol: str, member: dict[str, Any], **output: Any) -> Any:
    """The shape of an answer with one member in it."""
    shapes = {**SHAPES, "Output": {"type": "structure", "members": {"M": member}, **output}}
    operations = {"Ask": {"name": "Ask", "http": {"method": "GET", "requestUri": "/"}}}
    operations["Ask"]["output"] = {"shape": "Output"}
    if protocol == "query":
        operations["Ask"]["output"]["resultWrapper"] = "AskResult"
    model = ServiceModel({"metadata": {"protocol": protocol}, "operations": operations, "shapes": shapes})
    return model.operation_model("Ask").output_shape


@pytest.mark.parametrize("protocol", XML)
@pytest.mark.parametrize(("shape", "content"), FORMS.values(), ids=FORMS)
def test_every_form_of_a_member_is_read_as_botocore_reads_it(protocol, shape, content) -> None:
    wrapped = f"<AskResult>{content}</AskResult>" if protocol == "query" else content
    ours, theirs = _both(protocol, _service(protocol, {"shape": shape}), f"<Ask>{wrapped}</Ask>".encode())
    assert ours == theirs


@pytest.mark.parametrize(
    "content",
    [
        "<AskResult/>",
        "",
        "<AskResult><M>a</M></AskResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata>",
        "<ResponseMetadata><RequestId/></ResponseMetadata><AskResult><M/></AskResult>",
        "<AskResult><M>a</M></AskResult><AskResult><M>b</M></AskResult>",
        "<M>a</M>",
    ],
)
def test_what_a_query_answers_stands_in_its_wrapper(content: str) -> None:
    ours, theirs = _both("query", _service("query", {"shape": "Text"}), f"<Ask>{content}</Ask>".encode())
    assert ours == theirs


@pytest.mark.parametrize("where", ["header", "headers", "statusCode", "uri"])
def test_what_an_answer_says_beside_its_document(where: str) -> None:
    kinds = {"headers": "Map", "statusCode": "Number"}
    shape = _service(
        "rest-xml", {"shape": kinds.get(where, "Text"), "location": where, "locationName": "X-M"}
    )
    for headers in ({}, {"X-M": "1"}):
        ours, theirs = _both("rest-xml", shape, b"<Ask><X-M>2</X-M></Ask>", **headers)
        assert ours == theirs


@pytest.mark.parametrize("shape", ["Part", "Text", "Texts", "Union"])
@pytest.mark.parametrize("body", [b"", b"<Part><Name>a</Name></Part>"])
def test_a_member_that_is_the_whole_document(shape: str, body: bytes) -> None:
    ours, theirs = _both("rest-xml", _service("rest-xml", {"shape": shape}, payload="M"), body)
    assert ours == theirs


@pytest.mark.parametrize("protocol", XML)
def test_an_answer_without_members(protocol: str) -> None:
    for body in (b"<Ask><requestId>r-1</requestId></Ask>", b""):
        ours, theirs = _both(protocol, None, body, **{"x-amzn-RequestId": "r-2"})
        assert ours == theirs


def test_an_error_is_left_to_botocore() -> None:
    shape = service_model("ec2").operation_model("DescribeVolumes").output_shape
    error = b"<Response><Errors><Error><Code>C</Code><Message>m</Message></Error></Errors></Response>"
    response = {"body": error, "headers": HeadersDict(), "status_code": 400, "context": {}}
    parsed = AnswerParsers().create_parser("ec2").parse(response, shape)
    assert parsed["Error"] == {"Code": "C", "Message": "m"}
