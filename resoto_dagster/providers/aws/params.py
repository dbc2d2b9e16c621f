"""The params of calls, made from what is at paths; compiled once."""

from collections.abc import Callable, Mapping
from typing import Any

from resoto_dagster.providers.aws.declaration import Value
from resoto_dagster.providers.aws.paths import compile_list, compile_value

Source = str | list[str] | Mapping[str, str] | Value
MakeParams = Callable[[Any], dict[str, Any] | None]


def compile_params(params: Mapping[str, Source], const: Mapping[str, Any] | None = None) -> MakeParams:
    """A function that makes a call's params from what is at the paths, or None when one isn't there.

    A path in a list makes a list of all that is there, paths in a mapping make an object. Dotted names
    (`Delete.Objects`) lead into structures; `const` goes along as it is.
    """
    made = [(name, _compile_source(source)) for name, source in params.items()]
    always = with_dotted({}, const or {})

    def make(source: Any) -> dict[str, Any] | None:
        found = {name: get(source) for name, get in made}
        if any(value is None for value in found.values()):
            return None
        return with_dotted(always, found)

    return make


def with_dotted(params: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """The params with some more, whose names may lead into structures."""
    whole = dict(params)
    for path, value in more.items():
        name, _, rest = path.partition(".")
        whole[name] = with_dotted(whole.get(name, {}), {rest: value}) if rest else value
    return whole


def _compile_source(source: Source) -> Callable[[Any], Any]:
    if isinstance(source, str | Value):
        return compile_value(source)
    if isinstance(source, Mapping):
        return compile_params(source)
    lists = [compile_list(path) for path in source]
    return lambda item: [value for values in lists for value in values(item)] or None
