"""Which of a few known reasons an error of AWS has. Pure; nothing of its text is passed on."""

import re

from botocore.exceptions import BotoCoreError, ClientError

_ABSENT = re.compile(r"NotFound|NonExistent|DoesNotExist")
_DENIED = re.compile(r"AccessDenied|NotAuthorized|UnrecognizedClient|InvalidClientTokenId")
_OF_THE_KEY = re.compile(r"Decryption|InvalidKeyId|KMS|Kms")
_NAMES_THE_KEY = re.compile(r"KMS|\bkms:")


def reason_of(error: ClientError | BotoCoreError) -> str:
    """Return `key_refused`, `aws_denied`, `aws_absent`, `aws_unreachable`, or `aws_failed` for everything else.

    Services that can't use the key say so in a code of their own, or refuse access and name KMS in the message.
    """
    if not isinstance(error, ClientError):
        return "aws_unreachable"
    code, message = (str(error.response.get("Error", {}).get(name, "")) for name in ("Code", "Message"))
    denied = _DENIED.search(code) is not None
    if _OF_THE_KEY.search(code) or (denied and _NAMES_THE_KEY.search(message)):
        return "key_refused"
    if denied:
        return "aws_denied"
    return "aws_absent" if _ABSENT.search(code) else "aws_failed"
