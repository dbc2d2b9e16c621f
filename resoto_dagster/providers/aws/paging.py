"""How the pages of an answer follow one another."""

from collections.abc import Mapping
from typing import Any

import jmespath
from botocore.exceptions import PaginationError
from botocore.model import OperationModel

_TOKENS = ("NextToken", "nextToken", "NextMarker")
_LAST = "LastEvaluated"

Params = Mapping[str, Any]


class ByToken:
    """An answer that names its next page, though botocore does not know that the operation has pages."""

    def first(self, params: Params, page_size: int | None) -> Params:
        """What to ask for the first page. Raises PaginationError for a size that can't be chosen."""
        if page_size is not None:
            raise PaginationError(message="the size of a page can't be chosen")
        return params

    def following(self, params: Params, answer: Mapping[str, Any]) -> Params | None:
        """What to ask for the page after an answer to the given params; None after the last one."""
        token = _token(answer)
        return {**params, **token} if token else None


class ByPaginator(ByToken):
    """Pages as botocore's paginators describe them; no page is kept until the next one is there."""

    def __init__(self, config: Mapping[str, Any], operation: OperationModel) -> None:
        self._names = _listed(config["input_token"])
        self._tokens = [jmespath.compile(path) for path in _listed(config["output_token"])]
        more = config.get("more_results")
        self._more = jmespath.compile(more) if more else None
        self._limit = config.get("limit_key")
        members = operation.input_shape.members if operation.input_shape else {}
        self._limit_is_text = self._limit in members and members[self._limit].type_name == "string"

    def first(self, params: Params, page_size: int | None) -> Params:
        """What to ask for the first page. Raises PaginationError for a size that can't be chosen."""
        if page_size is None or self._limit is None:
            return super().first(params, page_size)
        return {**params, self._limit: str(page_size) if self._limit_is_text else page_size}

    def following(self, params: Params, answer: Mapping[str, Any]) -> Params | None:
        """What to ask for the page after an answer; None after the last one.

        Raises PaginationError when an answer leads back to itself.
        """
        if self._more is not None and not self._more.search(answer):
            return None
        found = [token.search(answer) or None for token in self._tokens]
        tokens = {name: token for name, token in zip(self._names, found, strict=True) if token is not None}
        if not tokens:
            return None
        if tokens == {name: params[name] for name in self._names if name in params}:
            raise PaginationError(message=f"the same next token was received twice: {tokens}")
        return {name: value for name, value in params.items() if name not in self._names} | tokens


def _token(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The params that ask for the page after this one.

    CloudFront names it beside the items, DynamoDB by the last item of this one.
    """
    token = {name: answer[name] for name in _TOKENS if answer.get(name)}
    for name, part in answer.items():
        if isinstance(part, dict) and part.get("NextMarker"):
            token["Marker"] = part["NextMarker"]
        if part and name.startswith(_LAST):
            token[f"ExclusiveStart{name.removeprefix(_LAST)}"] = part
    return token


def _listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]
