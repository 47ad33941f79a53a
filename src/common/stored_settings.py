"""Settings that may be too long for the 4 KB of a function's environment: parameters of SSM Parameter Store.

The template makes each only where it is given, in the folder `settings` beside the shared token, and names it in the
variable STORED_SETTINGS. `api-tables` stands for the variable API_TABLES. They are plain text; none is secret.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from common.aws_errors import meaning
from common.environment import stored_names
from common.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


def with_stored_settings(environment: Mapping[str, str], connect: Callable[[], "SSMClient"]) -> Mapping[str, str]:
    """Return `environment` with what it names, read by one call of what `connect` returns; nothing without a name.

    Raises ConfigurationError where a parameter is missing or may not be read, and TransientError where Parameter Store
    is throttling or away.
    """
    names = stored_names(environment)
    if not names:
        return environment
    folder = environment.get("TOKEN_PARAMETER", "").rpartition("/")[0]
    places = {f"{folder}/settings/{name}": name.replace("-", "_").upper() for name in names}
    values = _read(connect(), list(places))
    absent = [place for place in places if place not in values]
    if absent:
        raise ConfigurationError(
            f"These parameters of Parameter Store are missing: {', '.join(absent)}.",
            action="Restore each (aws ssm put-parameter --type String) with the value that the stack's parameter of "
            "that name has, or deploy once with that parameter empty and once more with its value.",
            code="aws_absent",
        )
    return {**environment, **{variable: values[place] for place, variable in places.items()}}


def _read(ssm: "SSMClient", stored_settings: list[str]) -> dict[str, str]:
    """Return the values of those that exist, by name."""
    try:
        answer = ssm.get_parameters(Names=stored_settings)
    except (ClientError, BotoCoreError) as error:
        message = f"Parameter Store does not give out {', '.join(stored_settings)}"
        raise meaning(
            error,
            refused=message,
            action="Deploy the stack again, so that the function's role may call ssm:GetParameters on each; let the "
            "permissions boundary and the organization's policies allow it.",
            failed=message,
            otherwise="Nothing, unless it goes on: then check the way to Parameter Store, or switch on its higher "
            "throughput.",
        ) from None
    return {found["Name"]: found["Value"] for found in answer["Parameters"]}
