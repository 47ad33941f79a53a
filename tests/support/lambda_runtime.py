"""What Lambda installs beside a function's own package, as this machine has it."""

from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

# The SDK, and the client of the Runtime API.
_DISTRIBUTIONS = (
    "awslambdaric",
    "boto3",
    "botocore",
    "jmespath",
    "python-dateutil",
    "s3transfer",
    "simplejson",
    "six",
    "snapshot-restore-py",
    "urllib3",
)


def brought_by_lambda() -> Iterator[Path]:
    """Yield each file and folder of them that stands at the top of a path of modules."""
    for name in _DISTRIBUTIONS:
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or [] if not file.parts[0].startswith("..")}:
            yield Path(str(found.locate_file(top)))
