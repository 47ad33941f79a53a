"""Starts MiniStack; runs with the Python of the emulator's own virtual environment, see `local/emulator.py`.

Twelve things differ from the command `ministack`:

- PutEvents takes events whose source starts with `aws.`. AWS takes those from its own services only, and so
  does MiniStack, whose CloudWatch sends none.
- MaximumConcurrency of a queue may be a text, which is what `!Ref` of a template's parameter gives; otherwise no
  message would ever reach the function.
- Saved queries of CloudWatch Logs Insights, which it does not know, are accepted and forgotten instead of stopping a
  deployment.
- A batch of messages needs the permission of one message: AWS knows no `sqs:SendMessageBatch`, and the emulator asks
  for it. Whoever reads the account's quotas needs `lambda:GetAccountSettings`; the emulator asks for nothing.
- Parameters that are read together (`ssm:GetParameters`) need the permission on each of them, as on AWS; the emulator
  asks for one on everything.
- What PutEvents puts, by source and type, is known to conditions of policies (`events:source`, `events:detail-type`).
- Conditions of a template may join, split and substitute parameters, as they may on AWS.
- GetMetricWidgetImage, which it does not know, answers a plain drawing of the metrics that it has, with the thresholds
  and moments that are asked for; the picture says that CloudWatch has not drawn it.
- FilterLogEvents knows alternatives (`?ERROR ?error`), which it would take for terms that all have to be there.
- It listens on the one port it was told, never on 443 beside it.
- It ends at once: functions keep their connections open, for which it would wait three seconds.
- It ends when its standard input is closed, so it can't outlive the process that started it.
"""

import base64
import importlib
import json
import os
import re
import signal
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from hypercorn.config import Config
from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.services import cloudwatch, cloudwatch_logs, eventbridge, lambda_svc
from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks

sys.path.append(str(Path(__file__).resolve().parents[1]))

from local.picture import graph


def accept_events_of_aws() -> None:
    """Let PutEvents take every source."""
    put_events = eventbridge._put_events  # noqa: SLF001 -- the only place where sources are refused

    def put_events_of_any_source(data: dict[str, Any], *_: object, **__: object) -> object:
        return put_events(data, allow_aws_source=True)

    eventbridge._put_events = put_events_of_any_source  # noqa: SLF001


def take_concurrency_as_number() -> None:
    """Read the limit of an event source mapping as CloudFormation does on AWS."""
    concurrency = lambda_svc._sqs_esm_concurrency  # noqa: SLF001 -- the only reader of the limit

    def concurrency_of_number(mapping: dict[str, Any], *arguments: object, **options: object) -> object:
        scaling = mapping.get("ScalingConfig") or {}
        if "MaximumConcurrency" in scaling:
            scaling["MaximumConcurrency"] = int(scaling["MaximumConcurrency"])
        return concurrency(mapping, *arguments, **options)

    lambda_svc._sqs_esm_concurrency = concurrency_of_number  # noqa: SLF001


