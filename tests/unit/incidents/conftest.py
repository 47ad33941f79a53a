"""The world of one problem."""

import pytest

from tests.support.office import Office


@pytest.fixture
def office() -> Office:
    """Provide a desk over an empty ledger, and an instance without a record."""
    return Office()
