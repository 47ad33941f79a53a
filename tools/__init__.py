"""Commands that an operator runs against a deployed stack, with the operator's own AWS credentials."""
