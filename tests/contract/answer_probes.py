"""Probes of what the REST API answers: errors, headers, limits of size."""

import json

from common.transport import Response
from tests.contract.instance import INCIDENTS, Instance, content_of
from tests.contract.verdict import expect, observable, probe

_NO_SYS_ID = "0" * 32
_OVER_10_MIB = 10 * 1024 * 1024 + 1024
_HOUR = 3600


def error_of(response: Response, status: int) -> tuple[str, str]:
    """Return message and detail of a refusal in ServiceNow's envelope."""
    content = content_of(response, status)
    expect(content.get("status") == "failure", "status is not failure")
    error = content.get("error")
    expect(isinstance(error, dict) and isinstance(error.get("message"), str), "there is no error.message")
    assert isinstance(error, dict)
    detail = error.get("detail")
    expect(detail is None or isinstance(detail, str), "detail is no text")
    return str(error["message"]), detail or ""


@probe("error-envelope")
def envelope(instance: Instance) -> None:
    """A refusal as the client reads it."""
    refused = instance.api("GET", "/api/now/table/no_such_table_here")
    error_of(refused, 400)
    expect(instance.verdict("GET", refused) == "ConfigurationError", "the client does not take it for a refusal")


@probe("answer-401")
def unauthorized(instance: Instance) -> None:
    """Without a token and with a wrong one."""
    for headers in ({}, {"Authorization": "Bearer no-such-token"}):
        refused = instance.send("GET", f"{INCIDENTS}?sysparm_limit=1", None, {"Accept": "application/json", **headers})
        words = error_of(refused, 401)
        expect(words == ("User Not Authenticated", "Required to provide Auth information"), "other words")
        expect(bool(refused.headers.get("WWW-Authenticate")), "there is no WWW-Authenticate")
        expect(refused.headers.get("Connection", "").lower() == "close", "the connection is kept")


@probe("answer-404")
def not_found(instance: Instance) -> None:
    """A sys_id that nobody has; the client reads it as a refusal of this one record."""
    refused = instance.api("GET", f"{INCIDENTS}/{_NO_SYS_ID}")
    message, detail = error_of(refused, 404)
    expect(message == "No Record found", f"the message is {message!r}")
    expect("ACL restricts" in detail, "the detail does not mention access controls")


@probe("answer-400-table")
def invalid_table(instance: Instance) -> None:
    """A table that nobody has."""
    message, _ = error_of(instance.api("GET", "/api/now/table/no_such_table_here"), 400)
    expect(message.startswith("Invalid table"), f"the message is {message!r}")


@probe("answer-400-resource")
def no_resource(instance: Instance) -> None:
    """A path below /api/now that nobody has."""
    message, _ = error_of(instance.api("GET", "/api/now/no_such_api_here"), 400)
    expect("does not represent any resource" in message, f"the message is {message!r}")


@probe("answer-405")
def wrong_verb(instance: Instance) -> None:
    """A DELETE of a whole table, which no release offers."""
    answer = instance.api("DELETE", "/api/now/stats/incident")
    expect(answer.status == 405, f"status {answer.status}")


@probe("answer-406")
def wrong_accept(instance: Instance) -> None:
    """An answer in a form that does not exist."""
    answer = instance.api("GET", INCIDENTS, None, {"Accept": "image/png"}, sysparm_limit="1")
    expect(answer.status == 406, f"status {answer.status}")


@probe("answer-415")
def wrong_content_type(instance: Instance) -> None:
    """A body of a kind that the API does not read; the record does not exist, so nothing can change."""
    path = f"{INCIDENTS}/{_NO_SYS_ID}"
    answer = instance.api("PATCH", path, {"urgency": "3"}, {"Content-Type": "image/png"})
    expect(answer.status == 415, f"status {answer.status}")


@probe("answer-400-large", writes=True)
def too_large(instance: Instance) -> None:
    """A body of more than 10 MiB."""
    refused = instance.insert("incident", {"u_no_such_field": "x" * _OVER_10_MIB})
    _, detail = error_of(refused, 400)
    expect(detail.startswith("Rejected large REST payload"), "other words")


@probe("answer-400-broken", writes=True)
def broken_json(instance: Instance) -> None:
    """A body that ends too early."""
    headers = {"Authorization": f"Bearer {instance.token}", "Content-Type": "application/json"}
    refused = instance.send("POST", INCIDENTS, b'{"short_description": "contract', headers)
    if refused.status == 201:
        instance.made("incident", str(json.loads(refused.body)["result"]["sys_id"]))
    message, _ = error_of(refused, 400)
    expect(message == "Exception while reading request", f"the message is {message!r}")


@probe("answer-414")
def too_long(instance: Instance) -> None:
    """A URL of more than 8192 bytes."""
    answer = instance.api("GET", INCIDENTS, sysparm_query="number=" + "x" * 9000, sysparm_limit="1")
    expect(answer.status == 414, f"status {answer.status}")


@probe("answer-headers")
def headers(instance: Instance) -> None:
    """What the client looks at, and what it must not look at."""
    found = instance.api("GET", INCIDENTS, sysparm_limit="1").headers
    for name in ("X-Transaction-ID", "X-Is-Logged-In", "X-Total-Count", "Link", "Set-Cookie"):
        expect(bool(found.get(name)), f"there is no {name}")
    expect(found.get("Server", "") == "ServiceNow", "Server names another product")


@probe("answer-logged-in")
def logged_in(instance: Instance) -> None:
    """The header tells the two apart."""
    inside = instance.api("GET", INCIDENTS, sysparm_limit="1").headers.get("X-Is-Logged-In")
    outside = instance.send("GET", INCIDENTS).headers.get("X-Is-Logged-In")
    expect((inside, outside) == ("true", "false"), f"{inside} with a token, {outside} without")


@probe("keep-alive-20s")
def keep_alive(instance: Instance) -> None:
    """What the instance promises; the client closes connections five seconds earlier."""
    promised = instance.api("GET", INCIDENTS, sysparm_limit="1").headers.get("Keep-Alive", "")
    observable("timeout=" in promised, "the answer has no Keep-Alive header")
    expect("timeout=20" in promised, f"Keep-Alive is {promised}")


@probe("rate-limit-allowed")
def rate_limit_allowed(instance: Instance) -> None:
    """Present where there is a rule for this user."""
    found = instance.api("GET", INCIDENTS, sysparm_limit="1").headers
    observable("X-RateLimit-Limit" in found, "no rate limit rule is for this user")
    expect(found["X-RateLimit-Limit"].isdecimal(), "the limit is no number")
    expect(bool(found.get("X-RateLimit-Rule")), "the rule is not named")


@probe("rate-limit-hourly")
def rate_limit_hourly(instance: Instance) -> None:
    """The count begins anew at a full hour, at most an hour from now."""
    found = instance.api("GET", INCIDENTS, sysparm_limit="1").headers
    observable("X-RateLimit-Reset" in found, "no rate limit rule is for this user")
    expect(int(found["X-RateLimit-Reset"]) % _HOUR == 0, "it does not end at a full hour")
