"""What is kept, how long, and under which key."""

import json

from tests.template.reading import KEY, Resources, of_type


def test_the_ledger_has_one_item_per_problem_and_forgets_by_itself(resources: Resources) -> None:
    """The key and the attribute that ends an item's life are those that the code writes."""
    ledger = of_type(resources, "AWS::DynamoDB::Table")["Ledger"]

    assert ledger["AttributeDefinitions"] == [{"AttributeName": "pk", "AttributeType": "S"}]
    assert ledger["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert ledger["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert ledger["BillingMode"] == "PAY_PER_REQUEST"


def test_the_ledger_can_be_brought_back(resources: Resources) -> None:
    """Every second of the last 35 days can be restored."""
    ledger = of_type(resources, "AWS::DynamoDB::Table")["Ledger"]

    assert ledger["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_the_ledger_outlives_the_stack_together_with_its_key(resources: Resources) -> None:
    """Either of them without the other would be worth nothing; a first deployment that fails leaves neither."""
    for name in ("Ledger", "Key"):
        assert resources[name]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert resources[name]["UpdateReplacePolicy"] == "Retain"


def test_ledger_secret_and_logs_are_encrypted_with_the_key_of_the_stack(resources: Resources) -> None:
    """One key, rotated every year, that one administrator can shut."""
    ledger = of_type(resources, "AWS::DynamoDB::Table")["Ledger"]

    assert ledger["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": KEY,
    }
    assert of_type(resources, "AWS::SecretsManager::Secret")["ClientCredentials"]["KmsKeyId"] == KEY
    for group in of_type(resources, "AWS::Logs::LogGroup").values():
        assert group["KmsKeyId"] == KEY
    assert of_type(resources, "AWS::KMS::Key")["Key"]["EnableKeyRotation"] is True


def test_the_secret_starts_empty(resources: Resources) -> None:
    """The template holds no credential, and the function can tell that nobody filled the secret in yet."""
    secret = of_type(resources, "AWS::SecretsManager::Secret")["ClientCredentials"]

    assert json.loads(secret["SecretString"]) == {"client_id": "", "client_secret": ""}


def test_every_function_writes_json_lines_to_a_log_group_that_forgets(resources: Resources) -> None:
    """A log group that Lambda makes by itself would keep everything for ever."""
    groups = of_type(resources, "AWS::Logs::LogGroup")
    functions = of_type(resources, "AWS::Lambda::Function")

    for name, function in functions.items():
        assert function["LoggingConfig"] == {
            "LogFormat": "JSON",
            "LogGroup": {"Ref": f"{name}Logs"},
            # Never above INFO, which Lambda takes the metrics for: they are lines without a level.
            "ApplicationLogLevel": {"Fn::If": ["LogsDebug", "DEBUG", "INFO"]},
            "SystemLogLevel": "INFO",  # with platform.report, which the saved query of durations reads
        }
    for group in groups.values():
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert set(groups) == {*(f"{name}Logs" for name in functions), "ApiAccessLogs"}


def test_every_function_runs_on_the_chosen_processor_and_is_traced(resources: Resources) -> None:
    """The processor is a parameter, so that a laptop can build and run for itself."""
    for function in of_type(resources, "AWS::Lambda::Function").values():
        assert function["Runtime"] == "python3.13"
        assert function["Architectures"] == [{"Ref": "Architecture"}]
        assert function["TracingConfig"] == {"Mode": "Active"}
