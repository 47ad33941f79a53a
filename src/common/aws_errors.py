"""Which of a few known reasons an error of AWS has, and what it means. Pure; nothing of its text is passed on."""

import re

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from common.errors import ConfigurationError, TransientError

_BUSY = re.compile(r"Throttl")
_ABSENT = re.compile(r"NotFound|NonExistent|DoesNotExist")
_DENIED = re.compile(r"AccessDenied|NotAuthorized|UnrecognizedClient|InvalidClientTokenId|InvalidSecurity")
_OF_THE_KEY = re.compile(r"Decryption|InvalidKeyId|KMS|Kms")
_NAMES_THE_KEY = re.compile(r"KMS|\bkms:")
IF_IT_STAYS = "Nothing is lost; if this stays, look at the AWS Health Dashboard."
"""What a person does about what AWS will do later."""

_FOR_A_PERSON = frozenset({"key_refused", "aws_denied", "aws_absent"})


def reason_of(error: ClientError | BotoCoreError) -> str:
    """Return `key_refused`, `aws_denied`, `aws_absent`, `aws_unreachable`, or `aws_failed` for everything else.

    Services that can't use the key say so in a code of their own, or refuse access and name KMS in the message.
    """
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return "aws_denied"
    if not isinstance(error, ClientError):
        return "aws_unreachable"
    code, message = (str(error.response.get("Error", {}).get(name, "")) for name in ("Code", "Message"))
    if _BUSY.search(code):
        return "aws_failed"
    denied = _DENIED.search(code) is not None
    if _OF_THE_KEY.search(code) or (denied and _NAMES_THE_KEY.search(message)):
        return "key_refused"
    if denied:
        return "aws_denied"
    return "aws_absent" if _ABSENT.search(code) else "aws_failed"


def code_of(error: ClientError | BotoCoreError) -> str:
    """Return AWS's own code of an error, or the name of its type where no service answered."""
    code = str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""
    return code or type(error).__name__


def needs_a_person(error: ClientError | BotoCoreError) -> bool:
    """Tell whether a right, a key or what the call names is missing, so that no repetition can help."""
    return reason_of(error) in _FOR_A_PERSON


def meaning(
    error: ClientError | BotoCoreError, *, refused: str, action: str, failed: str, otherwise: str = IF_IT_STAYS
) -> ConfigurationError | TransientError:
    """Return what an error means, in the vocabulary.

    Where a person has to give a right, a key or what the call names: a ConfigurationError that says `refused`, and to
    do `action`. Else a TransientError that says `failed`. Both get AWS's code behind what they say.
    """
    code, reason = code_of(error), reason_of(error)
    if needs_a_person(error):
        return ConfigurationError(f"{refused} ({code}).", action=action, code=reason)
    return TransientError(f"{failed} ({code}).", action=otherwise, code=reason)
