"""The calls of AWS that a function's code makes, read from its source and from botocore's models."""

import ast
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import botocore.session
from botocore import xform_name

SOURCE = Path(__file__).resolve().parents[2] / "src"
_LIBRARY = "aws_lambda_powertools.utilities.circuit_breaker.persistence"
"""The one library that is handed a client of ours."""


_PREFIXES = {"stepfunctions": "states"}
"""What permissions of a service begin with, where that is not what boto3 calls it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of `service`; `argument` is the name that the code has for what it is about, where it has one.

    `client` is the code's name of what is called, while it is not sure whose call it is.
    """

    service: str
    operation: str
    argument: str
    client: str = ""

    @property
    def action(self) -> str:
        """The permission that it takes: another name for batches, Security Hub's second feed and the Tagging API."""
        if self.operation == "BatchUpdateFindingsV2":
            return "securityhub:BatchUpdateFindings"
        if self.service == "accessanalyzer":
            return f"access-analyzer:{self.operation}"
        if self.service == "resourcegroupstaggingapi":
            return f"tag:{self.operation}"
        if self.service.startswith("apigateway"):
            return "apigateway:GET"
        name = self.operation.removesuffix("Batch") if self.service == "sqs" else self.operation
        return f"{_PREFIXES.get(self.service, self.service)}:{name}"


@cache
def calls_of(handler: str) -> frozenset[Call]:
    """Return the calls that the code may make which `handler`, such as `handlers.events`, imports."""
    trees = [(path.stem, _tree(path)) for path in _imported(handler)]
    services = sorted({service for _, tree in trees for service in _clients(tree)})
    known = {name: (service, operation) for service in services for name, operation in _operations(service).items()}

    def in_module(stem: str) -> Mapping[str, tuple[str, str]]:
        # A module that has the name of a service calls that, where another has an operation of the same name.
        own = {name: (stem, operation) for name, operation in _operations(stem).items()} if stem in services else {}
        return {**known, **own}

    def of_client(call: Call) -> Call:
        # So does a client that is called after its service.
        named = call.client if call.client in services else ""
        operation = _operations(named).get(xform_name(call.operation)) if named else None
        return call if operation is None else Call(named, operation, call.argument, call.client)

    found = (call for stem, tree in trees for call in _calls(tree, in_module(stem)))
    return frozenset(replace(of_client(call), client="") for call in found)


@cache
def _operations(service: str) -> Mapping[str, str]:
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(name): name for name in model.operation_names}


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _imported(handler: str) -> set[Path]:
    """Return the files that are imported with `handler`, of src and of the library, but for what only types need."""
    waiting, found = [handler], set[Path]()
    while waiting:
        for path in _files(waiting.pop()):
            if path not in found:
                found.add(path)
                waiting += _imports(_tree(path))
    return found


def _files(module: str) -> list[Path]:
    path = SOURCE / Path(*module.split("."))
    if module == _LIBRARY:
        spec = importlib.util.find_spec(module)
        assert spec is not None, "Powertools has moved its module"
        return sorted(Path(str(spec.origin)).parent.glob("*.py"))
    return [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()]


@cache
def _imports(tree: ast.Module) -> tuple[str, ...]:
    return tuple(_imported_names(tree))


def _imported_names(tree: ast.Module) -> Iterator[str]:
    types = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) not in types and isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif id(node) not in types and isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@cache
def _call_nodes(tree: ast.Module) -> tuple[ast.Call, ...]:
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.Call))


@cache
def _clients(tree: ast.Module) -> frozenset[str]:
    services = [node.args[0] for node in _call_nodes(tree) if ast.unparse(node.func) == "boto3.client"]
    assert all(isinstance(service, ast.Constant) for service in services), "the service of a client is written out"
    return frozenset(ast.literal_eval(service) for service in services)


def _calls(tree: ast.Module, known: Mapping[str, tuple[str, str]]) -> Iterator[Call]:
    """Yield the calls by a method's name, and those by a name that is handed on, to `getattr` for one.

    Where several services have an operation of that name, a service that is named beside it is meant.
    """
    for node in _call_nodes(tree):
        names = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
        if isinstance(node.func, ast.Attribute):
            names.append(node.func.attr)
        for name in names:
            if isinstance(name, str) and name in known:
                client = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
                # A service may also be named beside what is asked of it.
                beside = next((one for one in names if isinstance(one, str) and one not in (name, "ask")), "")
                yield Call(*known[name], _argument(node), beside or client)


def _argument(call: ast.Call) -> str:
    named = [word for word in call.keywords if word.arg in ("QueueUrl", "TableName", "Name", "Names", "SecretId")]
    return ast.unparse(named[0].value).rpartition(".")[2].lstrip("_") if named else ""
