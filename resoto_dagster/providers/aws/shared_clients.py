"""botocore's clients, made once for a service and shared by all accounts and regions.

A client costs megabytes, tens of milliseconds and connections of its own, and all it knows of an account are
the keys it signs with. These have none: each request is signed with the keys of whoever asks and goes to the
region that is asked, and one that nobody asks for can't be signed at all.
"""

import os
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.client import BaseClient
from botocore.credentials import CredentialResolver
from botocore.regions import EndpointResolverBuiltins
from botocore.session import Session

from resoto_dagster.providers.aws.askers import who_asks
from resoto_dagster.providers.aws.connections import Connections
from resoto_dagster.providers.aws.large_answers import LARGE_ANSWERS
from resoto_dagster.providers.aws.plain_calls import PlainCalls


class SharedClients:
    """Clients by service, made when they are first asked for; safe to use from many threads."""

    def __init__(self, session: Session, make: Callable[[Session, str, str], BaseClient]) -> None:
        session.register_component("credential_provider", CredentialResolver([]))
        trusted = session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
        self._connections = Connections(trusted)
        handlers: dict[str, Any] = {
            "before-parameter-build": _sign,
            "before-parse": _weigh,
            "before-send": self._connections.send,
            "needs-retry": _is_asked_again,
        }
        for event, handler in handlers.items():
            session.register(event, handler)
        events = session.get_component("event_emitter")
        parsers = session.get_component("response_parser_factory")
        # Last, since others have something to add to what is asked.
        events.register_last("before-call", PlainCalls(self._connections, parsers, events).answer)
        self._session = session
        self._make = make
        self._clients: dict[str, BaseClient] = {}
        self._lock = threading.Lock()

    def get(self, service: str, region: str) -> BaseClient:
        """The client of a service, which is made for the region if there is none yet."""
        client = self._clients.get(service)
        if client is None:
            with self._lock:
                client = self._clients.get(service)
                if client is None:
                    client = self._make(self._session, service, region)
                    # First, since S3 may know better in which region a bucket is.
                    name = client.meta.service_model.service_id.hyphenize()
                    client.meta.events.register_first(f"before-endpoint-resolution.{name}", _direct)
                    self._clients[service] = client
        return client

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()
        for client in self._clients.values():
            client.close()


Place = tuple[str | None, frozenset[tuple[str, str]]]


class Sharing:
    """Lends shared clients to the accounts of a profile and closes them when the last one gives them back."""

    def __init__(self, make: Callable[[str | None], SharedClients]) -> None:
        self._make = make
        self._lent: dict[Place, tuple[SharedClients, int]] = {}
        self._lock = threading.RLock()

    def borrow(self, profile: str | None, borrower: object) -> "Loan":
        """The clients of a profile, as the environment says now where AWS is.

        They are given back with the borrower, too, should it forget to.
        """
        place = profile, frozenset(os.environ.items())
        with self._lock:
            clients, users = self._lent.get(place) or (self._make(profile), 0)
            self._lent[place] = clients, users + 1
        give_back = weakref.finalize(borrower, self._give_back, place)
        give_back.atexit = False
        return Loan(clients, give_back)

    def _give_back(self, place: Place) -> None:
        with self._lock:
            clients, users = self._lent[place]
            if users > 1:
                self._lent[place] = clients, users - 1
                return
            del self._lent[place]
        clients.close()


@dataclass(frozen=True, slots=True)
class Loan:
    """Clients, and what gives them back; that counts once."""

    clients: SharedClients
    give_back: Callable[[], object]


def _sign(*, context: dict[str, Any], **_: Any) -> None:
    asker = who_asks()
    if asker is not None and asker.credentials is not None:
        context["client_region"] = asker.region
        signing = {"request_credentials": asker.credentials, "region": asker.region}
        context["signing"] = {**context.get("signing", {}), **signing}


def _direct(*, builtins: dict[str, Any], **_: Any) -> None:
    asker = who_asks()
    if asker is not None:
        builtins[EndpointResolverBuiltins.AWS_REGION.value] = asker.region


def _weigh(*, response_dict: Mapping[str, Any], **_: Any) -> None:
    if isinstance(response_dict["body"], bytes):
        LARGE_ANSWERS.about_to_read(len(response_dict["body"]))


def _is_asked_again(event_name: str, response: Any, **further: Any) -> Any:
    """Hand on to the account's own session what its handlers may want to answer: what failed."""
    asker = who_asks()
    if asker is None or (response is not None and response[0].status_code < 300):
        return None
    return asker.hears(event_name, response=response, **further)
