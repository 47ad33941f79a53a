"""Powertools' resolver as this API uses it: every failure is a problem, and every operation says how it can end."""

import json
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from pydantic import BaseModel

from common.api import models
from common.api.admission import Admitted, parse_json
from common.api.creation import Created
from common.api.problems import HEADERS, MEDIA_TYPE, Answer, Kind, ProblemError, invalid, problem_of
from common.errors import BridgeError, HeldError
from common.servicenow.records import page_of
from common.telemetry import Telemetry

CHANGE_PROBLEMS = (409, 413, 415, 504)
"""The statuses in which a change can end beside the usual."""

KEY_PROBLEMS = (*CHANGE_PROBLEMS, 422)
"""The same of a write that may have a key."""

_CREATION_HEADERS = {
    "Location": "Where the API shows it, relative to the request's own address.",
    "Idempotency-Replayed": "`true` where an earlier request with this key made it.",
}
_EVERYWHERE = (400, 403, 404, 429, 500, 503)


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
        return answer(
            ProblemError(
                Kind.NOT_FOUND,
                "There is no such path.",
                action="See docs/openapi.json; /changes is there with ChangeGate=true alone.",
            )
        )

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
    return Response(answer.status, answer.media_type, answer.body, {**HEADERS, **answer.headers})


def reply(status: int, document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response[str]:
    """Return a JSON answer."""
    return as_response(Answer(status, json.dumps(document), "application/json", headers or {}))


def reply_created(host: str, collection: str, table: str, made: Created) -> Response[str]:
    """Return the record that a request made, now or before; `host` is the instance where a person sees it."""
    record = made.record
    link = page_of(host, table, record.sys_id)
    headers = {"Location": f"{collection}/{record.sys_id}"}
    if made.repeated:
        headers["Idempotency-Replayed"] = "true"
    return reply(201, {"sys_id": record.sys_id, "number": record.number, "link": link}, headers)


def reply_done(was_done: bool) -> Response[str]:  # noqa: FBT001 (the outcome itself)
    """Return whether a write that has a key was done now, or before."""
    return reply(200, {"repeated": not was_done})


def reply_page(records: list[dict[str, str]], next_cursor: str | None) -> Response[str]:
    """Return some records, and where the next ones begin."""
    return reply(200, {"records": records, "next_cursor": next_cursor})


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
            "content": {MEDIA_TYPE: {"model": models.Problem}},
        }
        for problem in (*_EVERYWHERE, *problems)
    }


def creation_responses(description: str) -> dict[int, Any]:
    """Return what an operation can answer that creates a record, which `description` names."""
    return responses(201, models.Created, description, *KEY_PROBLEMS, headers=_CREATION_HEADERS)


def only_parameters(request: Admitted, *names: str) -> None:
    """Raise ProblemError where the query has another parameter: a misspelt filter must not mean "everything"."""
    kinds = ("queryStringParameters", "multiValueQueryStringParameters")
    given = {name for kind in kinds for name in request.event.get(kind) or ()}
    unknown = sorted(given - set(names))
    if unknown:
        raise invalid(f"There is no parameter {unknown[0][:80]!r} here.", f"Use {', '.join(names)}.")
