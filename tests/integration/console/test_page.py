"""The page in a real browser. A person who sees it, one who only has a keyboard, and one who hears it."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from local.console import Console
from local.picture import graph
from local.simulator import Fault, Simulator
from local.stack import DeadLetter, QueueDepth
from tests.integration.console.fakes import CLIENT_ID, CLIENT_SECRET, FakeCloud
from tests.support.browser import chromium, watched
from tests.support.changes import message_of

CONTRAST = """() => {
  const channel = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const luminance = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
    return 0.2126 * channel(red / 255) + 0.7152 * channel(green / 255) + 0.0722 * channel(blue / 255);
  };
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (colour !== "rgba(0, 0, 0, 0)") return colour;
    }
  };
  const weak = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility() || node.closest(".hidden, option")) continue;
    const [one, other] = [luminance(getComputedStyle(node).color), luminance(ground(node))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) weak.push(`${walker.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
  }
  return weak;
}"""
FOCUS = """() => {
  const node = document.activeElement;
  const style = getComputedStyle(node);
  return [node.id || node.textContent.trim(), style.outlineStyle, parseFloat(style.outlineWidth)];
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start a browser."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, console: Console) -> Iterator[Page]:
    """Open the page of a new instance."""
    with watched(browser.new_page(viewport={"width": 1280, "height": 860}, reduced_motion="reduce")) as page:
        page.goto(console.url)
        expect(page.locator("#connection")).to_have_text("Live")
        yield page


def add_incident(simulator: Simulator, text: str = "disk full", **values: str) -> str:
    """Insert an incident and return its sys_id."""
    return simulator.insert("incident", {"short_description": text, **values})


def add_scene(simulator: Simulator, cloud: FakeCloud) -> None:
    """Put something into every part of the page."""
    solved = {"close_code": "Solution provided", "close_notes": "done"}
    for number, state in enumerate(("1", "2", "3", "6", "7"), 1):
        add_incident(simulator, f"problem {number} with a text " * 3, state=state, impact="1", urgency="1", **solved)
    simulator.update("incident", simulator.records("incident")[0]["sys_id"], {"work_notes": "a note"})
    cloud.depth, cloud.letters = QueueDepth(2, 1, 1), [DeadLetter("{}", "The event has no detail-type.")]


def test_incidents_are_listed_as_servicenow_lists_them(page: Page, simulator: Simulator) -> None:
    """Newest first, without a reload; text that looks like markup is text."""
    expect(page.get_by_text("No incidents yet.")).to_be_visible()
    add_incident(simulator, "<b>disk</b> full", impact="1", urgency="1", correlation_id="abc-def")
    add_incident(simulator, "network slow")

    rows = page.locator("#incident-rows tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("network slow")
    cells = rows.nth(1).locator("td")
    for column, text in enumerate(("INC0010001", "New", "1 - Critical", "<b>disk</b> full")):
        expect(cells.nth(column)).to_have_text(text)
    expect(cells.nth(6)).to_have_text("abc-def")
    expect(page.locator("#fact-open dd")).to_have_text("2")


def test_a_list_of_many_can_be_narrowed_down(page: Page, simulator: Simulator) -> None:
    """By words, and to those that are open; the figure says how many are left out."""
    for number in range(3):
        add_incident(simulator, f"disk {number} full")
    simulator.update("incident", simulator.records("incident")[0]["sys_id"], {"state": "6"})
    rows, count = page.locator("#incident-rows tr"), page.locator("#incidents-count")
    expect(rows).to_have_count(3)
    page.get_by_label("Open only").check()
    expect(count).to_have_text("2 of 3")
    page.get_by_label("Search the incidents").fill("DISK 2")
    expect(rows).to_have_count(1)
    page.get_by_label("Search the incidents").fill("nothing like it")
    expect(page.get_by_text("No incident matches.")).to_be_visible()


def test_a_chosen_incident_shows_its_fields_and_its_journal(page: Page, simulator: Simulator) -> None:
    """They follow what happens to it, and its address can be kept."""
    sys_id = add_incident(simulator, description="first line\nsecond line")
    page.get_by_role("link", name="INC0010001").click()
    expect(page.locator("#record-title")).to_have_text("INC0010001")
    expect(page.locator("[data-field=description]")).to_have_text("first line\nsecond line")
    expect(page.locator("#journal")).to_have_text("No entries.")

    simulator.update("incident", sys_id, {"work_notes": "looked at <it>"})
    expect(page.locator("#journal li")).to_have_count(1)
    expect(page.locator("#journal li")).to_contain_text("System Administrator")
    expect(page.locator("#journal .entry")).to_have_text("looked at <it>")
    assert page.url.endswith("#INC0010001")

    page.reload()
    expect(page.locator("#record-title")).to_have_text("INC0010001")
    expect(page.get_by_role("link", name="INC0010001")).to_have_attribute("aria-current", "true")


@pytest.mark.parametrize("address", ["#%", "#INC0010001%0", "#<b>"])
def test_an_address_that_names_no_incident_does_no_harm(page: Page, console: Console, address: str) -> None:
    """The page is there, and nothing is selected."""
    page.goto("about:blank")
    page.goto(console.url + address)
    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.locator("#record-title")).to_have_text("Incident")


@pytest.mark.parametrize("width", [390, 1280])
def test_what_is_chosen_comes_into_view(page: Page, simulator: Simulator, width: int) -> None:
    """On a telephone the incident, which stands below the list; on a desk its row, if only its address was opened."""
    page.set_viewport_size({"width": width, "height": 844})
    for number in range(30):
        add_incident(simulator, f"problem {number}")
    expect(page.locator("#incident-rows tr")).to_have_count(30)
    page.evaluate("location.hash = 'INC0010001'")
    chosen = page.locator("#record-title") if width < 981 else page.get_by_role("link", name="INC0010001")
    expect(chosen).to_be_in_viewport()


def test_the_description_of_a_chosen_incident_is_seen_at_once(page: Page, simulator: Simulator) -> None:
    """Right below the short description, without scrolling; a long one scrolls by itself, the rest stays in reach."""
    lines = "\n".join(f"line {number}" for number in range(100))
    add_incident(simulator, description=lines)
    page.get_by_role("link", name="INC0010001").click()
    expect(page.locator("#record-text")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name="Resolve")).to_be_in_viewport(ratio=1)
    add_incident(simulator, "without words")
    page.get_by_role("link", name="INC0010002").click()
    expect(page.locator("#record-title")).to_have_text("INC0010002")
    expect(page.locator("#record-text")).to_be_hidden()


def test_a_picture_in_an_incident_is_shown(page: Page, simulator: Simulator) -> None:
    """It comes while the incident is looked at; what is no picture has only its name."""
    sys_id = add_incident(simulator)
    page.get_by_role("link", name="INC0010001").click()
    expect(page.locator("#attachments-title")).to_be_hidden()

    attach(page, simulator, sys_id, "alarm.png", "image/png", graph("alarm", (0, 10), [[(0, 1), (9, 2)]], [1.5], []))
    attach(page, simulator, sys_id, "notes.txt", "text/plain", b"text")

    expect(page.locator("#attachments figure")).to_have_count(2)
    expect(page.get_by_alt_text("Picture: alarm.png")).to_be_visible()
    expect(page.locator("#attachments")).to_contain_text("notes.txt (1 KB)")
    width = page.locator("#attachments img").evaluate("image => image.decode().then(() => image.naturalWidth)")
    assert width == 1000


def attach(page: Page, simulator: Simulator, sys_id: str, name: str, kind: str, data: bytes) -> None:  # noqa: PLR0913, PLR0917 (of a file)
    """Attach a file as a client of the API does."""
    url = f"https://{simulator.host}"
    form: dict[str, str | float | bool] = {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    token = page.context.request.post(f"{url}/oauth_token.do", form=form, ignore_https_errors=True).json()
    headers = {"Authorization": f"Bearer {token['access_token']}", "Content-Type": kind}
    target = f"{url}/api/now/attachment/file?table_name=incident&table_sys_id={sys_id}&file_name={name}"
    assert page.context.request.post(target, data=data, headers=headers, ignore_https_errors=True).status == 201


def test_calls_are_shown_as_they_come(page: Page, simulator: Simulator, cloud: FakeCloud) -> None:
    """Token requests, refused calls and those without an answer; the newest stands first."""
    request = page.context.request
    url = f"https://{simulator.host}"
    request.post(f"{url}/oauth_token.do", form={"client_id": "somebody"}, ignore_https_errors=True)
    request.get(f"{url}/api/now/table/incident?sysparm_query=number=1", ignore_https_errors=True)
    simulator.add_fault(Fault(connection="close"))
    with pytest.raises(Exception, match="socket hang up"):
        request.delete(f"{url}/api/now/table/incident/{'a1' * 16}", ignore_https_errors=True)

    rows = page.locator("#call-rows tr")
    expect(rows).to_have_count(3)
    for row, texts in enumerate((["DELETE", "a1a1a1…", "no answer"], ["GET", "number=1", "401"], ["TOKEN", "401"])):
        for text in texts:
            expect(rows.nth(row)).to_contain_text(text)
    expect(page.locator("#fact-tokens dd")).to_have_text("1")
    expect(page.locator("#fact-calls dd")).to_have_text("2")
    assert cloud.alarms == []


def test_queue_and_dead_letters_are_shown(page: Page, cloud: FakeCloud) -> None:
    """A message that was refused shows its reason; an AWS side that does not answer shows as unknown."""
    expect(page.locator("#fact-queue dd")).to_have_text("Empty")
    expect(page.locator("#letters")).to_be_hidden()
    cloud.letters = [DeadLetter('{"id": 1}', "The event has no detail-type.")]
    cloud.depth = QueueDepth(3, 2, 1)
    expect(page.locator("#fact-queue dd")).to_have_text("3 waiting, 2 held")
    expect(page.locator("#fact-dead dd")).to_have_text("1")
    expect(page.locator("#letters")).to_contain_text("The event has no detail-type.")
    expect(page.locator("#announcer")).to_contain_text("refused")
    letter = page.locator("#letters li").element_handle()
    cloud.depth = QueueDepth(4, 2, 1)
    expect(page.locator("#fact-queue dd")).to_have_text("4 waiting, 2 held")
    assert letter.evaluate("node => node.isConnected")  # a text that is being marked stays so
    cloud.broken = True
    expect(page.locator("#fact-queue dd")).to_have_text("not known")
    expect(page.locator("#letters")).to_be_hidden()


def test_what_comes_back_is_shown_with_what_would_follow(page: Page, cloud: FakeCloud) -> None:
    """Which record, what changed, who did it, and what the finding's rule says about it; a repeated event once."""
    page.get_by_role("button", name="Report a finding").click()
    expect(page.get_by_role("status")).to_have_text("Reported a Security Hub finding.")
    expect(page.locator("#told-empty")).to_be_visible()
    resolved = json.loads(message_of("2", "6"))
    cloud.changes = [json.loads(message_of("1", "2", id="1")), resolved, resolved]
    rows = page.locator("#told-rows tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("state In Progress → Resolved")
    expect(rows.first).to_contain_text("Security Hub RESOLVED")
    expect(rows.first).to_contain_text("person (abel.tuter)")
    expect(rows.last).to_contain_text("state New → In Progress")
    expect(rows.last).not_to_contain_text("Security Hub")
    assert cloud.findings == 1


def test_every_button_does_what_it_says(page: Page, simulator: Simulator, cloud: FakeCloud) -> None:
    """The page tells what was done, or why not."""
    outcome = page.get_by_role("status")
    page.get_by_label("Names, one per line").fill("one\ntwo")
    page.get_by_label("severity").select_option("critical")
    page.get_by_role("button", name="Fire").click()
    expect(outcome).to_have_text("Fired 2 alarms.")
    page.get_by_role("button", name="Clear").click()
    expect(outcome).to_have_text("Cleared 2 alarms.")
    assert [(state, name) for state, name, _ in cloud.alarms] == [
        ("ALARM", "one"), ("ALARM", "two"), ("OK", "one"), ("OK", "two"),
    ]  # fmt: skip
    page.get_by_label("Names, one per line").fill("")
    page.get_by_role("button", name="Fire").click()
    expect(outcome).to_have_text("Type the name of an alarm.")

    page.get_by_role("button", name="Revoke the token").click()
    expect(outcome).to_contain_text("Revoked")
    page.get_by_role("button", name="In ServiceNow only").click()
    expect(outcome).to_contain_text("in ServiceNow only")
    assert cloud.secrets == []
    page.get_by_role("button", name="In ServiceNow and AWS").click()
    expect(outcome).to_contain_text("in Secrets Manager")
    assert len(cloud.secrets) == 1

    for name in ("Slow", "Rate-limited", "Down", "Healthy"):
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.locator("#fact-condition dd")).to_have_text(name)
        expect(page.locator("[aria-pressed=true]")).to_have_text([name])
        assert len(simulator.waiting_faults) == (name != "Healthy")


def test_a_person_in_servicenow_can_be_played(page: Page, simulator: Simulator) -> None:
    """They take an incident, hold it, write a note, resolve and close it; then nothing is left to do."""
    add_incident(simulator)
    page.get_by_role("link", name="INC0010001").click()
    state, buttons = page.locator("#record-state"), page.get_by_role("group", name="As a person")
    for button, label in (("Take it", "In Progress"), ("Put on hold", "On Hold"), ("Resolve", "Resolved")):
        buttons.get_by_role("button", name=button).click()
        expect(state).to_have_text(label)
    page.get_by_label("Work note").fill("found it")
    page.get_by_role("button", name="Post").click()
    expect(page.locator("#journal")).to_contain_text("found it")
    expect(page.get_by_label("Work note")).to_have_value("")
    buttons.get_by_role("button", name="Close").click()
    expect(state).to_have_text("Closed")
    expect(buttons).to_be_hidden()


def test_the_keyboard_alone_is_enough(page: Page, simulator: Simulator, cloud: FakeCloud) -> None:
    """Tab reaches everything in reading order, the focus shows, and it stays where it is while the list moves."""
    for text in ("disk full", "network slow"):
        add_incident(simulator, text)
    expect(page.locator("#incident-rows tr")).to_have_count(2)
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        name, style, width = page.evaluate(FOCUS)
        assert (style != "none", width >= 2) == (True, True), name
        reached.append(name)
        if name == "Fire":
            page.keyboard.press("Space")
        if name == "INC0010001":
            break
    expected = ["Skip to the incidents", "alarm-names", "alarm-severity", "Fire", "Clear", "Healthy", "Slow"]
    expected += ["Rate-limited", "Down", "revoke", "rotate-both", "rotate-one", "open-only", "search"]
    assert [name for name in reached if name in expected] == expected
    expect(page.get_by_role("status")).to_contain_text("Fired")
    assert len(cloud.alarms) == 1

    add_incident(simulator, "a third one pushes the others down")
    expect(page.locator("#incident-rows tr")).to_have_count(3)
    page.keyboard.press("Enter")
    expect(page.locator("#record-title")).to_have_text("INC0010001")
    assert page.evaluate(FOCUS)[0] == "INC0010001"
    page.keyboard.press("Tab")  # the list's last link, then the panel of the record
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUS)[0] == "Take it"


def test_changes_are_announced(page: Page, simulator: Simulator) -> None:
    """To people who do not see the page: what opens and what changes its state, not each call."""
    announcer = page.locator("[aria-live=polite]")
    sys_id = add_incident(simulator, "disk full")
    expect(announcer).to_have_text("INC0010001 opened: disk full.")
    simulator.update("incident", sys_id, {"state": "6"})
    expect(announcer).to_have_text("INC0010001 is now Resolved.")


def test_every_control_has_a_name(page: Page, simulator: Simulator, cloud: FakeCloud) -> None:
    """So has every list that scrolls, because it can take the focus."""
    add_scene(simulator, cloud)
    page.get_by_role("link", name="INC0010001").click()
    expect(page.locator("#journal li")).to_have_count(1)
    expect(page.locator("#letters")).to_be_visible()
    for control in page.locator("button:visible, input:visible, textarea, select, [tabindex='0']:visible, img").all():
        if control.get_attribute("alt") != "":
            expect(control).to_have_accessible_name(re.compile(r"\w"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_schemes(page: Page, simulator: Simulator, cloud: FakeCloud, scheme: str) -> None:
    """All of it stands out from its ground by at least 4.5 to 1 (WCAG 2.2, level AA), in every condition."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    add_scene(simulator, cloud)
    page.get_by_role("link", name="INC0010001").click()
    expect(page.locator("#journal li")).to_have_count(1)
    expect(page.locator("#letters")).to_be_visible()
    page.context.request.get(f"https://{simulator.host}/api/now/table/incident", ignore_https_errors=True)
    expect(page.locator("#call-rows tr")).to_have_count(1)
    grounds = set()
    for name in ("Healthy", "Slow", "Down"):
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.locator("[aria-pressed=true]")).to_have_text([name])
        page.mouse.move(0, 0)
        assert page.evaluate(CONTRAST) == []
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds == {"rgb(13, 22, 28)" if scheme == "dark" else "rgb(238, 242, 244)"}


@pytest.mark.parametrize(("width", "height"), [(1280, 860), (1280, 600), (900, 800), (390, 844), (320, 640)])
def test_it_fits_windows_of_every_width(
    page: Page, simulator: Simulator, cloud: FakeCloud, width: int, height: int
) -> None:
    """Nothing sticks out sideways, and what an incident says can be read."""
    page.set_viewport_size({"width": width, "height": height})
    add_scene(simulator, cloud)
    page.get_by_role("link", name="INC0010005").click()
    expect(page.locator("#record-title")).to_have_text("INC0010005")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    row = page.locator("#incident-rows tr").first
    for text in ("INC0010005", "Closed", "1 - Critical"):
        expect(row.get_by_text(text, exact=True)).to_be_visible()
    assert row.locator(".text-cell").evaluate("(cell) => cell.clientWidth") > 120
    clipped = "(row) => [...row.children].slice(0, 3).filter((cell) => cell.scrollWidth > cell.clientWidth).length"
    assert row.evaluate(clipped) == 0


@pytest.mark.parametrize(("width", "height"), [(1280, 600), (900, 800), (320, 640)])
def test_long_words_are_broken_and_panels_are_filled(
    page: Page, simulator: Simulator, cloud: FakeCloud, width: int, height: int
) -> None:
    """No list has to be moved sideways, whatever stands in it, and the incident uses all of its panel."""
    page.set_viewport_size({"width": width, "height": height})
    word = "n" * 160
    add_incident(simulator, word, description=word, correlation_id=word, close_notes=word)
    cloud.depth, cloud.letters = QueueDepth(2, 1, 1), [DeadLetter(word, word)]
    cloud.changes = [json.loads(message_of("1", "2"))]
    page.locator("#incident-rows").get_by_role("link").click()
    expect(page.locator("#record-title")).to_have_text("INC0010001")
    expect(page.locator("#told-rows tr")).to_have_count(1)
    expect(page.locator("#letters li")).to_have_count(1)
    sideways = (
        "lists => lists.filter(list => list.scrollWidth > list.clientWidth).map(list => list.ariaLabel || list.id)"
    )
    lists = page.locator(".record .scroll, .incidents .scroll, .returns .scroll, #letters-list")
    assert lists.evaluate_all(sideways) == []
    bottom = "node => node.getBoundingClientRect().bottom"
    panel, inside = page.locator(".record").evaluate(bottom), page.locator(".record .scroll").evaluate(bottom)
    assert 0 <= panel - inside <= 2


def test_a_console_that_ends_is_noticed(browser: Browser, simulator: Simulator, cloud: FakeCloud) -> None:
    """The page says so instead of showing an old state as if it were live; a button says it too."""
    page = browser.new_page()
    with Console(simulator, cloud) as console:
        page.goto(console.url)
        expect(page.locator("#connection")).to_have_text("Live")
    expect(page.locator("#connection")).to_have_text("No connection")
    page.get_by_role("button", name="Revoke the token").click()
    expect(page.get_by_role("status")).to_contain_text("does not answer")
    page.close()
