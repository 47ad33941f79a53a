import re
import socket
from html.parser import HTMLParser
from pathlib import Path

import pytest

import local.console
from local.console import Console
from local.simulator import Simulator
from tests.integration.console.fakes import Caller, FakeCloud

STATIC = Path(local.console.__file__).parent / "static"


class Elements(HTMLParser):
    """Collects the elements of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep one."""
        self.found.append((tag, dict(attrs)))


def test_everything_comes_from_the_console_itself(caller: Caller) -> None:
    """No script, style or handler stands in the page, and every address in it leads to this server."""
    page = Elements(caller.get("/").data.decode())
    addresses = []
    for tag, attributes in page.found:
        assert tag != "style"
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
        addresses += [value for name, value in attributes.items() if name in ("src", "href", "action") and value]
    files = {address for address in addresses if not address.startswith("#")}
    assert files == {"/static/icon.svg", "/static/console.css", "/static/console.js"}


@pytest.mark.parametrize("file", [file.name for file in STATIC.iterdir() if file.name != "index.html"])
def test_no_file_of_the_page_names_another_host(caller: Caller, file: str) -> None:
    """They are served as they are, and the only address in them is the name of a namespace."""
    answer = caller.get(f"/static/{file}")
    assert answer.data == (STATIC / file).read_bytes()
    assert set(re.findall(r"(?:https?:)?//[\w.]+", answer.data.decode())) <= {"http://www.w3.org"}


@pytest.mark.parametrize("path", ["/", "/static/console.js", "/incidents/none", "/nowhere"])
def test_every_answer_carries_the_policy(caller: Caller, path: str) -> None:
    """Errors included: nothing inline, nothing from elsewhere, in no frame, kept nowhere."""
    headers = caller.get(path).headers
    directives = [part.strip() for part in headers["Content-Security-Policy"].split(";")]
    assert "default-src 'none'" in directives
    assert "script-src 'self'" in directives
    assert "frame-ancestors 'none'" in directives
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("host", ["console.example:80", "localhost", "127.0.0.1.example", "localhost:1"])
def test_a_foreign_name_is_refused(caller: Caller, host: str) -> None:
    """A page elsewhere whose name resolves to the loopback reads nothing, the token least of all."""
    answer = caller.get("/", {"Host": host})
    assert answer.status == 403
    assert caller.token not in answer.data.decode()


@pytest.mark.parametrize("path", ["/events", "/incidents/none", "/static/console.js"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_reads_nothing(caller: Caller, path: str, site: str) -> None:
    """The browser says where a request comes from."""
    assert caller.get(path, {"Sec-Fetch-Site": site}).status == 403


@pytest.mark.parametrize(
    "changed",
    [
        {"Origin": "http://console.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"X-Console-Token": "guessed"},
        {"X-Console-Token": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "console.example"},
    ],
)
@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/alarms", {"state": "ALARM", "names": "one"}),
        ("/condition", {"condition": "down"}),
        ("/token/revoke", {}),
        ("/secret/rotate", {"in_secrets_manager": True}),
        ("/incidents/none", {"state": "6"}),
    ],
)
def test_no_other_page_changes_anything(
    caller: Caller, cloud: FakeCloud, changed: dict[str, str], path: str, content: dict[str, object]
) -> None:
    """Origin and token have to be those of the console's own page."""
    assert caller.post(path, content, {**caller.own_headers, **changed}).status == 403
    assert (cloud.alarms, cloud.secrets, caller.snapshot()["condition"]["name"]) == ([], [], "healthy")


def test_two_consoles_do_not_accept_each_others_token(caller: Caller, simulator: Simulator, cloud: FakeCloud) -> None:
    """A token is drawn anew for every run."""
    with Console(simulator, cloud) as other:
        headers = {**caller.own_headers, "Origin": other.url.rstrip("/")}
        answer = Caller(other, caller.pool).post("/token/revoke", {}, headers)
    assert answer.status == 403
    assert "load it again" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/static/..%2fserver.py", "/static/index.html", "/static/"])
def test_only_the_files_of_the_page_are_served(caller: Caller, path: str) -> None:
    """Nothing beside them, and the page itself only with its token."""
    assert caller.get(path).status == 404


def test_it_listens_on_one_address_only(console: Console) -> None:
    """Not even other addresses of the loopback network reach it."""
    port = int(console.url.rstrip("/").rpartition(":")[2])
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), timeout=2):  # noqa: PT011 -- any
        pass


def test_a_taken_port_is_told(console: Console, simulator: Simulator, cloud: FakeCloud) -> None:
    """The caller gets the error, and nothing is left running."""
    port = int(console.url.rstrip("/").rpartition(":")[2])
    with pytest.raises(OSError, match="address already in use"), Console(simulator, cloud, port=port):
        pass
