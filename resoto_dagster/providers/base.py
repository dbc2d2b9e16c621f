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
from resoto_dagster.model.requests import Asked
from resoto_dagster.model.resource import Resource, Scope, StoredResource


class CollectSink(Protocol):
    """Where a collect reports to; every method may be called from any thread.

    A scope is announced by `scopes_expected` before it is read, and ends in exactly one of `collected` or,
    where it holds nothing, `found_empty` (read to its last page, tags and details included), and `failed`.
    An account whose scopes can't even be listed ends in `account_failed`, one that has none in
    `account_empty`.
    """

    def accounts_expected(self, accounts: Sequence[str]) -> None:
        """Say which accounts this collect sets out to read, before any of them is read."""

    def scopes_expected(self, scopes: Sequence[Scope]) -> None:
        """Say which scopes of an account will be read."""

    def collected(self, scope: Scope, resources: Sequence[Resource]) -> None:
        """Hand over a scope that was read to its end; it replaces what was known of the scope."""

    def found_empty(self, scopes: Sequence[Scope]) -> None:
        """Hand over scopes that were read to their ends and hold nothing: most of a large estate."""

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


@dataclass(frozen=True, slots=True)
class Event:
    """A change of which a provider told: what it is called, and the scopes that it may have touched.

    The `id` stays the same when it is delivered again; the `receipt`, by which it is forgotten, does not.
    """

    id: str
    receipt: str
    name: str
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class Received:
    """Events of what is collected, each once, and how many others were dropped, by the reason."""

    events: tuple[Event, ...]
    dropped: Mapping[str, int]


class EventSource(Protocol):
    """Where a provider tells of changes. What was received comes again until it is forgotten."""

    def receive(self, kinds: Collection[str]) -> Received:
        """Wait some seconds for events that touch one of the kinds, and take as many as there are, bounded.

        What concerns nothing that is collected, and what can't be understood, is forgotten at once and
        counted. What an event says is never logged. Raises ProviderError.
        """

    def forget(self, receipts: Sequence[str]) -> None:
        """Have events not delivered again. Raises ProviderError; those that are left come again then."""

    def close(self) -> None:
        """Close all connections."""


class ProviderSession(Protocol):
    """A provider with its settings, clients and credentials; safe to use from many threads."""

    @property
    def requests(self) -> Mapping[Asked, int]:
        """How often the API was asked since the session was opened, by what came of it."""

    def collect(
        self, kinds: Collection[str], sink: CollectSink, only: Collection[Scope] | None = None
    ) -> None:
        """Read the named kinds of all configured accounts and regions and report to the sink.

        With `only` nothing is read and reported but those scopes, and the accounts they are in; those that
        are not configured are left out without a word. Only a sink that knows that it is told of a part may
        be given then (`PartialSink`): other scopes, and the accounts as such, stay as they are.
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

    def can_untie(self, resource: StoredResource, other: StoredResource) -> bool:
        """Whether the resource, without which another one can't go, can be made to let go of it.

        Of two security groups whose rules name each other, one can lose those rules.
        """

    def untie(self, resource: StoredResource, other: StoredResource) -> Answer:
        """Have the resource let go of the other one; no error where it has done so already.

        Raises ProviderError when the API refuses.
        """

    def half_done(self, resource: StoredResource, now: Resource) -> bool:
        """Whether the calls that delete or untie a resource, interrupted between each other, may have made of
        it what it is now. One call leaves nothing half done.
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

    @property
    def version(self) -> str:
        """Of all that is declared of its kinds: another one whenever that may be different."""

    def property_types(self, kinds: Collection[str]) -> Mapping[str, Mapping[str, str]]:
        """What resources of the kinds may report: the type of each property in words (`list of text`)."""

    def open(self, settings: Any) -> ProviderSession:
        """Open a session with validated settings. Makes no call yet."""

    def tells_events(self, settings: Any) -> bool:
        """Whether the settings name a source of events."""

    def open_events(self, settings: Any) -> EventSource:
        """Open the source of events that validated settings name. Makes no call yet."""


@contextmanager
def provider_session(provider: Provider, settings: Any) -> Iterator[ProviderSession]:
    """A session that is closed at the end."""
    session = provider.open(settings)
    try:
        yield session
    finally:
        session.close()
