"""What failures can mean. Sources: docs/servicenow-facts.toml."""

from common.checkup.report import Cause

_PROPERTY = "glide.oauth.inbound.client.credential.grant_type.enabled"

# ── The function and its account ──────────────────────────────────────────────────────────────────────────────────────

SECRET_IS_EMPTY = Cause(
    "The secret is not filled in yet.",
    "Store client id and client secret with `make secret STACK=<name>`.",
)
SECRET_IS_MALFORMED = Cause(
    "The secret is not a JSON object with the texts client_id and client_secret.",
    "Store both again with `make secret STACK=<name>`, which writes the form that the bridge reads.",
)
SIGNING_IS_REFUSED = Cause(
    "The key that the secret names under signing_key can't sign, or the function's role may not use it.",
    "Give the parameter SigningKeyArn that very ARN; the key has to be an RSA key for signing, enabled and of this "
    "Region, and its policy has to leave the decision to IAM.",
)
KEY_IS_REFUSED = Cause(
    "The KMS key is disabled, about to be deleted, or its policy does not let the function's role use it.",
    "Enable the key of the output KeyArn (or cancel its deletion), and let its policy leave the decision to IAM; a "
    "secret of your own with another key needs that key in the parameter SecretKeyArn.",
)
ROLE_IS_REFUSED = Cause(
    "The function's role, its permissions boundary, or a policy of the organization does not allow this call.",
    "Deploy the stack again to restore the role; let PermissionsBoundaryArn and the organization's policies allow "
    "what template.yaml gives it.",
)
RESOURCE_IS_GONE = Cause(
    "What the stack made, or what SecretArn names, was deleted or is marked for deletion.",
    "Restore it under the same name, or give SecretArn another secret; then deploy the stack again.",
)
NO_WAY_TO_AWS = Cause(
    "The function has no way to this service of AWS.",
    "In a VPC, give its subnets a NAT gateway or an endpoint of the service, and let the endpoint's policy and the "
    "security groups allow it.",
)
CONCURRENCY_IS_SHORT = Cause(
    "The events function may take all that the account runs at once, so that the API and everything else may starve.",
    "Lower MaximumConcurrency below what the step shows as unreserved, or ask for more of Lambda's Concurrent "
    "executions in Service Quotas.",
)
AWS_IS_BUSY = Cause(
    "The service of AWS is throttling or failing.",
    "Try again; if it stays, look at the account's quotas and at the AWS Health Dashboard.",
)
TOKEN_IS_TOO_LARGE = Cause(
    "The access token does not fit into a parameter of 4096 characters: it is a JWT with many claims.",
    "Set TokenTier to Intelligent-Tiering, or Token Format to Opaque on the OAuth registry record. Until then every "
    "environment asks for its own token.",
)
TOKEN_IS_TOO_LONG = Cause(
    "The access token is longer than any request can carry: it is a JWT with very many claims.",
    "Set Token Format to Opaque on the OAuth registry record. Until then all events wait in the queue.",
)
TOKEN_FITS_NOWHERE = Cause(
    "The access token does not fit into any parameter: it is a JWT of more than 8 KB.",
    "Set Token Format to Opaque on the OAuth registry record. Until then every environment asks for its own token.",
)
NO_TIME = Cause(
    "The steps before took all the time.",
    "Look at the steps before; `make doctor STACK=<name>` has more time.",
)
DEFECT = Cause("A defect of the check-up, or of the account's set-up.", "Look at the function's log.")

NOTHING_TO_ROTATE = Cause(
    "The client signs with a key of KMS, so there is no secret that could be rotated.",
    "Set SecretRotationDays to 0; change the key by a second JWT verifier map.",
)
REGISTRY_IS_HIDDEN = Cause(
    "The integration user may not read the client's own record in the application registry, so that the rotation can't "
    "write it.",
    "Let it read and write that one record of oauth_entity by access controls of your own, or set SecretRotationDays "
    "to 0.",
)
ASSERTION_IS_REFUSED = Cause(
    "The registry record does not know the signing key: its JWT verifier map lacks the Kid, or holds another "
    "certificate.",
    "In the registry record's JWT Verifier Maps, give the secret's key_id as Kid, with the certificate that "
    "`make signing-certificate` made of the key.",
)
SUBJECT_IS_REFUSED = Cause(
    "The assertion's subject is no user of the instance, is locked out, or is an administrator, whom the grant "
    "refuses.",
    "Give the secret's subject what one active user without the role admin has in the field that the record names "
    "under User field.",
)
SECRET_IS_MISSED = Cause(
    "The registry record is no public client, and the secret lacks client_secret, or holds another.",
    "Tick Public Client on the registry record, or put its client secret beside the signing key.",
)

