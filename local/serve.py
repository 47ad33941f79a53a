"""`make local`: the stack of the demo with a console for the browser, left running until Ctrl-C."""

import secrets
import shlex
import signal
import sys
import threading
from pathlib import Path

from local.alarms import DEFAULT_NAME
from local.console import Console
from local.emulator import ACCOUNT
from local.metrics import give_metric
from local.stack import SOURCE, LocalStack, run_stack
from local.terminal import Terminal, exit_status
from local.watching import listen

_PROJECT = Path(__file__).resolve().parent.parent
_USER = "admin"
_SWITCHED_ON = {
    "WatchSchedule": "rate(1 minute)",
    "FollowUps": "graph,log,events",
    "EventSources": "aws.cloudwatch,aws.securityhub",
}
_INCIDENTS = "/api/now/table/incident?sysparm_display_value=true&sysparm_fields=number,state,short_description"


def main() -> None:
    """Run until Ctrl-C or SIGTERM, which are the proper ends and leave exit status 0."""
    terminal = Terminal()
    with exit_status(terminal):
        password = secrets.token_urlsafe(12)
        with run_stack(terminal, parameters=_SWITCHED_ON, user=_USER, password=password, control=True) as stack:
            with terminal.step("Put the client credentials into Secrets Manager"):
                stack.store_credentials()
                give_metric(stack.root, DEFAULT_NAME)
                token = stack.store_webhook_secret("alertmanager", "grafana", "shop")
            with Console(stack.simulator, stack) as console:
                for line in _instructions(stack, password, token, console):
                    terminal.say(line)
                _wait_for_the_end()


def _instructions(stack: LocalStack, password: str, token: str, console: Console) -> list[str]:
    endpoint = stack.emulator.endpoint
    servicenow = f"https://{stack.simulator.host}"
    curl = f"curl --silent --cacert {shlex.quote(str(stack.servicenow_authority_file))}"
    authority = shlex.quote(str(endpoint.authority_file))
    unused = "AWS_SECRET_ACCESS_KEY=unused"
    project, python = shlex.quote(str(_PROJECT)), shlex.quote(sys.executable)
    changes = listen(stack.root, SOURCE)
    options = f"--endpoint {endpoint.url} --authority {authority} --region {endpoint.region} --account {ACCOUNT}"
    return [
        "",
        f"Console     {console.url}  (open it in a browser)",
        f"AWS         {endpoint.url}  (Region {endpoint.region}, account {ACCOUNT})",
        f"ServiceNow  {servicenow}  (user {_USER}, password {password})",
        f"API         {stack.api_url}  (a page about it: {stack.api_url}/swagger)",
        "",
        "Let an alarm fire; with OK instead of ALARM it recovers, --name takes another alarm:",
        f"  (cd {project} && {python} -m local.alarms ALARM {options})",
        "",
        "See the incidents:",
        f"  {curl} --user {_USER}:{password} '{servicenow}{_INCIDENTS}'",
        "",
        "Take ServiceNow down, and up again:",
        f"""  {curl} --data '{{"status": 503, "times": null}}' {servicenow}/_simulator/faults""",
        f"  {curl} --request DELETE {servicenow}/_simulator/faults",
        "",
        "Open an incident through the API, with a key of the local AWS:",
        f"  curl --cacert {authority} --aws-sigv4 aws:amz:{endpoint.region}:execute-api --user {ACCOUNT}:unused \\",
        "    --header 'Content-Type: application/json' --header 'Idempotency-Key: 1' \\",
        f"""    --data '{{"short_description": "The disk is full"}}' {stack.api_url}/incidents""",
        "",
        "Post what a monitoring tool would, unsigned, with the secret of its source; resolved ends it:",
        f"  curl --cacert {authority} --header 'Authorization: Bearer {token}' \\",
        """    --json '{"dedup_key": "disk", "status": "firing", "summary": "The disk is full"}' \\""",
        f"    {stack.api_url}/webhooks/shop",
        "",
        "Look around with the AWS command line, for example at the function's log:",
        f"  export AWS_ENDPOINT_URL={endpoint.url} AWS_CA_BUNDLE={authority}",
        f"  export AWS_DEFAULT_REGION={endpoint.region} AWS_ACCESS_KEY_ID={ACCOUNT} {unused}",
        "  # what people change in ServiceNow, a minute later at most",
        f"  aws sqs receive-message --output text --query 'Messages[].Body' --queue-url {changes}",
        f"  aws logs filter-log-events --log-group-name {stack.outputs['EventsLogGroupName']} --output text",
        "",
        "Ctrl-C stops it.",
    ]


def _wait_for_the_end() -> None:
    """Wait for Ctrl-C or SIGTERM without raising."""
    ended = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = [signal.signal(number, lambda *_: ended.set()) for number in numbers]
    ended.wait()
    for number, handler in zip(numbers, previous, strict=True):
        signal.signal(number, handler)


if __name__ == "__main__":
    main()
