"""Each command of docs/after-a-leak.md, in its order, against the deployed stack."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from local.clients import Identity
from local.stack import CLIENT_ID, STACK_NAME, LocalStack, new_client_secret
from tests.e2e.callers import Caller
from tests.e2e.identities import new_user
from tests.e2e.incidents import NEW, incidents_of

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "after-a-leak.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"(?:`|^ *)((?:make|aws) [^`\n]+)`?", re.MULTILINE)


def commands(section: str) -> list[str]:
    """Return the commands of a section of the page, those of its code blocks included, in their order."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    assert text, section
    return COMMAND.findall(text)


def run(stack: LocalStack, command: str, given: str = "", **names: str) -> str:
    """Run a command of the page as it stands there, but for the names that it leaves open; return what it printed."""
    for placeholder, name in {"STACK=…": f"STACK={STACK_NAME}", "/STACK/": f"/{STACK_NAME}/", **names}.items():
        command = command.replace(placeholder, name)
    words = shlex.split(command)
    return _aws(stack, words[1:]) if words[0] == "aws" else _make(stack, words, given)


def _aws(stack: LocalStack, words: list[str]) -> str:
    """Do what the AWS CLI would, which not every machine has."""
    service, operation, *options = words
    names = ["".join(part.capitalize() for part in name.removeprefix("--").split("-")) for name in options[::2]]
    arguments = dict(zip(names, options[1::2], strict=True))
    return str(getattr(stack.root.client(service), operation.replace("-", "_"))(**arguments))


def _make(stack: LocalStack, words: list[str], given: str) -> str:
    endpoint, identity = stack.emulator.endpoint, stack.emulator.root_identity
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE", "MFLAGS"))}
    environment = kept | {
        "AWS_ACCESS_KEY_ID": identity.access_key_id,
        "AWS_SECRET_ACCESS_KEY": identity.secret_access_key,
        "AWS_CA_BUNDLE": str(endpoint.authority_file),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_DEFAULT_REGION": endpoint.region,
        "NO_PROXY": "localhost,127.0.0.1",
    }
    ended = subprocess.run(
        words, cwd=PROJECT, env=environment, input=given, capture_output=True, text=True, timeout=180, check=False
    )
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def stored_token(stack: LocalStack) -> str:
    """Return what the shared parameter holds."""
    name = stack.outputs["TokenParameterName"]
    return str(stack.root.parameters.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])


def test_a_secret_that_leaked_is_stopped_replaced_and_forgotten(stack: LocalStack) -> None:
    """Events wait meanwhile, and none is lost."""
    store, forget, doctor = commands("The client secret")
    stack.put_alarm("ALARM", name="before the leak")
    stack.wait_until_handled(timeout=60)
    leaked = stored_token(stack)
    stack.simulator.configure(property_enabled=False)  # what ServiceNow's forms do: nobody gets a token any more
    stack.simulator.revoke_tokens()
    asked = stack.simulator.token_requests
    stack.put_alarm("ALARM", name="during the leak")
    stack.wait_until(lambda: stack.simulator.token_requests > asked, "No token was asked for")
    assert incidents_of(stack, "during the leak") == []

    secret = new_client_secret()
    stack.simulator.rotate_secret(secret)
    stack.simulator.configure(property_enabled=True)
    run(stack, store, json.dumps({"client_id": CLIENT_ID, "client_secret": secret}))
    run(stack, forget)
    report = run(stack, doctor)

    assert "FAILED" not in report
    stack.wait_until_handled(timeout=90)
    assert [incident["state"] for incident in incidents_of(stack, "during the leak")] == [NEW]
    assert stored_token(stack) != leaked
    assert stack.dead_letters() == []
    stack.store_credentials(secret)  # for the tests that come after


def test_a_token_that_leaked_is_replaced_by_itself(stack: LocalStack) -> None:
    """Revoked, it is of no use to anybody; the next event gets another one."""
    stack.put_alarm("ALARM", name="token leaks")
    stack.wait_until_handled(timeout=60)
    leaked = stored_token(stack)
    stack.simulator.revoke_tokens()
    run(stack, commands("The client secret")[1])

    stack.put_alarm("ALARM", name="token replaced")
    stack.wait_until_handled(timeout=60)

    assert [incident["state"] for incident in incidents_of(stack, "token replaced")] == [NEW]
    assert stored_token(stack) != leaked


def test_a_secret_of_a_webhook_that_leaked_is_replaced(stack: LocalStack) -> None:
    """What is printed opens the door."""
    [replace] = commands("The secret of a webhook")

    printed = run(stack, replace, SOURCE="shop")

    [shown] = re.findall(r"Authorization: (Bearer \S{40,})", printed)
    stack.wait_until(lambda: posted(stack, "shop", shown) == 202, "The new secret opens nothing")
    stack.wait_until_handled()


def posted(stack: LocalStack, source: str, authorization: str) -> int:
    """Return the status of the answer to a webhook."""
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    headers["Host"] = urlsplit(stack.api_url).netloc
    body = json.dumps({"dedup_key": "leak", "status": "firing", "summary": "Webhook after a leak"}).encode()
    target = f"{urlsplit(stack.api_url).path}/webhooks/{source}"
    return int(Caller(stack, None).send("POST", target, body, headers).status)


def test_a_role_that_leaked_is_shut_out_with_the_sessions_that_it_has(stack: LocalStack) -> None:
    """A denial wins over whatever allows it, and over credentials that were given out before."""
    [deny] = commands("A role that may call the API, or the queue")
    iam, api_arn = stack.root.iam, stack.outputs["ApiArn"]
    user = new_user(stack, "thief", {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"})
    trust = {"Effect": "Allow", "Principal": {"AWS": iam.get_user(UserName="thief")["User"]["Arn"]}}
    trusted = {"Version": "2012-10-17", "Statement": {**trust, "Action": "sts:AssumeRole"}}
    role = iam.create_role(RoleName="caller-that-leaks", AssumeRolePolicyDocument=json.dumps(trusted))["Role"]
    allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{api_arn}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName="caller-that-leaks", PolicyName="calls", PolicyDocument=policy)
    session = stack.emulator.clients(user).sts.assume_role(RoleArn=role["Arn"], RoleSessionName="leak")["Credentials"]
    thief = Caller(stack, Identity(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]))
    assert thief.call("GET", "/health").status == 200

    run(stack, deny, ROLE="caller-that-leaks", APIARN=api_arn)

    assert thief.call("GET", "/health").status == 403


def test_a_ledger_that_was_touched_is_rebuilt(stack: LocalStack) -> None:
    """From the records, which name their problems."""
    [adopt] = commands("What was done with it")
    stack.put_alarm("ALARM", name="ledger touched")
    stack.wait_until_handled(timeout=60)
    table = stack.outputs["LedgerTableName"]
    for item in stack.root.dynamodb.scan(TableName=table)["Items"]:
        if "ledger touched" in item.get("dedup_key", {}).get("S", ""):
            stack.root.dynamodb.delete_item(TableName=table, Key={"pk": item["pk"]})

    printed = run(stack, adopt)

    [incident] = incidents_of(stack, "ledger touched")
    assert re.search(rf"{incident['number']} .* adopted\n", printed)


def test_no_command_of_the_page_is_left_out() -> None:
    """Each stands in a section whose commands are run above."""
    sections = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    counts = {section: len(commands(section)) for section in sections if commands(section)}
    assert counts == {
        "The client secret": 3,
        "The secret of a webhook": 1,
        "A role that may call the API, or the queue": 1,
        "What was done with it": 1,
    }
