from local.tickets import BEGIN, PAGE, tickets


def test_the_page_about_sources_shows_what_comes_out() -> None:
    """`make tickets` writes it from the samples."""
    assert PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].strip() == tickets().strip()
