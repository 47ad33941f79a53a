"""`make secret WEBHOOK=source`: make or rotate the secret of a webhook, and print what to paste into the tool.

Where there is a secret already, a second one is made beside it; both open the door until `--promote` ends the first.
"""

import json
import secrets
import sys
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from getpass import getpass
from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import quote

from common.doors.proof import SHORTEST, Way
from common.doors.secrets import parse_secrets
from common.strict_json import json_object
from common.variables import SOURCE
from tools.deployed import ToolError, find_stack, named, parser, run

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


@dataclass(frozen=True, slots=True)
class Habit:
    """How a tool shows its secret; `gives` tells that the tool makes the secret itself."""

    way: Way = Way.BEARER
    name: str = ""
    prefix: str = ""
    gives: bool = False


HABITS: Mapping[str, Habit] = {
    "azure": Habit(Way.QUERY, "token"),
    "github": Habit(Way.HMAC, "X-Hub-Signature-256", "sha256="),
    "google": Habit(Way.BASIC, "bridge"),
    "pagerduty": Habit(Way.HMAC, "X-PagerDuty-Signature", "v1=", gives=True),
    "sentry": Habit(Way.HMAC, "Sentry-Hook-Signature", gives=True),
}
"""The tools that can't, or don't, send a bearer token: see docs/sources.md."""


def main() -> None:
    """Parse the command line, change the secret and print the settings."""
    options = parser("Make or rotate the secret of a webhook.")
    options.add_argument(
        "--source", required=True, type=named("WEBHOOK"), help="one of the deployment's WebhookSources"
    )
    options.add_argument("--promote", action="store_true", help="end a rotation: the older secret opens nothing more")
    options.add_argument("--replace", action="store_true", help="make one secret alone; what was there opens nothing")
    options.add_argument("--given", action="store_true", help="take the secret that the tool shows; it is asked for")
    options.add_argument("--way", choices=list(Way), help="how the tool shows it; known for the tools in the docs")
    options.add_argument("--name", default="", help="the header, the user or the parameter of the query")
    options.add_argument("--prefix", default="", help="what stands before a signature, such as sha256=")
    arguments = options.parse_args()
    run(lambda: _run(arguments))


def _run(arguments: Namespace) -> None:
    stack = find_stack(arguments)
    if "WebhookSecretArn" not in stack.outputs:
        raise ToolError(f"The stack takes no webhooks; deploy it with WebhookSources={arguments.source}.")
    manager = stack.client("secretsmanager")
    url = f"{stack.output('ApiUrl')}/webhooks/{arguments.source}"
    print(change(manager, stack.output("WebhookSecretArn"), arguments, sys.stdin, url))
    if arguments.source not in stack.parameters.get("WebhookSources", "").split(","):
        print(f"\nIt opens nothing yet: deploy the stack with {arguments.source} in WebhookSources as well.")


def change(
    secrets_manager: "SecretsManagerClient", secret_id: str, arguments: Namespace, stream: TextIO, url: str
) -> str:
    """Change the entry of one source and return what to tell the person. Raises ToolError that says what is wrong."""
    source = arguments.source
    if not SOURCE.fullmatch(source):
        raise ToolError("A source is a name of lower-case letters, digits and hyphens, such as grafana-eu.")
    content = _content(secrets_manager, secret_id)
    before = {} if arguments.replace else content.get(source, {})
    if not isinstance(before, dict):
        raise ToolError(f"The entry of {source} is no JSON object; OPTIONS=--replace replaces it.")
    if arguments.promote:
        after = _promoted(before, source)
        told = f"Promoted: in five minutes at the latest the older secret of {source} opens nothing more."
    else:
        made = _new(arguments, stream, content.get(source, {}))
        after = _with(before, made, source)
        told = _settings(after, made["current"], url, source)
    _, mistakes = parse_secrets(json.dumps({source: after}))
    if mistakes:
        raise ToolError(f"What would be stored {mistakes[0]}.")
    secrets_manager.put_secret_value(SecretId=secret_id, SecretString=json.dumps({**content, source: after}))
    return told


def _new(arguments: Namespace, stream: TextIO, before: object) -> dict[str, str]:
    habit = HABITS.get(arguments.source.partition("-")[0], Habit())
    if arguments.way:
        habit = Habit(Way(arguments.way), arguments.name, arguments.prefix)
    elif isinstance(before, dict) and before.get("way") in list(Way):
        habit = Habit(Way(before["way"]), before.get("name", ""), before.get("prefix", ""), habit.gives)
    secret = _asked(stream) if arguments.given or habit.gives else secrets.token_urlsafe(32)
    made = {"way": habit.way.value, "current": secret, "name": habit.name, "prefix": habit.prefix}
    return {key: value for key, value in made.items() if value}


def _asked(stream: TextIO) -> str:
    secret = (getpass("Secret that the tool shows: ") if stream.isatty() else stream.readline()).strip()
    if len(secret) < SHORTEST:
        raise ToolError(f"A secret has at least {SHORTEST} characters.")
    return secret


def _with(before: Mapping[str, str], made: Mapping[str, str], source: str) -> dict[str, str]:
    if not before.get("current"):
        return dict(made)
    if before.get("next"):
        raise ToolError(f"{source} has two secrets already; end that rotation with OPTIONS=--promote first.")
    if {**before, **made, "current": ""} != {**before, "current": ""}:
        raise ToolError(f"{source} shows its secret in another way so far; OPTIONS=--replace starts anew.")
    if made["current"] == before["current"]:
        raise ToolError(f"{source} has this secret already; let the tool make another one.")
    return {**before, "next": made["current"]}


def _promoted(before: Mapping[str, str], source: str) -> dict[str, str]:
    if not before.get("next"):
        raise ToolError(f"{source} has no second secret; the same command without --promote makes one.")
    return {key: value for key, value in {**before, "current": before["next"]}.items() if key != "next"}


def _settings(entry: Mapping[str, str], secret: str, url: str, source: str) -> str:
    name = entry.get("name", "")
    shown = {
        Way.BEARER: f"URL       {url}\nHeader    Authorization: Bearer {secret}",
        Way.BASIC: f"URL       {url}\nUser      {name}\nPassword  {secret}",
        Way.HEADER: f"URL       {url}\nHeader    {name}: {secret}",
        Way.QUERY: f"URL       {url}?{quote(name or 'token', safe='')}={quote(secret, safe='')}",
        Way.HMAC: f"URL       {url}\nSecret    {secret}",
    }[Way(entry["way"])]
    rotation = (
        f"\n\nThe former secret works beside it. Once the tool shows this one, end the rotation:\n"
        f"make secret STACK=… WEBHOOK={source} OPTIONS=--promote"
        if "next" in entry
        else ""
    )
    return f"Stored; it counts within five minutes. Into the tool (docs/sources.md says where):\n\n{shown}{rotation}"


def _content(secrets_manager: "SecretsManagerClient", secret_id: str) -> dict[str, Any]:
    text = secrets_manager.get_secret_value(SecretId=secret_id).get("SecretString", "")
    content = json_object(text) if text.strip() else {}
    if content is None:
        raise ToolError("The secret is not a JSON object; put {} into it and make each secret anew.")
    return content


if __name__ == "__main__":
    main()
