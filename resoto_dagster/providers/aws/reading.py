"""How the resources of a kind are read: list call, details, mapping; compiled once, run in any scope."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from botocore.session import Session

from resoto_dagster.model.resource import Resource
from resoto_dagster.providers.aws.accounts import Account
from resoto_dagster.providers.aws.declaration import AwsKind, Detail, LastUse, Price
from resoto_dagster.providers.aws.details import AddDetail, Item, Run, compile_details
from resoto_dagster.providers.aws.errors import ApiError
from resoto_dagster.providers.aws.last_use import compile_last_use
from resoto_dagster.providers.aws.listing import Listing
from resoto_dagster.providers.aws.mapping import compile_mapper, gone_check
from resoto_dagster.providers.aws.params import compile_params
from resoto_dagster.providers.aws.paths import compile_value
from resoto_dagster.providers.aws.prices import compile_price
from resoto_dagster.providers.aws.shapes import item_members
from resoto_dagster.providers.base import ProviderError


class Reader:
    """Reads the resources of one kind; safe to use from many threads."""

    def __init__(self, kind: AwsKind, models: Session) -> None:
        self._kind = kind
        self._id = compile_value(kind.id)
        self._is_gone = gone_check(kind)
        self._map = compile_mapper(kind, item_members(models, kind))
        self._details = [*compile_details(kind), *_compile_from_elsewhere(kind)]
        self._at_once = any(isinstance(detail, Detail) and not detail.params for detail in kind.details)
        self._narrow = None if kind.read is None else compile_params(kind.read)

    def read_all(self, account: Account, region: str, run: Run) -> list[Resource]:
        """All resources of the kind in a region, read to the last page. Raises ProviderError.

        `run` makes the calls that do not wait for each other.
        """
        client = account.client(self._kind.service, region)
        found: dict[Any, Resource] = {}
        for items in self._listed(self._listing(account, region).parts(client, run)):
            for key in items:
                found.pop(key, None)  # what is listed twice counts as it was listed last
            found.update(self._finished(list(items.values()), account, region, run))
            del items  # large ones are not to be kept until the next ones are there
        return list(found.values())

    def read_one(self, account: Account, region: str, reported: Mapping[str, Any]) -> Resource | None:
        """One resource as `read_all` would return it; None when it is gone. Raises ProviderError."""
        found = self._listed_one(account, region, reported)
        try:
            return next((made for _, made in self._finished(found, account, region, in_turn)), None)
        except ApiError as error:
            went = error.is_one_of(self._kind.missing) and not self._listed_one(account, region, reported)
            if not went:
                raise
            return None  # after it was listed, before its details were asked for

    def _listed_one(self, account: Account, region: str, reported: Mapping[str, Any]) -> list[Item]:
        """The resource's item, or none."""
        client, listing = account.client(self._kind.service, region), self._listing(account, region)
        if self._narrow is None:
            items = listing.all(client, in_turn)
        else:
            params = self._narrow(reported)
            if params is None:  # an empty answer would mean that it is gone
                raise ProviderError(f"{reported['id']} can't be read again: {self._kind.read} is not known")
            items = listing.narrowed(client, params)
        return [item for item in items if str(self._id(item)) == reported["id"]][:1]

    def _listed(self, parts: Iterator[list[Item]]) -> Iterator[dict[Any, Item]]:
        """The items by their ids, part by part, or all in one where something is asked once for all."""
        whole: dict[Any, Item] = {}
        for part in parts:
            by_id = {self._id(item): item for item in part}
            if None in by_id:
                raise LookupError(f"{self._kind.api.operation}: an item of {self._kind.name} has no id")
            if self._at_once:
                whole.update(by_id)
            else:
                yield by_id
            del part, by_id
        if whole:
            yield whole

    def _listing(self, account: Account, region: str) -> Listing:
        call = self._kind.api_in(region)
        if call is None:
            raise ProviderError(f"{self._kind.name} is not listed in {region}")
        return Listing(call, self._kind.missing, account.id)

    def _finished(
        self, items: list[Item], account: Account, region: str, run: Run
    ) -> Iterator[tuple[Any, Resource]]:
        """The resources that are made of items, with the ids of these; without those that are gone."""
        items = [item for item in items if not self._is_gone(item)]  # details of it may not exist any more
        for add_detail in self._details:
            items = add_detail(items, account, region, run)
        place = account.place(region)
        for item in items:
            resource = self._map(item, place)
            if resource is not None:
                yield self._id(item), resource


def _compile_from_elsewhere(kind: AwsKind) -> Iterator[AddDetail]:
    """Functions that put into items what neither the service of the kind nor another of its calls tells."""
    for detail in kind.details:
        match detail:
            case LastUse():
                yield compile_last_use(detail)
            case Price():
                yield compile_price(detail)


def in_turn(calls: Iterable[Callable[[], None]]) -> None:
    """Make the calls one after the other."""
    for call in calls:
        call()
