"""How long calls to AWS may take, how often they are tried, who makes them; and where the rule files are."""

from collections.abc import Mapping
from pathlib import Path

from botocore.config import Config

RULES = Path(__file__).resolve().parents[2] / "rules"
"""The folder of the rule files."""

USER_AGENT = "servicenow-bridge"
"""Who calls, as CloudTrail shows it. What the SDK would say of itself costs a tenth of a call: it is made up twice."""

AWS_CONFIG = Config(
    connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}, user_agent=USER_AGENT
)
"""How long calls to AWS may take, in seconds, and how often they are tried."""

QUICK_CONFIG = Config(
    connect_timeout=0.5, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2}, user_agent=USER_AGENT
)
"""The same for ledger, queue and signatures: a claim leaves 5 s for its outcome, a token request 5 s; two tries fit."""


def service_of(environment: Mapping[str, str]) -> str:
    """Return the name under which a function logs, comes into other accounts, and signs what it does."""
    return environment.get("POWERTOOLS_SERVICE_NAME", "servicenow-bridge")
