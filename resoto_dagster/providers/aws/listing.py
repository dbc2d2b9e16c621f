"""List calls: all items of all pages."""

from collections.abc import Callable, Mapping
from typing import Any

from resoto_dagster.providers.aws.clients import ServiceClient
from resoto_dagster.providers.aws.declaration import Call
from resoto_dagster.providers.aws.details import Item, Run, bound
from resoto_dagster.providers.aws.errors import ApiError
from resoto_dagster.providers.aws.params import compile_params
from resoto_dagster.providers.aws.paths import compile_list
from resoto_dagster.providers.aws.shapes import scalar_member

_OF_OWNER = "item."


class Listing:
    """A list call, and the calls for the owners of its items where it has an `each`."""

    def __init__(self, call: Call, missing: tuple[str, ...]) -> None:
        self._call = call
        self._missing = missing
        self._items = compile_items(call.items)
        self._owners = Listing(call.each, missing) if call.each else None
        of_owner = {name: path for name, path in call.params.items() if _is_of_owner(path)}
        self._const = {name: value for name, value in call.params.items() if name not in of_owner}
        self._params = compile_params(of_owner, self._const)

    def all(self, client: ServiceClient, run: Run) -> list[Item]:
        """All items there are. Raises ProviderError."""
        if self._owners is None:
            return self._read(client, self._const, self._call.page_size)
        owners = self._owners.all(client, run)
        found: list[list[Item]] = [[] for _ in owners]

        def ask(index: int, owner: Item) -> None:
            params = self._params({"item": owner})
            if params is not None:
                found[index] = self._unless_gone(client, params)

        run([bound(ask, index, owner) for index, owner in enumerate(owners)])
        return [item for items in found for item in items]

    def narrowed(self, client: ServiceClient, params: Mapping[str, Any]) -> list[Item]:
        """The items of one call with further params; none when AWS says that there are none."""
        return self._unless_gone(client, {**self._const, **params})

    def _unless_gone(self, client: ServiceClient, params: Mapping[str, Any]) -> list[Item]:
        try:
            return self._read(client, params, None)
        except ApiError as error:
            if error.is_one_of(self._missing):
                return []
            raise

    def _read(self, client: ServiceClient, params: Mapping[str, Any], page_size: int | None) -> list[Item]:
        pages = client.pages(self._call.operation, params, page_size)
        try:
            return [item for page in pages for item in self._items(page)]
        except ApiError as error:
            if error.is_one_of(self._call.absent):
                return []
            raise


def compile_items(path: str) -> Callable[[dict[str, Any]], list[Item]]:
    """A function that returns the items of an answer, each an object of its own."""
    if not path:
        return lambda answer: [{key: value for key, value in answer.items() if key != "ResponseMetadata"}]
    get, member = compile_list(path), scalar_member(path)
    return lambda answer: [item if isinstance(item, dict) else {member: item} for item in get(answer)]


def _is_of_owner(value: object) -> bool:
    return isinstance(value, str) and value.startswith(_OF_OWNER)
