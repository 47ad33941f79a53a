"""Powertools' resolver as this API uses it: its errors are problems, its OpenAPI document is docs/openapi.json."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aws_lambda_powertools import event_handler
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from pydantic import BaseModel

from common.api.admission import parse_json
from common.api.models import Problem
from common.api.problems import MEDIA_TYPE, Answer, Kind, ProblemError, invalid, problem_of
from common.errors import BridgeError, HeldError
from common.telemetry import Telemetry

_TITLE = "servicenow-bridge"
_VERSION = "1.0.0"
_DESCRIPTION = (
    "ServiceNow for callers that never see its credentials. Requests are signed with AWS Signature Version 4, service "
    "`execute-api`. Every error is a problem (RFC 9457) whose `type` never changes its meaning. See docs/api.md."
)
_EVERYWHERE = (400, 403, 404, 429, 500, 503)
_WITH_RETRY_AFTER = (409, 429, 503, 504)
_POWERTOOLS_SCHEMAS = ("HTTPValidationError", "ValidationError", "ResponseValidationError")
_SWAGGER_UI = Path(event_handler.__file__).parent / "openapi" / "swagger_ui"
_SECURITY = {
    "sigv4": {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "awsSigv4",
    }
}


def new_resolver(telemetry: Telemetry) -> APIGatewayRestResolver:
    """Return a resolver without routes whose every failure is answered with a problem."""
    app = APIGatewayRestResolver(enable_validation=True, json_body_deserializer=parse_json)

    def answer(problem: ProblemError) -> Response[str]:
        return as_response(problem.answer(app.current_event.request_context.request_id or ""))

    def on_invalid(error: RequestValidationError) -> Response[str]:
        errors = [
            {"location": "/".join(str(part) for part in mistake["loc"]), "reason": str(mistake["type"])}
            for mistake in error.errors()
        ]
        return answer(
            ProblemError(
                Kind.INVALID_REQUEST,
                "Parts of the request are missing or not valid.",
                action="Correct what errors names; docs/openapi.json has the shapes.",
                errors=errors[:20],
            )
        )

    def on_no_route(_: NotFoundError) -> Response[str]:
        return answer(ProblemError(Kind.NOT_FOUND, "There is no such path.", action="See docs/openapi.json."))

    def on_error(error: BridgeError) -> Response[str]:
        if isinstance(error, HeldError):
            telemetry.count("Held")
            telemetry.log.error(error.message, action=error.action)
        else:
            telemetry.log.info(error.message, action=error.action)
        return answer(problem_of(error, idempotency_key=app.context.get("idempotency_key")))

    def on_defect(error: Exception) -> Response[str]:
        telemetry.count("Defects")
        telemetry.log.error("A defect of the bridge stopped a request.", exc_info=error)
        return answer(
            ProblemError(
                Kind.INTERNAL,
                "The bridge failed on this request in a way that it does not know.",
                action="Report the request id to the operators of the bridge.",
            )
        )

    for kind, handle in (
        (ProblemError, answer),
        (RequestValidationError, on_invalid),
        (NotFoundError, on_no_route),
        (BridgeError, on_error),
        (Exception, on_defect),
    ):
        app.exception_handler(kind)(handle)
    return app


def as_response(answer: Answer) -> Response[str]:
    """Return an answer in Powertools' terms."""
    built = answer.for_gateway()
    headers = {name: value for name, value in built["headers"].items() if name != "Content-Type"}
    return Response(answer.status, answer.media_type, answer.body, headers)


def reply(status: int, document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response[str]:
    """Return a JSON answer."""
    return as_response(Answer(status, json.dumps(document), "application/json", headers or {}))


def responses(
    status: int, model: type[BaseModel], description: str, *problems: int, headers: Mapping[str, str] | None = None
) -> dict[int, Any]:
    """Return what an operation can answer: its success, and problems with these statuses beside the usual ones.

    `headers` says what each header of the success is for.
    """
    documented: dict[int, Any] = {
        status: {
            "description": description,
            "content": {"application/json": {"model": model}},
            "headers": {
                name: {"description": text, "schema": {"type": "string"}} for name, text in (headers or {}).items()
            },
        }
    }
    return documented | {
        problem: {
            "description": " ".join(kind.title for kind in Kind if kind.status == problem),
            "content": {MEDIA_TYPE: {"model": Problem}},
        }
        for problem in (*_EVERYWHERE, *problems)
    }


def describe(app: APIGatewayRestResolver) -> dict[str, Any]:
    """Return the OpenAPI document of all routes."""
    document: dict[str, Any] = json.loads(
        app.get_openapi_json_schema(title=_TITLE, version=_VERSION, description=_DESCRIPTION)
    )
    shared: dict[str, Any] = {}
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                _tidy_parameter(parameter)
            operation["responses"] = dict(_tidy_responses(operation["responses"], shared))
    components = document["components"]
    components["responses"] = dict(sorted(shared.items()))
    components["securitySchemes"] = _SECURITY
    for name in _POWERTOOLS_SCHEMAS:
        components["schemas"].pop(name, None)
    document["paths"] = dict(sorted(document["paths"].items()))
    document["security"] = [{"sigv4": []}]
    return document


def _tidy_parameter(parameter: dict[str, Any]) -> None:
    if parameter["name"] == "idempotency-key":
        parameter["name"] = "Idempotency-Key"
    schema = parameter["schema"]
    for name in ("title", "description"):
        schema.pop(name, None)
    # A parameter that is left out is not null.
    for alternative in schema.pop("anyOf", ()):
        if alternative != {"type": "null"}:
            schema.update(alternative)


def _tidy_responses(found: Mapping[str, Any], shared: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for status, response in sorted(found.items()):
        if MEDIA_TYPE not in response["content"]:
            # Powertools documents an error of its own shape, which this API never answers with.
            if "HTTPValidationError" not in str(response):
                yield status, response
            continue
        name = f"Problem{status}"
        shared[name] = response
        if int(status) in _WITH_RETRY_AFTER:
            response["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "string"}}}
        yield status, {"$ref": f"#/components/responses/{name}"}


def only_parameters(app: APIGatewayRestResolver, *names: str) -> None:
    """Raise ProblemError where the query has another parameter: a misspelt filter must not mean "everything"."""
    given = {*app.current_event.query_string_parameters, *app.current_event.multi_value_query_string_parameters}
    unknown = sorted(given - set(names))
    if unknown:
        raise invalid(f"There is no parameter {unknown[0][:80]!r} here.", f"Use {', '.join(names)}.")


def swagger_page(app: APIGatewayRestResolver) -> Response[str]:
    """Return a page that shows the OpenAPI document; it needs nothing from elsewhere."""
    from aws_lambda_powertools.event_handler.openapi.swagger_ui import (  # noqa: PLC0415 (hardly ever needed)
        generate_swagger_html,
    )

    context = app.current_event.request_context
    stage = f"/{context.stage}"
    document = describe(app) | {"servers": [{"url": stage if context.path.startswith(stage) else "/"}]}
    page = generate_swagger_html(
        json.dumps(document).replace("</", "<\\/"),
        (_SWAGGER_UI / "swagger-ui-bundle.min.js").read_text(encoding="utf-8"),
        (_SWAGGER_UI / "swagger-ui.min.css").read_text(encoding="utf-8"),
        "",
        None,
    )
    return as_response(Answer(200, page, "text/html"))
