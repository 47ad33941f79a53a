"""The deployment package: what `sam build` calls for each function, by way of the Makefile.

Rules with mistakes, and wheels whose hash src/requirements.txt does not list, are refused. The modules that a start
imports are compiled: SAM dates all files 1980, so byte code that goes by the date of its source would never be valid,
and each cold start would compile everything anew. The rules, once checked, become one JSON file, which is read at once.
The same sources make the same package, byte for byte.
"""

import fcntl
import hashlib
import json
import os
import py_compile
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from py_compile import PycInvalidationMode

ROOT = Path(__file__).resolve().parents[1]
PLATFORMS: Mapping[str, str] = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
"""Processors in Lambda's terms → platforms whose wheels run on its Amazon Linux 2023 (glibc 2.34)."""

ENVIRONMENT: dict[str, str] = {
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
    "AWS_LAMBDA_FUNCTION_NAME": "package",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_LOG_FORMAT": "JSON",
    "AWS_REGION": "eu-west-1",
    "AWS_SECRET_ACCESS_KEY": "none",
    "API_INCIDENT_FIELDS": "short_description,description,impact,urgency",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead-letters",
    "EVENT_BUS": "default",
    "EVENT_SOURCE": "servicenow-bridge.build",
    "DEPLOYMENT": "package",
    "OWN_PLACE": "aws/123456789012/eu-west-1",
    "LEDGER_TABLE": "ledger",
    "QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/events",
    "SERVICENOW_INSTANCE_HOST": "example.service-now.com",
    "SERVICENOW_SECRET_ID": "credentials",
    "TOKEN_KEY_ID": "key",
    "TOKEN_PARAMETER": "/servicenow-bridge/package/access-token",
}
"""With which each function starts, without reaching anything."""

_MADE_BEFORE = ROOT / ".aws-sam" / "packages"
_RUNS_AT = Path("/var/task")
_LEFT_OUT = ("bin", ".lock")
_OF_THE_INSTALLER = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")
# What a start of every handler imports: paths in the package, from wherever this machine has the modules.
_IMPORTED = """
import importlib, json, sys
from pathlib import Path
places = [Path(place) for place in sys.argv[1:]]
for handler in sorted((places[0] / "handlers").glob("[!_]*.py")):
    importlib.import_module(f"handlers.{handler.stem}")
files = [Path(module.__file__) for module in sys.modules.values() if getattr(module, "__file__", None)]
found = {str(file.relative_to(place)) for file in files for place in places if file.is_relative_to(place)}
print(json.dumps(sorted(found)))
"""


class BuildRefusedError(Exception):
    """There will be no package; the text says why, and what a person does next."""


def main(function: str, artifacts: Path) -> int:
    """Put the package of `function` into the folder `artifacts`. Return 1 where the build is refused, else 0."""
    try:
        shutil.copytree(
            package(architecture_of(function, artifacts)), artifacts, copy_function=_link, dirs_exist_ok=True
        )
    except BuildRefusedError as error:
        print(f"{function} is not built: {error}", file=sys.stderr)
        return 1
    return 0


def _link(source: str, target: str) -> None:
    """Let `target` be the same file, which takes no time and no room; on another disk it is a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def architecture_of(function: str, artifacts: Path) -> str:
    """Return the processor for which SAM builds `function`, by the notes that it keeps beside the build directory.

    SAM tells a recipe the name of the function and nothing else:
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-custom-runtimes.html
    """
    notes = artifacts.parent.parent / "build.toml"
    try:
        definitions = tomllib.loads(notes.read_text(encoding="utf-8"))["function_build_definitions"]
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        raise BuildRefusedError(f"{notes} does not say for which processor. Build with `sam build`.") from None
    for definition in definitions.values():
        if function in definition["functions"]:
            return str(definition["architecture"])
    raise BuildRefusedError(f"{notes} does not know it. Build all functions with `sam build`.")


def package(architecture: str) -> Path:
    """Return the folder of the package for `architecture`; where nothing changed it is the one made before.

    Raises BuildRefusedError where a rule is wrong, a hash is not listed, or this is another Python than Lambda's.
    """
    check_python()
    folder = _MADE_BEFORE / architecture
    folder.mkdir(parents=True, exist_ok=True)
    made, made_from = folder / "package", folder / "made-from"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = _fingerprint()
        if not made_from.exists() or made_from.read_text() != wanted:
            made_from.unlink(missing_ok=True)
            shutil.rmtree(made, ignore_errors=True)
            check_rules()
            _make(made, architecture)
            made_from.write_text(wanted)
    return made


def check_python() -> None:
    """Raise BuildRefusedError where this is another Python than Lambda's: it would not read the byte code."""
    wanted = (ROOT / ".python-version").read_text(encoding="ascii").strip()
    ours = ".".join(map(str, sys.version_info[:2]))
    if ours != wanted:
        raise BuildRefusedError(
            f"byte code for Lambda's Python {wanted} can't be made by Python {ours}. Remove .venv and run `make setup` "
            f"with Python {wanted}."
        )


