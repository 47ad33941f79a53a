"""What the tests of the campaign share."""

from collections.abc import Iterator

import pytest

from campaign.stage import Stage


@pytest.fixture(scope="package")
def stage() -> Iterator[Stage]:
    """Provide what all runs share."""
    with Stage() as stage:
        yield stage
