"""A circuit breaker in front of the desk: while ServiceNow is down, only probes reach it.

The breaker is Powertools'. Its state is one item of the ledger's table, so that all environments share it.
"""

from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.circuit_breaker import (
    CircuitBreakerConfig,
    CircuitBreakerOpenError,
    CircuitState,
    CircuitTransition,
    circuit_breaker,
)
from aws_lambda_powertools.utilities.circuit_breaker.persistence import CircuitBreakerDynamoDBPersistence

from common.clock import Deadline
from common.errors import NotYetError, PermanentError, TransientError
from common.incidents.alert import Fold
from common.incidents.desk import Applied, Desk
from common.telemetry import Telemetry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

CIRCUIT_KEY = "circuit/"
"""What the key of the breaker's item begins with; a problem's key is a hash without a slash."""


class _NothingWrittenError(Exception):
    """The ledger already knew, or had nothing to pass on: `applied` is what to return."""

    def __init__(self, applied: Applied) -> None:
        super().__init__()
        self.applied = applied


_CONFIG = CircuitBreakerConfig(
    failure_threshold=5,
    recovery_timeout=30,
    success_threshold=2,
    # A message that is wrong, whose turn has not come or that needs no write says nothing about ServiceNow. As a
    # success it would close the circuit in the middle of an outage.
    ignored_exceptions=(PermanentError, NotYetError, _NothingWrittenError),
)


class Circuit:
    """Stands where the desk stands, and keeps work away from it while ServiceNow fails or everything is held."""

    def __init__(
        self, desk: Desk, dynamodb: "DynamoDBClient", table: str, *, deployment: str, telemetry: Telemetry
    ) -> None:
        """Protect `desk`; the circuit's state is kept in the DynamoDB table `table`."""
        self._desk = desk
        self._telemetry = telemetry
        self._apply = circuit_breaker(
            name=f"{CIRCUIT_KEY}{deployment}",
            persistence_store=CircuitBreakerDynamoDBPersistence(
                table_name=table, key_attr="pk", expiry_attr="expires_at", boto3_client=dynamodb
            ),
            config=_CONFIG,
            on_transition=self._report,
        )(self._write)

    def apply(self, fold: Fold, deadline: Deadline) -> Applied:
        """Do what `Desk.apply` does. Raises what that raises, and TransientError while the circuit is open."""
        try:
            applied: Applied = self._apply(fold, deadline)
        except _NothingWrittenError as nothing:
            return nothing.applied
        except CircuitBreakerOpenError:
            self._telemetry.count("CircuitRefusals")
            raise TransientError(
                "ServiceNow failed several times in a row, so it is left alone but for a probe now and then.",
                action="Look for the first error before this one; the messages come back by themselves.",
            ) from None
        return applied

    def _write(self, fold: Fold, deadline: Deadline) -> Applied:
        applied = self._desk.apply(fold, deadline)
        if not applied.operations:
            raise _NothingWrittenError(applied)
        return applied

    def _report(self, transition: CircuitTransition) -> None:
        if transition.to_state is CircuitState.OPEN:
            self._telemetry.count("CircuitOpened")
        self._telemetry.log.warning(
            "The circuit to ServiceNow changes its state.",
            before=str(transition.from_state),
            now=str(transition.to_state),
        )
