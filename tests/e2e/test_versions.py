"""What queue and API call: the published versions of the functions, which a new value of a parameter has to reach."""

from local.certificates import create_authority
from local.emulator import ACCOUNT
from local.stack import LocalStack
from tests.e2e.callers import Caller
from tests.e2e.deployments import redeploy
from tests.e2e.identities import new_user
from tests.e2e.incidents import RESOLVED, incidents_of


def authorities(stack: LocalStack, count: int) -> str:
    """Return the certificates of some authorities as a parameter takes them; the last one signed ServiceNow's."""
    others = [create_authority(f"Another authority {number}").certificate_pem for number in range(count - 1)]
    return "".join([*others, stack.simulator.ca_pem]).strip().replace("\n", "\\n")


def live(stack: LocalStack, function: str) -> tuple[str, str, str]:
    """Return the version that the alias of a function points to, its description, and when it takes snapshots."""
    found = stack.root.functions.get_function_configuration(FunctionName=stack.outputs[function], Qualifier="live")
    return found["Version"], found["Description"], found["SnapStart"]["ApplyOn"]


def test_a_new_value_of_a_parameter_reaches_the_versions_that_are_called(stack: LocalStack) -> None:
    """SAM alone would publish nothing, because neither code nor template changed; one deployment after another.

    Together the new values are longer than the 4 KB of an environment: they are stored outside of it.
    """
    allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{stack.outputs['ApiArn']}/GET/*"}
    caller = Caller(stack, new_user(stack, "problem-reader", allowed))
    functions = ("EventsFunctionName", "ApiFunctionName")
    changes = {
        "CloseCode": "Workaround provided",
        "CertificateAuthorities": authorities(stack, 5),
        "ApiTables": "problem:number,short_description;u_table:" + "u_a_long_field," * 260 + "u_last",
        "ApiIncidentFields": "short_description,description," + "u_a_long_field," * 260 + "u_last",
        "ApiWideRoles": ",".join([f"arn:aws:iam::{ACCOUNT}:role/{'x' * 500}"] * 7),
        "SnapStart": "PublishedVersions",
    }
    first = [live(stack, function) for function in functions]
    assert caller.call("GET", "/tables/problem/records").status == 403

    redeploy(stack, **changes)
    second = [live(stack, function) for function in functions]
    stack.put_alarm("ALARM", name="of a new version")
    stack.wait_until_handled()
    stack.put_alarm("OK", name="of a new version")
    stack.wait_until_handled()

    (incident,) = incidents_of(stack, "of a new version")
    assert (incident["state"], incident["close_code"]) == (RESOLVED, "Workaround provided")
    assert caller.call("GET", "/tables/problem/records").status == 200
    assert 2800 < len(changes["CertificateAuthorities"]) <= 4096
    assert [old[:2] != new[:2] for old, new in zip(first, second, strict=True)] == [True, True]
    assert [(old[2], new[2]) for old, new in zip(first, second, strict=True)] == [("None", "PublishedVersions")] * 2

    redeploy(stack, **changes, ApiRequestsPerSecond="60")

    assert [live(stack, function) for function in functions] == second, "no function is told how many requests come"
