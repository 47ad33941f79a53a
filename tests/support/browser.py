"""The Chromium of this machine, without a window."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start it; skip the test where there is none, unless REQUIRE_BROWSER is set, as on a build server."""
    found = filter(None, map(shutil.which, _NAMES))
    executable = os.environ.get("CHROMIUM") or next(found, None)
    if executable is None:
        message = "No Chromium on this machine: install it (Debian: apt-get install chromium) or set CHROMIUM."
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail(message)
        pytest.skip(message)
    # Chromium's own sandbox does not work for root.
    flags = [*_FLAGS, "--no-sandbox"] if os.geteuid() == 0 else _FLAGS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=flags)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched(page: Page) -> Iterator[Page]:
    """Fail at the end if the page reported an error: a script's, or a breach of its content security policy.

    An answer with an error status, which the browser reports too, is the page's own business.
    """
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if _is_fault(message) else None)
    yield page
    page.close()
    assert errors == []


def _is_fault(message: ConsoleMessage) -> bool:
    return message.type == "error" and not message.text.startswith("Failed to load resource")
