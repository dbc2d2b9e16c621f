"""The further calls that complete listed items: tags, policies, settings that the list call leaves out."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from itertools import groupby
from typing import Any

from resoto_dagster.providers.aws.accounts import Account
from resoto_dagster.providers.aws.clients import ServiceClient
from resoto_dagster.providers.aws.declaration import AwsKind, Detail
from resoto_dagster.providers.aws.errors import ApiError
from resoto_dagster.providers.aws.mapping import region_getter
from resoto_dagster.providers.aws.params import MakeParams, compile_params, named_in
from resoto_dagster.providers.aws.paths import compile_list, compile_path, compile_value
from resoto_dagster.providers.base import ProviderError

PAUSE = 1.0
"""Seconds until it is asked again whether something is ready."""
LONGEST = 300.0
"""Seconds for which it is."""

Item = dict[str, Any]
Run = Callable[[Iterable[Callable[[], None]]], None]
"""Makes calls, in turn or side by side, and returns when all are done; raises the first error."""

AddDetail = Callable[[list[Item], Account, str, Run], list[Item]]


def compile_details(kind: AwsKind) -> list[AddDetail]:
    """Functions that put the kind's `Detail`s into items and return those that still exist.

    They raise ProviderError when a call fails: an item without its details is not known. What is asked item
    by item is asked in one go, so that no item waits for the others.
    """
    calls = [detail for detail in kind.details if isinstance(detail, Detail)]
    return [
        add
        for item_by_item, details in groupby(calls, _is_item_by_item)
        for add in (
            [_item_by_item(kind, list(details))] if item_by_item else [_other(kind, one) for one in details]
        )
    ]


def _is_item_by_item(detail: Detail) -> bool:
    return bool(detail.params) and detail.batch == 1 and detail.each is None


def _other(kind: AwsKind, detail: Detail) -> AddDetail:
    if not detail.params:
        return _of_all(kind, detail)
    return _batched(kind, detail) if detail.batch > 1 else _of_elements(kind, detail)


def _item_by_item(kind: AwsKind, details: Sequence[Detail]) -> AddDetail:
    asks = [_of_item(kind, detail) for detail in details]

    def add(items: list[Item], account: Account, region: str, run: Run) -> list[Item]:
        vanished: set[int] = set()

        def ask(index: int, item: Item) -> None:
            if not all(ask_detail(item, account, region) for ask_detail in asks):
                vanished.add(index)  # deleted after it was listed

        run([bound(ask, index, item) for index, item in enumerate(items)])
        return [item for index, item in enumerate(items) if index not in vanished]

    return add


def _of_item(kind: AwsKind, detail: Detail) -> Callable[[Item, Account, str], bool]:
    """A function that puts a detail into one item and says whether the item still exists."""
    service, region_of = detail.service or kind.service, region_getter(kind)
    params_of, store = compile_params(detail.params, detail.const), _store(detail)
    of_place = any(isinstance(source, str) and named_in(source) for source in detail.params.values())

    def ask(item: Item, account: Account, region: str) -> bool:
        its_region = region_of(item) or region
        place = asdict(account.place(its_region)) if of_place else {}
        params = params_of({**item, **place})
        if params is None:
            return True
        try:
            answer = _answer(account.client(service, its_region), detail, params)
        except ApiError as error:
            if not error.is_one_of(kind.missing):
                raise
            return False
        if answer is not None:
            store(item, answer)
        return True

    return ask


def _of_elements(kind: AwsKind, detail: Detail) -> AddDetail:
    assert detail.each is not None
    service, params_of = detail.service or kind.service, compile_params(detail.params, detail.const)
    elements_of = compile_list(detail.each)

    def add(items: list[Item], account: Account, region: str, run: Run) -> list[Item]:
        client = account.client(service, region)
        elements = [(item, element) for item in items for element in elements_of(item)]
        answers: dict[int, list[Any]] = {}

        def ask(index: int, element: Item) -> None:
            params = params_of(element)
            if params is not None:
                answers[index] = _answer(client, detail, params) or []

        run([bound(ask, index, element) for index, (_, element) in enumerate(elements)])
        for item in items:
            item[detail.into] = []
        for index, (item, _) in enumerate(elements):
            item[detail.into].extend(answers.get(index, ()))
        return items

    return add


def _batched(kind: AwsKind, detail: Detail) -> AddDetail:
    assert detail.match is not None  # a declaration with a batch says what belongs to which item
    service, store = detail.service or kind.service, _store(detail)
    asked, source = next((name, made) for name, made in detail.params.items() if isinstance(made, list))
    values_of = compile_list(source[0])
    common = {name: made for name, made in detail.params.items() if name != asked}
    params_of = compile_params(common, detail.const)
    answer_key, item_key = (compile_value(path) for path in detail.match)

    def find(items: list[Item], found: dict[Any, Any], client: ServiceClient, run: Run) -> None:
        def ask(params: dict[str, Any], values: list[Any]) -> None:
            for element in _answer(client, detail, {**params, asked: values}) or ():
                found[answer_key(element)] = element

        calls = []
        for params, alike in _with_same(params_of, items):
            distinct = dict.fromkeys(value for item in alike for value in values_of(item))
            values = [value for value in distinct if value not in found]
            batches = (values[at : at + detail.batch] for at in range(0, len(values), detail.batch))
            calls += [bound(ask, params, batch) for batch in batches]
        run(calls)

    everywhere: dict[Any, Any] = {}
    lock = threading.Lock()

    def add(items: list[Item], account: Account, region: str, run: Run) -> list[Item]:
        client = account.client(service, region)
        found = everywhere if detail.everywhere else {}
        # Whoever comes second waits for the answer instead of asking the same again.
        with lock if detail.everywhere else nullcontext():
            find(items, found, client, run)
        for item in items:
            element = found.get(item_key(item))
            if element is not None:
                store(item, element)
        return [item for item in items if item_key(item) in found] if detail.or_gone else items

    return add


def _with_same(params_of: MakeParams, items: list[Item]) -> list[tuple[dict[str, Any], list[Item]]]:
    """The items by the params that go along with a batch; without those that lack one of them."""
    found: list[tuple[dict[str, Any], list[Item]]] = []
    for item in items:
        params = params_of(item)
        if params is None:
            continue
        alike = next((others for known, others in found if known == params), None)
        if alike is None:
            found.append((params, [item]))
        else:
            alike.append(item)
    return found


def _of_all(kind: AwsKind, detail: Detail) -> AddDetail:
    service, store = detail.service or kind.service, _store(detail)
    answer_key, item_key = (compile_value(path) for path in detail.match or ("", ""))

    def add(items: list[Item], account: Account, region: str, run: Run) -> list[Item]:
        answers: list[Any] = []

        def ask() -> None:
            answers.append(_answer(account.client(service, region), detail, dict(detail.const)))

        run([ask] if items else [])
        for answer in answers:
            elements = {answer_key(one): one for one in answer or ()} if detail.match else {}
            for item in items:
                part = elements.get(item_key(item)) if detail.match else answer
                if part is not None:
                    store(item, part)
        return items

    return add


def _answer(client: ServiceClient, detail: Detail, params: dict[str, Any]) -> Any:
    """What is at the detail's place in the answer, as soon as it is ready; None when there is none."""
    if detail.ready is None:
        return _asked(client, detail, params)
    path, value = detail.ready
    is_at, end = compile_path(path), time.monotonic() + LONGEST
    while is_at(answer := _asked(client, detail, params)) != value:
        if time.monotonic() > end:
            raise ProviderError(f"{detail.operation}: {path} is {is_at(answer)} and not {value} for too long")
        time.sleep(PAUSE)
    return answer


