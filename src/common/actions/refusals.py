"""What becomes of a message when AWS refuses an action."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import code_of, reason_of
from common.clock import Deadline
from common.errors import BridgeError, ConfigurationError, PermanentError, TransientError

NOTHING = "servicenow-bridge-doctor"
"""The name of an object that there is not: a trial is about it."""

CALL_SECONDS = 8.0
"""What one call of AWS may take: two tries of it, as `common.bridge.clients.AWS_CONFIG` says."""

# The service is not switched on in that account and Region: AWS's code of it in Security Hub.
_SWITCHED_OFF = re.compile(r"InvalidAccess")
_WRONG = re.compile(r"Validation|InvalidInput|InvalidParameter|BadRequest")


@contextmanager
def meaning_of_refusals(*, permission: str, account: str, region: str) -> Iterator[None]:
    """Raise, instead of an error of AWS, what it means.

    ConfigurationError where a person has to mend it, PermanentError where this one object is wrong, else
    TransientError.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise _refusal(error, permission, f"in account {account}, Region {region}") from None


def _refusal(error: ClientError | BotoCoreError, permission: str, where: str) -> BridgeError:
    code, reason = code_of(error), reason_of(error)
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


def need(seconds: float, deadline: Deadline) -> None:
    """Raise TransientError, by which the rest is left to the next run, where so many seconds are not left."""
    if deadline.remaining() < seconds:
        raise TransientError(
            "Too little of the function's time is left.", action="Nothing is to be done.", retry_after=1.0
        )


def try_all[Thing](
    things: Iterable[Thing], act: Callable[[Thing], None], *, goes_on_after: type[Exception] = Exception
) -> None:
    """Call `act` with each thing, although one of them fails with `goes_on_after`; another failure is raised at once.

    Raises in the end what decides about the message: the first failure that may pass, else the first one.
    """
    failures: list[Exception] = []
    for thing in things:
        try:
            act(thing)
        except goes_on_after as error:
            failures.append(error)
    if failures:
        raise next((failure for failure in failures if not isinstance(failure, PermanentError)), failures[0])
