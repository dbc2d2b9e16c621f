"""Accounts: their credentials, proof of who they are, and their regions."""

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import BotoCoreError, NoCredentialsError
from botocore.session import Session

from resoto_dagster.model.resource import GLOBAL
from resoto_dagster.providers.aws.clients import Clients, ServiceClient, make_client, new_session
from resoto_dagster.providers.aws.errors import api_error
from resoto_dagster.providers.aws.mapping import Place
from resoto_dagster.providers.aws.settings import DEFAULT_ACCOUNT, AccountSettings
from resoto_dagster.providers.base import ProviderError

_HOME_REGIONS = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""Where a partition's account-wide services are asked."""


@dataclass(frozen=True, slots=True)
class _Entered:
    """An account that AWS itself confirmed to be the one it is taken for."""

    id: str
    partition: str
    session: Session
    clients: Clients

    @property
    def home(self) -> str:
        return _HOME_REGIONS.get(self.partition, _HOME_REGIONS["aws"])


class Account:
    """One account of the settings, which is entered when something is first asked of it.

    Safe to use from many threads. Everything but `configured` raises ProviderError when the account can't be
    entered, or when the credentials belong to another account than the settings say.
    """

    def __init__(self, settings: AccountSettings, profile: str | None, regions: Sequence[str] | None) -> None:
        self.configured = settings.id
        self._settings = settings
        self._profile = settings.profile or profile
        self._wanted_regions = regions
        self._lock = threading.Lock()
        self._entered: _Entered | None = None

    @property
    def id(self) -> str:
        """Its id, as AWS itself states it."""
        return self._enter().id

    def place(self, region: str) -> Place:
        """A region of the account as a place of resources."""
        entered = self._enter()
        return Place(entered.partition, entered.id, region)

    def regions(self) -> tuple[str, ...]:
        """The regions to collect: those of the settings, or all that are enabled."""
        if self._wanted_regions is not None:
            return tuple(dict.fromkeys(self._wanted_regions))
        answer = self.client("ec2", GLOBAL).call("describe_regions", {})
        return tuple(sorted(region["RegionName"] for region in answer["Regions"]))

    def client(self, service: str, region: str) -> ServiceClient:
        """A client of a service in a region, for `global` in the partition's home region."""
        entered = self._enter()
        return entered.clients.get(service, entered.home if region == GLOBAL else region)

    def offered(self, service: str, region: str) -> bool:
        """Whether the service exists in the region, as far as botocore knows; yes when it doesn't know.

        With an endpoint of its own there is no telling, so that all services count as offered.
        """
        entered = self._enter()
        session = entered.session
        endpoint = os.environ.get("AWS_ENDPOINT_URL") or session.get_scoped_config().get("endpoint_url")
        if region == GLOBAL or endpoint:
            return True
        known = session.get_available_regions(service, entered.partition)
        everywhere = session.get_available_regions("sts", entered.partition)
        return region in known or not known or region not in everywhere

    def release(self) -> None:
        """Forget clients and session, since each holds memory; the account can be entered again."""
        entered, self._entered = self._entered, None
        if entered is not None:
            entered.clients.close()

    def _enter(self) -> _Entered:
        if self._entered is None:
            with self._lock:
                self._entered = self._entered or self._ask_identity()
        return self._entered

    def _ask_identity(self) -> _Entered:
        try:
            base = new_session(self._profile)
            if base.get_credentials() is None:
                raise NoCredentialsError
            home = base.get_config_variable("region") or _HOME_REGIONS["aws"]
            session = self._assumed(base, home) if self._settings.role else base
        except BotoCoreError as error:
            raise api_error(error, "sts", "GetCallerIdentity") from None
        clients = Clients(session)
        answer = clients.get("sts", home).call("get_caller_identity", {})
        account = answer["Account"]
        if self.configured not in (DEFAULT_ACCOUNT, account):
            raise ProviderError(f"the credentials for account {self.configured} belong to account {account}")
        clients.account = account
        return _Entered(account, answer["Arn"].split(":")[1], session, clients)

    def _assumed(self, base: Session, home: str) -> Session:
        role = self._settings.role or ""
        if not role.startswith("arn:"):
            role = f"arn:{base.get_partition_for_region(home)}:iam::{{account}}:role/{role}"
        extra: dict[str, Any] = {"RoleSessionName": "resoto_dagster"}
        if self._settings.external_id:
            extra["ExternalId"] = self._settings.external_id
        fetcher = AssumeRoleCredentialFetcher(
            partial(make_client, base, region_name=home),
            base.get_credentials(),
            role.replace("{account}", self.configured),
            extra_args=extra,
        )
        session = new_session(self._profile)
        session.register_component("credential_provider", CredentialResolver([_AssumedRole(fetcher)]))
        return session


class _AssumedRole(CredentialProvider):
    """Credentials of a role, which are renewed before they expire."""

    METHOD = "assume-role"

    def __init__(self, fetcher: AssumeRoleCredentialFetcher) -> None:
        super().__init__()
        self._fetcher = fetcher

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(self._fetcher.fetch_credentials, self.METHOD)
