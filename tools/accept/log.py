"""What the functions of a deployed stack wrote to their logs."""

from collections.abc import Iterator

from tools.deployed import DeployedStack


def messages(stack: DeployedStack, group: str, since: float) -> Iterator[str]:
    """Yield the messages of a log group since a moment, in seconds since the epoch."""
    reader = stack.client("logs").get_paginator("filter_log_events")
    for page in reader.paginate(logGroupName=group, startTime=int(since * 1000)):
        yield from (event["message"] for event in page["events"])
