"""The local console: a page with the simulated ServiceNow's incidents and calls, and buttons for what goes wrong.

It stands beside the simulator in `make local`, on the loopback interface only, and is never deployed.
"""

from .cloud import Cloud
from .server import Console

__all__ = ["Cloud", "Console"]
