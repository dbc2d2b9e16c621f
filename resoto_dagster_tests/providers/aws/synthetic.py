"""A server that answers as AWS does, out of botocore's own models, for what moto does not simulate.

A test asks for the fixture `synthetic`, states what the server knows, and collects, reads and deletes through
the session as with moto (`collect_kind`, `session`, `client` lead to this server then):

    def test_an_agent(synthetic, collect_kind, session):
        synthetic.answer("bedrock-agent", "ListAgents", {"agentSummaries": [{"agentId": "a-1"}]})
        synthetic.answer("bedrock-agent", "GetAgent", lambda params: {"agent": _agent(params["agentId"])})
        synthetic.refuse("bedrock-agent", "ListTagsForResource", "ResourceNotFoundException", 404)

Services are named as botocore's clients are, operations as the API names them. An answer is what a client's
method would return, without `ResponseMetadata`; a function makes one of the request's params and may raise
`Refusal`; None is an answer without members. The last statement on an operation counts. An answer that does
not fit the model is refused at once, naming the place.

With `in_full`, only what matters has to be said; the model fills in the rest (see `samples.py`):

    synthetic.in_full("sagemaker", "ListModels", Models=[{"ModelName": "a"}, {"ModelName": "b"}])

What state there is, a test keeps itself:

    models = {"a": {"ModelName": "a"}}
    synthetic.answer("sagemaker", "ListModels", lambda params: {"Models": list(models.values())})
    synthetic.answer("sagemaker", "DeleteModel", lambda params: models.pop(params["ModelName"]) and None)

`asked` tells with which params an operation was called; `calls` is everything in its order. A request that no
statement fits is answered with the error `NotStated`, and fails the test at its end, whatever became of it.
The caller's identity and the list of regions are known from the start.
"""

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

import orjson
from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import NotFound, ServiceOperationRouter
from moto.core.serialize import SerializationContext, get_serializer_class
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from resoto_dagster.providers.aws.clients import new_session
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION
from resoto_dagster_tests.providers.aws.samples import misfits, service_model, synthesise

Params = dict[str, Any]
Answer = Mapping[str, Any]
Statement = Answer | Callable[[Params], Answer | None]

_SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")


class Refusal(Exception):
    """What a function raises to have its request answered with an error."""

    def __init__(self, code: str, status: int = 400, message: str = "as stated") -> None:
        super().__init__(message)
        self.code = code
        self.status = status


@dataclass(frozen=True)
class Asked:
    """A request, as far as tests tell requests apart; the params are those of the client's method."""

    service: str
    operation: str
    params: Params
    region: str


