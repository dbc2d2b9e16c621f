"""The calls that CloudTrail tells of, as EventBridge delivers them: what changed where, and nothing else.

Of a message only the members named here are read: what was asked and answered may hold secrets, and is
neither kept nor logged.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

_DETAIL_TYPE = "AWS API Call via CloudTrail"
_SOURCE = re.compile(r"([a-z0-9-]{1,60})\.amazonaws\.com(?:\.cn)?")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z0-9]+)+")
_VERSION = re.compile(r"(?<=[a-z])[0-9]{4}_?[0-9]{2}_?[0-9]{2}(?:v[0-9]+)?$")
"""The version of an API in the name of a call: `CreateFunction20150331`, `UpdateDistribution2020_05_31`."""

_READING = re.compile(r"(?:BatchGet|Describe|Get|Head|List)(?![a-z])")


class Malformed(ValueError):
    """A message that is no event of EventBridge; the text says why, without what the message says."""


class Dropped(Exception):
    """An event that changed nothing that is collected; the text says why, and names nothing of it."""


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A call that changed something: of which service, as its calls are signed, and in which account."""

    service: str
    name: str
    account: str
    region: str


def read_api_call(message: str) -> ApiCall:
    """The call that a message tells of. Raises Malformed and Dropped."""
    try:
        event = orjson.loads(message)
    except orjson.JSONDecodeError:
        raise Malformed("it is not JSON") from None
    if not isinstance(event, dict) or not isinstance(event.get("detail-type"), str):
        raise Malformed("it has no detail-type")
    if event["detail-type"] != _DETAIL_TYPE:
        raise Dropped("no API call")
    detail = event.get("detail")
    if not isinstance(detail, dict):
        raise Malformed("it has no detail")
    name = _VERSION.sub("", _member(detail, "eventName", _NAME)[0])
    source = _member(detail, "eventSource", _SOURCE)[1]
    reads = detail.get("readOnly")
    if reads is True or (reads is None and _READING.match(name)):
        raise Dropped("call that only reads")
    if detail.get("managementEvent") is False:
        raise Dropped("call on data")
    if detail.get("errorCode"):
        raise Dropped("call that failed")
    region = _member(detail, "awsRegion", _REGION)[0]
    return ApiCall(source, name, _account(detail), region)


def _account(detail: Mapping[str, Any]) -> str:
    """The account that the call is told to: the resource's where it is not the caller's own."""
    if detail.get("recipientAccountId") is None and isinstance(detail.get("userIdentity"), dict):
        return _member(detail["userIdentity"], "accountId", _ACCOUNT)[0]
    return _member(detail, "recipientAccountId", _ACCOUNT)[0]


def _member(place: Mapping[str, Any], name: str, form: re.Pattern[str]) -> re.Match[str]:
    value = place.get(name)
    found = form.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Malformed(f"it has no {name}, or one that is none")
    return found
