"""One environment for each test."""

import pytest

from tests.support.oauth import Stack


@pytest.fixture
def stack() -> Stack:
    """Return one environment without a token."""
    return Stack()
