"""Starts the SAM command line; runs with the Python of its own virtual environment, see `local/sam.py`.

Three things differ from the command `sam`, none of them in what is deployed:

- YAML is read by libyaml. SAM reads the template ten times on its way, which takes it a second each.
- Functions that were built alike are packed and uploaded once. SAM packs each, to find that it was uploaded before.
- It never asks the package index for a newer version of itself.
"""

from typing import Any

import yaml
from samcli.cli.main import cli
from samcli.lib.package import utils
from samcli.lib.utils import version_checker
from samcli.lib.utils.hash import dir_checksum


def read_yaml_fast() -> None:
    """Let `yaml.safe_load` take libyaml, which reads the same."""
    yaml.SafeLoader = yaml.CSafeLoader


def upload_each_content_once() -> None:
    """Remember where a folder was uploaded to, by the checksum of its content, which names it in the bucket too."""
    zip_and_upload = utils.zip_and_upload
    uploaded: dict[tuple[object, ...], str] = {}

    def upload_once(path: str, uploader: Any, extension: str | None, zip_method: object) -> str:  # noqa: ANN401 (SAM's)
        content = dir_checksum(path, followlinks=True), uploader.bucket_name, uploader.prefix, extension, zip_method
        if content not in uploaded:
            uploaded[content] = zip_and_upload(path, uploader, extension, zip_method)
        return uploaded[content]

    utils.zip_and_upload = upload_once


def ask_for_no_newer_version() -> None:
    """Leave the package index alone: everything is on this machine."""
    version_checker._inform_newer_version = lambda: None  # noqa: SLF001 -- the only place that asks


if __name__ == "__main__":
    read_yaml_fast()
    upload_each_content_once()
    ask_for_no_newer_version()
    cli(prog_name="sam")
