"""A circuit breaker in front of the desk: while ServiceNow is down, only probes reach it.

The breaker is Powertools'. Its state is one item of the ledger's table, so that all environments share it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from random import SystemRandom
from typing import TYPE_CHECKING, Any, Protocol, override

from aws_lambda_powertools.utilities.circuit_breaker import (
    CircuitBreakerConfig,
    CircuitBreakerOpenError,
    CircuitInfo,
    CircuitState,
    CircuitTransition,
    circuit_breaker,
)
from aws_lambda_powertools.utilities.circuit_breaker.persistence import CircuitBreakerDynamoDBPersistence
from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import code_of, needs_a_person, reason_of
from common.clock import Deadline
from common.errors import (
    PROBE_UNDER_WAY,
    BridgeError,
    ConfigurationError,
    HeldError,
    NotYetError,
    PermanentError,
    TransientError,
)
from common.incidents.alert import Fold
from common.incidents.desk import Desk
from common.incidents.ledger import CHECK_TABLE
from common.incidents.work import Applied
from common.servicenow.refusals import UndecidedError
from common.telemetry import Telemetry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

CIRCUIT_KEY = "circuit/"
"""What the key of the breaker's item begins with; a problem's key is a hash without a slash."""

_RECOVERY_SECONDS = 30
_HELD = "held"
_jitter = SystemRandom()


class Applier(Protocol):
    """What applies the alerts of one problem: the desk, or what stands before it."""

    def apply(self, fold: Fold, deadline: Deadline) -> Applied:
        """Do as `Desk.apply` does."""
        ...


class _NothingWrittenError(Exception):
    """The ledger already knew, or had nothing to pass on: `applied` is what to return."""

    def __init__(self, applied: Applied) -> None:
        super().__init__()
        self.applied = applied


class _Config(CircuitBreakerConfig):
    """Tells what speaks of ServiceNow from what does not.

    A message that is wrong, that meets a defect, whose turn has not come or that needs no write says nothing about
    ServiceNow, and one whose kind of write is refused nothing about the other kinds. As a success it would close the
    circuit in the middle of an outage.
    """

    @override
    def counts_as_failure(self, exception: Exception) -> bool:
        return isinstance(exception, BridgeError) and super().counts_as_failure(exception)


_CONFIG = _Config(
    failure_threshold=5,
    recovery_timeout=_RECOVERY_SECONDS,
    success_threshold=2,
    ignored_exceptions=(PermanentError, NotYetError, UndecidedError),
)


class _SharedState(CircuitBreakerDynamoDBPersistence):
    """The breaker's item with one attribute more, by which all environments know what opened the circuit.

    `held` tells whether that was an error that holds everything. It is what the item says that was read or written
    last; whoever is about to fail sets it first. Trouble of DynamoDB is counted here, because Powertools goes on
    without the item and only logs.
    """

    held = False
    telemetry: Telemetry

    @override
    def _get_record(self, name: str) -> Any:
        with self._understood():
            return super()._get_record(name)

    @override
    def _put_record(self, record: Any, condition: str | None = None, expected_opened_at: int | None = None) -> None:
        with self._understood():
            super()._put_record(record, condition, expected_opened_at)

    @override
    def _update_record(self, record: Any) -> None:
        with self._understood():
            super()._update_record(record)

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """Raise what DynamoDB refuses as an error of the vocabulary."""
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            raise self._named(error) from None

    def _named(self, error: ClientError | BotoCoreError) -> BridgeError:
        """Return what an error of DynamoDB means."""
        code, reason = code_of(error), reason_of(error)
        if not needs_a_person(error):
            return TransientError(f"The state of the circuit can't be kept ({code}).", action=CHECK_TABLE, code=reason)
        message = f"The ledger table refuses the state of the circuit ({code})."
        self.telemetry.count("AccessRefusals")
        self.telemetry.log.error(message, action=CHECK_TABLE, extra={"reason": code})
        return ConfigurationError(message, action=CHECK_TABLE, code=reason)

    @override
    def _item_to_record(self, item: dict[str, Any]) -> Any:
        self.held = item.get(_HELD, {}).get("BOOL", False)
        return super()._item_to_record(item)

    @override
    def _record_to_item(self, record: Any) -> dict[str, Any]:
        return {**super()._record_to_item(record), _HELD: {"BOOL": self.held}}

    @override
    def _build_update_query(self, record: Any) -> dict[str, Any]:
        query = super()._build_update_query(record)
        query["UpdateExpression"] = query["UpdateExpression"].replace("SET ", "SET #held = :held, ", 1)
        query["ExpressionAttributeNames"]["#held"] = _HELD
        query["ExpressionAttributeValues"][":held"] = {"BOOL": self.held}
        return query


class Circuit:
    """Stands where the desk stands, and keeps work away from it while ServiceNow fails or everything is held."""

    def __init__(
        self, desk: Desk, dynamodb: "DynamoDBClient", table: str, *, deployment: str, telemetry: Telemetry
    ) -> None:
        """Protect `desk`; the circuit's state is kept in the DynamoDB table `table`."""
        self._desk = desk
        self._telemetry = telemetry
        self._state = _SharedState(table_name=table, key_attr="pk", expiry_attr="expires_at", boto3_client=dynamodb)
        self._state.telemetry = telemetry
        self._apply = circuit_breaker(
            name=f"{CIRCUIT_KEY}{deployment}",
            persistence_store=self._state,
            config=_CONFIG,
            on_transition=self._report,
        )(self._write)

    def apply(self, fold: Fold, deadline: Deadline) -> Applied:
        """Do what `Desk.apply` does.

        Raises what that raises. While the circuit is open it raises the kind of error that opened it: HeldError where
        everything waits for a person, else TransientError.
        """
        try:
            applied: Applied = self._apply(fold, deadline)
        except _NothingWrittenError as nothing:
            return nothing.applied
        except CircuitBreakerOpenError as refusal:
            self._telemetry.count("CircuitRefusals")
            raise self._refusal(refusal.circuit) from None
        return applied

    def _write(self, fold: Fold, deadline: Deadline) -> Applied:
        try:
            applied = self._desk.apply(fold, deadline)
        except Exception as error:
            if _CONFIG.counts_as_failure(error):
                self._state.held = isinstance(error, HeldError)
            raise
        if not applied.operations:
            raise _NothingWrittenError(applied)
        return applied

    def _refusal(self, circuit: CircuitInfo | None) -> BridgeError:
        kind: type[BridgeError] = HeldError if self._state.held else TransientError
        why = "Credentials or a setting were wrong" if self._state.held else "ServiceNow failed"
        probed = circuit is not None and circuit.state is CircuitState.HALF_OPEN
        return kind(
            f"{why} several times in a row, so ServiceNow is left alone but for a probe now and then.",
            action="Look for the first error before this one; the messages come back by themselves.",
            # By then the probe has an outcome, or its lease has ended.
            retry_after=_RECOVERY_SECONDS * _jitter.uniform(0.7, 1.3) if probed else None,
            code=PROBE_UNDER_WAY if probed else "",
        )

    def _report(self, transition: CircuitTransition) -> None:
        if transition.to_state is CircuitState.OPEN:
            self._telemetry.count("CircuitOpened")
        self._telemetry.log.warning(
            "The circuit to ServiceNow changes its state.",
            before=str(transition.from_state),
            now=str(transition.to_state),
        )
