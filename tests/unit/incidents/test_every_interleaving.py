"""Every order in which workers, ServiceNow, the queue, people and time can take their steps."""

import pytest

from tests.support.explorer import explore
from tests.support.scenarios import SCENARIOS
from tests.support.storms import STORMS

pytestmark = pytest.mark.no_cover  # every line is covered elsewhere, and measuring doubles the time


@pytest.mark.parametrize("name", SCENARIOS | STORMS)
def test_no_interleaving_breaks_the_oracle(name: str) -> None:
    """At most one record is open, no note is there twice, and in the end all is as in-order delivery leaves it."""
    exploration = explore((SCENARIOS | STORMS)[name])

    assert exploration.broken == "", str(exploration)
    assert exploration.at_rest > 0
