"""A refusal that nobody understands is judged by what becomes of others."""

from common.incidents.precedents import Precedents


def test_what_is_refused_for_the_first_time_is_taken_for_a_matter_of_all() -> None:
    """Nobody knows yet; it waits."""
    precedents = Precedents()
    precedents.accept("POST", "incident", "other")

    assert precedents.concerns_everybody("POST", "incident", "mine")
    assert precedents.concerns_everybody("POST", "incident", "mine")


def test_what_is_refused_although_others_were_accepted_since_is_a_matter_of_its_own() -> None:
    """Then it is given up with its reason."""
    precedents = Precedents()
    precedents.concerns_everybody("POST", "incident", "mine")
    precedents.accept("POST", "incident", "other")

    assert not precedents.concerns_everybody("POST", "incident", "mine")


def test_writes_of_another_kind_say_nothing() -> None:
    """Who may insert may not be allowed to change, and tables have rights of their own."""
    precedents = Precedents()
    precedents.concerns_everybody("PATCH", "incident", "mine")
    precedents.accept("POST", "incident", "other")
    precedents.accept("PATCH", "problem", "other")

    assert precedents.concerns_everybody("PATCH", "incident", "mine")


def test_what_was_accepted_in_the_end_begins_anew() -> None:
    """Its next refusal is the first."""
    precedents = Precedents()
    precedents.concerns_everybody("POST", "incident", "mine")
    precedents.accept("POST", "incident", "mine")

    assert precedents.concerns_everybody("POST", "incident", "mine")


def test_what_is_remembered_is_bounded() -> None:
    """The oldest refusals are forgotten."""
    precedents = Precedents()
    for number in range(3000):
        precedents.concerns_everybody("POST", "incident", str(number))

    assert len(precedents._refused) == 1000
