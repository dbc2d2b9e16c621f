"""The contract between a provider and the rest: what a provider offers, and what it reports to.

A provider is a package below `resoto_dagster.providers` whose `provider` is a `Provider`. It knows its
API and nothing of the inventory, of plans or of Dagster.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel

from resoto_dagster.model.kind import Kind
from resoto_dagster.model.resource import Resource, Scope, StoredResource


class CollectSink(Protocol):
    """Where a collect reports to; every method may be called from any thread.

    A scope is announced by `scopes_expected` before it is read, and ends in exactly one of `collected`
    (read to its last page, tags and details included) and `failed`. An account whose scopes can't even be
    listed ends in `account_failed`, one that has none in `account_empty`.
    """

    def accounts_expected(self, accounts: Sequence[str]) -> None:
        """Say which accounts this collect sets out to read, before any of them is read."""

    def scopes_expected(self, scopes: Sequence[Scope]) -> None:
        """Say which scopes of an account will be read."""

    def collected(self, scope: Scope, resources: Sequence[Resource]) -> None:
        """Hand over a scope that was read to its end; it replaces what was known of the scope."""

    def failed(self, scope: Scope, error: str) -> None:
        """Say that a scope could not be read whole, and why, in one line without secrets."""

    def account_empty(self, account: str, reason: str) -> None:
        """Say that there is nothing to read of an account, and why, in one line."""

    def account_failed(self, account: str, error: str) -> None:
        """Say that an account could not be read at all, and why, in one line without secrets."""


class ProviderError(Exception):
    """The provider's API refused or failed; the text is one line without secrets."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API said to a change: the ids of the requests, for the journal."""

    request_ids: tuple[str, ...]


class ProviderSession(Protocol):
    """A provider with its settings, clients and credentials; safe to use from many threads."""

    def collect(self, kinds: Collection[str], sink: CollectSink) -> None:
        """Read the named kinds of all configured accounts and regions and report to the sink.

        Never raises for what one account or scope did wrong: that is reported.
        """

    def read(self, resource: StoredResource) -> Resource | None:
        """Read one resource again, with tags and details as a collect does; None when it is gone.

        A resource that the API still lists but reports as deleted (a terminated instance) is gone.
        Raises ProviderError when the API does not say.
        """

    def delete(self, resource: StoredResource) -> Answer:
        """Ask the API to delete the resource. A resource that is already gone is no error.

        Raises ProviderError when the API refuses.
        """

    def update_tags(
        self, resource: StoredResource, upsert: Mapping[str, str], remove: Collection[str]
    ) -> Answer:
        """Set and remove tags of the resource. Raises ProviderError when the API refuses."""

    def held_back(self, resource: StoredResource) -> str | None:
        """Why the API would not delete this very resource on its own, or None."""

    def goes_along(self, resource: StoredResource, owner: StoredResource) -> bool:
        """Whether the API deletes this very resource along with the owner, to which an edge leads it back.

        A default security group goes with its network, a root volume mostly with its instance, everything
        in a stack with the stack. Such a resource does not keep its owner, unless it is protected.
        """

    def close(self) -> None:
        """Close all connections."""


class Provider(Protocol):
    """What a provider's package exports as `provider`."""

    @property
    def name(self) -> str:
        """Its name in settings, assets and scopes."""

    @property
    def settings_model(self) -> type[BaseModel]:
        """The model of its section in the settings."""

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """Its kinds by name."""

    def open(self, settings: Any) -> ProviderSession:
        """Open a session with validated settings. Makes no call yet."""


@contextmanager
def provider_session(provider: Provider, settings: Any) -> Iterator[ProviderSession]:
    """A session that is closed at the end."""
    session = provider.open(settings)
    try:
        yield session
    finally:
        session.close()