def _asked(client: ServiceClient, detail: Detail, params: dict[str, Any]) -> Any:
    """What is at the detail's place in the answer, of all pages together; None when there is none."""
    result = _result(detail)
    whole: Any = None
    try:
        for page in client.pages(detail.operation, params):
            whole = _joined(whole, result(page))
    except ApiError as error:
        if not error.is_one_of(detail.absent):
            raise
        return None
    return whole


def _result(detail: Detail) -> Callable[[Item], Any]:
    """A function that returns what is at the detail's place in an answer."""
    get = compile_path(detail.result) if detail.result else _without_metadata
    beside = detail.beside
    if beside is None:
        return get
    return lambda answer: {**get(answer), beside: answer.get(beside)}


def _without_metadata(answer: Item) -> Item:
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def _joined(whole: Any, part: Any) -> Any:
    """Two pages in one: lists one after the other, of structures the same for each of their members."""
    if isinstance(whole, list) and isinstance(part, list):
        return whole + part
    if isinstance(whole, dict) and isinstance(part, dict):
        return {**whole, **{key: _joined(whole.get(key), value) for key, value in part.items()}}
    return whole if part is None else part


def _store(detail: Detail) -> Callable[[Item, Any], None]:
    if detail.into:
        return lambda item, answer: item.__setitem__(detail.into, answer)
    return lambda item, answer: item.update(answer)


def bound(function: Callable[..., None], *args: Any) -> Callable[[], None]:
    """The function with its arguments, to be called later."""
    return lambda: function(*args)
