"""`make tickets`: writes into docs/sources.md what each tool's sample becomes, and the command that sends it."""

import json
from collections.abc import Iterator
from pathlib import Path

from common.doors.proof import Way
from common.incidents.rules import load_rules
from local.written_parts import BY_TICKETS, write_part
from tools.webhook import HABITS, Habit

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/sources.md"


def tickets() -> str:
    """Return what `make tickets` writes: for each sample that fires, a command and the ticket as text."""
    return "\n".join(_tickets()) + "\n"


def command(source: str, sample: str) -> str:
    """Return the lines of a shell that post the body of a sample as the tool would, with `TOKEN` as its secret."""
    habit = HABITS.get(source, Habit())
    address, post = f"$API/webhooks/{source}", f"jq .detail events/{sample} | curl --fail --json @-"
    match habit.way:
        case Way.QUERY:
            return f'{post} "{address}?{habit.name}=$TOKEN"'
        case Way.BASIC:
            return f'{post} --user "{habit.name}:$TOKEN" "{address}"'
        case Way.HMAC:
            return (
                f"BODY=$(jq .detail events/{sample})\n"
                'SIGNATURE=$(printf %s "$BODY" | openssl dgst -sha256 -hmac "$TOKEN" -r | cut -d" " -f1)\n'
                f'curl --fail --json "$BODY" --header "{habit.name}: {habit.prefix}$SIGNATURE" "{address}"'
            )
        case Way.HEADER:
            return f'{post} --header "{habit.name}: $TOKEN" "{address}"'
        case Way.BEARER:
            return f'{post} --header "Authorization: Bearer $TOKEN" "{address}"'


def _tickets() -> Iterator[str]:
    rules = load_rules(ROOT / "src/rules")
    for path in sorted((ROOT / "events").glob("webhook-*-firing.json")):
        event = json.loads(path.read_text(encoding="utf-8"))
        rule = rules.match(event)
        alert = rule.alert(event) if rule is not None else None
        if rule is None or alert is None:
            continue
        fields = alert.fields
        source = event["source"].removeprefix("webhook.")
        yield f"### {source}\n\n```sh\n{command(source, path.name)}\n```\n\nRule `{rule.name}`, severity "
        yield f"{rule.severity_of(event)} (impact {fields['impact']}, urgency {fields['urgency']}). "
        yield f"Sample: [{path.name}](../events/{path.name}).\n\n```text\n{fields['short_description']}\n"
        yield f"{fields['description']}\n```\n"


if __name__ == "__main__":
    write_part(PAGE, BY_TICKETS, tickets())
