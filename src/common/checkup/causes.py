"""What each failure can mean, most likely first. Sources: docs/servicenow-facts.toml."""

from collections.abc import Mapping

from common.checkup.report import Cause

_PROPERTY = "glide.oauth.inbound.client.credential.grant_type.enabled"

GRANT_IS_OFF = Cause(
    f"The system property {_PROPERTY} does not exist or is false.",
    f"In ServiceNow, open sys_properties.list, create {_PROPERTY} of type true | false with the value true.",
)
WRONG_SECRET = Cause(
    "The client id or the client secret is not that of the OAuth registry record.",
    "Copy both again from System OAuth > Application Registry and store them with `make secret STACK=<name>`.",
)
USER_IS_LOCKED = Cause(
    "The OAuth Application User is inactive, locked out, or marked 'Password needs reset'.",
    "In ServiceNow, open the user: set Active, and clear Locked out and Password needs reset.",
)
NO_APPLICATION_USER = Cause(
    "The OAuth registry record has no OAuth Application User.",
    "In System OAuth > Application Registry, set OAuth Application User to the integration's machine user. Add the "
    "field to the form first where it is not shown.",
)
GUEST_TOKEN = Cause(
    "The instance is Vancouver or older and issues tokens of the guest user for this grant (KB1710801).",
    "Upgrade the instance; the grant works from Washington DC on.",
)
ACCESS_POLICY = Cause(
    "A REST API access policy of the instance demands another kind of authentication.",
    "In System Web Services > REST API Access Policies, let the Table API accept OAuth tokens.",
)
MISSING_ROLE = Cause(
    "The integration user lacks the role for this table.",
    "Give it sn_incident_read and sn_incident_write; for other tables the role that their access controls name.",
)
MISSING_REST_ROLE = Cause(
    "REST API access controls are active and the user may not use the Table API.",
    "Give it the role snc_platform_rest_api_access.",
)
MISSING_SCOPE = Cause(
    "The OAuth registry record limits the token to scopes that do not include the Table API.",
    "Remove the scopes from the record, or add the API's scope to it and to the parameter OAuthScope.",
)
HIBERNATING = Cause(
    "The instance hibernates or is in maintenance: it answers with a page.",
    "Open the instance in a browser and wake it up, or wait for the end of the maintenance.",
)
WRONG_HOST = Cause(
    "The host is not that of a ServiceNow instance, or something in between answers instead of it.",
    "Check the parameters InstanceHost, OAuthTokenPath and ProxyUrl.",
)
ADDRESS_BLOCKED = Cause(
    "An IP address rule of the instance keeps the function out.",
    "In System Security > IP Address Access Control, allow the address that the function's traffic comes from.",
)
NETWORK = Cause(
    "There is no way from the function to the instance.",
    "Check the VPC's route to the internet (NAT gateway), security groups and network ACLs, and ProxyUrl.",
)
INSPECTED_TLS = Cause(
    "A proxy opens the TLS connection, and its certificate authority is not known to the function.",
    "Put that authority's certificate into the parameter CertificateAuthorities.",
)
CERTIFICATE = Cause(
    "The certificate of the host is expired or made out to another name.",
    "Check InstanceHost; for a domain of your own, renew its certificate in ServiceNow.",
)

TOKEN_ENDPOINT: Mapping[str, tuple[Cause, ...]] = {
    "server_error": (GRANT_IS_OFF, WRONG_SECRET, USER_IS_LOCKED),
    "access_denied": (GRANT_IS_OFF, WRONG_SECRET, USER_IS_LOCKED),
    "invalid_client": (WRONG_SECRET,),
    "invalid_grant": (USER_IS_LOCKED, WRONG_SECRET),
    "unauthorized_client": (NO_APPLICATION_USER,),
    "unsupported_grant_type": (GRANT_IS_OFF, GUEST_TOKEN),
    "no_json": (HIBERNATING, WRONG_HOST),
    "no_endpoint": (WRONG_HOST, ADDRESS_BLOCKED),
}

USE_OF_TOKEN: Mapping[str, tuple[Cause, ...]] = {
    "token_unusable": (GUEST_TOKEN, ACCESS_POLICY, USER_IS_LOCKED),
    "access_denied": (MISSING_REST_ROLE, MISSING_ROLE, MISSING_SCOPE),
    "no_json": (HIBERNATING,),
}

TABLE: Mapping[str, tuple[Cause, ...]] = {
    **USE_OF_TOKEN,
    "access_denied": (MISSING_ROLE, MISSING_REST_ROLE, MISSING_SCOPE),
}

NAME: Mapping[str, tuple[Cause, ...]] = {"not_found": (WRONG_HOST, NETWORK)}

TLS: Mapping[str, tuple[Cause, ...]] = {
    "untrusted": (INSPECTED_TLS, CERTIFICATE, WRONG_HOST),
    "unreachable": (NETWORK, WRONG_HOST),
}