def accept_saved_queries() -> None:
    """Let a template hold saved queries; none is stored, and nothing here would run them."""

    def create(logical_id: str, _properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
        return f"{stack_name}-{logical_id}", {}

    def delete(_physical_id: str, _properties: dict[str, Any]) -> None:
        return None

    provisioners._RESOURCE_HANDLERS["AWS::Logs::QueryDefinition"] = {"create": create, "delete": delete}  # noqa: SLF001


def ask_for_permissions_that_exist() -> None:
    """Let `sqs:SendMessage` cover SendMessageBatch, and a look at quotas need one, as AWS documents."""
    action_of = iam_actions.extract_iam_action

    def existing_action_of(service: str, method: str, path: str, *arguments: object, **options: object) -> str | None:
        if service == "lambda" and path.rstrip("/").endswith("/account-settings"):
            return "lambda:GetAccountSettings"
        action: str | None = action_of(service, method, path, *arguments, **options)
        return action.removesuffix("Batch") if action and service == "sqs" else action

    iam_actions.extract_iam_action = existing_action_of


def ask_for_each_parameter() -> None:
    """Let `ssm:GetParameters` be asked for on every parameter that a request names."""
    resource_of, enforce = iam_actions.extract_resource_arn, iam_evaluator.enforce

    def resources_of(service: str, *arguments: Any, **options: object) -> str:  # noqa: ANN401
        resource = str(resource_of(service, *arguments, **options))
        _, _, headers, body, _, region, account = arguments
        if service != "ssm" or not str(headers.get("x-amz-target", "")).endswith(".GetParameters"):
            return resource
        return "\n".join(f"arn:aws:ssm:{region}:{account}:parameter{name}" for name in json.loads(body)["Names"])

    def enforce_each(*arguments: object, resource_arn: str = "*", **options: object) -> object:
        denials = (enforce(*arguments, resource_arn=one, **options) for one in resource_arn.split("\n"))
        return next((denial for denial in denials if denial), None)

    iam_actions.extract_resource_arn = resources_of
    iam_evaluator.enforce = enforce_each


def know_what_events_say() -> None:
    """Let conditions look at the source and the type of what PutEvents puts, all of one call together."""
    context_of = iam_actions.request_tag_context

    def context_with_events(service: str, iam_action: str, body: bytes, *arguments: object) -> dict[str, Any]:
        context: dict[str, Any] = context_of(service, iam_action, body, *arguments)
        if iam_action != "events:PutEvents":
            return context
        entries = json.loads(body)["Entries"]
        for key, name in (("events:source", "Source"), ("events:detail-type", "DetailType")):
            values = sorted({str(entry.get(name)) for entry in entries})
            context[key] = values[0] if len(values) == 1 else values
        return context

    iam_actions.request_tag_context = context_with_events


def carry_out_functions_in_conditions() -> None:
    """Put into conditions what Join, Select, Split and Sub make of parameters; MiniStack knows Ref alone there."""
    evaluate = engine._evaluate_conditions  # noqa: SLF001 -- the only reader of conditions

    def evaluate_all(template: dict[str, Any], parameters: dict[str, Any]) -> dict[str, bool]:
        values = {name: str(found["Value"]) for name, found in parameters.items()}
        conditions = _carried_out(template.get("Conditions", {}), values)
        evaluated: dict[str, bool] = evaluate({**template, "Conditions": conditions}, parameters)
        return evaluated

    for module in (changesets, engine, handlers, provisioners, stacks):
        module._evaluate_conditions = evaluate_all  # noqa: SLF001


def _carried_out(written: Any, values: dict[str, str]) -> Any:  # noqa: ANN401 (a template is JSON)
    if not isinstance(written, dict):
        return [_carried_out(part, values) for part in written] if isinstance(written, list) else written
    match written:
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], text)
        case {"Fn::Split": [str(delimiter), source]}:
            return _text(source, values).split(delimiter)
        case {"Fn::Select": [index, source]}:
            parts = _carried_out(source, values)
            return (parts if isinstance(parts, list) else _text(parts, values).split(","))[int(str(index))]
        case {"Fn::Join": [str(delimiter), source]}:
            parts = _carried_out(source, values)
            return delimiter.join(parts if isinstance(parts, list) else _text(parts, values).split(","))
    return {name: _carried_out(part, values) for name, part in written.items()}


def _text(source: Any, values: dict[str, str]) -> str:  # noqa: ANN401 (the same)
    made = _carried_out(source, values)
    return values[made["Ref"]] if isinstance(made, dict) else str(made)


