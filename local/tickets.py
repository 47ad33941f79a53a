"""`make tickets`: writes into docs/sources.md the ticket that each tool's sample becomes."""

import json
from collections.abc import Iterator
from pathlib import Path

from common.incidents.rules import load_rules

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/sources.md"
BEGIN = "<!-- Written by `make tickets`. -->"


def tickets() -> str:
    """Return what the page says after `BEGIN`: for each sample that fires, the ticket as text."""
    return "\n".join(_tickets()) + "\n"


def main() -> None:
    """Write the page."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(text.partition(BEGIN)[0] + BEGIN + "\n\n" + tickets(), encoding="utf-8")


def _tickets() -> Iterator[str]:
    rules = load_rules(ROOT / "src/rules")
    for path in sorted((ROOT / "events").glob("webhook-*-firing.json")):
        event = json.loads(path.read_text(encoding="utf-8"))
        rule = rules.match(event)
        alert = rule.alert(event) if rule is not None else None
        if rule is None or alert is None:
            continue
        fields = alert.fields
        yield f"### {event['source'].removeprefix('webhook.')}\n\nRule `{rule.name}`, severity "
        yield f"{rule.severity_of(event)} (impact {fields['impact']}, urgency {fields['urgency']}). "
        yield f"Sample: [{path.name}](../events/{path.name}).\n\n```text\n{fields['short_description']}\n"
        yield f"{fields['description']}\n```\n"


if __name__ == "__main__":
    main()
