"""The doctor function: checks the set-up from inside the account, step by step."""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.bridge.doctor import check_up


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Return the report, with a readable form under `text`; `{"write": true}` also opens and closes a record."""
    report = check_up(os.environ, write=event.get("write") is True)
    return {**report.as_json(), "text": report.as_text()}
