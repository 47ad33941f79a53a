"""Times with the time of day where the readers are beside them."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.incidents.local_times import with_local_times

BERLIN, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("at 2026-11-23T09:15:31Z.", "at 2026-11-23T09:15:31Z (10:15:31 CET)."),
        ("2026-07-23T09:15:31.122+0000, before OK", "2026-07-23T09:15:31.122+0000 (11:15:31 CEST), before OK"),
        ("(2026-11-23 09:15:31+00:00)", "(2026-11-23 09:15:31+00:00 (10:15:31 CET))"),
        ("2026-11-23T23:15:31.123456789Z", "2026-11-23T23:15:31.123456789Z (2026-11-24 00:15:31 CET)"),
        ("Tue, 1 Dec 2026 10:00:00 GMT", "Tue, 1 Dec 2026 10:00:00 GMT (11:00:00 CET)"),
        ("2026-11-23T09:15:31-05:00", "2026-11-23T09:15:31-05:00 (15:15:31 CET)"),
    ],
)
def test_a_time_has_the_local_one_beside_it(text: str, told: str) -> None:
    """However it is written; the day too where it is another."""
    assert with_local_times(text, BERLIN) == told


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-23T10:15:31+01:00",  # as it is there
        "2026-11-23T09:15:31",  # nobody says where
        "2026-11-23",
        "2026-99-23T09:15:31Z",
        "0001-01-01T00:00:00+23:59",  # before all time
        "https://example.org/?from=2026-11-23T09:15:31Z&to=2026-11-23T10:15:31Z",
        "arn:aws:x:2026-11-23T09:15:31Z",
        "run-2026-11-23T09:15:31Z",
        "2026-11-23T09:15:31Z/7",
        "Foo, 1 Dec 2026 10:00:00 GMT",
        "Tue, 1 Xyz 2026 10:00:00 GMT",
    ],
)
def test_what_is_no_time_of_another_zone_stays(text: str) -> None:
    """Above all addresses."""
    assert with_local_times(text, BERLIN) == text


def test_a_zone_without_a_short_name_tells_its_distance() -> None:
    """As zones of half an hour do."""
    assert with_local_times("2026-11-23T09:15:31Z", KOLKATA) == "2026-11-23T09:15:31Z (14:45:31 IST)"
    assert with_local_times("2026-11-23T09:15:31Z", ZoneInfo("Asia/Dubai")).endswith("(13:15:31 +04)")


@given(st.text())
def test_without_a_zone_nothing_is_told(text: str) -> None:
    """Times stay as the event has them; and with one no text is ever refused."""
    assert with_local_times(text, None) == text
    assert isinstance(with_local_times(text, BERLIN), str)
