"""A simulated ServiceNow instance: token endpoint, REST APIs, and a switch for every fault."""

from .calls import Call
from .faults import Fault
from .simulator import Simulator
from .switches import Switches

__all__ = ["Call", "Fault", "Simulator", "Switches"]
