"""How the simulated instance is configured. Every switch can be changed while it runs."""

from dataclasses import dataclass
from typing import Literal

from .languages import Language

type TokenBehaviour = Literal["sliding", "fixed", "fresh"]


@dataclass(frozen=True, slots=True)
class Switches:
    """The configuration of the instance, its OAuth registry record, its access rules and its limits.

    Token endpoint:
        token_behaviour: what a request inside the lifetime gets. `sliding`: the same token with its life
            renewed, `fixed`: the same token with the seconds that are left, `fresh`: a new token.
        expires_in: lifetime of a token in seconds.
        token_format: `opaque` (86 characters) or `jwt`, which is refused after the `exp` inside, whatever its
            record says. token_length: characters that a JWT has at least, as one with many claims does.
        token_scope: scopes of the registry record, separated by spaces; `useraccount` opens every API.
        wrong_scope_error: what a request for a scope that the record does not have gets, `server_error` as seen, or
            `invalid_scope` as RFC 6749 has it.
        property_enabled: the system property that allows the client-credentials grant.
        user_configured, user_locked: the OAuth Application User of the registry record.
        guest: the token belongs to guest (release Vancouver and older); every API call then answers 401.
        wrong_secret_error: `server_error` as measured, or `invalid_client` as RFC 6749 has it.
        private_key_jwt: clients may authenticate with a signed assertion (RFC 7523, section 2.2), which is not
            documented for ServiceNow; gateways and other authorization servers offer it.
        hibernating: every URL answers the page of a hibernating developer instance.

    Access (operations are written `incident.insert`, with read, insert, update and delete; fields
    `incident.impact`):
        api_denied: the REST API's own access rule refuses.
        api_scopes: which scope opens which API, as `table POST incident_write`; `*` is every API or method.
        securely_scoped: the registry record is limited to APIs that have a scope (the opposite of broadly scoped).
        unscoped_clients_allowed: the property `glide.security.oauth_allow_unscoped_clients`, which lifts that limit.
        denied_operations, read_denied_status: a refused read shows an empty list (200) or answers 403.
        denied_fields: discarded on write. unreadable_fields: left out when read, 403 in a query.
        hidden_records: sys_ids that are left out after the page limit was applied, so that pages come short.
        authenticate_scheme: what `WWW-Authenticate` names, `BASIC` or `BEARER`.
        closed_records: whether a closed or cancelled incident may be changed by integrations: `changeable`, or
            refused by an access rule (`acl`) or a business rule (`rule`).
        aborting_rules: business rules that stop every write, as `incident.insert:Name of the rule`.
        state_models: what becomes of a state that the model of problems or changes does not let an integration set:
            `enforced` (a business rule aborts the write), `ignored`, or `open` (there is no model).
        language: of the integration user; refusals are told in it.

    Records:
        returns_no_rows: the property `glide.invalid_query.returns_no_rows`.
        accept_client_sys_id: a sys_id in an insert is used. duplicate_sys_id: `refuse`, or give a `new` one.
        display_utc_offset: seconds that display values of times are off UTC.

    Limits:
        rate_limit: API calls an hour, None for no rule. semaphore_full: 429 without rate-limit headers.
        concurrent_calls: API calls under way at once before the semaphore refuses, None for no limit.
        session_queue_full: a request that carries a session cookie is dropped with 202.
        batch_limit: items of a batch that are serviced before its quota is used up, None for all.
    """

    token_behaviour: TokenBehaviour = "sliding"  # noqa: S105 -- no password
    expires_in: int = 1799
    token_format: Literal["opaque", "jwt"] = "opaque"  # noqa: S105 -- no password
    token_length: int = 0
    token_scope: str = "useraccount"  # noqa: S105 -- no password
    wrong_scope_error: Literal["server_error", "invalid_scope"] = "server_error"
    property_enabled: bool = True
    user_configured: bool = True
    user_locked: bool = False
    guest: bool = False
    wrong_secret_error: Literal["server_error", "invalid_client"] = "server_error"  # noqa: S105 -- no password
    private_key_jwt: bool = False
    hibernating: bool = False

    api_denied: bool = False
    api_scopes: tuple[str, ...] = ()
    securely_scoped: bool = False
    unscoped_clients_allowed: bool = False
    denied_operations: tuple[str, ...] = ()
    read_denied_status: Literal[200, 403] = 200
    denied_fields: tuple[str, ...] = ()
    unreadable_fields: tuple[str, ...] = ()
    hidden_records: tuple[str, ...] = ()
    authenticate_scheme: Literal["BASIC", "BEARER"] = "BASIC"
    closed_records: Literal["changeable", "acl", "rule"] = "changeable"
    state_models: Literal["enforced", "ignored", "open"] = "enforced"
    aborting_rules: tuple[str, ...] = ()
    language: Language = "en"

    returns_no_rows: bool = False
    accept_client_sys_id: bool = True
    duplicate_sys_id: Literal["refuse", "new"] = "refuse"
    display_utc_offset: int = 0

    rate_limit: int | None = None
    semaphore_full: bool = False
    concurrent_calls: int | None = None
    session_queue_full: bool = False
    batch_limit: int | None = None
