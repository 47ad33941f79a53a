import pytest

from common import errors
from common.errors import BridgeError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BridgeError)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_says_what_happened_and_what_a_person_does_next(kind: type[BridgeError]) -> None:
    """Together as text, apart where each is shown in its place."""
    error = kind("The disk is full.", action="Empty it.", status=507, retry_after=60.0)
    assert str(error) == "The disk is full. Empty it."
    assert (error.message, error.action, error.status, error.retry_after) == (
        "The disk is full.",
        "Empty it.",
        507,
        60.0,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_status_and_pause_are_unknown_unless_given(kind: type[BridgeError]) -> None:
    """Nothing is made up."""
    error = kind("It failed.", action="Look.")
    assert (error.status, error.retry_after) == (None, None)


def test_every_error_is_of_exactly_one_of_four_kinds() -> None:
    """What becomes of the work in hand is never in doubt."""
    roots = {errors.TransientError, errors.AmbiguousError, errors.PermanentError, errors.HeldError}
    for kind in set(KINDS) - {BridgeError}:
        assert sum(issubclass(kind, root) for root in roots) == 1
