"""Logs and metrics: Powertools' Logger and Metrics, plus counting without cost and redaction without exception."""

import base64
import json
import logging
import os
import re
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import batched, filterfalse
from typing import IO, Any
from urllib.parse import quote, quote_plus

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.constants import MAX_METRICS

from common.masking import masking
from common.text import escaped

NAMESPACE = "ServiceNowBridge"

AUDIT = "audit"
"""What lines that say who did something give as their function."""

_REDACTED = "[redacted]"
_SECRETS_REMEMBERED = 100
_SHORTEST_SECRET = 6
# An enumeration finds its value out anew each time that it is asked.
_COUNT, _SECONDS = MetricUnit.Count.value, MetricUnit.Seconds.value
_CHATTY_LIBRARIES = ("botocore", "boto3", "urllib3")
_ESCAPE = re.compile("%[0-9A-F]{2}")
_URL_SAFE = str.maketrans("+/", "-_")
# What Python puts into a record of its log, and what Powertools names itself: all else are facts of a line.
_OF_EVERY_RECORD = frozenset(
    {*logging.makeLogRecord({}).__dict__, "asctime", "level", "location", "message", "timestamp"}
)
_as_json = json.JSONEncoder(default=str, separators=(",", ":"), ensure_ascii=False).encode


class Redactor:
    """Replaces every secret that it was told of, in each form in which one usually leaks.

    This is the second fence. The first is that no secret is ever handed to a log, an exception or a metric.
    """

    def __init__(self) -> None:
        """Start without any secret."""
        self._lock = threading.Lock()
        self._secrets: dict[str, frozenset[str]] = {}
        self._forms: tuple[str, ...] = ()

    def protect(self, secret: str) -> None:
        """Remember `secret`: raw, as JSON, URL-encoded and base64. Very short values are left alone.

        Only so many are remembered; the one that was named longest ago is forgotten first.
        """
        if len(secret) < _SHORTEST_SECRET:
            return
        with self._lock:
            self._secrets[secret] = self._secrets.pop(secret, frozenset()) or _forms_of(secret)
            if len(self._secrets) > _SECRETS_REMEMBERED:
                del self._secrets[next(iter(self._secrets))]
            forms = frozenset().union(*self._secrets.values())
            self._forms = tuple(sorted(forms, key=len, reverse=True))

    def redact(self, text: str) -> str:
        """Return `text` with every form of every known secret replaced."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, _REDACTED)
        return text


def _forms_of(secret: str) -> frozenset[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    texts = {secret, repr(secret)[1:-1]}
    # A log line is JSON, and what it holds may be JSON already.
    for _ in range(2):
        texts |= {json.dumps(text, ensure_ascii=escaped)[1:-1] for text in texts for escaped in (True, False)}
    quoted = {quote(raw), quote(raw, safe=""), quote_plus(raw)}
    return frozenset({*texts, *quoted, *map(_with_small_escapes, quoted), *_base64_forms(raw)})


def _with_small_escapes(quoted: str) -> str:
    return _ESCAPE.sub(lambda escape: escape[0].lower(), quoted)


def _base64_forms(raw: bytes) -> Iterator[str]:
    """Return what of `raw` is the same in base64 whatever stands before and behind it."""
    for offset in range(3):
        first, end = -(-8 * offset // 6), 8 * (offset + len(raw)) // 6
        standard = base64.b64encode(bytes(offset) + raw).decode()[first:end]
        yield standard
        yield standard.translate(_URL_SAFE)


class _RedactingFormatter(LambdaPowertoolsFormatter):
    def __init__(self, redactor: Redactor, **options: Any) -> None:  # noqa: ANN401 (Powertools' own options)
        # Powertools tries to read every message as JSON; those of the bridge are sentences.
        super().__init__(json_serializer=_as_json, json_deserializer=str, **options)
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        # What Powertools adds with care for all its options costs three times as much as what these lines need.
        whole = record.exc_info or record.stack_info or not isinstance(record.msg, str)
        line = self._redactor.redact(super().format(record) if whole else self._plain(record))
        # Who did something may be called by a mail address; the line of it holds no text of anybody else.
        return escaped(line if record.funcName == AUDIT else masking().line(line))

    def _plain(self, record: logging.LogRecord) -> str:
        """Return what `LambdaPowertoolsFormatter.format` does for a text without an exception."""
        attributes = record.__dict__
        line = {
            **self.log_format,
            "level": record.levelname,
            "location": f"{record.funcName}:{record.lineno}",
            "message": record.getMessage(),
            "timestamp": _timestamp(record),
            **{name: attributes[name] for name in filterfalse(_OF_EVERY_RECORD.__contains__, attributes)},
            "xray_trace_id": self._get_latest_trace_id(),
        }
        return _as_json({name: value for name, value in line.items() if value is not None})


def _timestamp(record: logging.LogRecord) -> str:
    """Return what `LambdaPowertoolsFormatter.formatTime` does."""
    second, zone = _second(int(record.created))
    return f"{second},{int(record.msecs):03d}{zone}"


@lru_cache(maxsize=1)
def _second(second: int) -> tuple[str, str]:
    """Return a second since the epoch as date and time, and its zone; the lines of one invocation have it in common."""
    moment = time.localtime(second)
    return time.strftime("%Y-%m-%d %H:%M:%S", moment), time.strftime("%z", moment)


class Telemetry:
    """Where every part of the bridge reports to.

    Counting is an integer addition; what was counted and measured leaves once an invocation, in `flush`.
    """

    def __init__(self, service: str, *, stream: IO[str] | None = None) -> None:
        """Log as `service` to `stream` (standard output where None)."""
        self.redactor = Redactor()
        self.log = Logger(service=service, stream=stream, logger_formatter=_RedactingFormatter(self.redactor))
        self._logger = logging.getLogger(service)
        # Lambda's own level, which is never above INFO here, would win over it in Powertools.
        self._logger.setLevel(os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"))
        self._metrics = AmazonCloudWatchEMFProvider(namespace=NAMESPACE, service=service)
        self._dimensions = {"service": service}
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._gauges: dict[str, float] = {}
        for library in _CHATTY_LIBRARIES:
            logging.getLogger(library).setLevel(logging.ERROR)
        # What the log lines do not show need not be found out for each of them (Python's logging HOWTO, Optimization).
        logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
        logging.logAsyncioTasks = False  # type: ignore[attr-defined] # since Python 3.12

    def audit(self, message: str, **facts: object) -> None:
        """Log who did what, whatever the level of the log is."""
        here = (self._logger.name, logging.INFO, __file__, 0, message, (), None, AUDIT, facts)
        self._logger.handle(self._logger.makeRecord(*here))

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
        """Write everything counted and measured since the last flush to standard output, as EMF documents."""
        counts, self._counts = self._counts, defaultdict(int)
        gauges, self._gauges = self._gauges, {}
        measured = {name: _metric(_COUNT, amount) for name, amount in counts.items()}
        measured |= {name: _metric(_SECONDS, seconds) for name, seconds in gauges.items()}
        for some in batched(measured.items(), MAX_METRICS, strict=False):
            document = self._metrics.serialize_metric_set(dict(some), self._dimensions)
            sys.stdout.write(f"{_as_json(document)}\n")


def _metric(unit: str, value: float) -> dict[str, Any]:
    return {"Unit": unit, "Value": [float(value)]}
