import base64
import io
import json
import logging
import re
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from hypothesis import given
from hypothesis import strategies as st

from common.telemetry import NAMESPACE, Redactor, Telemetry
from tests.support.reports import Reports

SECRET = 'p~7["\\+/é#,&=% x1'
TOKEN = "tok_EN-0123456789abcdefghijklmnopqrstuvwxyz"

type Form = Callable[[str], str]

FORMS: dict[str, Form] = {
    "raw": str,
    "as Python shows it": repr,
    "JSON": json.dumps,
    "JSON with its own letters": lambda secret: json.dumps(secret, ensure_ascii=False),
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret)),
    "a form": quote_plus,
    "a URL": lambda secret: quote(secret, safe=""),
    "a URL with slashes": quote,
    "a URL with small escapes": lambda secret: re.sub("%..", lambda match: match[0].lower(), quote(secret)),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
}


def pieces(text: str, length: int = 6) -> set[str]:
    """Return every piece of that length."""
    return {text[start : start + length] for start in range(len(text) - length + 1)}


def lets_through(redactor: Redactor, form: str) -> set[str]:
    """Return the pieces of a leaked form that are still there after redaction, with other text around it."""
    shown = redactor.redact(f'{{"message": "it was ({form})"}}')
    return {piece for piece in pieces(form) if piece in shown}


@pytest.fixture
def redactor() -> Redactor:
    """Provide a redactor that knows two secrets."""
    redactor = Redactor()
    redactor.protect(SECRET)
    redactor.protect(TOKEN)
    return redactor


@pytest.fixture
def reports() -> Reports:
    """Provide telemetry that was told of two secrets."""
    reports = Reports()
    reports.telemetry.protect(SECRET)
    reports.telemetry.protect(TOKEN)
    return reports


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
@pytest.mark.parametrize("secret", [SECRET, TOKEN])
def test_no_form_of_a_secret_gets_through(redactor: Redactor, secret: str, form: Form) -> None:
    """Whatever carried it, not six characters in a row are left."""
    assert lets_through(redactor, form(secret)) == set()


