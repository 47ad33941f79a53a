"""`make secret`, against a made-up Secrets Manager that notes what is written."""

import json
from argparse import Namespace
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.certificates import create_authority, issue_client
from tools.deployed import ToolError
from tools.secret import change

PAIR = {"client_id": "bridge", "client_secret": "second"}
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1d3f5a7b-0000-4000-8000-000000000001"
SIGNING = {"client_id": "bridge", "signing_key": KEY, "key_id": "kid", "subject": "bridge@example.com"}
OLD = {"client_id": "bridge", "client_secret": "first"}


class Manager:
    """Holds one secret, or refuses to show it."""

    def __init__(self, value: object, refusal: str = "") -> None:
        """Hold `value`, as it is where it is text, else as JSON."""
        self.value = value if isinstance(value, str) else json.dumps(value)
        self.refusal = refusal

    def get_secret_value(self, **_: str) -> dict[str, str]:
        """Show it."""
        if self.refusal:
            raise ClientError({"Error": {"Code": self.refusal, "Message": ""}}, "GetSecretValue")
        return {"SecretString": self.value}

    def put_secret_value(self, *, SecretId: str, SecretString: str) -> None:  # noqa: N803 (boto3's names)
        """Replace it."""
        assert SecretId == "secret"
        self.value = SecretString


def changed(
    manager: Manager, option: str = "", given: object = PAIR, certificate: tuple[Path, Path] | None = None
) -> Any:  # noqa: ANN401 (any JSON)
    """Change the secret with one of the options, and return what it holds then."""
    options = Namespace(certificate=certificate, **{name: name == option for name in ("next", "promote", "replace")})
    change(manager, "secret", options, StringIO(json.dumps(given)))  # type: ignore[arg-type]
    return json.loads(manager.value)


@pytest.mark.parametrize(
    ("before", "option", "after"),
    [
        ("", "", PAIR),
        (OLD, "", PAIR),
        ({**OLD, "next": OLD, "note": "x"}, "", {**PAIR, "next": OLD, "note": "x"}),
        ({"current": OLD, "note": "x"}, "", {"current": PAIR, "note": "x"}),
        ({**OLD, "note": "x"}, "next", {**OLD, "note": "x", "next": PAIR}),
        ({"current": OLD, "next": OLD}, "next", {"current": OLD, "next": PAIR}),
        ({**OLD, "next": PAIR, "note": "x"}, "promote", {**PAIR, "note": "x"}),
        ({"current": OLD, "next": PAIR}, "promote", {"current": PAIR}),
        ("no JSON", "replace", PAIR),
        ({**OLD, "next": OLD}, "replace", PAIR),
    ],
)
def test_what_else_the_secret_holds_stays(before: object, option: str, after: object) -> None:
    """Only `replace` writes the pair alone."""
    assert changed(Manager(before), option) == after


def test_a_secret_that_was_never_filled_in_is_begun() -> None:
    """Secrets Manager answers then as if there were none."""
    assert changed(Manager("", "ResourceNotFoundException")) == PAIR


@pytest.mark.parametrize(
    ("manager", "option", "words"),
    [
        (Manager(OLD), "promote", "no next client credentials"),
        (Manager("hidden-value"), "", "not a JSON object"),
        (Manager('["hidden-value"]'), "next", "not a JSON object"),
        (Manager(OLD, "AccessDeniedException"), "next", "--replace"),
    ],
)
def test_what_can_not_be_merged_is_left_as_it_is(manager: Manager, option: str, words: str) -> None:
    """The message says what to do, and nothing of what was found."""
    before = manager.value
    with pytest.raises(ToolError, match=words) as caught:
        changed(manager, option)
    assert manager.value == before
    assert "hidden-value" not in str(caught.value)


@pytest.mark.parametrize(
    ("before", "option", "after"),
    [
        ({**OLD, "note": "x"}, "", {**SIGNING, "note": "x"}),
        ({"current": OLD}, "", {"current": SIGNING}),
        (OLD, "next", {**OLD, "next": SIGNING}),
        ({**OLD, "next": SIGNING}, "promote", SIGNING),
        ({**SIGNING, "next": PAIR}, "promote", PAIR),
    ],
)
def test_a_client_that_signs_takes_the_place_of_one_with_a_secret(before: object, option: str, after: object) -> None:
    """Nothing of the other way stays behind."""
    assert changed(Manager(before), option, {**SIGNING, "note": "left out"}) == after


def test_the_secret_of_a_record_that_is_no_public_client_stays_beside_the_key() -> None:
    """ServiceNow asks for both then."""
    assert changed(Manager(OLD), given={**SIGNING, "client_secret": "kept"}) == {**SIGNING, "client_secret": "kept"}


def test_a_client_certificate_is_stored_beside_everything_else(tmp_path: Path) -> None:
    """And stays there when the pair is changed or promoted."""
    own = issue_client(create_authority())
    manager = Manager({**OLD, "next": PAIR})
    shown = {"certificate": own.certificate_pem.strip(), "private_key": own.key_pem.strip()}
    assert changed(manager, certificate=own.write(tmp_path, "bridge")) == {**OLD, "next": PAIR, **shown}
    assert changed(manager, "promote") == {**PAIR, **shown}
    assert changed(manager, given=SIGNING) == {**SIGNING, **shown}


def test_files_that_do_not_fit_together_are_not_stored(tmp_path: Path) -> None:
    """The message names the files alone."""
    authority = create_authority()
    (chain, _), (_, key) = (issue_client(authority).write(tmp_path, name) for name in ("own", "other"))
    for files in ((chain, key), (chain, tmp_path / "absent")):
        manager = Manager(OLD)
        with pytest.raises(ToolError) as caught:
            changed(manager, certificate=files)
        assert "PRIVATE" not in str(caught.value)
        assert json.loads(manager.value) == OLD


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({**SIGNING, "key_id": ""}, "key_id is missing"),
        ({**SIGNING, "subject": " "}, "subject is missing"),
        ({**SIGNING, "signing_key": "alias/hidden-value"}, "not the ARN of a KMS key"),
    ],
)
def test_a_client_that_could_not_sign_is_refused(given: object, words: str) -> None:
    """Nothing is written, and what was given is not shown."""
    manager = Manager(OLD)
    with pytest.raises(ToolError, match=words) as caught:
        changed(manager, given=given)
    assert json.loads(manager.value) == OLD
    assert "hidden-value" not in str(caught.value)


@pytest.mark.parametrize("given", [b"[]", b"{", b"\xff", b""])
def test_what_is_no_object_is_refused(given: bytes) -> None:
    """The message shows how one looks, and nothing of what was given."""
    manager = Manager(OLD)
    options = Namespace(certificate=None, next=False, promote=False, replace=False)
    stream = TextIOWrapper(BytesIO(given), encoding="utf-8")
    with pytest.raises(ToolError, match="no JSON object such as"):
        change(manager, "secret", options, stream)  # type: ignore[arg-type]
    assert json.loads(manager.value) == OLD


@pytest.mark.parametrize("given", [{}, {"client_id": "bridge"}, {**PAIR, "client_secret": " "}])
def test_half_a_pair_is_refused(given: object) -> None:
    """Nothing is written."""
    with pytest.raises(ToolError, match="missing or empty"):
        changed(Manager(OLD), given=given)
