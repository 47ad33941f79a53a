"""The SAM command line accepts the template."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_sam_validates_and_lints_the_template() -> None:
    """The pinned command, as a user calls it, has no complaint. `make lint` asks the same version of the linter."""
    result = subprocess.run(
        [ROOT / ".venv-sam" / "bin" / "sam", "validate", "--lint", "--template-file", ROOT / "template.yaml"],
        env=os.environ | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-west-1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert "is a valid SAM Template" in result.stdout