def draw_metrics() -> None:
    """Answer GetMetricWidgetImage."""
    handle = cloudwatch.handle_request

    async def handle_images_too(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: Any,  # noqa: ANN401 (MiniStack's own)
    ) -> Any:  # noqa: ANN401 (the same)
        asked = f"{path} {headers.get('x-amz-target', '')}"
        if "GetMetricWidgetImage" not in asked and b"Action=GetMetricWidgetImage" not in body:
            return await handle(method, path, headers, body, query)
        if "cbor" in headers.get("content-type", "") or "cbor" in headers.get("smithy-protocol", ""):
            cbor2 = importlib.import_module("cbor2")  # MiniStack brings it

            return cloudwatch._cbor_ok({"MetricWidgetImage": _drawn(cbor2.loads(body)["MetricWidget"])})  # noqa: SLF001
        if "json" in headers.get("content-type", ""):
            answer = {"MetricWidgetImage": base64.b64encode(_drawn(json.loads(body)["MetricWidget"])).decode()}
            return 200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(answer).encode()
        image = base64.b64encode(_drawn(parse_qs(body.decode())["MetricWidget"][0])).decode()
        result = f"<MetricWidgetImage>{image}</MetricWidgetImage>"
        result = f"<GetMetricWidgetImageResult>{result}</GetMetricWidgetImageResult>"
        return cloudwatch._xml(200, "GetMetricWidgetImageResponse", result)  # noqa: SLF001

    cloudwatch.handle_request = handle_images_too


def _drawn(text: str) -> bytes:
    """Return a picture of those metrics of a widget that are here; expressions are left out."""
    widget = json.loads(text)
    span = _seconds(widget["start"]), _seconds(widget["end"])
    lines = [_points(metric, span) for metric in widget["metrics"] if isinstance(metric[0], str)]
    marks = widget["annotations"]
    moments = [(_seconds(mark["value"]), mark["label"]) for mark in marks["vertical"]]
    thresholds = [float(mark["value"]) for mark in marks["horizontal"]]
    return graph(widget["title"], span, lines, thresholds, moments, size=(widget["width"], widget["height"]))


def _points(metric: list[Any], span: tuple[float, float]) -> list[tuple[float, float]]:
    names = [part for part in metric if isinstance(part, str)]
    dimensions = dict(zip(names[2::2], names[3::2], strict=True))
    key = (names[0], names[1], cloudwatch._dims_key(dimensions))  # noqa: SLF001
    stored = [found for kept, found in cloudwatch._metrics.items() if kept == key]  # noqa: SLF001
    points = [(point["Timestamp"], point["Value"]) for points in stored for point in points]
    return sorted(point for point in points if span[0] <= point[0] <= span[1])


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def know_alternatives_in_patterns() -> None:
    """Let a line match where any of the terms that begin with a question mark is in it."""
    compiled = cloudwatch_logs._compile_filter_pattern  # noqa: SLF001 -- the only reader of patterns

    def compiled_alternatives(pattern: str) -> Any:  # noqa: ANN401 (a function of MiniStack's)
        if not pattern.startswith("?"):
            return compiled(pattern)
        found = re.findall(r'\?("(?:[^"\\]|\\.)*"|\S+)', pattern)
        terms = [term.strip('"').replace('\\"', '"') for term in found]
        return lambda line: any(term in line for term in terms)

    cloudwatch_logs._compile_filter_pattern = compiled_alternatives  # noqa: SLF001


def listen_on_one_port() -> None:
    """Do not open 443, which is done where permissions allow it."""
    app._port_is_bindable = lambda _host, _port: False  # noqa: SLF001


def end_at_once() -> None:
    """Wait for no connection that is still open."""
    Config.graceful_timeout = 0.0


def end_with_standard_input() -> None:
    """Wait until standard input is closed, then end in good order."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    accept_events_of_aws()
    take_concurrency_as_number()
    accept_saved_queries()
    ask_for_permissions_that_exist()
    ask_for_each_parameter()
    know_what_events_say()
    carry_out_functions_in_conditions()
    draw_metrics()
    know_alternatives_in_patterns()
    listen_on_one_port()
    end_at_once()
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    app.main()
    os._exit(0)  # Python would tidy up for a second or two what nobody needs any more
