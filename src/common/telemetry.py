"""Logs and metrics: Powertools' Logger and Metrics, plus counting without cost and redaction without exception."""

import base64
import json
import logging
from collections import Counter, deque
from collections.abc import Mapping
from typing import IO, Any
from urllib.parse import quote, quote_plus

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit

NAMESPACE = "ServiceNowBridge"

_REDACTED = "[redacted]"
_SECRETS_REMEMBERED = 16
_SHORTEST_SECRET = 6
_CHATTY_LIBRARIES = ("botocore", "boto3", "urllib3")


class Redactor:
    """Replaces every secret that it was told of, in each form in which one usually leaks.

    This is the second fence. The first is that no secret is ever handed to a log, an exception or a metric.
    """

    def __init__(self) -> None:
        """Start without any secret."""
        self._secrets: deque[str] = deque(maxlen=_SECRETS_REMEMBERED)
        self._forms: tuple[str, ...] = ()

    def protect(self, secret: str) -> None:
        """Remember `secret`: raw, as JSON, URL-encoded and base64. Very short values are left alone."""
        if len(secret) < _SHORTEST_SECRET or secret in self._secrets:
            return
        self._secrets.append(secret)
        forms = {form for known in self._secrets for form in _forms_of(known)}
        self._forms = tuple(sorted(forms, key=len, reverse=True))

    def redact(self, text: str) -> str:
        """Return `text` with every form of every known secret replaced."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, _REDACTED)
        return text


def _forms_of(secret: str) -> set[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    encoded = {base64.b64encode(raw).decode().rstrip("="), base64.urlsafe_b64encode(raw).decode().rstrip("=")}
    return {secret, json.dumps(secret)[1:-1], quote(raw, safe=""), quote_plus(raw), *encoded}


class _RedactingFormatter(LambdaPowertoolsFormatter):
    def __init__(self, redactor: Redactor, **options: Any) -> None:  # noqa: ANN401 (Powertools' own options)
        super().__init__(**options)
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.redact(super().format(record))


class Telemetry:
    """Where every part of the bridge reports to.

    Counting is an integer addition; what was counted and measured leaves once an invocation, in `flush`.
    """

    def __init__(self, service: str, *, stream: IO[str] | None = None) -> None:
        """Log as `service` to `stream` (standard output where None)."""
        self.redactor = Redactor()
        self.log = Logger(service=service, stream=stream, logger_formatter=_RedactingFormatter(self.redactor))
        self._metrics = Metrics(namespace=NAMESPACE, service=service)
        self._counts: Counter[str] = Counter()
        self._gauges: dict[str, float] = {}
        for library in _CHATTY_LIBRARIES:
            logging.getLogger(library).setLevel(logging.ERROR)

    def protect(self, secret: str) -> None:
        """Never let `secret` appear in a log line."""
        self.redactor.protect(secret)

    def count(self, name: str, amount: int = 1) -> None:
        """Add `amount` to the metric `name`, a count."""
        self._counts[name] += amount

    def gauge(self, name: str, seconds: float) -> None:
        """Set the metric `name`, in seconds, to its newest value."""
        self._gauges[name] = seconds

    def counts(self) -> Mapping[str, int]:
        """Return what was counted since the last flush."""
        return dict(self._counts)

    def flush(self) -> None:
        """Write everything counted and measured since the last flush as one EMF document."""
        counts, self._counts = self._counts, Counter()
        gauges, self._gauges = self._gauges, {}
        if not counts and not gauges:
            return
        for name, amount in counts.items():
            self._metrics.add_metric(name=name, unit=MetricUnit.Count, value=amount)
        for name, seconds in gauges.items():
            self._metrics.add_metric(name=name, unit=MetricUnit.Seconds, value=seconds)
        self._metrics.flush_metrics()
