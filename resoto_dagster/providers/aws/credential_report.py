"""IAM's report on who has which credentials: a table with a line for each user and one for the root user."""

import csv
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from resoto_dagster.providers.aws.declaration import Detail, Value

REPORT = (
    Detail(
        operation="generate_credential_report", params={}, ready=("State", "COMPLETE"), into="ReportState"
    ),
    Detail(operation="get_credential_report", params={}, into="Report"),
)
"""The details that put the report into items. It is made first, and may be four hours old afterwards."""
REPORT_MEMBERS = ("ReportState", "Report")

_CONTENT = "Report.Content"
_ROOT = "<root_account>"
_UNKNOWN = frozenset({"N/A", "no_information", "not_supported"})


def of_user(column: str, convert: Callable[[str], Any] = str) -> Value:
    """What the report says of the item's user in that column."""
    return Value((_CONTENT, "UserName"), lambda content, user: _told(content, user, column, convert))


def of_root(column: str, convert: Callable[[str], Any] = str) -> Value:
    """What the report says of the root user in that column."""
    return Value(_CONTENT, lambda content: _told(content, _ROOT, column, convert))


def yes(text: str) -> bool:
    """Whether a column says yes."""
    return text.lower() == "true"


def moment(text: str) -> str:
    """A time of the report as all others are written."""
    return text.replace("+00:00", "Z")


def _told(content: bytes | None, user: str | None, column: str, convert: Callable[[str], Any]) -> Any:
    text = _lines(content or b"").get(user or "", {}).get(column) or "N/A"
    return None if text in _UNKNOWN else convert(text)


@lru_cache(maxsize=8)
def _lines(content: bytes) -> Mapping[str, Mapping[str, str]]:
    """The lines of a report by user; kept, since every user of an account asks for them."""
    return {line["user"]: line for line in csv.DictReader(content.decode().splitlines())}
