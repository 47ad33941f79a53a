"""Signed assertions at the token endpoint (RFC 7523), checked as ServiceNow's pages say: docs/servicenow-facts.toml."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .records import Store

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLIENT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "RS256": hashes.SHA256(),
    "RS384": hashes.SHA384(),
    "RS512": hashes.SHA512(),
}
_PARTS = 3
_CLOCK_SKEW = 300.0


@dataclass(frozen=True, slots=True)
class Verifiers:
    """The JWT verifier maps of a registry record: certificates (PEM) by Kid, and what the record says beside them.

    `public_client` lets the client leave its secret out; `user_field` is the column of sys_user that holds subjects.
    """

    certificates: Mapping[str, str] = field(default_factory=dict)
    public_client: bool = False
    user_field: str = "email"


class AssertionDesk:
    """Checks assertions, and takes none of them twice (the record's JTI verification, which is on by default)."""

    def __init__(self, store: Store) -> None:
        """Look for users in `store`."""
        self._store = store
        self._taken: set[str] = set()

    def subject(self, assertion: str, client_id: str, verifiers: Verifiers, audience: str, *, now: float) -> str:
        """Return whom an assertion stands for; empty where the signature, a claim or its time is not right."""
        parts = assertion.split(".")
        if len(parts) != _PARTS:
            return ""
        header, claims = (_object(part) for part in parts[:2])
        certificate = verifiers.certificates.get(str(header.get("kid")), "")
        if not certificate or not _is_signed(parts, str(header.get("alg")), certificate):
            return ""
        identifier = claims.get("jti")
        right = (claims.get("iss"), claims.get("aud")) == (client_id, audience) and _is_in_time(claims, now)
        if not right or not isinstance(identifier, str) or identifier in self._taken:
            return ""
        self._taken.add(identifier)
        return str(claims.get("sub", ""))

    def user(self, column: str, value: str) -> str:
        """Return the name of the one active user with `value` in `column`; empty for none, and for administrators."""
        store = self._store
        found = [row for row in store.rows("sys_user") if row.get(column) == value and row.get("active") == "true"]
        if len(found) != 1 or found[0].get("locked_out") == "true":
            return ""
        roles = {row["sys_id"] for row in store.rows("sys_user_role") if row["name"] == "admin"}
        held = {row["role"] for row in store.rows("sys_user_has_role") if row["user"] == found[0]["sys_id"]}
        return "" if roles & held else str(found[0]["user_name"])


def _is_in_time(claims: Mapping[str, Any], now: float) -> bool:
    end, start = claims.get("exp"), claims.get("nbf", 0)
    if not isinstance(end, int | float) or not isinstance(start, int | float):
        return False
    return start - _CLOCK_SKEW <= now < end + _CLOCK_SKEW


def _is_signed(parts: list[str], algorithm: str, certificate_pem: str) -> bool:
    key = x509.load_pem_x509_certificate(certificate_pem.encode()).public_key()
    digest = _HASHES.get(algorithm)
    if digest is None or not isinstance(key, rsa.RSAPublicKey):
        return False
    try:
        key.verify(_decoded(parts[2]), ".".join(parts[:2]).encode(), padding.PKCS1v15(), digest)
    except (InvalidSignature, binascii.Error):
        return False
    return True


def _object(part: str) -> dict[str, Any]:
    try:
        content = json.loads(_decoded(part))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
