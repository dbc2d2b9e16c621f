"""Accounts: their credentials, proof of who they are, and their regions."""

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from types import MappingProxyType
from typing import Any

from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    Credentials,
    DeferredRefreshableCredentials,
    ReadOnlyCredentials,
)
from botocore.exceptions import BotoCoreError, NoCredentialsError
from botocore.session import Session

from resoto_dagster.model.resource import GLOBAL
from resoto_dagster.providers.aws.clients import Clients, ServiceClient, make_client, new_session
from resoto_dagster.providers.aws.credentials import AccountCredentials
from resoto_dagster.providers.aws.errors import DENIED, ApiError, api_error
from resoto_dagster.providers.aws.mapping import Place
from resoto_dagster.providers.aws.offering import HOME_REGIONS, offered_in_partition, offered_in_region
from resoto_dagster.providers.aws.settings import DEFAULT_ACCOUNT, AccountSettings
from resoto_dagster.providers.base import ProviderError

_LOG = logging.getLogger(__name__)
_NOT_ENABLED = "not-opted-in"


@dataclass(frozen=True, slots=True)
class _Entered:
    """An account that AWS itself confirmed to be the one it is taken for."""

    id: str
    partition: str
    session: Session
    clients: Clients

    @property
    def home(self) -> str:
        return HOME_REGIONS.get(self.partition, HOME_REGIONS["aws"])


