"""A private certificate authority for servers that run on this machine.

Keys are elliptic curve P-256, which are created in a few milliseconds. Certificates carry every extension
that the strict checks of Python 3.13 ask for, so no client has to lower its guard to talk to a local server.
"""

import datetime as dt
import ipaddress
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOCAL_NAMES = ("localhost", "127.0.0.1")
_DAY = dt.timedelta(days=1)
_PRIVATE_FILE = 0o600
_PRIVATE_DIRECTORY = 0o700


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its private key, both PEM text."""

    certificate_pem: str
    key_pem: str = field(repr=False)

    def write(self, directory: Path, name: str) -> tuple[Path, Path]:
        """Write `name.crt` and `name.key`, readable by the owner alone, and return their paths."""
        directory.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        certificate_file = directory / f"{name}.crt"
        key_file = directory / f"{name}.key"
        _write_private(certificate_file, self.certificate_pem)
        _write_private(key_file, self.key_pem)
        return certificate_file, key_file


def create_authority(common_name: str = "Local test authority", *, days: int = 30) -> Certificate:
    """Create a certificate authority that is valid for `days` days from yesterday on."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = dt.datetime.now(dt.UTC)
    builder = _builder(name, name, key.public_key(), now - _DAY, now + days * _DAY)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(authority=True), critical=True)
    builder = builder.add_extension(_authority_identifier(key.public_key()), critical=False)
    return _signed(builder, key, key)


def authority_in(directory: Path) -> Certificate:
    """Return the authority that is kept in `directory` as `authority.crt` and `authority.key`.

    It is created where there is none, and replaced on its last day.
    """
    certificate_file, key_file = directory / "authority.crt", directory / "authority.key"
    if certificate_file.exists() and key_file.exists():
        kept = Certificate(certificate_file.read_text(encoding="ascii"), key_file.read_text(encoding="ascii"))
        end = x509.load_pem_x509_certificate(kept.certificate_pem.encode()).not_valid_after_utc
        if end > dt.datetime.now(dt.UTC) + _DAY:
            return kept
    authority = create_authority()
    authority.write(directory, "authority")
    return authority


def issue(
    authority: Certificate,
    names: Iterable[str] = LOCAL_NAMES,
    *,
    valid_from: dt.datetime | None = None,
    valid_until: dt.datetime | None = None,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
) -> Certificate:
    """Issue a server certificate for host names, wildcards or IP addresses.

    Without dates it is valid from yesterday for 30 days. A `valid_until` in the past gives an expired
    certificate, a foreign name gives one that a client of this machine must refuse.
    """
    issuer = x509.load_pem_x509_certificate(authority.certificate_pem.encode())
    issuer_key = serialization.load_pem_private_key(authority.key_pem.encode(), password=None)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is not an elliptic curve key")
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _server_builder(tuple(names), issuer.subject, key, valid_from, valid_until, usage)
    builder = builder.add_extension(_authority_identifier(issuer_key.public_key()), critical=False)
    return _signed(builder, key, issuer_key)


def issue_client(
    authority: Certificate, name: str = "servicenow-bridge", *, valid_until: dt.datetime | None = None
) -> Certificate:
    """Issue a certificate by which a client shows that it is `name`; valid for 30 days, unless the end is given."""
    return issue(authority, [name], valid_until=valid_until, usage=ExtendedKeyUsageOID.CLIENT_AUTH)


def issue_self_signed(names: Iterable[str] = LOCAL_NAMES) -> Certificate:
    """Issue a server certificate that no authority stands behind."""
    key = ec.generate_private_key(ec.SECP256R1())
    hosts = tuple(names)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    return _signed(_server_builder(hosts, subject, key, None, None), key, key)


def _server_builder(  # noqa: PLR0913, PLR0917 (the parts of a certificate)
    names: tuple[str, ...],
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    valid_from: dt.datetime | None,
    valid_until: dt.datetime | None,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    end = valid_until or now + 30 * _DAY
    start = valid_from or min(now, end) - _DAY
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    builder = _builder(subject, issuer, key.public_key(), start, end)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(authority=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    alternatives = x509.SubjectAlternativeName([_alternative(name) for name in names])
    return builder.add_extension(alternatives, critical=False)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    start: dt.datetime,
    end: dt.datetime,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(issuer_name=issuer, subject_name=subject, public_key=public_key)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)


def _signed(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, issuer_key: ec.EllipticCurvePrivateKey
) -> Certificate:
    certificate = builder.sign(issuer_key, hashes.SHA256())
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Certificate(certificate.public_bytes(serialization.Encoding.PEM).decode(), key_pem.decode())


def _authority_identifier(public_key: ec.EllipticCurvePublicKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
