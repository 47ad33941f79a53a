import pytest

from common.incidents.expressions import Expression

ARN = "arn:aws:ecs:eu-central-1:111122223333:service/shop/checkout"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("split(arn, '/')[-1]", "checkout"),
        ("split(arn, ':')[2]", "ecs"),
        ("split(arn, ', ')", [ARN]),
        ("split(arn, '/')[9]", None),
        ("split(arn, '')", None),
        ("split(empty, '/')", None),
        ("split(absent, '/')[-1]", None),
        ("split(number, '/')", None),
    ],
)
def test_a_part_of_a_text_can_be_named(source: str, found: object) -> None:
    """The name in an ARN, say; nothing where there is no text."""
    assert Expression.parse(source).value({"arn": ARN, "empty": "", "number": 1}) == found
