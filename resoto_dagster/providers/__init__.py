"""The providers that can be collected; each a package of its own that none of the others knows."""

import pkgutil
from functools import cache
from importlib import import_module

from resoto_dagster.providers.base import Provider


@cache
def provider_names() -> tuple[str, ...]:
    """The names of all providers there are, without importing any of them."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg))


def load_provider(name: str) -> Provider:
    """The provider of that name. Raises KeyError when there is none."""
    if name not in provider_names():
        raise KeyError(name)
    provider: Provider = import_module(f"{__name__}.{name}").provider
    return provider
