"""How Hypothesis works here: no time limit for an example, because machines are busy; the same examples on a server.

In mutation testing an example that fails is enough: nobody reads it, so it is not made smaller.
"""

import os

from hypothesis import Phase, settings

settings.register_profile("developer", deadline=None)
settings.register_profile("server", deadline=None, derandomize=True)
settings.register_profile("mutation", settings.get_profile("server"), phases=(Phase.explicit, Phase.generate))
settings.load_profile("server" if os.environ.get("CI") else "developer")
