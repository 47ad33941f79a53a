"""What the client shows of itself in TLS, read and handed to OpenSSL."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from common.client_certificate import ClientCertificate, client_certificate
from local.certificates import Certificate, create_authority, issue_client

AUTHORITY = create_authority()
OWN = issue_client(AUTHORITY)
DESCRIPTORS = Path("/proc/self/fd")
OTHER = issue_client(AUTHORITY)


def read(certificate: Certificate) -> ClientCertificate:
    """Return it as the secret's two texts make it."""
    return client_certificate(certificate.certificate_pem, certificate.key_pem)


@pytest.mark.parametrize(
    "end",
    [
        datetime(2030, 2, 28, 23, 59, 59, tzinfo=UTC),
        datetime(2049, 12, 31, tzinfo=UTC),
        datetime(2061, 7, 1, tzinfo=UTC),
    ],
)
def test_the_end_is_read_in_both_of_its_forms(end: datetime) -> None:
    """From 2050 on, years have four digits (RFC 5280, section 4.1.2.5)."""
    found = read(issue_client(AUTHORITY, valid_until=end))
    assert found.ends == end.timestamp()
    assert found.last_day == end.date().isoformat()


def test_the_end_of_a_chain_is_that_of_the_clients_own_certificate() -> None:
    """Which stands first; those of authorities follow."""
    chain = OWN.certificate_pem + create_authority(days=3000).certificate_pem
    assert client_certificate(f"\n {chain}\n", OWN.key_pem).ends == read(OWN).ends


def test_thirty_days_before_its_end_it_is_ending() -> None:
    """And after it."""
    end = datetime(2030, 2, 1, tzinfo=UTC)
    found = read(issue_client(AUTHORITY, valid_until=end))
    moments = [end - timedelta(days=31), end - timedelta(days=29), end + timedelta(days=1)]
    assert [found.is_ending(moment.timestamp()) for moment in moments] == [False, True, True]


def test_the_key_never_shows_in_a_representation() -> None:
    """Representations end in logs."""
    assert OWN.key_pem.splitlines()[1] not in repr(read(OWN))


def test_the_key_is_in_no_folder_and_no_descriptor_stays_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """OpenSSL reads from memory that has no name."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = len(list(DESCRIPTORS.iterdir()))
    read(OWN).load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    assert len(list(DESCRIPTORS.iterdir())) == before
    assert list(tmp_path.iterdir()) == []


def _with_password() -> str:
    key = serialization.load_pem_private_key(OWN.key_pem.encode(), password=None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    ).decode()


@pytest.mark.parametrize(
    ("chain", "key"),
    [
        (OWN.certificate_pem, OTHER.key_pem),
        (OWN.certificate_pem, "no key"),
        (OWN.certificate_pem, ""),
        (OWN.certificate_pem, _with_password()),
        ("no certificate", OWN.key_pem),
        ("-----END CERTIFICATE-----", OWN.key_pem),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", OWN.key_pem),
        ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----", OWN.key_pem),
        (OWN.certificate_pem.replace("M", "N"), OWN.key_pem),
        (OWN.key_pem, OWN.certificate_pem),
    ],
    ids=[
        "another's",
        "no key",
        "empty",
        "password",
        "no PEM",
        "end",
        "no DER",
        "no base64",
        "bent",
        "turned",
    ],
)
def test_what_makes_no_pair_is_refused_without_a_question(chain: str, key: str) -> None:
    """Nothing is asked at a terminal, and the error tells nothing of either."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (which one, tells nothing that may be shown)
        client_certificate(chain, key)
    assert "PRIVATE" not in str(caught.value)
