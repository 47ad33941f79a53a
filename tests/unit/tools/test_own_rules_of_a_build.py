"""`make build RULES=…`: rules that lie outside of the checkout travel into the package."""

import subprocess

import pytest

from tests.support.rules import PROJECT


@pytest.mark.parametrize("rules", ["", "/rules of/mine"])
def test_a_folder_of_rules_is_copied_before_the_build(rules: str) -> None:
    """Into the folder that belongs to whoever deploys; without the parameter nothing is copied."""
    command = ["make", "--dry-run", "--no-print-directory", "build", f"RULES={rules}"]
    steps = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.splitlines()
    copies = [number for number, step in enumerate(steps) if "src/rules/own/" in step]
    assert [steps[number].strip() for number in copies] == (
        [f'mkdir -p src/rules/own && cp "{rules}"/*.toml src/rules/own/'] if rules else []
    )
    assert all(number < len(steps) - 1 for number in copies)
    assert "build --parameter-overrides" in steps[-1]
