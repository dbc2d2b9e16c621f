"""List calls: all items of all pages."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from resoto_dagster.providers.aws.clients import ServiceClient
from resoto_dagster.providers.aws.declaration import Call
from resoto_dagster.providers.aws.details import Item, Run, bound
from resoto_dagster.providers.aws.errors import ApiError, one_line
from resoto_dagster.providers.aws.params import compile_params
from resoto_dagster.providers.aws.paths import compile_list, compile_path
from resoto_dagster.providers.aws.shapes import scalar_member
from resoto_dagster.providers.base import ProviderError

_OF_OWNER = "item."


class Listing:
    """A list call, and the calls for the owners of its items where it has an `each`."""

    def __init__(self, call: Call, missing: tuple[str, ...], account: str = "") -> None:
        """A call whose answer may be an error of `missing`; `account` is the id of the account that asks."""
        self._call = call
        self._missing = missing
        self._items = compile_items(call.items)
        self._refused = compile_list(call.errors) if call.errors else None
        self._wanted = _compile_where(call, account)
        self._owners = Listing(call.each, missing, account) if call.each else None
        of_owner = {name: path for name, path in call.params.items() if _is_of_owner(path)}
        const = {name: value for name, value in call.params.items() if name not in of_owner}
        self._const: dict[str, Any] = _for_account(const, account)
        self._params = compile_params(of_owner, self._const)

    def all(self, client: ServiceClient, run: Run) -> list[Item]:
        """All items there are. Raises ProviderError."""
        return [item for items in self.parts(client, run) for item in items]

    def parts(self, client: ServiceClient, run: Run) -> Iterator[list[Item]]:
        """All items there are, part by part as they are read. Raises ProviderError."""
        if self._owners is None:
            yield from map(self._wanted, self._pages(client, self._const, self._call.page_size))
            return
        found = self._of_owners(client, run, self._owners.all(client, run))
        yield self._wanted(found)
        while self._call.recurse and found:
            found = self._of_owners(client, run, found)
            yield self._wanted(found)

    def _of_owners(self, client: ServiceClient, run: Run, owners: list[Item]) -> list[Item]:
        found: list[list[Item]] = [[] for _ in owners]

        def ask(index: int, owner: Item) -> None:
            found[index] = self._of_owner(client, owner, {})

        run([bound(ask, index, owner) for index, owner in enumerate(owners)])
        return [item for items in found for item in items]

    def narrowed(self, client: ServiceClient, params: Mapping[str, Any]) -> list[Item]:
        """The items of one call with further params; none when AWS says that there are none.

        What stands below `item` is known of their owner.
        """
        own = {name: value for name, value in params.items() if name != "item"}
        if "item" in params:
            return self._of_owner(client, params["item"], own)
        return self._unless_gone(client, {**self._const, **own}, None)

    def _of_owner(self, client: ServiceClient, owner: Item, further: Mapping[str, Any]) -> list[Item]:
        params = self._params({"item": owner})
        if params is None:
            return []
        items = self._unless_gone(client, {**params, **further}, self._call.page_size)
        return [{**item, self._call.owner: owner} for item in items] if self._call.owner else items

    def _unless_gone(
        self, client: ServiceClient, params: Mapping[str, Any], page_size: int | None
    ) -> list[Item]:
        try:
            return [item for items in self._pages(client, params, page_size) for item in items]
        except ApiError as error:
            if error.is_one_of(self._missing):
                return []
            raise

    def _pages(
        self, client: ServiceClient, params: Mapping[str, Any], page_size: int | None
    ) -> Iterator[list[Item]]:
        split = self._call.split
        try:
            for page in client.pages(self._call.operation, params, page_size):
                items = self._items_of(page)
                if split:
                    items = [{**item, split: part} for item in items for part in item.get(split, ())]
                del page
                yield items
                del items  # large ones are not to be kept until the next ones are there
        except ApiError as error:
            if not error.is_one_of(self._call.absent):
                raise

    def _items_of(self, page: dict[str, Any]) -> list[Item]:
        refused = self._refused(page) if self._refused else []
        if refused:
            raise ProviderError(one_line(f"{self._call.operation}: could not be read: {refused[0]}"))
        return self._items(page)


def _compile_where(call: Call, account: str) -> Callable[[list[Item]], list[Item]]:
    if call.where is None:
        return lambda items: items
    path, values = call.where
    get, wanted = compile_path(path), frozenset(_for_account(list(values), account))
    return lambda items: [item for item in items if get(item) in wanted]


def _for_account(value: Any, account: str) -> Any:
    """The value with the account's id in the place of `{account}`, however deep inside."""
    if isinstance(value, str):
        return value.replace("{account}", account)
    if isinstance(value, Mapping):
        return {key: _for_account(inner, account) for key, inner in value.items()}
    return [_for_account(inner, account) for inner in value] if isinstance(value, list) else value


def compile_items(path: str) -> Callable[[dict[str, Any]], list[Item]]:
    """A function that returns the items of an answer, each an object of its own."""
    if not path:
        return lambda answer: [{key: value for key, value in answer.items() if key != "ResponseMetadata"}]
    get, member = compile_list(path), scalar_member(path)
    return lambda answer: [item if isinstance(item, dict) else {member: item} for item in get(answer)]


def _is_of_owner(value: object) -> bool:
    return isinstance(value, str) and value.startswith(_OF_OWNER)
