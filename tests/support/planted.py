"""Made-up secrets as they stand in log lines and events of CloudTrail."""

_KEY = "AKIAIOSFODNN7EXAMPLE"
_SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
_PASSWORD = "hunter22-Swordfish"
_TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqYW5lIn0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
_CARD = "4111 1111 1111 1111"
_MAIL = "jane.doe@example.com"
_SESSION = "IQoJb3JpZ2luX2VjEXAMPLE" + "aB3" * 60

SECRETS = (_KEY, _SECRET_KEY, _PASSWORD, _TOKEN, _CARD, _MAIL, _SESSION)
"""What must be found nowhere: keys, a password, tokens, the number of a card, a mail address."""


def lines_with() -> list[str]:
    """Return lines in which one of them stands, each in another way."""
    return [
        f"using {_KEY} for the upload",
        f"AWS_SECRET_ACCESS_KEY={_SECRET_KEY}",
        f'{{"aws_secret_access_key": "{_SECRET_KEY}"}}',
        f"credentials {_KEY} {_SECRET_KEY} rejected",
        f"login failed: password={_PASSWORD}",
        f'{{"user": "jane", "password": "{_PASSWORD}", "tries": 3}}',
        f"{{'dbPassword': '{_PASSWORD}'}}",
        f'{{"client_secret":"a\\"b{_PASSWORD}"}}',
        f"connecting to postgres://app:{_PASSWORD}@db.internal:5432/shop",
        f"Authorization: Bearer {_TOKEN}",
        f"Authorization: Basic {_PASSWORD}",
        f"GET /orders?access_token={_TOKEN}&page=2 500",
        f"GET /file?X-Amz-Security-Token={_SESSION}&X-Amz-Signature={_PASSWORD}",
        f"session token {_SESSION}",
        f"card {_CARD} was declined",
        f"mail to {_MAIL} bounced",
        f"https://shop.example/confirm?to={_MAIL.replace('@', '%40')}&mail={_MAIL}",
        f"Set-Cookie: session_id={_PASSWORD}; Path=/",
        f"DB_PASS={_PASSWORD} DB_HOST=db.internal",
        f"login of jane, pass: {_PASSWORD}",
        f"the password is {_PASSWORD}",
        f"run with --password {_PASSWORD} --verbose",
        f"aws_session_token {_SESSION}",
        f"mysql -uroot -p{_PASSWORD} shop",
        f"curl -u admin:{_PASSWORD} https://shop.example",
        f"<dbPassword type='plain'>{_PASSWORD}</dbPassword>",
        f'<add key="dbPassword" value="{_PASSWORD}"/>',
        f'{{"Name": "DB_PASSWORD", "Value": "{_PASSWORD}"}}',
        f"AccountName=shop;AccountKey={_PASSWORD}==;EndpointSuffix=core.windows.net",
        f"query password\\u003d{_PASSWORD}\\u0026page=2",
        f"returnUrl=%2Flogin%3Fpassword%3D{_PASSWORD}%26page%3D2",
        f"pass\u200bword={_PASSWORD} pass\u200dword={_PASSWORD}",
        f"\N{FULLWIDTH LATIN SMALL LETTER P}assword={_PASSWORD}",
        f"AK\u200dIA{_KEY[4:]}",
        f"card {_CARD.replace(' ', '\N{NO-BREAK SPACE}')}",
        f"posting to https://hooks.slack.com/services/T0/B0/{_PASSWORD}",
    ]
