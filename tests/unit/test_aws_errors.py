"""Which errors of AWS need a person."""

import pytest
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError

from common.aws_errors import code_of, needs_a_person, reason_of


def _refused(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Any")


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (_refused("AccessDeniedException"), "AccessDeniedException", "aws_denied"),
        (_refused("AccessDenied", "no kms:Decrypt"), "AccessDenied", "key_refused"),
        (_refused("KMS.DisabledException"), "KMS.DisabledException", "key_refused"),
        (_refused("KmsThrottled"), "KmsThrottled", "aws_failed"),
        (_refused("KMS.ThrottlingException"), "KMS.ThrottlingException", "aws_failed"),
        (_refused("AWS.SimpleQueueService.NonExistentQueue"), "AWS.SimpleQueueService.NonExistentQueue", "aws_absent"),
        (_refused("ResourceNotFoundException"), "ResourceNotFoundException", "aws_absent"),
        (_refused("InternalServerError"), "InternalServerError", "aws_failed"),
        (_refused(""), "ClientError", "aws_failed"),
        (NoCredentialsError(), "NoCredentialsError", "aws_denied"),
        (EndpointConnectionError(endpoint_url="https://sqs"), "EndpointConnectionError", "aws_unreachable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_right_a_key_or_a_thing_that_is_missing_needs_a_person(
    error: ClientError | BotoCoreError, code: str, reason: str
) -> None:
    """What is busy, away or failing inside comes right by itself."""
    assert (code_of(error), reason_of(error)) == (code, reason)
    assert needs_a_person(error) is (reason in {"aws_denied", "aws_absent", "key_refused"})
