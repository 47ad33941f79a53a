"""What a TLS connection begins with: whom the client trusts, and what it shows of itself where a server asks."""

import math
import re
import ssl
from typing import Final

from common.client_certificate import ClientCertificate, Identity
from common.clock import Clock
from common.connection import tls_context
from common.errors import CredentialsError

RENEWAL_SECONDS: Final = 60.0
"""Another certificate is looked for at most that often."""

# The alerts with which a server refuses who the client says it is (RFC 8446, section 6.2), as OpenSSL calls them.
_REFUSED = re.compile(r"ALERT_(\w*CERTIFICATE\w*|UNKNOWN_CA|ACCESS_DENIED)$")


class Handshake:
    """The contexts of one transport. Safe to share between threads: at worst two make the same one."""

    def __init__(self, certificate_authorities: str, identity: Identity | None, clock: Clock) -> None:
        """Trust `certificate_authorities` (PEM) beside those of the system, and show what `identity` has by then.

        Raises ConfigurationError where the certificates can't be read.
        """
        self._authorities = certificate_authorities
        self._identity = identity
        self._clock = clock
        self._shown: tuple[ClientCertificate | None, ssl.SSLContext] = (None, tls_context(certificate_authorities))
        self._renewed = -math.inf
        self.of_proxy = self._shown[1]
        """What a proxy is met with: it gets to see nothing of the client."""

    def context(self) -> ssl.SSLContext:
        """Return what the host is met with."""
        shown, context = self._shown
        certificate = None if self._identity is None else self._identity.certificate
        if certificate != shown:
            context = tls_context(self._authorities, certificate)
            self._shown = (certificate, context)
        return context

    def refused(self) -> CredentialsError:
        """Return the error for a server that refuses the certificate, or the lack of one, and look for another."""
        now = self._clock.monotonic()
        if self._identity is not None and now - self._renewed >= RENEWAL_SECONDS:
            self._renewed = now
            self._identity.renew()
        is_bare = self._shown[0] is None
        return CredentialsError(
            "ServiceNow, or what stands before it, "
            + ("asks for a client certificate." if is_bare else "refuses the client's certificate."),
            action="Put certificate and private_key into the secret, of an authority that is trusted there.",
            code="client_certificate_missing" if is_bare else "client_certificate_refused",
        )


def refuses_client(error: Exception) -> bool:
    """Tell whether a server ends the handshake because of who the client is: it has read no request then."""
    return isinstance(error, ssl.SSLError) and _REFUSED.search(str(getattr(error, "reason", ""))) is not None
