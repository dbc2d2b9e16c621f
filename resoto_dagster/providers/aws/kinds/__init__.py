"""The kinds of AWS, a module a service; a new module with its `KINDS` is all it takes to add some."""

import pkgutil
from collections.abc import Iterable, Mapping
from importlib import import_module

from resoto_dagster.providers.aws.declaration import AwsKind


def by_name(kinds: Iterable[AwsKind]) -> dict[str, AwsKind]:
    """The kinds by name. Raises ValueError when two have the same."""
    named: dict[str, AwsKind] = {}
    for kind in kinds:
        if named.setdefault(kind.name, kind) is not kind:
            raise ValueError(f"the kind {kind.name} is declared twice")
    return named


def _declared() -> Iterable[AwsKind]:
    for module in pkgutil.iter_modules(__path__):
        yield from import_module(f"{__name__}.{module.name}").KINDS


KINDS: Mapping[str, AwsKind] = by_name(_declared())
"""All kinds by name."""
