"""Which causes the code of an error (`BridgeError.code`) points to, most likely first, step by step."""

from collections.abc import Mapping

from common.checkup import causes
from common.checkup.report import Cause

ANYWHERE: Mapping[str, tuple[Cause, ...]] = {
    "secret_empty": (causes.SECRET_IS_EMPTY,),
    "secret_absent": (causes.SECRET_IS_EMPTY, causes.RESOURCE_IS_GONE),
    "secret_malformed": (causes.SECRET_IS_MALFORMED,),
    "signing_refused": (causes.SIGNING_IS_REFUSED,),
    "signing_failed": (causes.NO_WAY_TO_AWS, causes.AWS_IS_BUSY),
    "client_certificate_ended": (causes.CLIENT_CERTIFICATE_ENDED,),
    "client_certificate_missing": (causes.CLIENT_CERTIFICATE_IS_MISSING,),
    "client_certificate_refused": (causes.CLIENT_CERTIFICATE_IS_REFUSED, causes.CLIENT_CERTIFICATE_ENDED),
    "nothing_to_rotate": (causes.NOTHING_TO_ROTATE,),
    "registry_hidden": (causes.REGISTRY_IS_HIDDEN,),
    "key_refused": (causes.KEY_IS_REFUSED, causes.ROLE_IS_REFUSED),
    "aws_denied": (causes.ROLE_IS_REFUSED, causes.KEY_IS_REFUSED),
    "aws_absent": (causes.RESOURCE_IS_GONE,),
    "aws_unreachable": (causes.NO_WAY_TO_AWS, causes.AWS_IS_BUSY),
    "aws_failed": (causes.AWS_IS_BUSY,),
    "token_too_large": (causes.TOKEN_IS_TOO_LARGE,),
    "token_too_large_for_any": (causes.TOKEN_FITS_NOWHERE,),
    "no_time": (causes.NO_TIME,),
    "concurrency_short": (causes.CONCURRENCY_IS_SHORT,),
    "not_found": (causes.WRONG_HOST, causes.NO_NAME_SERVER, causes.PROXY),
    "no_name_server": (causes.NO_NAME_SERVER, causes.WRONG_HOST),
    "unreachable": (causes.NETWORK, causes.PROXY, causes.WRONG_HOST),
    "untrusted": (causes.INSPECTED_TLS, causes.WRONG_HOST),
    "certificate_out_of_date": (causes.CERTIFICATE_IS_OUT_OF_DATE, causes.WRONG_HOST),
    "certificate_of_another": (causes.WRONG_HOST, causes.CERTIFICATE_OF_ANOTHER),
    "tls_refused": (causes.OLD_TLS, causes.WRONG_HOST, causes.CLIENT_CERTIFICATE_IS_MISSING),
    "unanswered": (causes.SLOW_INSTANCE, causes.NETWORK),
    "blocked": (causes.ADDRESS_IS_BLOCKED, causes.PROXY),
    "redirected": (causes.WRONG_HOST,),
    "foreign": (causes.WRONG_HOST,),
    "xml": (causes.ANSWERS_XML,),
    "no_json": (causes.HIBERNATING, causes.WRONG_HOST),
    "server_failure": (causes.INSTANCE_FAILS,),
    "no_result": (causes.TRANSACTION_CANCELLED, causes.INSTANCE_FAILS),
    "rate_limited": (causes.RATE_LIMIT,),
    "node_busy": (causes.BUSY_NODE, causes.RATE_LIMIT),
}
"""What a code means wherever it comes up."""

# The codes behind which instances hide why they give no token, and what it can be then.
_REASONLESS = ("server_error", "access_denied", "refused")
_HIDDEN_CAUSES = (causes.GRANT_IS_OFF, causes.WRONG_SECRET, causes.USER_IS_LOCKED)

TOKEN_ENDPOINT: Mapping[str, tuple[Cause, ...]] = {
    **dict.fromkeys(_REASONLESS, _HIDDEN_CAUSES),
    "invalid_client": (causes.WRONG_SECRET,),
    "assertion_refused": (causes.ASSERTION_IS_REFUSED, causes.SUBJECT_IS_REFUSED, causes.SECRET_IS_MISSED),
    "invalid_grant": (causes.USER_IS_LOCKED, causes.WRONG_SECRET),
    "invalid_scope": (causes.UNKNOWN_SCOPE,),
    "unauthorized_client": (causes.NO_APPLICATION_USER,),
    "unsupported_grant_type": (causes.GRANT_IS_OFF, causes.GUEST_TOKEN),
    "no_endpoint": (causes.WRONG_HOST, causes.ADDRESS_IS_BLOCKED),
    "no_token": (causes.WRONG_HOST,),
    "token_too_long": (causes.TOKEN_IS_TOO_LONG,),
}

TOKEN_ENDPOINT_WITH_SCOPE: Mapping[str, tuple[Cause, ...]] = {
    **TOKEN_ENDPOINT,
    **dict.fromkeys(_REASONLESS, (*_HIDDEN_CAUSES, causes.UNKNOWN_SCOPE)),
}
"""The same where OAuthScope is set: instances hide a wrong scope behind server_error/access_denied."""

USE_OF_TOKEN: Mapping[str, tuple[Cause, ...]] = {
    "token_unusable": (causes.GUEST_TOKEN, causes.USER_IS_LOCKED, causes.ACCESS_POLICY),
    "token_unusable_by_policy": (causes.ACCESS_POLICY, causes.GUEST_TOKEN, causes.USER_IS_LOCKED),
    "api_denied": (causes.MISSING_REST_ROLE, causes.MISSING_ROLE),
    "scope_missing": (causes.MISSING_SCOPE,),
    "api_unscoped": (causes.SCOPED_CLIENT, causes.MISSING_SCOPE),
    "other_language": (causes.OTHER_LANGUAGE,),
    "bad_request": (causes.WRONG_HOST,),
    "no_table": (causes.WRONG_HOST,),
    "no_resource": (causes.WRONG_HOST,),
    "read_denied": (causes.MISSING_ROLE,),
}

TABLE: Mapping[str, tuple[Cause, ...]] = {
    **USE_OF_TOKEN,
    "api_denied": (causes.MISSING_ROLE, causes.MISSING_REST_ROLE),
    "bad_request": (causes.NO_SUCH_TABLE,),
    "no_table": (causes.NO_SUCH_TABLE,),
}

CREATION: Mapping[str, tuple[Cause, ...]] = {
    **TABLE,
    "insert_denied": (causes.MAY_NOT_INSERT, causes.MAY_BE_THERE),
    "update_denied": (causes.MAY_NOT_UPDATE,),
    "no_record": (causes.MISSING_ROLE,),
    "data_policy": (causes.CLOSE_CODE_IS_UNKNOWN, causes.DATA_POLICY),
    "business_rule": (causes.BUSINESS_RULE,),
    "fields_discarded": (causes.FIELDS_ARE_DISCARDED,),
    "unanswered": (causes.SLOW_INSTANCE, causes.MAY_BE_THERE),
    "server_failure": (causes.INSTANCE_FAILS, causes.MAY_BE_THERE),
}
