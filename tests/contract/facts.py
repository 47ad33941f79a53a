"""What is known of ServiceNow, read from docs/servicenow-facts.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

FACTS = Path(__file__).resolve().parents[2] / "docs" / "servicenow-facts.toml"


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement about ServiceNow. `reason` says why no probe can observe it, where none can.

    `confirmed_by` is `page` (ServiceNow's documentation or knowledge base), `capture` (an exchange of others with an
    instance) or `nobody`; `evidence` says which one, where the source does not.
    """

    id: str
    statement: str
    source: str
    confidence: str
    confirmed_by: str
    evidence: str = ""
    observable: bool = True
    reason: str = ""


def read_facts() -> dict[str, Fact]:
    """Return all facts by id, in the order of the file. Raises ValueError where an id stands there twice."""
    facts: dict[str, Fact] = {}
    for entry in tomllib.loads(FACTS.read_text(encoding="utf-8"))["fact"]:
        fact = Fact(**entry)
        if fact.id in facts:
            raise ValueError(fact.id)
        facts[fact.id] = fact
    return facts
