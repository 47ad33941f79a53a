"""Authentication scopes: which APIs a token opens, and what a client may ask for.

Facts: ServiceNow's pages on the REST API auth scope and on its troubleshooting. Scopes belong to the registry record
and are read when a call comes; `useraccount` opens everything; an API is tied to scopes for each method.
"""

import re

from .messages import ApiError, Request
from .switches import Switches

_EVERYTHING = "useraccount"
_API = re.compile(r"/api/(?:now/)?(?:v\d+/)?([a-z0-9_]+(?:/em)?)")


def enforce_scopes(request: Request, switches: Switches) -> None:
    """Raise ApiError 403 where the scopes of the registry record do not open the API that is called."""
    held = set(switches.token_scope.split())
    if _EVERYTHING in held:
        return
    wanted = _wanted(request, switches)
    if wanted and not wanted & held:
        raise ApiError(403, "User Not Authorized", f"Missing required api access scope: {', '.join(sorted(wanted))}")
    if not wanted and switches.securely_scoped and not switches.unscoped_clients_allowed:
        raise ApiError(403, "User Not Authorized", "Access to unscoped api is not allowed")


def may_ask_for(scope: str, switches: Switches) -> bool:
    """Tell whether a token request may name these scopes, separated by spaces: all have to be the record's."""
    return set(scope.split()) <= set(switches.token_scope.split())


def api_of(request: Request) -> str:
    """Return the name of the API that a request is for, as in its path: `table`, `stats`, `global/em`."""
    found = _API.match(request.path)
    return found[1] if found else ""


def _wanted(request: Request, switches: Switches) -> set[str]:
    api = api_of(request)
    entries = (entry.split() for entry in switches.api_scopes)
    return {scope for where, method, scope in entries if where in {api, "*"} and method in {request.method, "*"}}
