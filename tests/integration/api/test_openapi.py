"""docs/openapi.json: made from the code, and kept to by the function, whatever is sent."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.python._constants.orchestrator import make_constants_value_source
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from common.api.openapi import describe
from tests.integration.api.conftest import FIELDS, TABLES, Running, running_api
from tests.integration.api.gateway import ALICE, reply_of, request_event
from tests.support.deployment import Context
from tools.openapi import DOCUMENT
from tools.package import ROOT

type Case = schemathesis.Case[Any]

GATE = {"ACTIONS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead-letters"}
"""With the change gate, whose routes stand in the document; any queue that is there takes what it asks for."""

BASE_URL = "https://api.example.com/v1"
CHECKS = (
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
SCHEMA = schemathesis.openapi.from_path(DOCUMENT)
OPERATIONS = {each.label: each for each in (found.ok() for found in SCHEMA.get_all_operations())}  # type: ignore[union-attr]


@schemathesis.serializer(
    "application/gzip", "application/pdf", "application/zip", "image/gif", "image/jpeg", "image/png"
)
def serialize_file(_: object, value: object) -> bytes:
    """Return a file of a type that is nothing but bytes."""
    return value if isinstance(value, bytes) else str(value).encode()


@dataclass(frozen=True)
class Existing:
    """A function, and records that requests can be about."""

    running: Running
    identifiers: tuple[str, str]
    item: str


@pytest.fixture(scope="module")
def existing() -> Iterator[Existing]:
    """Provide one environment for all requests that are made up."""
    with running_api({"API_INCIDENT_FIELDS": FIELDS, "API_TABLES": TABLES, **GATE}) as running:
        made = running.api.call("POST", "/incidents", {"short_description": "x"}, key="k").json
        item = running.api.call("POST", "/tables/cmdb_ci/records", {"name": "x"}, key="k").json
        yield Existing(running, (made["number"], made["sys_id"]), item["sys_id"])


def through_the_gateway(existing: Existing, case: Case) -> schemathesis.Response:
    """Send what was made up as an HTTP client and API Gateway would, and return the answer as the client gets it."""
    request = requests.Request(**case.as_transport_kwargs(base_url=BASE_URL)).prepare()
    parts = urlsplit(str(request.url))
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        values.setdefault(name, []).append(value)
    query = {name: given[-1] for name, given in values.items()}
    path = unquote(parts.path.removeprefix("/v1"))
    # A request without a signature does not get this far; what matters here is that it is not taken for anybody's.
    caller = ALICE if "Authorization" in request.headers else None
    event = request_event(case.method, path, request.body, dict(request.headers), query, caller)
    event["multiValueQueryStringParameters"] = values or None
    reply = reply_of(existing.running.function.handler(event, Context(28_000)))
    headers = {name: [value] for name, value in reply.headers.items()}
    return schemathesis.Response(reply.status, headers, reply.text.encode(), request, 0.0, verify=True)


def aim(case: Case, existing: Existing, number: int) -> None:
    """Let a request be about something that exists: made-up identifiers hardly ever are."""
    aims: dict[str, Any] = {
        "incident": existing.identifiers[number % 4 // 2],
        "table": "cmdb_ci",
        "sys_id": existing.item,
    }
    for name in set(case.path_parameters) & set(aims):
        case.path_parameters[name] = aims[name]


def test_the_committed_document_is_the_one_of_the_code(existing: Existing) -> None:
    """`python -m tools.openapi` writes it anew."""
    assert json.loads(DOCUMENT.read_text()) == describe(existing.running.function.app)


def test_the_command_writes_the_committed_document() -> None:
    """With an environment of its own, in which every route has to be there."""
    command = [sys.executable, "-c", "from tools.openapi import document; print(document(), end='')"]
    environment = os.environ | {"PYTHONPATH": "src"}
    answer = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    assert answer.stdout == DOCUMENT.read_text()


def test_the_document_names_every_route_of_the_gateway_and_no_other(
    resources_of_template: set[tuple[str, str]],
) -> None:
    """A route that is only in the template would answer 404, one that is only in the code 403."""
    document = json.loads(DOCUMENT.read_text())
    described = {(method, path) for path, operations in document["paths"].items() for method in operations}

    assert resources_of_template - {("get", "/swagger")} == described


@pytest.fixture
def resources_of_template() -> set[tuple[str, str]]:
    """Return method and path of every route in template.yaml."""
    from local.yaml_text import read_yaml  # noqa: PLC0415 (nothing else here needs it)

    template = read_yaml((DOCUMENT.parents[1] / "template.yaml").read_text())
    events = template["Resources"]["ApiFunction"]["Properties"]["Events"].values()
    return {(event["Properties"]["Method"], event["Properties"]["Path"]) for event in events}


@pytest.mark.parametrize("label", OPERATIONS)
def test_whatever_is_sent_the_answer_is_a_documented_one(label: str, existing: Existing) -> None:
    """No server error, no status, content type, header or shape that the document does not name."""
    numbers = count()

    @settings(
        max_examples=30,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    def answered(case: Case) -> None:
        number = next(numbers)
        checks = list(CHECKS)
        if number % 2:
            aim(case, existing, number // 2)
        else:
            checks.append(negative_data_rejection)
        response = through_the_gateway(existing, case)

        assert response.status_code < 500, response.text
        case.validate_response(response, checks=checks)

    # What `SCHEMA.parametrize()` does for every operation wherever tests are collected, which takes seconds.
    feedback = FeedbackSources(constants_value_source=make_constants_value_source(SCHEMA))
    build_operation_test(
        config=SCHEMA.config, operation=OPERATIONS[label], test_func=answered, given_kwargs={}, feedback=feedback
    )()
