"""What becomes of a message when AWS refuses an action."""

import re

from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import code_of, reason_of
from common.errors import BridgeError, ConfigurationError, PermanentError, TransientError

NOTHING = "servicenow-bridge-doctor"
"""The name of an object that there is not: a trial is about it."""

# The service is not switched on in that account and Region: AWS's code of it in Security Hub.
_SWITCHED_OFF = re.compile(r"InvalidAccess")
_WRONG = re.compile(r"Validation|InvalidInput|InvalidParameter|BadRequest")


def refusal(error: ClientError | BotoCoreError, *, permission: str, account: str, region: str) -> BridgeError:
    """Return what AWS's answer means: held where a person has to mend it, permanent where this one object is wrong."""
    code, reason = code_of(error), reason_of(error)
    where = f"in account {account}, Region {region}"
    if reason in ("aws_denied", "key_refused") or _SWITCHED_OFF.search(code):
        return ConfigurationError(
            f"AWS refuses what is to follow a change in ServiceNow {where} ({code}).",
            action=f"Let the role of the actions function, or in another account that of MemberRoleName, call "
            f"{permission}, and look whether the service is switched on there.",
            code=reason,
        )
    if reason == "aws_absent" or _WRONG.search(code):
        return PermanentError(
            f"The object that a record stands for can't be changed {where} ({code}).",
            action="Look whether it is still there; then nothing is to be done.",
            code=reason,
        )
    return TransientError(
        f"AWS did not do what is to follow a change in ServiceNow {where} ({code}).",
        action="Nothing is lost; if this stays, look at the service's quotas and at the AWS Health Dashboard.",
        code=reason,
    )


def too_late() -> TransientError:
    """Return why the rest is left to the next run."""
    return TransientError(
        "Too little of the function's time is left.", action="Nothing is to be done.", retry_after=1.0
    )
