"""`make signing-certificate`: the certificate of a signing key of KMS, for ServiceNow's registry record.

ServiceNow takes the public part of a key as an X.509 certificate. KMS signs it itself, so the private part stays there.
"""

import datetime as dt
from argparse import ArgumentTypeError, Namespace
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Self

import boto3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from common.oauth.assertion import KmsSigner
from tools.deployed import ToolError, named, parser, run

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

_DAY = dt.timedelta(days=1)
_MOST_DAYS = 3650


def main() -> None:
    """Parse the command line and print the certificate."""
    options = parser("Print the certificate (PEM) of an RSA signing key of KMS.", of_a_stack=False)
    options.add_argument("--key", required=True, type=named("KEY"), help="ARN of the key")
    options.add_argument("--name", default="servicenow-bridge", help="whom the certificate names")
    options.add_argument("--days", type=_days, default=365, help="for how many days it is valid, 1 to 3650")
    given = options.parse_args()
    run(lambda: _print(given))


def _days(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= _MOST_DAYS:
        return int(text)
    raise ArgumentTypeError(f"{text!r} is no number of days from 1 to {_MOST_DAYS}")


def _print(given: Namespace) -> None:
    kms = boto3.Session(region_name=given.region).client("kms")
    print(certificate_of(kms, given.key, name=given.name, days=given.days), end="")


def certificate_of(kms: "KMSClient", key: str, *, name: str, days: int) -> str:
    """Return a certificate (PEM) that the key with the ARN `key` has signed for itself, valid for `days` from now.

    Raises ToolError where it is no RSA key, and what KMS raises.
    """
    public_key = serialization.load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise ToolError("The key is no RSA key; make one with the key spec RSA_2048 and the usage SIGN_VERIFY.")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(
        subject,
        subject,
        public_key,
        x509.random_serial_number(),
        start - dt.timedelta(minutes=5),
        start + days * _DAY,
    )
    signed = builder.sign(_KeyInKms(KmsSigner(lambda: kms), key, public_key), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


@dataclass(frozen=True)
class _KeyInKms(rsa.RSAPrivateKey):
    """A private key that can sign a certificate, and do nothing else, because it is somewhere else."""

    signer: KmsSigner
    arn: str
    public: rsa.RSAPublicKey

    @property
    def key_size(self) -> int:
        return self.public.key_size

    def public_key(self) -> rsa.RSAPublicKey:
        return self.public

    def sign(self, data: Any, padding_used: object, algorithm: object) -> bytes:  # noqa: ANN401 (the base's type)
        if not isinstance(padding_used, padding.PKCS1v15) or not isinstance(algorithm, hashes.SHA256):
            self._refuse()
        return self.signer.sign(bytes(data), self.arn)

    def decrypt(self, *_: object) -> NoReturn:
        self._refuse()

    def private_numbers(self) -> NoReturn:
        self._refuse()

    def private_bytes(self, *_: object) -> NoReturn:
        self._refuse()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self

    def _refuse(self) -> NoReturn:
        message = "the key is in KMS and only signs, with RSASSA-PKCS1-v1_5 and SHA-256"
        raise NotImplementedError(message)


if __name__ == "__main__":
    main()
