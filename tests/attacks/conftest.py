"""The API that is attacked: its function, with moto for AWS and the simulator over TLS."""

from tests.integration.api.conftest import api, function, running, servicenow, settings, stack
from tests.template.conftest import template

__all__ = ["api", "function", "running", "servicenow", "settings", "stack", "template"]
