"""Addresses and certificates: whatever a redirect, a setting or a certificate says, no credential byte leaves."""

import datetime as dt
import socket
import ssl
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from common.clock import Deadline, SystemClock
from common.errors import BridgeError, ConfigurationError
from common.oauth.credentials import ClientCredentials
from common.oauth.endpoint import TokenEndpoint
from common.servicenow.client import ServiceNowClient
from common.settings import read_access_settings
from common.telemetry import Telemetry
from common.transport import Transport
from local.certificates import Certificate, create_authority, issue, issue_self_signed
from local.simulator import Fault, Simulator
from tests.support.aws import kms_signer
from tests.support.clock import FakeClock
from tests.support.exchanges import ListedTokens
from tests.support.raw_server import RawServer, tls_context

_SECRET = "canary-of-the-client-secret"
_TOKEN = "token-1"
_STATUSES = (300, 301, 302, 303, 305, 307, 308)


@dataclass(slots=True)
class Addresses:
    """How many addresses were tried, how many bytes of credentials a stranger got, and what else went wrong."""

    tried: int = 0
    credential_bytes: int = 0
    wrong: list[str] = field(default_factory=list)


class _Stranger:
    """A server with a certificate that is in order, which counts what it is told."""

    def __init__(self, certificate: Certificate) -> None:
        self.received = b""
        self.server = RawServer(self._talk, tls=tls_context(certificate))

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(1.0)
        while piece := connection.recv(65_536):
            self.received += piece


def examine() -> Addresses:
    """Follow up every address there is reason to distrust, and count what reaches it."""
    found = Addresses()
    _redirects(found)
    _settings(found)
    _certificates(found)
    return found


def locations(host: str) -> Mapping[str, str]:
    """Return what a redirect may say, by the reason to distrust it; `host` is where the stranger listens."""
    name, _, port = host.partition(":")
    return {
        "another host": f"https://{host}/",
        "another host, without a scheme": f"//{host}/x",
        "a scheme in capitals": f"HTTPS://{host}/oauth_token.do",
        "one slash, as browsers allow": f"https:/{host}/",
        "no slash, as browsers allow": f"https:{host}",
        "three slashes": f"///{host}/",
        "backslashes for slashes": f"\\\\{host}\\",
        "a tab before it": f"\thttps://{host}/",
        "a space before it": f" https://{host}/",
        "no TLS": f"http://{host}/",
        "another protocol": f"ftp://{host}/",
        "credentials in the address": f"https://user:word@{host}/",
        "the instance's name as a user": f"https://service-now.com@{host}/",
        "the instance's name behind a backslash": f"https://{host}\\@service-now.com/",
        "the instance's name in the fragment": f"https://{host}#@service-now.com/",
        "the instance's name in the query": f"https://{host}?.service-now.com",
        "an IPv4 address inside IPv6": f"https://[::ffff:127.0.0.1]:{port}/",
        "an address in hexadecimal": f"https://0x7f000001:{port}/",
        "an address as one number": f"https://2130706433:{port}/",
        "an address cut short": f"https://127.1:{port}/",
        "a name that ends in a dot": f"https://{name}.:{port}/",
        "a name in capitals": f"https://{name.upper()}:{port}/",
        "an encoded path upwards": f"https://{host}/%2e%2e/",
        "the instance itself, everything sent twice": "/oauth_token.do",
        "the instance itself, by a query": "?x=1",
        "the instance itself, by a fragment": "#",
        "nothing": "",
        "a script": "javascript:alert(1)",
        "the content itself": "data:text/html,x",
        "a file": "file:///etc/passwd",
    }


def _redirects(found: Addresses) -> None:
    authority = create_authority()
    stranger = _Stranger(issue(authority))
    with Simulator(client_secret=_SECRET, authority=authority) as simulator, stranger.server as server:
        host = f"localhost:{server.port}"
        telemetry = Telemetry("hosts")
        telemetry.log.setLevel("CRITICAL")
        clock = FakeClock()
        transport = Transport(simulator.host, clock=SystemClock(), certificate_authorities=simulator.ca_pem)
        endpoint = TokenEndpoint(
            transport, signer=kms_signer(), clock=clock, telemetry=telemetry, path="/oauth_token.do"
        )
        client = ServiceNowClient(transport, ListedTokens(), clock=clock, telemetry=telemetry)
        for location in locations(host).values():
            for status in _STATUSES:
                _redirect(found, simulator, endpoint, client, location, status)
        transport.close()
    found.credential_bytes += len(stranger.received)
    if stranger.received:
        found.wrong.append(f"a stranger got {len(stranger.received)} bytes after a redirect")


