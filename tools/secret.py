"""`make secret`: store the client credentials, asked for without echo or read from standard input as JSON.

They never stand on a command line, where the shell's history and other users of the machine would see them.
"""

import json
import sys
from argparse import Namespace
from getpass import getpass
from typing import Any, TextIO

from tools.deployed import ToolError, find_stack, parser, run

_KEYS = ("client_id", "client_secret")


def main() -> None:
    """Parse the command line, ask, and store."""
    options = parser("Store the client id and client secret of ServiceNow's OAuth registry record.")
    arguments = options.parse_args()
    run(lambda: _store(arguments))


def _store(arguments: Namespace) -> None:
    stack = find_stack(arguments)
    value = credentials(sys.stdin)
    stack.client("secretsmanager").put_secret_value(SecretId=stack.output("SecretArn"), SecretString=value)
    print("Stored. Events that were held are handled within a quarter of an hour; `make doctor` checks the set-up.")


def credentials(stream: TextIO) -> str:
    """Return the secret's new value, from a person at a terminal or from a JSON object on standard input.

    Raises ToolError that names what is missing, and never shows what was given.
    """
    found: Any
    if stream.isatty():
        found = {"client_id": input("Client id: ").strip(), "client_secret": getpass("Client secret: ").strip()}
    else:
        try:
            found = json.load(stream)
        except ValueError:
            raise ToolError(
                'Standard input is no JSON object such as {"client_id": "…", "client_secret": "…"}.'
            ) from None
    for key in _KEYS:
        if not isinstance(found, dict) or not isinstance(found.get(key), str) or not found[key].strip():
            raise ToolError(f"{key} is missing or empty.")
    return json.dumps({key: found[key].strip() for key in _KEYS})


if __name__ == "__main__":
    main()