class Account:
    """One account of the settings, which is entered when something is first asked of it.

    Safe to use from many threads. Everything but `configured` raises ProviderError when the account can't be
    entered, or when the credentials belong to another account than the settings say; and from the moment on
    that its credentials have run out and can't be renewed, without asking AWS any more.
    """

    def __init__(
        self,
        settings: AccountSettings,
        profile: str | None,
        regions: Sequence[str] | None,
        names: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.configured = settings.id
        self._settings = settings
        self._profile = settings.profile or profile
        self._wanted_regions = regions
        self._names = names
        self._credentials = AccountCredentials(self._find_credentials, self._identify)
        self._lock = threading.Lock()
        self._entered: _Entered | None = None

    @property
    def id(self) -> str:
        """Its id, as AWS itself states it."""
        return self._enter().id

    def place(self, region: str) -> Place:
        """A region of the account as a place of resources."""
        entered = self._enter()
        return Place(entered.partition, entered.id, region, self._names.get(entered.id))

    def regions(self) -> tuple[str, ...]:
        """The regions to collect: those of the settings, or all; without those that are not enabled.

        Raises ProviderError when the settings name one that does not exist.
        """
        wanted = self._wanted_regions
        if wanted is None:
            answer = self.client("ec2", GLOBAL).call("describe_regions", {})
            return tuple(sorted(region["RegionName"] for region in answer["Regions"]))
        return self._enabled(dict.fromkeys(wanted)) if wanted else ()

    def is_to_collect(self, region: str) -> bool:
        """Whether a region is one of the settings, as far as they alone tell. Asks AWS nothing."""
        return self._wanted_regions is None or region in self._wanted_regions

    def client(self, service: str, region: str) -> ServiceClient:
        """A client of a service in a region, for `global` in the partition's home region."""
        entered = self._enter()
        self._credentials.check()
        return entered.clients.get(service, entered.home if region == GLOBAL else region)

    def offered(self, service: str, region: str) -> bool:
        """Whether the service is there in the region (`global`: in the partition).

        With an endpoint of its own there is no telling, so that all services count as offered.
        """
        entered = self._enter()
        session = entered.session
        if os.environ.get("AWS_ENDPOINT_URL") or session.get_scoped_config().get("endpoint_url"):
            return True
        if region == GLOBAL:
            return offered_in_partition(entered.partition, service)
        return offered_in_region(session, entered.partition, service, region)

    def release(self) -> None:
        """Forget clients and session, since each holds memory; the account can be entered again."""
        entered, self._entered = self._entered, None
        if entered is not None:
            entered.clients.close()

    def _enter(self) -> _Entered:
        entered = self._entered
        if entered is None:
            with self._lock:
                entered = self._entered = self._entered or self._ask_identity()
        return entered

    def _ask_identity(self) -> _Entered:
        try:
            session = new_session(self._profile)
            region = self._asked_in(session)
        except BotoCoreError as error:
            raise api_error(error, "sts", "GetCallerIdentity") from None
        answered: Any = self._credentials.answered
        session.register("needs-retry", answered)
        session.register_component("credential_provider", CredentialResolver([_Given(self._credentials)]))
        clients = Clients(session)
        answer = clients.get("sts", region).call("get_caller_identity", {})
        account = answer["Account"]
        if self.configured not in (DEFAULT_ACCOUNT, account):
            raise ProviderError(f"the credentials for account {self.configured} belong to account {account}")
        self._credentials.account = account
        clients.account = account
        return _Entered(account, answer["Arn"].split(":")[1], session, clients)

    def _enabled(self, wanted: Mapping[str, Any]) -> tuple[str, ...]:
        """Those of the regions that are enabled; all of them when AWS may not be asked or does not say."""
        try:
            answer = self.client("ec2", GLOBAL).call("describe_regions", {"AllRegions": True})
        except ApiError as error:
            if error.code in DENIED:
                return tuple(wanted)
            raise
        known = {region["RegionName"]: region.get("OptInStatus") for region in answer.get("Regions", ())}
        if not known:  # AWS always names some; what stands in for it, as a proxy or a simulator, may not
            return tuple(wanted)
        for name in wanted:
            if name not in known:
                meant = get_close_matches(name, known, 1)
                hint = f"; did you mean {meant[0]}?" if meant else ""
                raise ProviderError(f"account {self.id} has no region {name}{hint}")
            if known[name] == _NOT_ENABLED:
                _LOG.warning("%s is not enabled in account %s, so it is not read", name, self.id)
        return tuple(name for name in wanted if known[name] != _NOT_ENABLED)

    def _asked_in(self, session: Session) -> str:
        """The region where AWS is asked who the account is: a configured one, else the partition's home."""
        region: str | None = session.get_config_variable("region")
        if region is None and self._wanted_regions:
            region = HOME_REGIONS.get(session.get_partition_for_region(self._wanted_regions[0]))
        return region or HOME_REGIONS["aws"]

    def _find_credentials(self) -> Credentials:
        """The credentials of the account as they are found now. Raises errors of botocore."""
        session = new_session(self._profile)
        own: Credentials | None = session.get_credentials()
        if own is None:
            raise NoCredentialsError
        return self._assumed(session, own) if self._settings.role else own

    def _assumed(self, session: Session, own: Credentials) -> Credentials:
        region = self._asked_in(session)
        role = self._settings.role or ""
        if not role.startswith("arn:"):
            role = f"arn:{session.get_partition_for_region(region)}:iam::{{account}}:role/{role}"
        extra: dict[str, Any] = {"RoleSessionName": self._settings.session_name}
        if self._settings.external_id:
            extra["ExternalId"] = self._settings.external_id
        fetcher = AssumeRoleCredentialFetcher(
            partial(make_client, session, region_name=region),
            own,
            role.replace("{account}", self.configured),
            extra_args=extra,
        )
        return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")

    def _identify(self, keys: ReadOnlyCredentials) -> str:
        """The account that keys are of. Raises ProviderError."""
        session = new_session(self._profile)
        client = ServiceClient(
            make_client(
                session,
                "sts",
                self._asked_in(session),
                aws_access_key_id=keys.access_key,
                aws_secret_access_key=keys.secret_key,
                aws_session_token=keys.token,
            )
        )
        try:
            account: str = client.call("get_caller_identity", {})["Account"]
        finally:
            client.close()
        return account


class _Given(CredentialProvider):
    """Hands botocore the credentials that it is to use."""

    METHOD = "resoto"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        return self._credentials
