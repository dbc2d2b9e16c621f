"""botocore's clients of one account: made once, shared by all threads, every failure one line."""

import logging
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader, create_loader
from botocore.paginate import Paginator
from botocore.session import Session

from resoto_dagster.providers.aws.errors import api_error, one_line
from resoto_dagster.providers.aws.parsers import AnswerParsers
from resoto_dagster.providers.base import ProviderError

CONNECTIONS = 64
"""Connections that a client may hold open: as many as there are threads that may use it."""

CONFIG = Config(
    connect_timeout=10,
    read_timeout=60,
    max_pool_connections=CONNECTIONS,
    retries={"mode": "standard", "total_max_attempts": 10},
    user_agent_extra="resoto_dagster",
)

loading = threading.RLock()
"""Held while clients are made or models loaded, since botocore's sessions and loaders serve one at a time."""

_TOKENS = ("NextToken", "nextToken", "NextMarker")

_loader: Loader = create_loader()

# It logs a traceback where credentials can't be renewed; that is told in a line, as any failure of a call.
logging.getLogger("botocore.credentials").setLevel(logging.ERROR)


def new_session(profile: str | None = None) -> Session:
    """A session of botocore that shares the service models with all others and parses times fast."""
    session = Session(profile=profile)
    session.register_component("data_loader", _loader)
    session.register_component("response_parser_factory", AnswerParsers())
    return session


def make_client(session: Session, service: str, region_name: str | None = None, **options: Any) -> BaseClient:
    """A client; may be called from any thread. Raises ProviderError when there can't be one."""
    with loading:
        try:
            return session.create_client(service, region_name, config=CONFIG, **options)
        except (BotoCoreError, ValueError) as error:  # botocore raises ValueError for a malformed endpoint
            raise ProviderError(f"no client of {service} in {region_name}: {one_line(str(error))}") from None


class ServiceClient:
    """One service of one account in one region. Its failures are ApiErrors."""

    def __init__(self, client: BaseClient) -> None:
        self._client = client
        self._paginators: dict[str, Paginator[Any] | None] = {}

    def call(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Call a client method and return its answer. Raises ApiError."""
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**params)
        except (ClientError, BotoCoreError) as error:
            raise self._failure(error, operation) from None
        return answer

    def pages(
        self, operation: str, params: Mapping[str, Any], page_size: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """The answer page by page; one page when the method has no pages. Raises ApiError."""
        paginator = self._paginator(operation)
        if paginator is None:
            yield from self._by_token(operation, params)
            return
        try:
            yield from paginator.paginate(**params, PaginationConfig={"PageSize": page_size})
        except (ClientError, BotoCoreError) as error:
            raise self._failure(error, operation) from None

    def _by_token(self, operation: str, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The pages of a method that answers tokens though botocore knows no paginator for it."""
        answer = self.call(operation, params)
        yield answer
        while token := {name: answer[name] for name in _TOKENS if answer.get(name)}:
            answer = self.call(operation, {**params, **token})
            yield answer

    def wait(self, waiter: str, operation: str, params: Mapping[str, Any]) -> None:
        """Wait until what an operation began has come to its end. Raises ApiError."""
        with loading:
            waiting = self._client.get_waiter(waiter)
        try:
            waiting.wait(**params)
        except BotoCoreError as error:
            raise self._failure(error, operation) from None

    def _paginator(self, operation: str) -> "Paginator[Any] | None":
        if operation not in self._paginators:
            with loading:
                pages = self._client.can_paginate(operation)
                self._paginators[operation] = self._client.get_paginator(operation) if pages else None
        return self._paginators[operation]

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def _failure(self, error: ClientError | BotoCoreError, operation: str) -> Exception:
        meta = self._client.meta
        return api_error(error, meta.service_model.signing_name, meta.method_to_api_mapping[operation])


class Clients:
    """The clients of one account, by service and region."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._clients: dict[tuple[str, str], ServiceClient] = {}
        self._lock = threading.Lock()

    def get(self, service: str, region: str) -> ServiceClient:
        """The client of a service in a region; made at the first call."""
        client = self._clients.get((service, region))
        if client is not None:
            return client
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = ServiceClient(make_client(self._session, service, region))
            return self._clients[service, region]

    def close(self) -> None:
        """Close and forget all clients; the next call makes new ones."""
        with self._lock:
            clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()


def request_id(answer: Mapping[str, Any]) -> str:
    """The id by which AWS knows the request, as its own logs name it."""
    found: str = answer["ResponseMetadata"].get("RequestId", "")
    return found