class Synthetic:
    """The server; `url` is where it listens."""

    def __init__(self) -> None:
        self.calls: list[Asked] = []
        self.problems: list[str] = []
        self._stated: dict[str, dict[str, Statement]] = {}
        self._lock = threading.Lock()
        self.answer("sts", "GetCallerIdentity", {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:root"})
        self.answer("ec2", "DescribeRegions", {"Regions": [{"RegionName": REGION}]})
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True, request_handler=_Quiet)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, service: str, operation: str, answer: Statement) -> None:
        """State what an operation answers. Raises LookupError for what the model does not know."""
        model = service_model(service)
        if operation not in model.operation_names:
            raise LookupError(f"{service} has no operation {operation}")
        if not callable(answer):
            _check(model.operation_model(operation), answer)
        self._stated.setdefault(service, {})[operation] = answer

    def in_full(self, service: str, operation: str, **given: Any) -> None:
        """State a full answer, of which only what matters is given."""
        self.answer(service, operation, synthesise(service, operation, **given))

    def refuse(
        self, service: str, operation: str, code: str, status: int = 400, message: str = "as stated"
    ) -> None:
        """State that an operation is refused."""

        def refusal(params: Params) -> None:
            raise Refusal(code, status, message)

        self.answer(service, operation, refusal)

    def asked(self, service: str, operation: str) -> list[Params]:
        """The params of all requests for an operation, in their order."""
        return [call.params for call in self.calls if (call.service, call.operation) == (service, operation)]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def _serve(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        with self._lock:
            try:
                response = self._respond(request)
            except Exception as error:  # a mistake in the test, which it might take for an answer
                self.problems.append(f"{type(error).__name__}: {error}")
                response = _misstated(request, self.problems[-1])
        return response(environ, start_response)

    def _respond(self, request: Request) -> Response:
        scope = _SCOPE.search(request.headers.get("Authorization", ""))
        signed_for, region = (scope["service"], scope["region"]) if scope else ("", "")
        fitting = self._fitting(signed_for, request)
        known = [found for found in fitting if found[1].name in self._stated[found[0]]]
        if len(known) > 1:
            raise LookupError(f"stated of several services: {', '.join(service for service, *_ in known)}")
        if not fitting:
            asked = request.headers.get("X-Amz-Target") or request.values.get("Action") or request.path
            raise LookupError(f"nothing is stated of {signed_for} {request.method} {asked}")
        service, operation, in_path = (known or fitting)[0]
        protocol = determine_request_protocol(routed_model(service), request.content_type)
        params = _params(protocol, operation, request, in_path)
        if not known:
            raise LookupError(f"no answer is stated of {service} {operation.name} {params}")
        self.calls.append(Asked(service, operation.name, params, region))
        request_id = f"request-{len(self.calls)}"
        stated = self._stated[service][operation.name]
        try:
            answer = (stated(params) or {}) if callable(stated) else stated
        except Refusal as refusal:
            return refused(protocol, service, refusal, request_id)
        _check(service_model(service).operation_model(operation.name), answer)
        return answered(protocol, service, operation, answer, request_id)

    def _fitting(self, signed_for: str, request: Request) -> list[tuple[str, OperationModel, Params]]:
        """The services that something is stated of, with the operation that the request means in each.

        Several services may sign alike; Amazon itself tells some of them apart by the host alone.
        """
        found = []
        for service in self._stated:
            if service_model(service).signing_name == signed_for and _is_of_version(service, request):
                try:
                    operation, in_path = _router(service).match(request)
                except (NotFound, NotImplementedError):
                    continue
                found.append((service, operation, in_path))
        return found


def answered(
    protocol: str, service: str, operation: OperationModel, answer: Answer, request_id: str
) -> Response:
    """The answer as it goes over the wire."""
    serializer = get_serializer_class(service, protocol)(operation, SerializationContext(request_id))
    made = serializer.serialize(answer)
    return Response(made["body"], made["status_code"], {**made["headers"], **_id_headers(request_id)})


class _Quiet(WSGIRequestHandler):
    def log(self, *args: object) -> None:
        """Say nothing."""


@cache
def routed_model(service: str) -> ServiceModel:
    """The model as moto's parsers want it, without moto's additions."""
    loader = new_session().get_component("data_loader")
    return ServiceModel(loader.load_service_model(service, "service-2"), service)


@cache
def _router(service: str) -> ServiceOperationRouter:
    return ServiceOperationRouter(routed_model(service))


def _is_of_version(service: str, request: Request) -> bool:
    """Whether the request names the service's version, or none; old and new load balancers differ in it."""
    return request.values.get("Version") in (None, service_model(service).api_version) or (
        service_model(service).protocol not in ("query", "ec2")
    )


def _params(protocol: str, operation: OperationModel, request: Request, in_path: Params) -> Params:
    parsed: Params = PROTOCOL_PARSERS[protocol](operation).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.data,
            "url_path": request.path,
            "url_params": in_path,
        }
    )
    return {name: value for name, value in parsed.items() if value not in (None, [], {})}


def _check(operation: Any, answer: Answer) -> None:
    wrong = next(misfits(operation.output_shape, answer), None)
    if wrong:
        raise LookupError(f"{operation.service_model.service_name} {operation.name}: {wrong}")


def _id_headers(request_id: str) -> dict[str, str]:
    return {"x-amzn-RequestId": request_id}


def _misstated(request: Request, problem: str) -> Response:
    """An error that the client of any protocol understands."""
    is_form = (request.content_type or "").startswith("application/x-www-form-urlencoded")
    return refused("query" if is_form else "json", "", Refusal("NotStated", 400, problem), "none")


def refused(protocol: str, service: str, refusal: Refusal, request_id: str) -> Response:
    headers, message = _id_headers(request_id), str(refusal)
    if protocol in ("json", "rest-json"):
        body = orjson.dumps({"__type": refusal.code, "message": message})
        return Response(body, refusal.status, {**headers, "x-amzn-ErrorType": refusal.code})
    error = f"<Error><Code>{escape(refusal.code)}</Code><Message>{escape(message)}</Message></Error>"
    if protocol == "ec2":
        error = f"<Response><Errors>{error}</Errors><RequestID>{request_id}</RequestID></Response>"
    elif service != "s3":
        error = f"<ErrorResponse>{error}<RequestId>{request_id}</RequestId></ErrorResponse>"
    return Response(error, refusal.status, {**headers, "Content-Type": "text/xml"})