@pytest.mark.parametrize("before", ["", "a", "ab", "bridge:", "a longer client id:"])
@pytest.mark.parametrize("behind", ["", "z", "zz", ":and more"])
def test_base64_is_recognised_wherever_the_secret_stands_in_it(redactor: Redactor, before: str, behind: str) -> None:
    """HTTP Basic puts the client id before the secret, which shifts every character."""
    encoded = base64.b64encode(f"{before}{TOKEN}{behind}".encode()).decode()
    first = -(-8 * len(before) // 6)
    core = encoded[first : first + 8 * len(TOKEN) // 6 - 1]
    shown = redactor.redact(encoded)
    assert "[redacted]" in shown
    assert {piece for piece in pieces(core) if piece in shown} == set()


@given(st.text(min_size=6, max_size=40), st.text(max_size=4), st.sampled_from(list(FORMS.values())))
def test_no_secret_whatever_survives(secret: str, around: str, form: Form) -> None:
    """Generated secrets hold any character."""
    redactor = Redactor()
    redactor.protect(secret)
    leaked = form(secret)
    shown = redactor.redact(f"{around}{leaked}{around}")
    assert leaked.strip("\"'=") not in shown.replace("[redacted]", "\x00")


def test_other_text_stays_as_it_is(redactor: Redactor) -> None:
    """Redaction is not censorship."""
    text = '{"message":"INC0010001 was opened","dedup_key":"[\\"1\\",\\"é\\"]"}'
    assert redactor.redact(text) == text


def test_very_short_values_are_left_alone() -> None:
    """Otherwise a one-letter secret would make every log unreadable."""
    redactor = Redactor()
    redactor.protect("")
    redactor.protect("short")
    assert redactor.redact("short and sweet") == "short and sweet"


def test_a_secret_that_holds_another_is_replaced_as_a_whole() -> None:
    """The longer form goes first, so nothing of it is left over."""
    redactor = Redactor()
    redactor.protect("abcdef")
    redactor.protect("abcdefghijkl")
    assert redactor.redact("<abcdefghijkl> <abcdef>") == "<[redacted]> <[redacted]>"


def test_a_secret_that_is_named_again_and_again_is_never_forgotten() -> None:
    """Tokens come and go by the hundred; the client secret stays known as long as it is used."""
    redactor = Redactor()
    for number in range(500):
        redactor.protect(SECRET)
        redactor.protect(f"access-token-{number:04}")
        assert redactor.redact(SECRET) == "[redacted]"
    assert redactor.redact("access-token-0499") == "[redacted]"


def test_only_so_many_secrets_are_remembered() -> None:
    """A process that lives for days neither grows nor slows down."""
    redactor = Redactor()
    for number in range(1000):
        redactor.protect(f"access-token-{number:04}")
    assert redactor.redact("access-token-0000") == "access-token-0000"
    assert len(redactor._secrets) <= 100


def test_threads_may_name_secrets_while_others_log(redactor: Redactor) -> None:
    """Neither raises, and what was known stays hidden."""
    seen: list[set[str]] = []

    def work(thread: int) -> None:
        for number in range(10):
            redactor.protect(f"thread-{thread}-{number:04}")
            seen.append(lets_through(redactor, TOKEN))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [set()] * 40


def test_a_log_line_is_json_and_holds_no_secret(reports: Reports) -> None:
    """In the message, in a field, in a nested value and in an exception with its causes."""

    def fail() -> None:
        try:
            int(SECRET)
        except ValueError as error:
            raise RuntimeError(f"Bearer {TOKEN}") from error

    log = reports.telemetry.log
    log.info("secret %s", SECRET)
    log.warning("a field", answer=TOKEN, nested={"list": [SECRET, {"token": TOKEN}]})
    try:
        fail()
    except RuntimeError:
        log.exception("it failed")
    text = reports.stream.getvalue()
    assert len(reports.lines) == 3
    assert "ValueError" in text
    for secret in (SECRET, TOKEN):
        for form in FORMS.values():
            assert form(secret).strip("\"'=") not in text


@pytest.mark.parametrize("arguments", [(), ("one", 2)], ids=["text", "text with arguments"])
@pytest.mark.parametrize("facts", [{}, {"operation": "open", "nothing": None, "process_id": {"a": [1]}}], ids=str)
def test_a_line_is_what_powertools_writes(
    reports: Reports, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...], facts: dict[str, object]
) -> None:
    """Key by key and in the same order, the request's trace included; only the way to it is shorter."""
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1")
    [handler] = logging.getLogger(reports.telemetry.log.name).handlers
    formatter = handler.formatter
    assert isinstance(formatter, LambdaPowertoolsFormatter)
    record = logging.getLogger("x").makeRecord(
        "x", logging.INFO, __file__, 7, "%s of %s" if arguments else "100%", arguments, None, "there", facts
    )

    assert formatter.format(record) == LambdaPowertoolsFormatter.format(formatter, record)


def test_half_a_surrogate_pair_does_not_lose_the_line(reports: Reports) -> None:
    """Events may hold what UTF-8 can't; the line is written, and reads the same."""
    reports.telemetry.log.info("alarm \ud83d", dedup_key='["\udc00"]')
    line = reports.lines[0]
    assert (line["message"], line["dedup_key"]) == ("alarm \ud83d", '["\udc00"]')
    assert reports.stream.getvalue().encode()


@pytest.mark.parametrize("library", ["botocore", "boto3", "urllib3", "botocore.endpoint", "urllib3.connectionpool"])
def test_libraries_that_log_secrets_are_kept_quiet(library: str) -> None:
    """At DEBUG, botocore logs decrypted secrets, and urllib3 warns with queries and cookies."""
    Reports()
    log = logging.getLogger(library)
    assert not log.isEnabledFor(logging.WARNING)
    assert log.isEnabledFor(logging.ERROR)


def documents(output: str) -> list[dict[str, Any]]:
    """Return the EMF documents in what was printed."""
    return [json.loads(line) for line in output.splitlines()]


def test_everything_counted_leaves_as_one_document(reports: Reports, capsys: pytest.CaptureFixture[str]) -> None:
    """One flush an invocation: counts are added up, of a gauge the newest value counts."""
    telemetry = reports.telemetry
    telemetry.count("ServiceNowCalls")
    telemetry.count("ServiceNowCalls")
    telemetry.count("EventsApplied", 5)
    telemetry.gauge("TokenAge", 10.0)
    telemetry.gauge("TokenAge", 12.5)
    assert telemetry.counts() == {"ServiceNowCalls": 2, "EventsApplied": 5}
    telemetry.flush()
    (document,) = documents(capsys.readouterr().out)
    assert (document["ServiceNowCalls"], document["EventsApplied"], document["TokenAge"]) == ([2.0], [5.0], [12.5])
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == NAMESPACE
    assert directive["Dimensions"] == [["service"]]
    units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert units == {"ServiceNowCalls": "Count", "EventsApplied": "Count", "TokenAge": "Seconds"}


def test_a_flush_starts_anew(reports: Reports, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is reported twice."""
    reports.telemetry.count("EventsApplied")
    reports.telemetry.flush()
    reports.telemetry.count("EventsUnknown")
    reports.telemetry.flush()
    first, second = documents(capsys.readouterr().out)
    assert "EventsApplied" in first
    assert "EventsApplied" not in second
    assert second["EventsUnknown"] == [1.0]
    assert reports.counts == {}


def test_nothing_counted_writes_nothing(reports: Reports, capsys: pytest.CaptureFixture[str]) -> None:
    """An idle invocation costs no log line and no warning."""
    reports.telemetry.flush()
    assert capsys.readouterr().out == ""


def test_more_metrics_than_one_document_holds_are_all_written(
    reports: Reports, capsys: pytest.CaptureFixture[str]
) -> None:
    """EMF allows 100 metrics a document."""
    for number in range(150):
        reports.telemetry.count(f"Metric{number}")
    reports.telemetry.flush()
    written = documents(capsys.readouterr().out)
    assert {name for document in written for name in document if name.startswith("Metric")} == {
        f"Metric{number}" for number in range(150)
    }


def test_counting_costs_next_to_nothing(reports: Reports, capsys: pytest.CaptureFixture[str]) -> None:
    """A count is an addition; nothing is written before the flush."""
    for _ in range(1000):
        reports.telemetry.count("TokenFromMemory")
    assert capsys.readouterr().out == ""
    assert reports.counts == {"TokenFromMemory": 1000}


LEVELS = ["debug", "info", "warning", "error"]


@pytest.mark.parametrize(
    ("level", "of_lambda", "written"),
    [("DEBUG", "DEBUG", 4), ("INFO", "INFO", 3), ("WARNING", "INFO", 2), ("ERROR", "INFO", 1), ("WARNING", None, 2)],
)
def test_lines_below_the_level_are_left_out_whatever_the_level_of_lambda(
    monkeypatch: pytest.MonkeyPatch, level: str, of_lambda: str | None, written: int
) -> None:
    """Powertools would take Lambda's level, which is never above INFO: Lambda would drop the metrics."""
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", level)
    monkeypatch.delenv("AWS_LAMBDA_LOG_LEVEL", raising=False)
    if of_lambda:
        monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", of_lambda)
    stream = io.StringIO()
    telemetry = Telemetry(f"level-{level}-{of_lambda}", stream=stream)

    for name in LEVELS:
        getattr(telemetry.log, name)("a line")

    assert [json.loads(line)["level"].lower() for line in stream.getvalue().splitlines()] == LEVELS[-written:]


def test_a_line_of_metrics_has_no_level(capsys: pytest.CaptureFixture[str]) -> None:
    """Lambda takes it for INFO then, the level that it never drops here."""
    telemetry = Telemetry("metrics-without-a-level")
    telemetry.count("EventsApplied")

    telemetry.flush()

    assert not {"level", "timestamp"} & json.loads(capsys.readouterr().out).keys()


def test_who_did_what_is_logged_at_every_level() -> None:
    """Whoever lowers the level of the log must not lose that."""
    reports = Reports()
    reports.telemetry.log.setLevel("CRITICAL")
    reports.telemetry.audit("A caller asked.", caller="bob", fields=["category"])
    [line] = reports.lines
    assert (line["message"], line["caller"], line["fields"]) == ("A caller asked.", "bob", ["category"])
