"""Reads YAML as CloudFormation writes it, by libyaml: `yaml.safe_load` takes eight times as long for the template."""

from typing import Any

import yaml
from samtranslator.yaml_helper import intrinsics_multi_constructor

yaml.CSafeLoader.add_multi_constructor("!", intrinsics_multi_constructor)


def read_yaml(text: str) -> Any:  # noqa: ANN401 (YAML)
    """Return what a text says, with short forms such as !Ref written out."""
    return yaml.load(text, yaml.CSafeLoader)
