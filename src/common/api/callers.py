"""Who sends a request: a role or a user by its ARN, whom an authoriser let in, or the source of a webhook."""

import json
import re
from collections.abc import Mapping
from typing import Any

from common.api.problems import Kind, ProblemError
from common.text import one_line

PUBLIC_PATH = "/swagger"
"""The page about the API, the one thing that needs no signature, where the deployment shows it at all."""

WEBHOOK = "webhook:"
"""What the caller of a webhook begins with; its source follows. That it is this source it has yet to prove."""

_WEBHOOK_ROUTE = re.compile(r"/webhooks/([^/]+)/*")
_SESSION = re.compile(r"(arn:[a-z0-9-]+:sts::[0-9]{12}:assumed-role/[^/]+)/.+")
_ARN = re.compile(
    r"arn:(?P<partition>[a-z0-9-]+):(?:iam|sts)::(?P<account>[0-9]{12}):(?P<kind>[a-z-]+)(?:/(?:.*/)?(?P<name>[^/]+))?"
)
_KINDS = {"user": "user", "assumed-role": "role"}


def caller_of(event: Mapping[str, Any]) -> str:
    """Return who signed a request, or whose webhook it says that it is; empty for a path that anybody may see.

    All sessions of a role are one caller, because whoever may assume the role chooses their names. Raises ProblemError
    where it is nobody.
    """
    path = str(event.get("path") or "")
    webhook = _WEBHOOK_ROUTE.fullmatch(path)
    if webhook is not None and event.get("httpMethod") == "POST":
        return f"{WEBHOOK}{webhook[1]}"
    if path.rstrip("/") == PUBLIC_PATH:
        return ""
    context = event.get("requestContext") or {}
    arn = (context.get("identity") or {}).get("userArn")
    if arn:
        session = _SESSION.fullmatch(arn)
        return session[1] if session else str(arn)
    authorizer = context.get("authorizer")
    if isinstance(authorizer, dict):
        # A Lambda authoriser may call any text of its own "claims"; only Cognito's are an object.
        claims = authorizer.get("claims")
        if isinstance(claims, dict) and claims.get("iss") and claims.get("sub"):
            # As JSON, because either may hold whatever would stand between them.
            return f"token:{json.dumps([str(claims['iss']), str(claims['sub'])])}"
        if authorizer.get("principalId"):
            return f"principal:{authorizer['principalId']}"
    raise ProblemError(
        Kind.FORBIDDEN,
        "Nobody has signed this request.",
        action="Sign it with AWS Signature Version 4, service execute-api.",
    )


def as_caller(arn: str) -> str:
    """Return what `caller_of` calls the sessions of a role of IAM, or a user, by its ARN."""
    found = _ARN.fullmatch(arn)
    if found is None or found["kind"] != "role" or not found["name"]:
        return arn
    return f"arn:{found['partition']}:sts::{found['account']}:assumed-role/{found['name']}"


def account_of(event: Mapping[str, Any]) -> str:
    """Return the account of the API that took a request, empty where the event does not say."""
    return str((event.get("requestContext") or {}).get("accountId") or "")


def own_account(caller: str, account: str) -> str:
    """Return the account of a caller; `account`, which is the API's, where the caller is none of IAM."""
    found = _ARN.fullmatch(caller)
    return found["account"] if found else account


def class_of(caller: str, account: str) -> str:
    """Return which of five classes a caller is of; `account` is the API's own."""
    if caller.startswith(WEBHOOK):
        return "webhook"
    found = _ARN.fullmatch(caller)
    if found is None:
        return "authoriser"
    if found["account"] != account:
        return "other account"
    return "role" if found["kind"] == "assumed-role" else "user"


def on_behalf(caller: str) -> str:
    """Return in few words who a caller is, for a person who reads the record."""
    found = _ARN.fullmatch(caller)
    if found is None or found["kind"] not in _KINDS or not found["name"]:
        return one_line(caller)
    return f"{_KINDS[found['kind']]} {found['name']} of AWS account {found['account']}"
