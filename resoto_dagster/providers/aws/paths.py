"""Paths such as `Attachments[].InstanceId`, compiled once into functions that find what is there."""

from collections.abc import Callable
from typing import Any

from resoto_dagster.providers.aws.declaration import Value

Getter = Callable[[Any], Any]


def compile_path(path: str) -> Getter:
    """A function that returns what is at the path of a mapping, or None.

    `[]` goes through all elements of a list; the function then returns a list, without what is missing.
    """
    steps = [(part.removesuffix("[]"), part.endswith("[]")) for part in path.split(".")]
    keys = [key for key, _ in steps]
    if any(each for _, each in steps):
        return _through_lists(steps)
    if len(keys) == 1:
        key = keys[0]
        return lambda value: value.get(key)
    return _straight(keys)


def compile_value(source: str | Value) -> Getter:
    """A function that returns what is at the path, or what the `Value` makes of it."""
    if isinstance(source, str):
        return compile_path(source)
    convert, absent = source.convert, source.absent
    if isinstance(source.path, str):
        get = compile_path(source.path)
        return lambda item: absent if (value := get(item)) is None else convert(value)
    getters = [compile_path(path) for path in source.path]

    def made_of_several(item: Any) -> Any:
        values = [get(item) for get in getters]
        return absent if all(value is None for value in values) else convert(*values)

    return made_of_several


def compile_list(source: str | Value) -> Callable[[Any], list[Any]]:
    """A function that returns all that is at the path as one list, whether the path ends in a list or not."""
    get = compile_value(source)

    def values(item: Any) -> list[Any]:
        found = get(item)
        if found is None:
            return []
        if not isinstance(found, list):
            return [found]
        if any(isinstance(value, list) for value in found):
            return [inner for value in found for inner in (value if isinstance(value, list) else [value])]
        return found

    return values


def _straight(keys: list[str]) -> Getter:
    def get(value: Any) -> Any:
        for key in keys:
            if value is None:
                return None
            value = value.get(key)
        return value

    return get


def _through_lists(steps: list[tuple[str, bool]]) -> Getter:
    def get(value: Any) -> list[Any]:
        values = [value]
        for key, each in steps:
            found = [got for got in (value.get(key) for value in values) if got is not None]
            values = [element for elements in found for element in elements] if each else found
        return values

    return get
