"""Write docs/openapi.json anew from the code: `python -m tools.openapi`."""

import importlib
import json
import os
import sys
from unittest import mock

from tools.package import ENVIRONMENT, ROOT

DOCUMENT = ROOT / "docs" / "openapi.json"

# The document says nothing about a deployment, but the function does not start without one, and has all routes only
# where changes are on.
_ENVIRONMENT = ENVIRONMENT | {"ACTIONS_QUEUE_URL": ENVIRONMENT["QUEUE_URL"]}


def document() -> str:
    """Return the OpenAPI document of the API as it is committed."""
    with mock.patch.dict(os.environ, _ENVIRONMENT), mock.patch.object(sys, "path", [str(ROOT / "src"), *sys.path]):
        function = importlib.import_module("handlers.api")
        openapi = importlib.import_module("common.api.openapi")
        return json.dumps(openapi.describe(function.app), indent=2) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
