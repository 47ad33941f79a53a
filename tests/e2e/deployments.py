"""The shared stack with other parameters for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from local import sam
from local.stack import STACK_NAME, LocalStack

NEVER = "cron(0 0 1 1 ? 2099)"
"""The schedule of a function that tests call by hand."""


@contextmanager
def deployed_with(stack: LocalStack, **changes: str) -> Iterator[LocalStack]:
    """Deploy the stack with these parameters; afterwards they are what they were, for the tests that come after."""
    [found] = stack.root.cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"]
    before = {given["ParameterKey"]: given["ParameterValue"] for given in found["Parameters"]}
    redeploy(stack, **changes)
    try:
        yield stack
    finally:
        redeploy(stack, **{name: before[name] for name in changes})


def redeploy(stack: LocalStack, **changes: str) -> None:
    """Deploy what was built last with these parameters. What is not given stays as it was."""
    with sam.exclusive_build_directory():
        stack.deploy(**changes)
