"""What is uploaded to Lambda: small, complete, and without what Lambda brings itself."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest

from local.sam import this_architecture
from tests.runtime.conftest import FUNCTIONS
from tools import package as recipe

ROOT = Path(__file__).parents[2]
MEGABYTE = 1_000_000

RULE_FOR_PROBLEMS = """
[[rule]]
name = "disk"
source = "my.disks"
detail_type = "Disk"
table = "problem"
key = ["detail.disk"]
firing = "detail.state == 'full'"
resolved = "detail.state == 'fine'"
policy = { on_recovery = "note", on_return = "replace" }
fields = { short_description = "{{ detail.disk }}" }
"""

each_function = pytest.mark.parametrize("function", FUNCTIONS.values())


def files(folder: Path) -> list[Path]:
    """Return the files of a package."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def digests(folder: Path) -> dict[str, str]:
    """Return what each file of a package holds."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() + oct(path.stat().st_mode)
        for path in files(folder)
    }


type Imported = Callable[[str], dict[str, tuple[str, bool]]]

_SCRIPT = """
import importlib, json, os, sys
importlib.import_module(sys.argv[1])
found = [(name, getattr(module, "__file__", None), module) for name, module in sys.modules.items()]
is_there = lambda module: os.path.exists(getattr(module, "__cached__", None) or "")
print(json.dumps({name: (file, is_there(module)) for name, file, module in found if file}))
"""
_imported: dict[str, dict[str, tuple[str, bool]]] = {}


@pytest.fixture(scope="module", params=FUNCTIONS)
def handler(request: pytest.FixtureRequest) -> str:
    """Return each handler in turn; all tests of one come together, so that its start is shared."""
    return str(request.param)


@pytest.fixture
def imported(package: Path, runtime: Path, environment: dict[str, str]) -> Imported:
    """Return a function that starts a handler, once, with its package and what Lambda brings.

    It returns the file of each module that was imported, and whether its byte code was there.
    """

    def imported(handler: str) -> dict[str, tuple[str, bool]]:
        if handler not in _imported:
            result = subprocess.run(
                [sys.executable, "-B", "-S", "-c", _SCRIPT, f"handlers.{handler}"],
                env=environment | {"PYTHONPATH": f"{package / FUNCTIONS[handler]}:{runtime}"},
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
            )
            _imported[handler] = json.loads(result.stdout)
        return _imported[handler]

    return imported


_sizes: dict[str, int] = {}


def zipped_size(folder: Path) -> int:
    """Return the bytes of a package as it is uploaded, zipped once for each content: functions share theirs."""
    content = json.dumps(digests(folder))
    if content not in _sizes:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
            for path in files(folder):
                written.write(path, path.relative_to(folder))
        _sizes[content] = len(archive.getvalue())
    return _sizes[content]


@each_function
def test_the_package_is_small(package: Path, function: str) -> None:
    """Every cold start loads it; with the SDK in it, it would be four times as large. A third of it is pydantic."""
    assert zipped_size(package / function) < 7 * MEGABYTE


@each_function
def test_the_sdk_is_not_in_the_package(package: Path, function: str) -> None:
    """Lambda brings boto3, and keeps it up to date."""
    names = {path.name for path in (package / function).iterdir()}

    assert {"common", "handlers", "rules", "aws_lambda_powertools", "urllib3", "jmespath"} <= names
    assert not names & {"boto3", "botocore", "s3transfer"}


def test_a_handler_needs_nothing_but_the_package_and_what_lambda_brings(
    package: Path, runtime: Path, imported: Imported, handler: str
) -> None:
    """Nothing of a developer's machine is missed there: each module comes from one of the two places."""
    found = imported(handler)

    assert Path(found["boto3"][0]).is_relative_to(runtime)
    for name in ("urllib3", "aws_lambda_powertools", "jmespath"):
        assert Path(found[name][0]).is_relative_to(package / FUNCTIONS[handler])


@each_function
def test_what_a_start_imports_is_byte_code_that_is_valid_whatever_its_sources_date(
    package: Path, function: str
) -> None:
    """SAM dates all files 1980. Its flags say: by a hash (1), which the interpreter does not check (not 2)."""
    compiled = [path for path in files(package / function) if path.suffix == ".pyc"]

    assert {path.read_bytes()[:8] for path in compiled} == {MAGIC_NUMBER + (1).to_bytes(4, "little")}
    own = {path.relative_to(ROOT / "src") for path in (ROOT / "src").rglob("*.py")}
    sources = {path.parent.parent / f"{path.name.split('.')[0]}.py" for path in compiled}
    assert {path.relative_to(package / function) for path in sources} > own