CLIENT_CERTIFICATE_ENDED = Cause(
    "The certificate that the client shows has ended.",
    "Have another issued, let ServiceNow know it, and store it with "
    "`make secret STACK=<name> OPTIONS='--certificate <chain> <key>'`.",
)
CLIENT_CERTIFICATE_IS_MISSING = Cause(
    "What is in front of the instance lets nobody in without a client certificate, and the secret holds none.",
    "Store one with `make secret STACK=<name> OPTIONS='--certificate <chain> <key>'`.",
)
CLIENT_CERTIFICATE_IS_REFUSED = Cause(
    "What is in front of the instance does not trust the authority of the client's certificate, or knows it as "
    "revoked.",
    "Have it signed by an authority that is trusted there; in ServiceNow, put that under Certificate Based "
    "Authentication > CA Certificate Chain; let the secret's certificate hold the whole chain.",
)

# ── The way to the instance ───────────────────────────────────────────────────────────────────────────────────────────

WRONG_HOST = Cause(
    "The host is not that of a ServiceNow instance, or something in between answers instead of it.",
    "Check the parameters InstanceHost, OAuthTokenPath and ProxyUrl.",
)
NO_NAME_SERVER = Cause(
    "The name servers of the function's network do not answer, or do not know names of the internet.",
    "Set enableDnsSupport on the VPC, and check its resolver rules and its DNS firewall.",
)
NETWORK = Cause(
    "There is no way from the function to the instance.",
    "Check the VPC's route to the internet (NAT gateway), security groups and network ACLs.",
)
PROXY = Cause(
    "The proxy can't be reached, or does not let the function through to the instance.",
    "Check ProxyUrl, and let the proxy allow CONNECT to the instance's host and port.",
)
INSPECTED_TLS = Cause(
    "A proxy opens the TLS connection, or a company's own authority signed the certificate, and the function does not "
    "know that authority.",
    "Put the authority's certificate into the parameter CertificateAuthorities.",
)
CERTIFICATE_IS_OUT_OF_DATE = Cause(
    "The certificate of the host is expired, or not valid yet.",
    "Renew it: in ServiceNow for a domain of your own, or on the proxy that shows it.",
)
CERTIFICATE_OF_ANOTHER = Cause(
    "The certificate of the host is made out to another name.",
    "Set InstanceHost to a name that the certificate has; for a domain of your own, add the name in ServiceNow.",
)
OLD_TLS = Cause(
    "The host, or a proxy in between, does not speak TLS 1.2 or newer.",
    "Let it speak TLS 1.2 or newer; check that InstanceHost names its HTTPS port.",
)
SLOW_INSTANCE = Cause(
    "The instance, or a proxy in between, takes the request and does not answer in time.",
    "Look at the instance's status and its System Diagnostics; try again.",
)
ADDRESS_IS_BLOCKED = Cause(
    "An IP address rule of the instance, or a firewall in between, keeps the function out.",
    "In System Security > IP Address Access Control, allow the address that the function's traffic comes from.",
)
HIBERNATING = Cause(
    "The instance hibernates or is in maintenance: it answers with a page.",
    "Open the instance in a browser and wake it up, or wait for the end of the maintenance.",
)
ANSWERS_XML = Cause(
    "The instance answers XML although JSON was asked for: something in between takes the Accept header away.",
    "Let the proxy, or the rule of the firewall, pass Accept and Content-Type on as they are.",
)
INSTANCE_FAILS = Cause(
    "The instance is in maintenance, restarts or is overloaded: it answers with an error of its own.",
    "Wait and try again; if it stays, look at the instance's status page and open a case with ServiceNow.",
)
TRANSACTION_CANCELLED = Cause(
    "A transaction quota of the instance cancelled the request.",
    "In System Definition > Transaction Quota Rules, see which rule it was, and why the instance is slow.",
)
RATE_LIMIT = Cause(
    "A rate limit rule of the instance is used up for this hour.",
    "In System Web Services > Rate Limit Rules, raise the limit of the integration user, or wait for the next hour.",
)
BUSY_NODE = Cause(
    "A node of the instance has more API calls under way than its semaphores allow (a 429 without rate limit headers).",
    "Try again; if it stays, find the integration that makes so many calls, or lower MaximumConcurrency.",
)

