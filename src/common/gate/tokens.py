"""What AWS's errors about a token mean, whoever uses it. Pure.

Codes: https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html,
https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PutApprovalResult.html
"""

from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import code_of, meaning
from common.errors import BridgeError, PermanentError

UNREACHABLE = "aws_unreachable"
"""The code of an error after which nobody knows whether a call got there."""

# What a token is answered with that nobody gave, or that was answered, timed out or was stopped.
_USED_UP = frozenset(
    {
        *("TaskDoesNotExist", "TaskTimedOut", "InvalidToken"),
        *("InvalidApprovalTokenException", "ApprovalAlreadyCompletedException"),
        *("PipelineNotFoundException", "StageNotFoundException", "ActionNotFoundException"),
        *("ValidationException",),
    }
)


class TokenUsedUpError(PermanentError):
    """Nothing waits with this token: it is unknown, was answered before, or its task has ended."""


def meant(error: ClientError | BotoCoreError) -> BridgeError:
    """Return what an answer of AWS to a call with a token means."""
    code = code_of(error)
    if code in _USED_UP:
        return TokenUsedUpError(
            f"Nothing in AWS waits with this token ({code}).",
            action="Use the token of a task or an approval that still waits, in the Region of the stack.",
            code="token_used_up",
        )
    return meaning(
        error,
        refused="The function may not answer what waits for a change",
        action="Deploy again with ChangeGate=true; where another policy denies it, allow states:SendTask… and "
        "codepipeline:PutApprovalResult to the function's role.",
        failed="AWS did not take the answer to what waits for a change",
        otherwise="Nothing: it is sent again. If this stays, look at the AWS Health Dashboard.",
    )