def test_a_start_compiles_nothing(package: Path, imported: Imported, handler: str) -> None:
    """Each module of the package comes from byte code."""
    of_package = {
        name: compiled
        for name, (file, compiled) in imported(handler).items()
        if Path(file).is_relative_to(package / FUNCTIONS[handler]) and file.endswith(".py")
    }

    assert f"handlers.{handler}" in of_package
    assert all(of_package.values())


def test_the_same_sources_make_the_same_package(package: Path, tmp_path: Path) -> None:
    """Byte for byte, so that anybody can tell that what is deployed was made of what is here."""
    recipe._make(tmp_path / "again", this_architecture())

    assert digests(tmp_path / "again") == digests(package / "ApiFunction")


@pytest.mark.parametrize("architecture", recipe.PLATFORMS)
def test_a_wheel_whose_hash_is_not_listed_is_refused(tmp_path: Path, architecture: str) -> None:
    """Also for the other processor than this machine's, and where it would be preferred to the real one."""
    platform = {"arm64": "aarch64", "x86_64": "x86_64"}[architecture]
    name, version = "pydantic_core", "2.46.5"
    assert f"pydantic-core=={version} " in (ROOT / "src/requirements.txt").read_text()
    wheel = tmp_path / f"{name}-{version}-9-cp313-cp313-manylinux_2_17_{platform}.manylinux2014_{platform}.whl"
    with zipfile.ZipFile(wheel, "w") as made_up:
        made_up.writestr(f"{name}/made_up.py", "")
        notes = f"{name}-{version}.dist-info"
        made_up.writestr(f"{notes}/METADATA", f"Metadata-Version: 2.1\nName: pydantic-core\nVersion: {version}\n")
        tag = f"cp313-cp313-manylinux2014_{platform}"
        made_up.writestr(f"{notes}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\nBuild: 9\n")
        made_up.writestr(f"{notes}/RECORD", "")

    result = subprocess.run(
        [ROOT / "requirements/install.sh", "package", tmp_path / "package", recipe.PLATFORMS[architecture]],
        env=os.environ | {"PIP_FIND_LINKS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    # Where the made-up one is not looked for, because uv has a configuration of its own, the listed one is there.
    assert not (tmp_path / "package" / name / "made_up.py").exists()
    listed = list((tmp_path / "package" / name).glob(f"*{platform}*.so"))
    assert listed if result.returncode == 0 else "Hash mismatch" in result.stderr


def test_rules_with_mistakes_are_not_packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that finds one loads no rule at all."""
    monkeypatch.setattr(recipe, "ROOT", _copy_of_the_project(tmp_path))
    (tmp_path / "src/rules/own").mkdir(exist_ok=True)
    (tmp_path / "src/rules/own/mine.toml").write_text("[[rule]]\nname = 'mine'\n")

    with pytest.raises(recipe.BuildRefusedError, match="make rules"):
        recipe.check_rules()


def test_rules_for_any_table_are_packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which tables are allowed is a parameter of the deployment."""
    monkeypatch.setattr(recipe, "ROOT", _copy_of_the_project(tmp_path))
    (tmp_path / "src/rules/own").mkdir(exist_ok=True)
    (tmp_path / "src/rules/own/mine.toml").write_text(RULE_FOR_PROBLEMS)

    recipe.check_rules()


def test_another_python_than_lambdas_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its byte code would not be read, without a word."""
    monkeypatch.setattr(recipe, "ROOT", tmp_path)
    (tmp_path / ".python-version").write_text("3.12\n")

    with pytest.raises(recipe.BuildRefusedError, match=r"Lambda's Python 3\.12 can't be made by Python 3\.13\. Remove"):
        recipe.check_python()


def test_the_processor_is_the_one_that_sam_builds_for(tmp_path: Path) -> None:
    """A recipe is told the function's name only; what cannot be known is refused, not guessed."""
    artifacts = tmp_path / "build" / "ApiFunction"
    with pytest.raises(recipe.BuildRefusedError, match="sam build"):
        recipe.architecture_of("ApiFunction", artifacts)
    (tmp_path / "build.toml").write_text(
        '[function_build_definitions.a]\narchitecture = "arm64"\nfunctions = ["EventsFunction"]\n'
        '[function_build_definitions.b]\narchitecture = "x86_64"\nfunctions = ["ApiFunction"]\n'
    )

    assert recipe.architecture_of("ApiFunction", artifacts) == "x86_64"
    with pytest.raises(recipe.BuildRefusedError, match="does not know"):
        recipe.architecture_of("OtherFunction", artifacts)


def _copy_of_the_project(folder: Path) -> Path:
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "local", folder / "local", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "template.yaml", folder)
    return folder
