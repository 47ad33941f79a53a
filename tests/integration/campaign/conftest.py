"""What the tests of the campaign share."""

from collections.abc import Iterator

import pytest

from campaign.stage import Stage


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Provide what all runs share, for one file: as long as it is there, other tests would get no empty AWS."""
    with Stage() as stage:
        yield stage
