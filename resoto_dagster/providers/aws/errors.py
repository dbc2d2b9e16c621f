"""What AWS and botocore report, as one line that names the call and holds no secret."""

from collections.abc import Iterable

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from resoto_dagster.providers.aws.permissions import iam_action, refusal
from resoto_dagster.providers.base import ProviderError

DENIED = frozenset(
    {
        "403",
        "AccessDenied",
        "AccessDeniedException",
        "AccessDeniedForDependencyException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "Forbidden",
        "UnauthorizedAccess",
        "UnauthorizedOperation",
    }
)
_LONGEST = 300


class ApiError(ProviderError):
    """A call that failed; `code` is AWS's error code, or the name of botocore's exception."""

    def __init__(self, code: str, text: str, message: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.message = message

    def is_one_of(self, codes: Iterable[str]) -> bool:
        """Whether it has one of the codes; of `CODE: words` its message must hold the words, too."""
        for declared in codes:
            code, _, words = declared.partition(": ")
            if code == self.code and words in self.message:
                return True
        return False


def api_error(
    error: ClientError | BotoCoreError | ResponseParserError, service: str, operation: str
) -> ApiError:
    """The error of a call as one line; of a refused one: the code and the IAM action that is missing.

    The service is named as `permissions.service_of` names it. Where AWS says on what, by which sort of policy
    and that another action is missing than the call's own, so does the line.
    """
    if isinstance(error, BotoCoreError):
        code, message = type(error).__name__, str(error)
    elif isinstance(error, ResponseParserError):  # its text holds all of the answer
        code, message = type(error).__name__, "an answer that can't be read"
    else:
        code = error.response.get("Error", {}).get("Code", "Unknown")
        message = error.response.get("Error", {}).get("Message") or ""
        if error.operation_name == "AssumeRole":
            service, operation = "sts", "AssumeRole"
    action, refused = iam_action(service, operation), refusal(message)
    if code in DENIED or refused:
        return ApiError(code, one_line(f"{code}: {refused or action}"), message)
    return ApiError(code, f"{code}: {action}: {one_line(message)}".removesuffix(": "), message)


def one_line(text: str) -> str:
    """The text in one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
