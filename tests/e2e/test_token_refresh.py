"""The scheduled refresher, with the permissions of its own role."""

import json
from typing import Any

from local.stack import LocalStack


def run(stack: LocalStack) -> dict[str, Any]:
    """Call the refresher as the schedule does, but wait for what comes of it."""
    answer = stack.root.functions.invoke(FunctionName=stack.outputs["TokenRefreshFunctionName"], Payload=b"{}")
    return {"error": answer.get("FunctionError"), "payload": json.loads(answer["Payload"].read())}


def test_the_refresher_shares_a_token_that_it_may_write_and_read(stack: LocalStack) -> None:
    """Secret, parameter and key are all that it needs; a young token it leaves alone."""
    first = run(stack)
    asked = stack.simulator.token_requests
    parameter = stack.root.parameters.get_parameter(Name=stack.outputs["TokenParameterName"])["Parameter"]
    second = run(stack)

    assert (first, second) == ({"error": None, "payload": None}, {"error": None, "payload": None})
    assert parameter["Type"] == "SecureString"
    assert stack.simulator.token_requests == asked
