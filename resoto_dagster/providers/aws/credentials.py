"""Credentials of an account: taken anew when they run out, and given up for good when they can't be."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from botocore.credentials import Credentials, ReadOnlyCredentials, RefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import OperationModel

from resoto_dagster.providers.aws.errors import ApiError, api_error, one_line
from resoto_dagster.providers.aws.permissions import service_of
from resoto_dagster.providers.base import ProviderError

_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
"""The codes by which AWS says that credentials have run out."""

_DOUBTED = frozenset(
    {
        "AuthFailure",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "UnrecognizedClientException",
    }
)
"""The codes by which AWS says that it does not know credentials: revoked ones, but also good ones where a
region is not enabled or a service is not there."""

_IDENTITY = "GetCallerIdentity"
_RETRIED = "resoto_retried"
_AT_THE_LATEST = 600
"""How many seconds before they run out botocore insists on new credentials."""


class AccountCredentials(Credentials):
    """What botocore signs an account's calls with; safe to use from many threads.

    `load` finds credentials in the place they come from, and `identify` asks AWS whose account some are. A
    call that is refused because the credentials ran out is made again, once, with new ones. When there are
    none, or when they are another account's, no further call is made: whatever is asked raises a
    ProviderError with one and the same reason. Other failures to get credentials end the same way.
    """

    account: str | None = None
    """The account they must be of, once it is known."""

    def __init__(
        self, load: Callable[[], Credentials], identify: Callable[[ReadOnlyCredentials], str]
    ) -> None:
        super().__init__("", "", method="resoto")
        self._load = load
        self._identify = identify
        self._held: Credentials | None = None
        self._given_up: str | None = None
        self._lock = threading.Lock()
        self._signed = threading.local()

    def check(self) -> None:
        """Raise the ProviderError with which they were given up, if they were."""
        if self._given_up is not None:
            raise ProviderError(self._given_up)

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """The keys to sign a call with. Raises ProviderError when there are none."""
        self.check()
        if self._held is None:
            with self._lock:
                self.check()
                self._held = self._held or self._taken()[0]
        held = self._held
        if isinstance(held, RefreshableCredentials) and held.refresh_needed(_AT_THE_LATEST):
            with self._lock:  # one thread asks; when it is refused, the others need not ask
                self.check()
                self._keys(held)
        keys = self._keys(held)
        self._signed.held, self._signed.keys = held, keys
        return keys

    def get_deferred_property(self, property_name: str) -> Callable[[], Any]:
        """A function that returns one of the keys, or the account they are of."""
        return lambda: getattr(self.get_frozen_credentials(), property_name, None)

    def answered(
        self,
        response: Any,
        operation: OperationModel,
        request_dict: Mapping[str, Any],
        **_: Any,
    ) -> int | None:
        """Answer botocore whether to make a call again: 0, the seconds to wait, when there are new keys.

        Raises ProviderError when the credentials are given up.
        """
        code = response[1].get("Error", {}).get("Code") if response else None
        if response is None or code not in _EXPIRED | _DOUBTED:
            return None
        refused = ClientError(response[1], operation.name)
        error = api_error(refused, service_of(operation.service_model), operation.name)
        with self._lock:
            self.check()
            if request_dict["context"].get(_RETRIED):
                if code in _EXPIRED:
                    raise self._give_up(error)
                return None
            if self._signed.held is self._held:  # else another thread has renewed them since
                if code in _DOUBTED and operation.name != _IDENTITY and self._are_good():
                    return None
                self._renew(error)
        request_dict["context"][_RETRIED] = True
        return 0

    def _are_good(self) -> bool:
        """Whether AWS still knows the keys, so that it is a region or a service that does not."""
        try:
            self._identify(self._signed.keys)
        except ApiError as error:
            return error.code not in _EXPIRED | _DOUBTED
        return True

    def _renew(self, error: ProviderError) -> None:
        held, keys = self._taken()
        if keys == self._signed.keys:
            raise self._give_up(error)
        try:
            account = self._identify(keys)
        except ProviderError as refused:
            raise self._give_up(refused) from None
        if self.account not in (None, account):
            raise self._give_up(ProviderError(f"they belong to account {account} now, not to {self.account}"))
        self._held = held

    def _taken(self) -> tuple[Credentials, ReadOnlyCredentials]:
        try:
            held = self._load()
        except BotoCoreError as error:
            raise self._give_up(api_error(error, "sts", _IDENTITY)) from None
        return held, self._keys(held)

    def _keys(self, credentials: Credentials) -> ReadOnlyCredentials:
        try:
            return credentials.get_frozen_credentials()
        except ClientError as error:
            raise self._give_up(api_error(error, "sts", error.operation_name)) from None
        except BotoCoreError as error:
            raise self._give_up(api_error(error, "sts", _IDENTITY)) from None
        except RuntimeError as error:  # botocore's, when what it got has run out already
            raise self._give_up(ProviderError(one_line(str(error)))) from None

    def _give_up(self, error: ProviderError) -> ProviderError:
        """Keep the reason, as an error whose code no declaration takes for an answer."""
        text = str(error) if self.account is None else f"credentials can't be renewed: {error}"
        self._given_up = self._given_up or text
        return ProviderError(self._given_up)
