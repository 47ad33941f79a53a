"""The console of `make local` in a browser, in front of the deployed stack."""

from playwright.sync_api import expect

from local.console import Console
from local.stack import LocalStack
from tests.support.browser import chromium, watched

PATIENCE = 60_000  # milliseconds; the first event finds no function running


def test_an_alarm_is_fired_and_cleared_in_the_browser(stack: LocalStack) -> None:
    """One click each: the incident appears, then resolves, and the page shows the calls that did it."""
    with Console(stack.simulator, stack) as console, chromium() as browser, watched(browser.new_page()) as page:
        page.goto(console.url)
        page.get_by_label("Names, one per line").fill("console latency")
        page.get_by_label("severity").select_option("critical")

        page.get_by_role("button", name="Fire").click()
        row = page.locator("#incident-rows tr", has_text="console latency")
        expect(row).to_contain_text("New", timeout=PATIENCE)
        expect(row).to_contain_text("1 - Critical")
        expect(page.locator("#call-rows tr").first).to_contain_text("201")

        page.get_by_role("button", name="Clear").click()
        expect(row).to_contain_text("Resolved", timeout=PATIENCE)
        expect(page.locator("#fact-queue dd")).to_have_text("Empty", timeout=PATIENCE)
        row.get_by_role("link").click()
        expect(page.locator("[data-field=close_code]")).to_have_text("Solution provided")


def test_a_secret_rotated_in_both_places_goes_unnoticed(stack: LocalStack) -> None:
    """So does a revoked token: the next event gets a new one with the new secret."""
    with Console(stack.simulator, stack) as console, chromium() as browser, watched(browser.new_page()) as page:
        page.goto(console.url)
        page.get_by_role("button", name="In ServiceNow and AWS").click()
        expect(page.get_by_role("status")).to_contain_text("Rotated")
        page.get_by_role("button", name="Revoke the token").click()
        expect(page.get_by_role("status")).to_contain_text("Revoked")
        page.get_by_label("Names, one per line").fill("console rotation")
        page.get_by_role("button", name="Fire").click()
        row = page.locator("#incident-rows tr", has_text="console rotation")
        expect(row).to_contain_text("New", timeout=PATIENCE)


def test_dead_letters_stay_where_they_are_when_looked_at(stack: LocalStack) -> None:
    """The page shows the reason of a message that was refused, and the queue keeps it."""
    stack.root.queues.send_message(QueueUrl=stack.outputs["QueueUrl"], MessageBody="this is no JSON")
    with Console(stack.simulator, stack) as console, chromium() as browser, watched(browser.new_page()) as page:
        page.goto(console.url)
        expect(page.locator("#letters")).to_contain_text("not JSON", timeout=PATIENCE)
        expect(page.locator("#fact-dead dd")).to_have_text("1")
    assert [letter.body for letter in stack.dead_letters()] == ["this is no JSON"]
