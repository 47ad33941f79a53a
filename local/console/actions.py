"""What the buttons do. Every action returns the sentence that the page shows when it is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from local.simulator import Fault
from local.simulator.choices import STATES
from local.simulator.incident import CLOSED, FINAL, IN_PROGRESS, ON_HOLD, RESOLVED
from local.simulator.operations import Operations
from local.stack import new_client_secret

from .cloud import Cloud

SLOW_SECONDS: Final = 4
RETRY_AFTER_SECONDS: Final = 10
SEVERITIES: Final = ("critical", "high", "medium", "low", "info")
"""Values of an alarm's tag `severity` that the shipped rules know."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How ServiceNow is, with a sentence for people. `faults` make it so."""

    name: str
    text: str
    faults: tuple[Fault, ...] = ()


_CONDITIONS = (
    Condition("healthy", "ServiceNow answers as usual."),
    Condition(
        "slow",
        f"ServiceNow takes {SLOW_SECONDS} seconds for every answer.",
        (Fault(on="any", delay=float(SLOW_SECONDS), times=None),),
    ),
    Condition(
        "limited",
        f"ServiceNow answers API calls with 429 and asks to wait {RETRY_AFTER_SECONDS} seconds.",
        (Fault(on="api", status=429, headers={"Retry-After": str(RETRY_AFTER_SECONDS)}, times=None),),
    ),
    Condition(
        "down",
        "ServiceNow answers everything with 503. Events wait in the queue, longer after each try.",
        (Fault(on="any", content="maintenance", times=None),),
    ),
)
_OTHER = Condition("other", "Faults were set outside this page. Healthy clears them.")
_ALARM_STATES = {"ALARM": "Fired", "OK": "Cleared"}
_MOST_ALARMS = 50
_LONGEST_NAME = 255
_BY_PERSON: Mapping[str, Mapping[str, str]] = {
    IN_PROGRESS: {"assigned_to": "System Administrator"},
    ON_HOLD: {"hold_reason": "Awaiting Vendor"},
    RESOLVED: {"close_code": "Solution provided", "close_notes": "Resolved by hand in the local console."},
    CLOSED: {"close_code": "Solution provided", "close_notes": "Closed by hand in the local console."},
}
_LONGEST_NOTE = 4000


class ActionError(Exception):
    """The page asked for something that cannot be done; the text says what to change."""


class Actions:
    """Carries out what a person does on the page. All methods block for as long as the local AWS takes."""

    def __init__(self, operations: Operations, cloud: Cloud) -> None:
        """Act on this instance and on this AWS side."""
        self._operations = operations
        self._cloud = cloud

    @property
    def condition(self) -> Condition:
        """How the instance is now; its name is `other` where the faults were not made here."""
        faults = tuple(self._operations.waiting_faults)
        return next((condition for condition in _CONDITIONS if condition.faults == faults), _OTHER)

    def put_alarms(self, state: str, names: Sequence[str], severity: str = "") -> str:
        """Put the event of every named alarm on the bus.

        `state` is ALARM or OK; blank and repeated names are left out; `severity` is the alarms' tag, if they have
        one. Raises ActionError.
        """
        if state not in _ALARM_STATES:
            raise ActionError(f"An alarm can go into {' or '.join(_ALARM_STATES)}.")
        if severity not in ("", *SEVERITIES):
            raise ActionError(f"The severity is none of {', '.join(SEVERITIES)}.")
        unique = list(dict.fromkeys(filter(None, (name.strip() for name in names))))
        if not unique:
            raise ActionError("Type the name of an alarm.")
        if len(unique) > _MOST_ALARMS:
            raise ActionError(f"Those are more than {_MOST_ALARMS} alarms at once.")
        for name in unique:
            if len(name) > _LONGEST_NAME or not name.isprintable():
                raise ActionError(f"The name of an alarm has up to {_LONGEST_NAME} printable characters.")
        for name in unique:
            self._cloud.put_alarm(state, name=name, severity=severity)
        what = f"the alarm {unique[0]}" if len(unique) == 1 else f"{len(unique)} alarms"
        return f"{_ALARM_STATES[state]} {what}."

    def put_finding(self) -> str:
        """Put the event of a new finding on the bus."""
        self._cloud.put_finding()
        return "Reported a Security Hub finding."

    def revoke_token(self) -> str:
        """Revoke all access tokens in ServiceNow."""
        self._operations.revoke_tokens()
        return "Revoked the access token: the next call is answered with 401."

    def rotate_secret(self, *, in_secrets_manager: bool) -> str:
        """Give the client a new secret in ServiceNow, and store it in Secrets Manager too or not."""
        secret = new_client_secret()
        if in_secrets_manager:
            self._cloud.store_credentials(secret)  # first, because it may fail, and then nothing has changed
        self._operations.rotate_secret(secret)
        if in_secrets_manager:
            return "Rotated the secret in ServiceNow and in Secrets Manager."
        return "Rotated the secret in ServiceNow only: the next token request is refused."

    def set_condition(self, name: str) -> str:
        """Make the instance healthy, slow, limited or down, in place of any fault before. Raises ActionError."""
        condition = next((condition for condition in _CONDITIONS if condition.name == name), None)
        if condition is None:
            raise ActionError(f"ServiceNow can be {', '.join(condition.name for condition in _CONDITIONS)}.")
        self._operations.clear_faults()
        for fault in condition.faults:
            self._operations.add_fault(fault)
        return condition.text

    def change_incident(self, sys_id: str, *, state: str, work_note: str) -> str:
        """Change an incident as a person in ServiceNow does; empty texts change nothing. Raises ActionError."""
        row = next((row for row in self._operations.records("incident") if row["sys_id"] == sys_id), None)
        if row is None:
            raise ActionError("There is no such incident any more.")
        if state and (state not in _BY_PERSON or row["state"] in FINAL):
            raise ActionError(f"{row['number']} is {STATES[row['state']]} and cannot be changed to that.")
        changes: dict[str, Any] = {"state": state, **_BY_PERSON[state]} if state else {}
        if work_note.strip():
            changes["work_notes"] = work_note.strip()[:_LONGEST_NOTE]
        if not changes:
            raise ActionError("Type a work note.")
        self._operations.update("incident", sys_id, changes)
        done = f"is {STATES[state]} now, by hand" if state else "has a new work note"
        return f"{row['number']} {done}."
