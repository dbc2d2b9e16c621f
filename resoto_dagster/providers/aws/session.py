"""AWS with its settings: one object that collects, reads, deletes and tags."""

import threading
from collections import Counter
from collections.abc import Collection, Mapping

from resoto_dagster.inventory.merge import fingerprint, reported_fingerprint
from resoto_dagster.model.requests import Asked
from resoto_dagster.model.resource import Resource, Scope, StoredResource
from resoto_dagster.providers.aws.access import COUNTS
from resoto_dagster.providers.aws.accounts import Account
from resoto_dagster.providers.aws.clients import loading, new_session
from resoto_dagster.providers.aws.collect import collect
from resoto_dagster.providers.aws.declaration import AwsKind
from resoto_dagster.providers.aws.deletion import delete, held_back, untie
from resoto_dagster.providers.aws.organization import ORGANIZATION, configured_accounts
from resoto_dagster.providers.aws.reading import Reader
from resoto_dagster.providers.aws.settings import DEFAULT_ACCOUNT, AwsSettings
from resoto_dagster.providers.aws.tagging import update_tags
from resoto_dagster.providers.base import Answer, CollectSink, ProviderError


class AwsSession:
    """The provider's session; see `ProviderSession` for what its methods promise."""

    def __init__(self, settings: AwsSettings, kinds: Mapping[str, AwsKind]) -> None:
        self._settings = settings
        self._found: list[Account] | None = None
        self._finding = threading.Lock()
        self._kinds = kinds
        self._models = new_session()
        self._readers: dict[str, Reader] = {}
        self._asked_before = COUNTS.so_far()

    @property
    def requests(self) -> Counter[Asked]:
        """The requests since the session was opened, those made again among them, by what came of them.

        Those of other sessions of this process count in while they are open, too.
        """
        return COUNTS.so_far() - self._asked_before

    def collect(
        self, kinds: Collection[str], sink: CollectSink, only: Collection[Scope] | None = None
    ) -> None:
        """Read the named kinds of all configured accounts and regions, or `only` some scopes."""
        collect(self._accounts(), [self._kinds[name] for name in kinds], self._reader, sink, only)

    def read(self, resource: StoredResource) -> Resource | None:
        """Read one resource again; None when it is gone. Raises ProviderError when AWS does not say."""
        account = self._account(resource)
        reader = self._reader(self._kinds[resource.scope.kind])
        return reader.read_one(account, resource.scope.region, resource.reported)

    def delete(self, resource: StoredResource) -> Answer:
        """Ask AWS to delete the resource. Raises ProviderError when it refuses."""
        kind, account = self._kinds[resource.scope.kind], self._account(resource)
        return Answer(delete(kind, resource, account))

    def update_tags(
        self, resource: StoredResource, upsert: Mapping[str, str], remove: Collection[str]
    ) -> Answer:
        """Set and remove tags of the resource. Raises ProviderError when AWS refuses."""
        kind, account = self._kinds[resource.scope.kind], self._account(resource)
        if kind.tagging is None:
            raise ProviderError(f"tags of a resource of kind {kind.name} can't be changed")
        if kind.tagging.replaces:
            upsert = self._all_tags(resource, upsert, remove)
        return Answer(update_tags(kind, kind.tagging, resource, account, upsert, remove))

    def held_back(self, resource: StoredResource) -> str | None:
        """Why AWS would not delete this very resource on its own, or None."""
        rule = held_back(self._kinds[resource.scope.kind], resource)
        return rule.reason if rule else None

    def goes_along(self, resource: StoredResource, owner: StoredResource) -> bool:
        """Whether AWS deletes this very resource along with the owner."""
        if self._kinds[owner.scope.kind].takes(resource.scope.kind):
            return True
        rule = held_back(self._kinds[resource.scope.kind], resource)
        return rule is not None and rule.along

    def can_untie(self, resource: StoredResource, other: StoredResource) -> bool:
        """Whether AWS has calls that make the resource let go of the other one."""
        return other.scope.kind in self._kinds[resource.scope.kind].unties

    def untie(self, resource: StoredResource, other: StoredResource) -> Answer:
        """Make them. Raises ProviderError when AWS refuses."""
        kind, account = self._kinds[resource.scope.kind], self._account(resource)
        return Answer(untie(kind, resource, other, account))

    def half_done(self, resource: StoredResource, now: Resource) -> bool:
        """Whether interrupted calls may have left it so: those that come before the last one, or untie."""
        kind = self._kinds[resource.scope.kind]
        aside = kind.unsettled.union(kind.untied)
        untied = fingerprint(now, aside) == reported_fingerprint(resource.reported, aside)
        return len(kind.delete) > 1 or (bool(kind.untied) and untied)

    def close(self) -> None:
        """Close all connections."""
        for account in self._found or ():
            account.release()

    def _accounts(self) -> list[Account]:
        """All configured accounts; an organization is asked for them once."""
        with self._finding:
            if self._found is None:
                self._found = configured_accounts(self._settings)
            return self._found

    def _all_tags(
        self, resource: StoredResource, upsert: Mapping[str, str], remove: Collection[str]
    ) -> dict[str, str]:
        """All tags the resource shall have, those it has now among them."""
        current = self.read(resource)
        if current is None:
            raise ProviderError(f"{resource} is gone")
        return {key: value for key, value in {**current.tags, **upsert}.items() if key not in remove}

    def _reader(self, kind: AwsKind) -> Reader:
        reader = self._readers.get(kind.name)
        if reader is None:
            with loading:
                reader = self._readers.get(kind.name) or Reader(kind, self._models)
                self._readers[kind.name] = reader
        return reader

    def _account(self, resource: StoredResource) -> Account:
        """The account the resource lies in, proven to be it. Raises ProviderError when there is none."""
        wanted = resource.scope.account
        accounts = self._accounts()
        by_id_first = sorted(accounts, key=lambda account: account.configured == DEFAULT_ACCOUNT)
        for account in by_id_first:
            if account.configured in (DEFAULT_ACCOUNT, wanted) and account.id == wanted:
                return account
        for account in accounts:
            if account.configured == ORGANIZATION:  # it might be one of its accounts
                return account
        raise ProviderError(f"account {wanted} is not in the settings of aws")
