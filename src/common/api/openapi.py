"""The API's OpenAPI document: docs/openapi.json, made from the routes."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from common.api.problems import MEDIA_TYPE

_TITLE = "servicenow-bridge"
_VERSION = "1.0.0"
_DESCRIPTION = (
    "ServiceNow for callers that never see its credentials. Requests are signed with AWS Signature Version 4, service "
    "`execute-api`. Every error is a problem (RFC 9457) whose `type` never changes its meaning. See docs/api.md."
)
_WITH_RETRY_AFTER = (409, 429, 503, 504)
_POWERTOOLS_SCHEMAS = ("HTTPValidationError", "ValidationError", "ResponseValidationError")
_SECURITY = {
    "sigv4": {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "awsSigv4",
    }
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
