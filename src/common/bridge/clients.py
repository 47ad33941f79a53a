"""How long calls to AWS may take, how often they are tried, who makes them; and where the rule files are."""

from collections.abc import Mapping
from pathlib import Path

from botocore.config import Config

RULES = Path(__file__).resolve().parents[2] / "rules"
"""The folder of the rule files."""

USER_AGENT = "servicenow-bridge"
"""Who calls, as CloudTrail shows it. What the SDK would say of itself costs a tenth of a call: it is made up twice."""


def calls_within(connect: float, read: float, *, tries: int) -> Config:
    """Return how a client calls AWS: the seconds until it is connected and has an answer, and how often it tries."""
    return Config(
        connect_timeout=connect,
        read_timeout=read,
        retries={"mode": "standard", "total_max_attempts": tries},
        user_agent=USER_AGENT,
    )


AWS_CONFIG = calls_within(1, 3, tries=2)
"""How long calls to AWS may take, in seconds, and how often they are tried."""

QUICK_CONFIG = calls_within(0.5, 1, tries=2)
"""The same for ledger, queue and signatures: a claim leaves 5 s for its outcome, a token request 5 s; two tries fit."""


def service_of(environment: Mapping[str, str]) -> str:
    """Return the name under which a function logs, comes into other accounts, and signs what it does."""
    return environment.get("POWERTOOLS_SERVICE_NAME", "servicenow-bridge")
