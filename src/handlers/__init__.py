"""One file per Lambda function: parse, call, answer."""
