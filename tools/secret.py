"""`make secret`: store the client credentials, asked for without echo or read from standard input as JSON.

They are a client id with a client secret, or with the ARN of a key of KMS that signs, and perhaps a client certificate.

They never stand on a command line, where the shell's history and other users of the machine would see them. What else
the secret holds stays there.
"""

import json
import sys
from argparse import Namespace
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from botocore.exceptions import ClientError

from common.aws_errors import code_of
from common.client_certificate import client_certificate
from common.oauth.credentials import CERTIFICATE_KEYS, CLAIMS, KEY_ARN, KEYS, NEXT, SIGNED_KEYS
from common.oauth.secret_content import OF_A_CLIENT, promoted, with_current
from common.strict_json import json_object
from tools.deployed import ToolError, find_stack, parser, run

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_STORED = "Stored. Events that were held are handled within a quarter of an hour; `make doctor` checks the set-up."
_STORED_NEXT = "Stored as next: it is used as soon as ServiceNow refuses the current one. `make doctor` tries it."
_STORED_CERTIFICATE = "Stored: it is shown wherever the server asks. `make doctor` says when it ends."
_PROMOTED = "Promoted: what was next is current, and what was current is forgotten."


def main() -> None:
    """Parse the command line, ask, and store."""
    options = parser("Store the client id and client secret of ServiceNow's OAuth registry record.")
    step = options.add_mutually_exclusive_group()
    step.add_argument("--next", action="store_true", help="store the pair beside the current one, for a rotation")
    step.add_argument("--promote", action="store_true", help="make the next pair the current one; nothing is asked")
    step.add_argument("--replace", action="store_true", help="write this pair alone, without reading what is there")
    step.add_argument(
        "--certificate", nargs=2, type=Path, metavar=("CHAIN", "KEY"), help="store these files (PEM) to show in TLS"
    )
    arguments = options.parse_args()
    run(lambda: _run(arguments))


def _run(arguments: Namespace) -> None:
    stack = find_stack(arguments)
    print(change(stack.client("secretsmanager"), stack.output("SecretArn"), arguments, sys.stdin))


def change(secrets_manager: "SecretsManagerClient", secret_id: str, arguments: Namespace, stream: TextIO) -> str:
    """Change the secret as the options `next`, `promote`, `replace` or `certificate` say, and return what to tell.

    Raises ToolError that says what is wrong, and never shows what was given or found.
    """
    before = {} if arguments.replace else _content(secrets_manager, secret_id)
    if arguments.certificate:
        after, told = {**before, **_shown(*arguments.certificate)}, _STORED_CERTIFICATE
    elif arguments.promote:
        found = promoted(before)
        if found is None:
            raise ToolError("The secret holds no next client credentials; store them with OPTIONS=--next first.")
        after, told = found, _PROMOTED
    elif arguments.next:
        after, told = {**before, NEXT: credentials(stream)}, _STORED_NEXT
    else:
        after, told = with_current(before, credentials(stream)), _STORED
    secrets_manager.put_secret_value(SecretId=secret_id, SecretString=json.dumps(after))
    return told


def _shown(chain: Path, key: Path) -> dict[str, str]:
    """Return what the secret holds of a client certificate. Raises ToolError where the files do not fit together."""
    try:
        found = client_certificate(chain.read_text(encoding="ascii"), key.read_text(encoding="ascii"))
    except OSError as error:
        raise ToolError(f"{error.filename} can't be read ({type(error).__name__}).") from None
    except ValueError:
        raise ToolError(
            f"{chain} and {key} are no certificate in PEM form and its private key, without a password."
        ) from None
    return dict(zip(CERTIFICATE_KEYS, (found.chain, found.key), strict=True))


def _content(secrets_manager: "SecretsManagerClient", secret_id: str) -> dict[str, Any]:
    """Return what the secret holds; nothing where it was never filled in."""
    try:
        text = secrets_manager.get_secret_value(SecretId=secret_id).get("SecretString", "")
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return {}
        raise ToolError(
            f"The secret can't be read ({code_of(error)}), so what else it holds could not be kept. "
            "Use a role that may, or OPTIONS=--replace to write without reading."
        ) from None
    content = json_object(text) if text.strip() else {}
    if content is None:
        raise ToolError("The secret is not a JSON object; OPTIONS=--replace replaces it.")
    return content


def credentials(stream: TextIO) -> dict[str, str]:
    """Return a new pair, from a person at a terminal or from a JSON object on standard input.

    Raises ToolError that names what is missing, and never shows what was given.
    """
    found = _asked() if stream.isatty() else _read(stream)
    if found is None:
        raise ToolError('Standard input is no JSON object such as {"client_id": "…", "client_secret": "…"}.')
    texts = {key: value.strip() for key, value in found.items() if isinstance(value, str)}
    pair = {key: value for key, value in texts.items() if key in OF_A_CLIENT and value}
    for key in SIGNED_KEYS if "signing_key" in pair else KEYS:
        if key not in pair:
            raise ToolError(f"{key} is missing or empty.")
    if "signing_key" not in pair:
        return {key: pair[key] for key in KEYS}
    if not KEY_ARN.fullmatch(pair["signing_key"]):
        raise ToolError("signing_key is not the ARN of a KMS key; that of an alias does not do.")
    if not any(claim in pair for claim in CLAIMS):
        raise ToolError(
            "subject is missing: the user that the assertion stands for, as the record's User field has it."
        )
    return pair


def _read(stream: TextIO) -> dict[str, Any] | None:
    try:
        return json_object(stream.read())
    except UnicodeDecodeError:
        return None


def _asked() -> dict[str, str]:
    client_id = input("Client id: ")
    if client_secret := getpass("Client secret (empty if it signs): ").strip():
        return {"client_id": client_id, "client_secret": client_secret}
    return {
        "client_id": client_id,
        "signing_key": input("ARN of the KMS key that signs: "),
        "key_id": input("Kid of the JWT verifier map: "),
        "subject": input("User that the assertion stands for, as the record's User field has it: "),
    }


if __name__ == "__main__":
    main()
