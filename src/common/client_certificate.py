"""What the client shows of itself in TLS, where a server asks for it: certificates and the private key of the first.

OpenSSL loads both from files only. The file is one in memory that has no name and is gone with its descriptor.
"""

import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

WARN_SECONDS: Final = 30 * 86_400.0
"""How long before its end a certificate is warned of."""

_END = "-----END CERTIFICATE-----"
_VERSION, _UTC_TIME = 0xA0, 0x17
_LONG_FORM = 0x80
_FIELDS_BEFORE_VALIDITY = 3


class Identity(Protocol):
    """Where a client certificate comes from: `common.oauth.credentials.CredentialsReader`."""

    @property
    def certificate(self) -> "ClientCertificate | None":
        """What is to be shown, as far as is known; None for nothing."""
        ...

    def renew(self) -> None:
        """Look for another, because the server refuses this one. Never raises a BridgeError."""
        ...


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate chain and the private key of its first certificate, both PEM. `ends` is in epoch seconds."""

    chain: str
    key: str = field(repr=False)
    ends: float

    def load(self, context: ssl.SSLContext) -> None:
        """Let `context` show it. Raises ssl.SSLError where key and certificate do not belong together."""
        descriptor = os.memfd_create("client-certificate")
        try:
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(f"{self.chain}\n{self.key}\n".encode())
            # OpenSSL would ask at the terminal for the password of a key that has one.
            context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=lambda: "")
        finally:
            os.close(descriptor)

    def is_ending(self, now: float) -> bool:
        """Tell whether it is time to replace it."""
        return self.ends - now < WARN_SECONDS

    @property
    def last_day(self) -> str:
        """The day on which it ends, UTC."""
        return datetime.fromtimestamp(self.ends, UTC).date().isoformat()


def client_certificate(chain: str, key: str) -> ClientCertificate:
    """Return what `chain` and `key`, both PEM, make together.

    Raises ValueError, of which nothing may be shown, where either can't be read or they do not belong together.
    """
    try:
        found = ClientCertificate(chain.strip(), key.strip(), _end_of(chain))
        found.load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    except (ssl.SSLError, ValueError, IndexError, OverflowError, StopIteration) as error:
        raise ValueError(type(error).__name__) from None
    return found


def _end_of(chain: str) -> float:
    """Return when the first certificate of `chain` ends (RFC 5280, section 4.1: the validity is the fifth field)."""
    first = chain[: chain.index(_END) + len(_END)].strip()
    _, certificate = next(_elements(ssl.PEM_cert_to_DER_cert(first)))
    _, signed = next(_elements(certificate))
    fields = [value for kind, value in _elements(signed) if kind != _VERSION]
    _, (kind, end) = _elements(fields[_FIELDS_BEFORE_VALIDITY])
    pattern = "%y%m%d%H%M%SZ" if kind == _UTC_TIME else "%Y%m%d%H%M%SZ"
    return datetime.strptime(end.decode("ascii"), pattern).replace(tzinfo=UTC).timestamp()


def _elements(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and content of each element of a DER sequence."""
    place = 0
    while place + 1 < len(content):
        kind, length = content[place], content[place + 1]
        place += 2
        if length >= _LONG_FORM:
            size = length - _LONG_FORM
            length = int.from_bytes(content[place : place + size])
            place += size
        yield kind, content[place : place + length]
        place += length