# ── The token ─────────────────────────────────────────────────────────────────────────────────────────────────────────

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
UNKNOWN_SCOPE = Cause(
    "The parameter OAuthScope asks for a scope that the OAuth registry record does not have.",
    "Leave OAuthScope empty, or add the scope to the record.",
)
GUEST_TOKEN = Cause(
    "The instance is Vancouver or older and issues tokens of the guest user for this grant (KB1710801).",
    "Upgrade the instance; the grant works from Washington DC on.",
)
ACCESS_POLICY = Cause(
    "A REST API access policy of the instance demands another kind of authentication.",
    "In System Web Services > REST API Access Policies, let the Table API accept OAuth tokens.",
)

# ── The integration user ──────────────────────────────────────────────────────────────────────────────────────────────

MISSING_ROLE = Cause(
    "The integration user lacks the role for this table, or may not read a field that the bridge asks for.",
    "Give it sn_incident_read and sn_incident_write; for other tables the role that their access controls name.",
)
MISSING_REST_ROLE = Cause(
    "REST API access controls are active and the user may not use the Table API.",
    "Give it the role snc_platform_rest_api_access.",
)
MISSING_SCOPE = Cause(
    "A REST API auth scope guards this API for this HTTP method, and the OAuth registry record does not have it.",
    "Link the scope useraccount, which is let through everywhere, to the record, or the scope that guards the API.",
)
SCOPED_CLIENT = Cause(
    "The OAuth registry record may call only APIs of its scopes (Zurich and later), and none covers this HTTP method.",
    "Link the scope useraccount to the record; or set its Scope Restriction to Broadly scoped (clear Allow access only "
    "to APIs in selected scope); or set the property glide.security.oauth_allow_unscoped_clients to true.",
)
OTHER_LANGUAGE = Cause(
    "The integration user's language is not English, so ServiceNow words its refusals in another.",
    "In ServiceNow, open the user and set Language to English.",
)
NO_SUCH_TABLE = Cause(
    "The instance has no such table: its name is misspelt, or its plugin is not active.",
    "Correct AllowedTables or ApiTables, or activate the plugin that brings the table.",
)
MAY_NOT_INSERT = Cause(
    "The integration user may read incidents, but not create them.",
    "Give it the role sn_incident_write.",
)
MAY_NOT_UPDATE = Cause(
    "The integration user may create incidents, but not change them.",
    "Give it the role sn_incident_write, and check access controls of your own on the table incident.",
)
FIELDS_ARE_DISCARDED = Cause(
    "An access control, a data policy, a read-only column or a business rule discards what the integration user writes "
    "into a field.",
    "For the table and field that the step names, look at System Security > Access Control (ACL), operation write; "
    "System Policy > Rules > Data Policies, Read only; System Definition > Dictionary, Read only; System Definition > "
    "Business Rules that run before insert or update. Let the user write the field.",
)
CLOSE_CODE_IS_UNKNOWN = Cause(
    "The parameter CloseCode is no resolution code of the instance, which then misses the mandatory field.",
    "In ServiceNow, open a resolved incident, and set CloseCode to a choice of Resolution code.",
)
DATA_POLICY = Cause(
    "A data policy or UI policy of your own makes another field of an incident mandatory.",
    "In System Policy > Data Policies, exempt the integration user, or let the rules fill the field.",
)
BUSINESS_RULE = Cause(
    "A business rule of your own aborts what the integration user writes.",
    "In System Definition > Business Rules, open the rule that the step names; exempt the user, or let the rules fill "
    "what it asks for.",
)
MAY_BE_THERE = Cause(
    "The marked incident may have been opened all the same (KB2697679).",
    "Look for an incident 'servicenow-bridge check-up, please ignore', and resolve it.",
)
