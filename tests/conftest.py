"""How Hypothesis works here: no time limit for an example, because machines are busy; the same examples on a server."""

import os

from hypothesis import settings

settings.register_profile("developer", deadline=None)
settings.register_profile("server", deadline=None, derandomize=True)
settings.load_profile("server" if os.environ.get("CI") else "developer")