def _redirect(  # noqa: PLR0913, PLR0917 (who asks, and what is answered)
    found: Addresses,
    simulator: Simulator,
    endpoint: TokenEndpoint,
    client: ServiceNowClient,
    location: str,
    status: int,
) -> None:
    deadline_clock = FakeClock()
    for on in ("token", "api"):
        simulator.clear_faults()
        simulator.add_fault(Fault(on="any", times=None, status=status, headers={"Location": _one_line(location)}))
        calls = len(simulator.calls)
        try:
            if on == "token":
                endpoint.request(ClientCredentials("bridge", _SECRET, "1"), _deadline(deadline_clock))
            else:
                client.call("POST", "/api/now/table/incident", fields={}, deadline=_deadline(deadline_clock))
            found.wrong.append(f"a redirect ({status}) to {location!r} is taken for a success")
        except ConfigurationError:
            pass
        except BridgeError as error:
            found.wrong.append(f"a redirect ({status}) to {location!r} is {type(error).__name__}")
        if len(simulator.calls) != calls + 1:
            found.wrong.append(f"a redirect ({status}) to {location!r} was followed, or tried again")
        found.tried += 1


HOSTS = {
    "a URL": "https://example.service-now.com",
    "a URL without its scheme": "//example",
    "a path": "example.service-now.com/x",
    "an empty path": "example.service-now.com/",
    "a query": "example.service-now.com?x",
    "a fragment": "example.service-now.com#x",
    "a user": "user@example.service-now.com",
    "another host behind a backslash": "example.com\\@evil.com",
    "a space": "a b.service-now.com",
    "a second header": "example.com\r\nHost: evil",
    "a tab": "example.com\tevil",
    "a NUL": "example.com\x00evil",
    "port 0": "example.service-now.com:0",
    "a port beyond 65535": "example.service-now.com:70000",
    "a port that is no number": "example.service-now.com:x",
    "two ports": "example:443:443",
    "capitals, which compare as another name": "EXAMPLE.service-now.com",
    "a letter beyond ASCII": "ex\u00e4mple.service-now.com",
    "a sign that normalises to a/c": "\u2100.com",
    "a full stop that is none": "example\u3002com",
    "an empty label": "example..com",
    "an empty first label": ".example.com",
    "a label that begins with a hyphen": "-a.com",
    "a label that ends with a hyphen": "a-.com",
    "a label with an underscore": "_x.com",
    "a label of 64 characters": "a" * 64 + ".com",
    "a name of more than 253 characters": "a." * 140 + "com",
    "an IPv6 address": "[::1]",
    "an IPv6 address without brackets": "::1",
    "a placeholder": "${jndi}",
    "a wildcard": "*",
    "an encoded letter": "%65vil.com",
}
"""What nobody's instance is called, by the reason: a URL, more than a host, or no host at all."""


def _settings(found: Addresses) -> None:
    sound = {"SERVICENOW_SECRET_ID": "s", "TOKEN_PARAMETER": "/p", "TOKEN_KEY_ID": "k"}
    for host in HOSTS.values():
        try:
            read_access_settings({**sound, "SERVICENOW_INSTANCE_HOST": host})
            found.wrong.append(f"{host!r} is taken for a host")
        except ConfigurationError:
            pass
        found.tried += 1


def bad_certificates(authority: Certificate) -> Iterator[tuple[str, Certificate]]:
    """Yield certificates that are not in order, and why."""
    now = dt.datetime.now(dt.UTC)
    day = dt.timedelta(days=1)
    yield "expired", issue(authority, valid_until=now - day)
    yield "not valid yet", issue(authority, valid_from=now + day, valid_until=now + 9 * day)
    yield "of another host", issue(authority, ["other.example"])
    yield "of a wildcard that does not match", issue(authority, ["*.localhost"])
    yield "self-signed", issue_self_signed()
    yield "of another authority", issue(create_authority("Another authority"))
    yield "of an address", issue(authority, ["127.0.0.2"])


def _certificates(found: Addresses) -> None:
    authority = create_authority()
    for why, certificate in bad_certificates(authority):
        _certificate(found, authority, why, tls_context(certificate))
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        _certificate(found, authority, f"in order, but {version.name}", _old(issue(authority), version))


def _certificate(found: Addresses, authority: Certificate, why: str, context: ssl.SSLContext) -> None:
    received: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        connection.settimeout(1.0)
        received.append(connection.recv(65_536))

    with RawServer(talk, tls=context) as server:
        transport = Transport(
            f"localhost:{server.port}", clock=SystemClock(), certificate_authorities=authority.certificate_pem
        )
        endpoint = TokenEndpoint(
            transport, signer=kms_signer(), clock=FakeClock(), telemetry=Telemetry("hosts"), path="/oauth_token.do"
        )
        try:
            endpoint.request(ClientCredentials("bridge", _SECRET, "1"), _deadline(FakeClock()))
            found.wrong.append(f"a certificate {why} is trusted")
        except BridgeError:
            pass
        transport.close()
    got = b"".join(received)
    found.credential_bytes += len(got)
    if got:
        found.wrong.append(f"a server with a certificate {why} got {len(got)} bytes")
    found.tried += 1


def _old(certificate: Certificate, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = tls_context(certificate)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        # Nobody should speak it any more: that is the point here.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = version
    return context


def _deadline(clock: FakeClock) -> Deadline:
    return Deadline.after(clock, 10.0)


def _one_line(location: str) -> str:
    # The simulator's own server refuses line ends in headers.
    return location.replace("\r", "").replace("\n", "")
