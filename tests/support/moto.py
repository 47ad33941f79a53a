"""What stands for AWS in a process, without what takes long and nothing here uses."""

from functools import cache

from moto import mock_aws
from moto.core import errors, responses
from moto.core.models import RESPONSES_METHODS
from moto.kms import models as kms
from moto.sqs import models as sqs

__all__ = ["mock_aws"]

# AWS is asked through botocore alone; for other libraries moto would prepare 9,000 answers each time that it starts.
RESPONSES_METHODS.clear()

# Moto makes an RSA key for each key, also for one that only encrypts and never uses it: 0.1 s for every test.
kms.generate_private_key = cache(kms.generate_private_key)  # type: ignore[attr-defined]

# What a service can do, how its names are written, and by which words it refuses, moto finds out again for every call.
responses.method_names_from_class = cache(responses.method_names_from_class)  # type: ignore[attr-defined]
responses.camelcase_to_underscores = cache(responses.camelcase_to_underscores)  # type: ignore[attr-defined]
sqs.camelcase_to_underscores = cache(sqs.camelcase_to_underscores)  # type: ignore[attr-defined]
errors.ErrorLookupFactory = cache(errors.ErrorLookupFactory)  # type: ignore[misc, assignment]
