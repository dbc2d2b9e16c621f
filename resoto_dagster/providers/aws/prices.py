"""Prices on demand from AWS's price list, asked for once a week and kept on disk.

The price list has US dollars for AWS's regions outside China. Where it can't be asked, what was known stays,
and what was never known is left out: nothing is said to cost zero.
"""

import json
import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from resoto_dagster.providers.aws.accounts import Account
from resoto_dagster.providers.aws.clients import ServiceClient
from resoto_dagster.providers.aws.declaration import Price
from resoto_dagster.providers.aws.details import AddDetail, Item, Run, bound
from resoto_dagster.providers.aws.errors import ApiError
from resoto_dagster.providers.aws.paths import compile_path
from resoto_dagster.state import state_folder

_LOG = logging.getLogger(__name__)
FRESH = 7 * 24 * 3600
"""Seconds for which a price is not asked for again."""
PARTITION = "aws"
ASKED_IN = "us-east-1"
"""The price list is asked in one region for all of them."""


def compile_price(price: Price) -> AddDetail:
    """A function that puts `OndemandCost`, US dollars, into the items whose price is known."""
    paths = {name: compile_path(path) for name, path in price.paths.items()}

    def add(items: list[Item], account: Account, region: str, run: Run) -> list[Item]:
        if account.place(region).partition != PARTITION:
            return items
        prices = price_list(state_folder() / "prices")

        def ask(item: Item) -> None:
            wanted = {**price.const, **{name: get(item) for name, get in paths.items()}, "regionCode": region}
            cost = prices.price(account, price, wanted)
            if cost is not None:
                item["OndemandCost"] = cost

        run([bound(ask, item) for item in items])
        prices.save(region)
        return items

    return add


@cache
def price_list(folder: Path) -> "PriceList":
    """The price list of this process that is kept in a folder."""
    return PriceList(folder)


class PriceList:
    """The prices that were asked for, a file a region. Safe to use from many threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._asking: defaultdict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)
        self._known: dict[str, dict[str, Any]] = {}
        self._changed: set[str] = set()
        self._refused: set[str] = set()

    def price(self, account: Account, price: Price, wanted: Mapping[str, str]) -> float | None:
        """What one unit costs of the product that has these attributes; None where nobody knows.

        A product that is on no list is remembered as such. An account that may not ask is not asked again.
        """
        region, key = wanted["regionCode"], " ".join(f"{name}={wanted[name]}" for name in sorted(wanted))
        with self._lock:
            asking = self._asking[region, key]
        with asking:  # whoever comes second waits for the answer instead of asking the same again
            known = self._of_region(region).get(key, {})
            usd: float | None = known.get("usd")
            if known.get("asked", 0) > time.time() - FRESH or account.id in self._refused:
                return usd
            try:
                usd = _asked(account.client(price.service, ASKED_IN), price, wanted)
            except ApiError as error:
                with self._lock:
                    if account.id not in self._refused:
                        _LOG.warning("prices are not known in account %s: %s", account.id, error)
                    self._refused.add(account.id)
                return usd
            with self._lock:
                self._known[region][key] = {"usd": usd, "asked": time.time()}
                self._changed.add(region)
            return usd

    def save(self, region: str) -> None:
        """Write a region's prices, if there are new ones, beside what other processes have written."""
        with self._lock:
            if region not in self._changed:
                return
            self._changed.discard(region)
            self._known[region] = {**self._read(region), **self._known[region]}
            self._folder.mkdir(parents=True, exist_ok=True)
            file = self._file(region)
            whole = file.with_suffix(f".{os.getpid()}")
            whole.write_text(json.dumps(self._known[region], indent=1, sort_keys=True))
            whole.replace(file)

    def _of_region(self, region: str) -> dict[str, Any]:
        with self._lock:
            if region not in self._known:
                self._known[region] = self._read(region)
            return self._known[region]

    def _read(self, region: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._file(region).read_text())
        except (OSError, ValueError):  # not there yet, or cut off: it is asked for anew
            return {}
        return found

    def _file(self, region: str) -> Path:
        return self._folder / f"aws-{region}.json"


def _asked(client: ServiceClient, price: Price, wanted: Mapping[str, str]) -> float | None:
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()]
    answer = client.call(price.operation, {"ServiceCode": price.code, "Filters": filters})
    return min(_dollars(map(json.loads, answer["PriceList"])), default=None)


def _dollars(products: Iterable[Mapping[str, Any]]) -> list[float]:
    """All prices on demand of products that are above zero."""
    found = (
        float(dimension["pricePerUnit"].get("USD", 0))
        for product in products
        for term in product.get("terms", {}).get("OnDemand", {}).values()
        for dimension in term["priceDimensions"].values()
    )
    return [usd for usd in found if usd > 0]
