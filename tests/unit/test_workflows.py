"""What GitHub runs for this project."""

import re
from pathlib import Path

import pytest

from local.yaml_text import read_yaml

PROJECT = Path(__file__).parents[2]
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.y*ml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_named_by_the_hash_of_a_commit_and_says_its_version(path: Path) -> None:
    """A tag can be moved to other code; a hash can't, and the version beside it tells people what it is."""
    used = [line.strip() for line in path.read_text().splitlines() if re.match(r"[\s-]*uses:", line)]

    assert used
    assert [line for line in used if not re.fullmatch(r"(- )?uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


def test_only_the_job_that_deploys_may_assume_a_role_and_only_after_the_build() -> None:
    """By OIDC, in an environment that the trust policy names; no key of AWS is kept as a secret."""
    (path,) = [path for path in WORKFLOWS if "id-token: write" in path.read_text()]
    workflow = read_yaml(path.read_text())
    (job,) = workflow["jobs"].values()
    steps = [str(step.get("uses", step.get("run"))).partition("@")[0] for step in job["steps"]]

    assert path.name == "deploy.yml"
    assert job["permissions"] == {"contents": "read", "id-token": "write"}
    assert job["environment"] == "${{ inputs.environment }}"
    assert steps.index("make build") < steps.index("aws-actions/configure-aws-credentials")
    assert "secrets." not in path.read_text()


def test_no_text_from_outside_is_part_of_a_command() -> None:
    """An expression within `run` would be put into the script before the shell reads it."""
    for path in WORKFLOWS:
        for job in read_yaml(path.read_text())["jobs"].values():
            assert not [step for step in job["steps"] if "${{" in step.get("run", "")], path.name


def test_the_page_tells_every_variable_that_the_deployment_reads() -> None:
    """Of the environment of the repository."""
    workflow = (PROJECT / ".github" / "workflows" / "deploy.yml").read_text()
    page = (PROJECT / "docs" / "deploying-from-a-pipeline.md").read_text()

    assert set(re.findall(r"vars\.(\w+)", workflow)) == set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_starts_with_the_right_to_read_alone(path: Path) -> None:
    """What more a job needs, it asks for itself."""
    assert re.search(r"^permissions:\n  contents: read\n(?! )", path.read_text(), re.MULTILINE)
