"""What queue and API call: the published versions of the functions, which a new value of a parameter has to reach."""

from local import sam
from local.stack import LocalStack
from tests.e2e.callers import Caller
from tests.e2e.identities import new_user
from tests.e2e.incidents import RESOLVED, incidents_of


def live(stack: LocalStack, function: str) -> tuple[str, str, str]:
    """Return the version that the alias of a function points to, its description, and when it takes snapshots."""
    found = stack.root.functions.get_function_configuration(FunctionName=stack.outputs[function], Qualifier="live")
    return found["Version"], found["Description"], found["SnapStart"]["ApplyOn"]


def test_a_new_value_of_a_parameter_reaches_the_versions_that_are_called(stack: LocalStack) -> None:
    """SAM alone would publish nothing, because neither code nor template changed; one deployment after another."""
    allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{stack.outputs['ApiArn']}/GET/*"}
    caller = Caller(stack, new_user(stack, "problem-reader", allowed))
    functions = ("EventsFunctionName", "ApiFunctionName")
    changes = {
        "CloseCode": "Workaround provided",
        "ApiTables": "problem:number",
        "SnapStart": "PublishedVersions",
    }
    first = [live(stack, function) for function in functions]
    assert caller.call("GET", "/tables/problem/records").status == 403

    with sam.exclusive_build_directory():
        stack.deploy(**changes)
    second = [live(stack, function) for function in functions]
    stack.put_alarm("ALARM", name="of a new version")
    stack.wait_until_handled()
    stack.put_alarm("OK", name="of a new version")
    stack.wait_until_handled()

    (incident,) = incidents_of(stack, "of a new version")
    assert (incident["state"], incident["close_code"]) == (RESOLVED, "Workaround provided")
    assert caller.call("GET", "/tables/problem/records").status == 200
    assert [old[:2] != new[:2] for old, new in zip(first, second, strict=True)] == [True, True]
    assert [(old[2], new[2]) for old, new in zip(first, second, strict=True)] == [("None", "PublishedVersions")] * 2

    with sam.exclusive_build_directory():
        stack.deploy(**changes, ApiRequestsPerSecond="60")

    assert [live(stack, function) for function in functions] == second, "no function is told how many requests come"
