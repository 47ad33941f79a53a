import datetime as dt
import socket
import ssl
from pathlib import Path

import pytest

from local.certificates import Certificate, authority_in, create_authority, issue, issue_self_signed
from local.simulator import Simulator


def shake_hands(simulator: Simulator, ca_pem: str, host: str = "localhost") -> str | None:
    """Open a verified TLS connection and return its version."""
    context = ssl.create_default_context(cadata=ca_pem)
    with (
        socket.create_connection(("127.0.0.1", simulator.port), 5) as connection,
        context.wrap_socket(connection, server_hostname=host) as secured,
    ):
        return secured.version()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_both_local_names_are_certified(simulator: Simulator, host: str) -> None:
    """The strict checks of Python's default context accept the certificate."""
    assert shake_hands(simulator, simulator.ca_pem, host) in {"TLSv1.2", "TLSv1.3"}


def test_wildcards_can_be_certified() -> None:
    """The gateway of an emulator has a name for each API."""
    authority = create_authority()
    names = ("localhost", "127.0.0.1", "*.execute-api.localhost")
    with Simulator(client_secret="s", authority=authority, certificate=issue(authority, names)) as simulator:
        assert shake_hands(simulator, authority.certificate_pem, "abc.execute-api.localhost")


@pytest.mark.parametrize(
    ("kind", "reason"), [("expired", "expired"), ("wrong host", "Hostname mismatch"), ("self-signed", "self-signed")]
)
def test_bad_certificates_are_refused(kind: str, reason: str) -> None:
    """Expired, for another host, signed by nobody."""
    authority = create_authority()
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    certificates = {
        "expired": issue(authority, valid_until=yesterday),
        "wrong host": issue(authority, ["elsewhere.invalid"]),
        "self-signed": issue_self_signed(),
    }
    with (
        Simulator(client_secret="s", authority=authority, certificate=certificates[kind]) as simulator,
        pytest.raises(ssl.SSLCertVerificationError, match=reason),
    ):
        shake_hands(simulator, simulator.ca_pem)


def test_files_are_private_and_the_key_is_never_shown(tmp_path: Path) -> None:
    """0600 for both, and no key in a representation."""
    certificate = create_authority()
    for path in certificate.write(tmp_path / "new", "authority"):
        assert path.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE KEY" not in repr(certificate)


def test_an_authority_is_kept_until_its_last_day(tmp_path: Path) -> None:
    """A folder keeps its authority; one that is about to end is replaced."""
    first = authority_in(tmp_path)
    assert authority_in(tmp_path) == first
    ending: Certificate = create_authority(days=1)
    ending.write(tmp_path, "authority")
    assert authority_in(tmp_path) != ending
