"""`make secret WEBHOOK=…`: what is stored for a source, and what a person pastes into the tool."""

import json
from argparse import Namespace
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from common.doors.secrets import parse_secrets
from tests.unit.tools.test_secret import Manager
from tools import webhook
from tools.deployed import DeployedStack, ToolError
from tools.webhook import change

URL = "https://api.example.com/v1/webhooks/x"
FIRST = "f" * 32
OTHERS = {"shop": {"way": "bearer", "current": FIRST}}


def changed(before: object, source: str, asked: str = "", **options: object) -> tuple[Any, str]:
    """Change the secret and return what it holds then for the source, and what is told."""
    manager = Manager(before)
    names = {"promote": False, "replace": False, "given": False, "way": None, "name": "", "prefix": ""}
    arguments = Namespace(source=source, **{**names, **options})
    told = change(manager, "secret", arguments, StringIO(asked), URL)  # type: ignore[arg-type]
    content = json.loads(manager.value)
    assert parse_secrets(manager.value)[1] == []
    assert content | OTHERS == content
    return content[source], told


@pytest.mark.parametrize(
    ("source", "way", "pasted"),
    [
        ("datadog", "bearer", "Authorization: Bearer {}"),
        ("grafana-eu", "bearer", "Authorization: Bearer {}"),
        ("google", "basic", "User      bridge\nPassword  {}"),
        ("azure", "query", "?token={}"),
        ("github", "hmac", "Secret    {}"),
    ],
)
def test_a_new_source_gets_a_secret_and_its_settings(source: str, way: str, pasted: str) -> None:
    """In the way that its tool offers."""
    entry, told = changed(OTHERS, source)
    assert entry["way"] == way
    assert len(entry["current"]) >= 32
    assert pasted.format(entry["current"]) in told
    assert URL in told


@pytest.mark.parametrize("source", ["pagerduty", "sentry-eu"])
def test_a_tool_that_makes_the_secret_itself_is_asked_for_it(source: str) -> None:
    """On standard input or without echo, never on a command line."""
    entry, _ = changed(OTHERS, source, FIRST + "\n")
    assert (entry["way"], entry["current"]) == ("hmac", FIRST)
    with pytest.raises(ToolError, match="at least 16 characters"):
        changed(OTHERS, source, "short\n")
    with pytest.raises(ToolError, match="has this secret already"):
        changed(OTHERS | {source: entry}, source, FIRST + "\n")


def test_any_tool_shows_it_in_any_way() -> None:
    """For tools that the table does not know."""
    entry, _ = changed(OTHERS, "tool", FIRST, way="hmac", name="X-Sig", prefix="sha256=", given=True)
    assert entry == {"way": "hmac", "current": FIRST, "name": "X-Sig", "prefix": "sha256="}


@pytest.mark.parametrize("options", [{}, {"replace": True}])
def test_how_a_source_shows_its_secret_is_said_once(options: dict[str, Any]) -> None:
    """The next secret is shown as the first, unless another way is named."""
    entry, _ = changed(OTHERS, "tool", FIRST, way="hmac", name="X-Sig", prefix="sha256=", given=True)
    after, told = changed(OTHERS | {"tool": entry}, "tool", **options)
    assert {name: after[name] for name in ("way", "name", "prefix")} == {
        "way": "hmac",
        "name": "X-Sig",
        "prefix": "sha256=",
    }
    assert "Secret    " in told


@pytest.mark.attack
def test_an_address_to_paste_holds_the_secret_as_an_address_can() -> None:
    """A tool's own may have characters that would end the parameter."""
    secret = "a&b=c#d%41+e f/g-h-i"
    _, told = changed(OTHERS, "azure", secret + "\n", given=True)
    assert parse_qs(urlsplit(told.split("URL", 1)[1].strip()).query) == {"token": [secret]}


@pytest.mark.attack
@pytest.mark.parametrize("secret", ["with-a-control-\x07-character", "with-no-ascii-é-in-a-header"])
def test_a_secret_that_the_tool_can_not_show_is_not_stored(secret: str) -> None:
    """It would open nothing, and nobody would know why."""
    with pytest.raises(ToolError, match="What would be stored") as caught:
        changed(OTHERS, "tool", secret + "\n", given=True)
    assert secret not in str(caught.value)


def test_a_rotation_makes_a_second_secret_and_ends_the_first() -> None:
    """Both open the door in between."""
    first, _ = changed(OTHERS, "datadog")
    both, told = changed(OTHERS | {"datadog": first}, "datadog")
    assert both == first | {"next": both["next"]}
    assert both["next"] in told
    assert "OPTIONS=--promote" in told

    with pytest.raises(ToolError, match="two secrets already"):
        changed(OTHERS | {"datadog": both}, "datadog")
    after, _ = changed(OTHERS | {"datadog": both}, "datadog", promote=True)
    assert after == {"way": "bearer", "current": both["next"]}
    with pytest.raises(ToolError, match="no second secret"):
        changed(OTHERS | {"datadog": after}, "datadog", promote=True)
    alone, _ = changed(OTHERS | {"datadog": both}, "datadog", replace=True)
    assert set(alone) == {"way", "current"}


@pytest.mark.parametrize(
    ("before", "options", "why"),
    [
        (OTHERS, {"source": "Datadog"}, "lower-case letters"),
        ([], {"source": "datadog"}, "not a JSON object"),
        ({"datadog": "x"}, {"source": "datadog"}, "no JSON object"),
        (OTHERS, {"source": "shop", "way": "query"}, "in another way so far"),
        (OTHERS, {"source": "tool", "way": "hmac"}, "does not name the header"),
    ],
)
def test_what_cannot_be_stored_is_said(before: object, options: dict[str, Any], why: str) -> None:
    """Before anything is changed, and without a secret."""
    with pytest.raises(ToolError, match=why) as caught:
        changed(before, **options)
    assert FIRST not in str(caught.value)


@pytest.mark.parametrize("listed", ["datadog,shop", "shop"])
def test_a_source_that_the_stack_does_not_list_is_told(
    listed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its secret opens nothing before the next deployment."""
    outputs = {"WebhookSecretArn": "secret", "ApiUrl": "https://api.example.com/v1"}
    stack = DeployedStack(outputs, boto3.Session(), {"WebhookSources": listed})
    monkeypatch.setattr(DeployedStack, "client", lambda _, __: Manager(OTHERS))
    monkeypatch.setattr(webhook, "find_stack", lambda _: stack)
    arguments = Namespace(source="datadog", promote=False, replace=False, given=False, way=None, name="", prefix="")

    webhook._run(arguments)

    told = capsys.readouterr().out
    assert "https://api.example.com/v1/webhooks/datadog" in told
    assert ("opens nothing yet" in told) is ("datadog" not in listed)


def test_a_stack_without_the_door_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the parameter that opens it."""
    monkeypatch.setattr(webhook, "find_stack", lambda _: DeployedStack({}, boto3.Session()))
    with pytest.raises(ToolError, match="WebhookSources=datadog"):
        webhook._run(Namespace(source="datadog"))
