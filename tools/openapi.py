"""Write docs/openapi.json anew from the code: `python -m tools.openapi`."""

import importlib
import json
import os
import sys
from pathlib import Path
from unittest import mock

PROJECT = Path(__file__).resolve().parent.parent
DOCUMENT = PROJECT / "docs" / "openapi.json"

# The document says nothing about a deployment, but the function does not start without one.
_ENVIRONMENT = {
    "ACTIONS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/none",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "DEPLOYMENT": "none",
    "LEDGER_TABLE": "none",
    "QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/none",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/none",
    "SERVICENOW_INSTANCE_HOST": "example.service-now.com",
    "SERVICENOW_SECRET_ID": "none",
    "TOKEN_KEY_ID": "none",
    "TOKEN_PARAMETER": "/none",
}


def document() -> str:
    """Return the OpenAPI document of the API as it is committed."""
    with mock.patch.dict(os.environ, _ENVIRONMENT), mock.patch.object(sys, "path", [str(PROJECT / "src"), *sys.path]):
        function = importlib.import_module("handlers.api")
        openapi = importlib.import_module("common.api.openapi")
        return json.dumps(openapi.describe(function.app), indent=2) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
