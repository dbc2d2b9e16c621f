"""Makes plain calls in botocore's place, from the moment on that it knows what to ask of which endpoint.

Of the time of a call botocore spends half in objects around a request that is signed, sent and read once. It
lets a handler of its event `before-call` answer instead; this one signs with botocore's own signers, sends
over the same connections and reads with the same parsers. What is not plain is left to botocore: streams,
checksums, other signatures than version 4, bodies for S3, and answers of S3 that lead to another region.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from botocore.auth import SIGNED_HEADERS_BLACKLIST, S3SigV4Auth, SigV4Auth
from botocore.credentials import ReadOnlyCredentials
from botocore.hooks import BaseEventHooks
from botocore.model import OperationModel
from botocore.signers import RequestSigner

from resoto_dagster.providers.aws.askers import who_asks
from resoto_dagster.providers.aws.connections import Answer, Connections, host_header
from resoto_dagster.providers.aws.parsers import AnswerParsers

_SIGNATURES = frozenset({"v4", "s3v4"})
_S3 = "s3"
_UNSIGNED = frozenset(SIGNED_HEADERS_BLACKLIST)
_WITHOUT_LENGTH = frozenset({"GET", "HEAD", "OPTIONS"})
_ELSEWHERE = frozenset({301, 302, 307, 308, 400})
"""The statuses by which S3 may say that a bucket is in another region; botocore asks there then."""


class Headers(dict[str, str]):
    """Headers of a request, by their names as botocore writes them."""

    def get_all(self, name: str) -> list[str]:
        """All values of a header: the one it has."""
        return [self[name]]


@dataclass(slots=True)
class PlainRequest:
    """What botocore's signers and our connections want to know of a request."""

    method: str
    url: str
    headers: Headers
    body: bytes
    context: dict[str, Any]
    params: Mapping[str, str] = field(default_factory=dict)
    stream_output: bool = False


class _FastSigning:
    """Lets a signer of botocore collect the headers to sign in a mapping that costs little."""

    def headers_to_sign(self, request: Any) -> Any:
        """The headers that are signed, by their names in lower case."""
        lowered = ((name.lower(), value) for name, value in request.headers.items())
        signed = Headers((name, value) for name, value in lowered if name not in _UNSIGNED)
        signed.setdefault("host", host_header(request.url))
        return signed


class _Signing(_FastSigning, SigV4Auth):
    """Version 4 of AWS's signatures."""


class _S3Signing(_FastSigning, S3SigV4Auth):
    """Version 4 of AWS's signatures, as S3 wants it."""


class PlainCalls:
    """Answers calls of whoever asks, over the connections; safe to use from many threads.

    `events` are those of the session that made the clients.
    """

    def __init__(self, connections: Connections, parsers: AnswerParsers, events: BaseEventHooks) -> None:
        self._connections = connections
        self._parsers = parsers
        self._events = events

    def answer(
        self,
        model: OperationModel,
        params: dict[str, Any],
        request_signer: RequestSigner,
        context: dict[str, Any],
        **_: Any,
    ) -> tuple[Answer, dict[str, Any]] | None:
        """Answer botocore's event `before-call`: with what AWS answered, or None to leave the call to it.

        `params` is the request as botocore has put it together. Raises botocore's errors of connections, and
        of answers that can't be read.
        """
        asker = who_asks()
        signing = context.get("signing", {})
        service = signing.get("signing_name") or request_signer.signing_name
        if asker is None or asker.credentials is None or not _is_plain(model, params, context, service):
            return None
        if (context.get("auth_type") or request_signer.signature_version) not in _SIGNATURES:
            return None
        region = signing.get("region") or request_signer.region_name
        while True:
            keys = asker.credentials.get_frozen_credentials()
            answer = self._connections.send(_signed(params, context, keys, service, region))
            if answer is None:
                return None
            parsed = self._parsed(model, answer)
            if answer.status_code < 300:
                return answer, parsed
            if service == _S3 and answer.status_code in _ELSEWHERE:
                return None
            event = f"needs-retry.{model.service_model.service_id.hyphenize()}.{model.name}"
            if asker.hears(event, response=(answer, parsed), operation=model, request_dict=params) is None:
                return answer, parsed

    def _parsed(self, model: OperationModel, answer: Answer) -> dict[str, Any]:
        response = {
            "headers": answer.headers,
            "status_code": answer.status_code,
            "context": {"operation_name": model.name},
            "body": answer.content,
        }
        customized: dict[str, Any] = {}
        self._events.emit(
            f"before-parse.{model.service_model.service_id.hyphenize()}.{model.name}",
            operation_model=model,
            response_dict=response,
            customized_response_dict=customized,
        )
        parser = self._parsers.create_parser(model.service_model.resolved_protocol)
        parsed: dict[str, Any] = parser.parse(response, model.output_shape)
        return parsed | customized


def _is_plain(
    model: OperationModel, params: Mapping[str, Any], context: Mapping[str, Any], service: str
) -> bool:
    body = params["body"]
    return (
        not (model.has_streaming_input or model.has_streaming_output)
        and not (model.has_event_stream_input or model.has_event_stream_output)
        and not ("checksum" in context or context.get("unsigned_payload"))
        and isinstance(body, bytes | str | dict)
        and (service == _S3) <= (not body)
    )


def _signed(
    params: Mapping[str, Any],
    context: dict[str, Any],
    keys: ReadOnlyCredentials,
    service: str,
    region: str,
) -> PlainRequest:
    headers = Headers(params["headers"])
    body = params["body"]
    if isinstance(body, dict):
        body = urlencode(body, doseq=True)
    if isinstance(body, str):
        body = body.encode()
    request = PlainRequest(params["method"], params["url"], headers, body, context)
    signer = _S3Signing if service == _S3 else _Signing
    to_sign: Any = request  # looks like botocore's own
    signer(keys, service, region).add_auth(to_sign)
    headers["amz-sdk-invocation-id"] = str(uuid.uuid4())
    headers["amz-sdk-request"] = "attempt=1; max=1"
    if request.method not in _WITHOUT_LENGTH:
        headers["Content-Length"] = str(len(body))
    return request