def check_rules() -> None:
    """Raise BuildRefusedError where a rule has a mistake.

    Every table counts as allowed here: which ones are, a parameter of the deployment says.
    """
    tables = {table for file in _rule_files() for table in _tables(file)}
    command = [sys.executable, "-m", "local.rules", "--tables", ",".join(sorted(tables))]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    if subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode:  # noqa: S603 (a fixed command)
        raise BuildRefusedError("the rules have the mistakes listed above. `make rules` lists them again.")


def rules_together() -> str:
    """Return all rule files as one JSON object: `{file: content}`, shipped ones first, as the functions read it."""
    contents = {path: tomllib.loads(path.read_text(encoding="utf-8")) for path in _rule_files()}
    together = {str(path.relative_to(ROOT / "src/rules")): content for path, content in contents.items()}
    # Dates of windows are the one kind of value that JSON lacks; they may be texts just as well.
    return json.dumps(together, default=str)


def _rule_files() -> list[Path]:
    rules = ROOT / "src/rules"
    return [*sorted(rules.glob("*.toml")), *sorted((rules / "own").glob("*.toml"))]


def _tables(file: Path) -> Iterator[str]:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return  # the check of the rules tells it
    for kind in ("rule", "override"):
        entries = content.get(kind)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("table"), str):
                yield entry["table"]


def _sources() -> list[Path]:
    found = (path for path in (ROOT / "src").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sorted(found)


def _fingerprint() -> str:
    digest = hashlib.sha256(sys.version.encode())
    for path in (*_sources(), Path(__file__), ROOT / "requirements" / "install.sh"):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _make(package: Path, architecture: str) -> None:
    install: list[str | Path] = [ROOT / "requirements" / "install.sh", "package", package, PLATFORMS[architecture]]
    if subprocess.run(install, check=False).returncode:  # noqa: S603 (a fixed command)
        raise BuildRefusedError(
            "what src/requirements.txt lists could not be installed, see above. A hash that is not listed means that "
            "somebody put another file in its place, or that the lock is old: `make lock` renews it."
        )
    for name in _LEFT_OUT:
        left_out = package / name
        shutil.rmtree(left_out) if left_out.is_dir() else left_out.unlink(missing_ok=True)
    for path in package.glob("*.dist-info/*"):
        if path.name in _OF_THE_INSTALLER:
            path.unlink()
    rules = set(_rule_files())
    for path in (path for path in _sources() if path not in rules):
        copy = package / path.relative_to(ROOT / "src")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    (package / "rules").mkdir(exist_ok=True)
    (package / "rules" / "checked.json").write_text(rules_together(), encoding="utf-8")
    _compile(package)
    for path in package.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _compile(package: Path) -> None:
    """Compile our own modules, and those of others that a start imports."""
    own = (path.relative_to(ROOT / "src") for path in _sources() if path.suffix == ".py")
    command: list[str | Path] = [sys.executable, "-m", "tools.package", "--compile", package]
    environment = os.environ | {"PYTHONHASHSEED": "0"}  # the order of sets in the byte code
    names = json.dumps(sorted({*map(str, own), *_imported()}))
    subprocess.run(command, input=names, text=True, check=True, cwd=ROOT, env=environment)  # noqa: S603 (the same)


def _imported() -> list[str]:
    places = [str(ROOT / "src"), *(place for place in sys.path if place.endswith("site-packages"))]
    result = subprocess.run(  # noqa: S603 (the same)
        [sys.executable, "-B", "-c", _IMPORTED, *places],
        env=ENVIRONMENT | {"PYTHONPATH": places[0]},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise BuildRefusedError(f"a function does not start:\n{result.stderr}")
    names: list[str] = json.loads(result.stdout)
    return names


def compile_modules(package: Path, names: list[str]) -> None:
    """Compile these files of `package`, as far as it has them, to byte code that holds whatever their dates are."""
    for name in names:
        if (source := package / name).suffix == ".py" and source.exists():
            py_compile.compile(
                str(source),
                dfile=str(_RUNS_AT / name),
                doraise=True,
                invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
            )


if __name__ == "__main__":
    if sys.argv[1] == "--compile":
        compile_modules(Path(sys.argv[2]), json.load(sys.stdin))
        sys.exit(0)
    sys.exit(main(sys.argv[1], Path(sys.argv[2]).resolve()))
