"""The template as it is written, and as CloudFormation gets it."""

from pathlib import Path
from typing import Any

import pytest

from local.yaml_text import read_yaml

TEMPLATE = Path(__file__).parents[2] / "template.yaml"


class NoManagedPolicies:
    """Stands for the list of AWS managed policies, which this template has no use for."""

    def load(self) -> dict[str, str]:
        """Return none."""
        return {}


def _parse() -> dict[str, Any]:
    template: dict[str, Any] = read_yaml(TEMPLATE.read_text())
    return template


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """Return template.yaml, with its short forms such as !Ref written out."""
    return _parse()


@pytest.fixture(scope="session")
def resources() -> dict[str, Any]:
    """Return the resources that SAM makes of template.yaml, parameters left open."""
    return expand()


def expand(region: str = "eu-west-1", **parameters: str) -> dict[str, Any]:
    """Return the resources that SAM makes of template.yaml in a Region, where `parameters` have these values."""
    from samtranslator.translator.arn_generator import ArnGenerator  # noqa: PLC0415 (not every worker has a test of it)
    from samtranslator.translator.transform import transform  # noqa: PLC0415 (the same)

    template = _parse()
    # `sam package` would put an address of this form here.
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/package"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ArnGenerator, "BOTO_SESSION_REGION_NAME", region)  # which it reads once
        patch.setenv("AWS_DEFAULT_REGION", region)
        expanded: dict[str, Any] = transform(template, parameters, NoManagedPolicies())
    found: dict[str, Any] = expanded["Resources"]
    return found
