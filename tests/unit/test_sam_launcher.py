"""SAM as it is started here: YAML by libyaml, one upload of what was built alike, nobody on the network is asked."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tools import package

ROOT = Path(__file__).parents[2]
SCRIPT = """
import json, socket, sys
from collections import Counter
from types import SimpleNamespace
import yaml
from samcli.lib.package import utils
from samcli.lib.utils import version_checker
from samcli.yamlhelper import yaml_parse

template, *folders = sys.argv[1:]
seen = Counter()
text = open(template, encoding="utf-8").read()
read = [yaml_parse(text)]

sys.path.insert(0, "local")
import sam_launcher

sam_launcher.read_yaml_fast()
sam_launcher.upload_each_content_once()
sam_launcher.ask_for_no_newer_version()

read_by_python = yaml.reader.Reader.__init__
yaml.reader.Reader.__init__ = lambda *given: seen.update(["read by Python"]) or read_by_python(*given)
read.append(yaml_parse(text))

def uploader(prefix):
    def upload(file, precomputed_md5, extension):
        seen[prefix] += 1
        return f"s3://bucket/{prefix}/{precomputed_md5}"
    return SimpleNamespace(bucket_name="bucket", prefix=prefix, upload_with_dedup=upload)

def urls(prefix):
    to = uploader(prefix)
    return [utils.zip_and_upload(folder, to, None, utils.make_zip_with_lambda_permissions) for folder in folders]

socket.getaddrinfo = socket.create_connection = lambda *_, **__: seen.update(["asked the network"])
done = version_checker.check_newer_version(lambda: "done")()
print(json.dumps({"same": read[0] == read[1], "one": urls("one"), "other": urls("other"), "done": done, "seen": seen}))
"""


def linked(source: Path, target: Path) -> Path:
    """Fill a folder as the recipe of a function does, and return it."""
    target.mkdir()
    for file in source.iterdir():
        package._link(str(file), str(target / file.name))
    return target


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """Let SAM's own Python tell what it does with the template, and with three folders of which two are alike."""
    made = tmp_path_factory.mktemp("packages")
    (made / "first").mkdir()
    (made / "first" / "handler.py").write_text("1", encoding="ascii")
    alike = linked(made / "first", made / "second")
    (made / "third").mkdir()
    (made / "third" / "handler.py").write_text("2", encoding="ascii")
    command: list[str | Path] = [
        ROOT / ".venv-sam/bin/python",
        "-c",
        SCRIPT,
        ROOT / "template.yaml",
        made / "first",
        alike,
        made / "third",
    ]
    environment = {"PATH": os.environ["PATH"], "HOME": str(made), "SAM_CLI_TELEMETRY": "0"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    content: Mapping[str, Any] = json.loads(done.stdout)
    return content


def test_the_template_is_read_by_libyaml_and_is_the_same(told: Mapping[str, Any]) -> None:
    """What SAM deploys does not depend on who reads it."""
    assert told["same"]
    assert "read by Python" not in told["seen"]


def test_what_was_built_alike_is_uploaded_once_to_each_place(told: Mapping[str, Any]) -> None:
    """Two folders with one content have one address; another content, and another prefix, have their own."""
    first, second, third = told["one"]
    assert first == second != third
    assert told["other"] == [url.replace("/one/", "/other/") for url in told["one"]]
    assert (told["seen"]["one"], told["seen"]["other"]) == (2, 2)


def test_no_package_index_is_asked_for_a_newer_sam(told: Mapping[str, Any]) -> None:
    """The command is carried out, and that is all."""
    assert told["done"] == "done"
    assert "asked the network" not in told["seen"]


def test_functions_share_the_files_of_one_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hard links where the disk has them, else by copies."""
    (tmp_path / "package").mkdir()
    file = tmp_path / "package" / "handler.py"
    file.write_text("1", encoding="ascii")
    shared = linked(tmp_path / "package", tmp_path / "events") / "handler.py"
    monkeypatch.setattr(os, "link", refuse)
    copied = linked(tmp_path / "package", tmp_path / "api") / "handler.py"
    assert (shared.samefile(file), copied.samefile(file)) == (True, False)
    assert copied.read_text(encoding="ascii") == "1"


def refuse(*_: object) -> None:
    """Fail as a link to another disk does."""
    raise OSError
