"""What AWS and botocore report, as one line that names the call and holds no secret."""

from collections.abc import Iterable

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from resoto_dagster.providers.aws.permissions import iam_action
from resoto_dagster.providers.base import ProviderError

DENIED = frozenset(
    {
        "403",
        "AccessDenied",
        "AccessDeniedException",
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
    error: ClientError | BotoCoreError | ResponseParserError, signing_name: str, operation: str
) -> ApiError:
    """The error of a call as one line; of a refused one, code and IAM action say all there is to say."""
    if isinstance(error, BotoCoreError):
        code, message = type(error).__name__, str(error)
    elif isinstance(error, ResponseParserError):  # its text holds all of the answer
        code, message = type(error).__name__, "an answer that can't be read"
    else:
        code = error.response.get("Error", {}).get("Code", "Unknown")
        message = error.response.get("Error", {}).get("Message") or ""
        if error.operation_name == "AssumeRole":
            signing_name, operation = "sts", "AssumeRole"
    action = iam_action(signing_name, operation)
    if code in DENIED:
        return ApiError(code, f"{code}: {action}")
    return ApiError(code, f"{code}: {action}: {one_line(message)}".removesuffix(": "), message)


def one_line(text: str) -> str:
    """The text in one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
