"""botocore's sessions, and the services of an account: shared by all threads, every failure one line."""

import copy
import logging
import threading
from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import Any

import botocore
from botocore import xform_name
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.hooks import HierarchicalEmitter
from botocore.parsers import ResponseParserError
from botocore.session import Session
from botocore.waiter import Waiter, WaiterModel

from resoto_dagster.providers.aws.access import RATES, Access
from resoto_dagster.providers.aws.askers import Asker
from resoto_dagster.providers.aws.connections import CONNECTIONS
from resoto_dagster.providers.aws.errors import api_error, one_line
from resoto_dagster.providers.aws.models import LOADER
from resoto_dagster.providers.aws.paging import ByPaginator, ByToken
from resoto_dagster.providers.aws.parsers import AnswerParsers
from resoto_dagster.providers.aws.permissions import service_of
from resoto_dagster.providers.aws.shared_clients import Loan, SharedClients, Sharing
from resoto_dagster.providers.base import ProviderError

CONFIG = Config(
    connect_timeout=10,
    read_timeout=60,
    max_pool_connections=CONNECTIONS,
    retries={"mode": "standard", "total_max_attempts": 10},
    # Given as a whole, since botocore puts its own one together anew for every request.
    user_agent=f"resoto_dagster Botocore/{botocore.__version__}",
    s3={"us_east_1_regional_endpoint": "regional"},
)
ONE_TRY = CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
"""For clients whose requests are made again by `Access`."""

loading = threading.RLock()
"""Held while clients are made or models loaded, since botocore's sessions and loaders serve one at a time."""

# It logs a traceback where credentials can't be renewed; that is told in a line, as any failure of a call.
logging.getLogger("botocore.credentials").setLevel(logging.ERROR)


def new_session(profile: str | None = None) -> Session:
    """A session of botocore that shares the service models with all others and parses answers fast."""
    session = Session(profile=profile, event_hooks=copy.copy(_handlers()), include_builtin_handlers=False)
    session.register_component("data_loader", LOADER)
    session.register_component("response_parser_factory", AnswerParsers())
    return session


@cache
def _handlers() -> HierarchicalEmitter:
    """botocore's own handlers of events, which take longer to register than all else that makes a session."""
    emitter = HierarchicalEmitter()
    Session(event_hooks=emitter)
    return emitter


def make_client(
    session: Session, service: str, region_name: str | None = None, config: Config = CONFIG, **options: Any
) -> BaseClient:
    """A client; may be called from any thread. Raises ProviderError when there can't be one."""
    with loading:
        try:
            return session.create_client(service, region_name, config=config, **options)
        except (BotoCoreError, ValueError) as error:  # botocore raises ValueError for a malformed endpoint
            raise ProviderError(f"no client of {service} in {region_name}: {one_line(str(error))}") from None


_SHARING = Sharing(lambda profile: SharedClients(new_session(profile), partial(make_client, config=ONE_TRY)))


class ServiceClient:
    """One service of one account in one region. Its failures are ApiErrors.

    A shared client is asked by way of an `Access`; without one the client signs and tries again by itself.
    """

    def __init__(self, client: BaseClient, access: Access | None = None) -> None:
        self._client = client
        self._access = access
        self._pagings: dict[str, ByToken] = {}

    def call(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Call a client method and return its answer. Raises ApiError."""
        try:
            return self._ask(operation, params)
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            raise self._failure(error, operation) from None

    def pages(
        self, operation: str, params: Mapping[str, Any], page_size: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """The answer page by page; one page when the method has no pages. Raises ApiError."""
        paging = self._paging(operation)
        try:
            asked: Mapping[str, Any] | None = paging.first(params, page_size)
            while asked is not None:
                answer = self.call(operation, asked)
                asked = paging.following(asked, answer)
                yield answer
                del answer  # a large one is not to be kept until the next one is there
        except BotoCoreError as error:
            raise self._failure(error, operation) from None

    def wait(self, waiter: str, operation: str, params: Mapping[str, Any]) -> None:
        """Wait until what an operation began has come to its end. Raises ApiError."""
        service = self._client.meta.service_model.service_name
        with loading:
            known = WaiterModel(LOADER.load_service_model(service, "waiters-2"))
        name = next(name for name in known.waiter_names if xform_name(name) == waiter)
        config: Any = known.get_waiter(name)
        asked = xform_name(config.operation)

        def ask(**asked_with: Any) -> Mapping[str, Any]:
            try:
                return self._ask(asked, asked_with)
            except ClientError as error:  # what it means is up to the waiter
                return error.response

        try:
            Waiter(name, config, ask).wait(**params)
        except (BotoCoreError, ResponseParserError) as error:
            raise self._failure(error, operation) from None

    def _ask(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        request = partial(getattr(self._client, operation), **params)
        answer: dict[str, Any] = request() if self._access is None else self._access.ask(request)
        return answer

    def _paging(self, operation: str) -> ByToken:
        if operation not in self._pagings:
            self._pagings[operation] = self._make_paging(operation)
        return self._pagings[operation]

    def _make_paging(self, operation: str) -> ByToken:
        with loading:
            if not self._client.can_paginate(operation):
                return ByToken()
            model = self._client.meta.service_model
            name = self._client.meta.method_to_api_mapping[operation]
            config = LOADER.load_service_model(model.service_name, "paginators-1")["pagination"][name]
            return ByPaginator(config, model.operation_model(name))

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def _failure(self, error: ClientError | BotoCoreError | ResponseParserError, operation: str) -> Exception:
        meta = self._client.meta
        return api_error(error, service_of(meta.service_model), meta.method_to_api_mapping[operation])


class Clients:
    """The services of one account, by region: clients that are shared, and an access to each."""

    account: str | None = None
    """The account's id, once it is known. Requests are counted, and their rates kept, by it."""

    def __init__(self, session: Session) -> None:
        self._profile = session.profile
        self._credentials = session.get_credentials()
        self._events = session.get_component("event_emitter")
        self._clients: dict[tuple[str, str], ServiceClient] = {}
        self._loan: Loan | None = None
        self._closed = threading.Event()
        self._lock = threading.Lock()

    def get(self, service: str, region: str) -> ServiceClient:
        """The client of a service in a region; made at the first call."""
        client = self._clients.get((service, region))
        if client is not None:
            return client
        with self._lock:
            if (service, region) not in self._clients:
                self._loan = self._loan or _SHARING.borrow(self._profile, self)
                rate = RATES.of(self.account, region, service)
                asker = Asker(self._credentials, self._events, region)
                access = Access(asker, self.account, service, rate, self._closed)
                self._clients[service, region] = ServiceClient(
                    self._loan.clients.get(service, region), access
                )
            return self._clients[service, region]

    def close(self) -> None:
        """Give back and forget all clients, and wake what waits; the next call makes new ones."""
        with self._lock:
            self._closed.set()
            self._closed = threading.Event()
            loan, self._loan, self._clients = self._loan, None, {}
        if loan is not None:
            loan.give_back()


def request_id(answer: Mapping[str, Any]) -> str:
    """The id by which AWS knows the request, as its own logs name it."""
    found: str = answer["ResponseMetadata"].get("RequestId", "")
    return found
