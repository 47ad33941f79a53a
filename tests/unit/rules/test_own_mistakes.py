"""What is wrong with rules and overrides of one's own is named."""

from pathlib import Path

import pytest

from common.errors import ConfigurationError
from tests.support.own_rules import SHIPPED, TAPE, alert_of, catch_all, load


def mistakes(directory: Path, *own: str, tables: tuple[str, ...] = ()) -> str:
    """Return what is wrong with files of one's own."""
    with pytest.raises(ConfigurationError) as caught:
        load(directory, *own, tables=tables)
    return caught.value.message


@pytest.mark.parametrize(
    ("own", "mistake"),
    [
        ("[[override]]\n", "own/0.toml, override 1: drop is missing: say what changes"),
        ("[[override]]\nmatch = '`true`'\n", "drop is missing: say what changes, with one of drop, table"),
        ('[[override]]\ndrop = "yes"\n', "drop is neither true nor false."),
        ("[[override]]\nname = 7\ndrop = true\n", "name is no text."),
        ("[[override]]\ncolour = 'red'\ndrop = true\n", "colour is not known; the fields are accepts, covers, drop"),
        ("[[override]]\nmatch = 'a b'\ndrop = true\n", "match is wrong: 'a b' is no JMESPath expression"),
        ("[[override]]\nrules = ['nope-*']\ndrop = true\n", "rules names no rule that there is: disk-full, tape-torn."),
        ("[[override]]\nrules = 7\ndrop = true\n", "rules is neither a text nor a list of texts."),
        ("[[override]]\ngroup = 'detail.x'\n", "group is no list of expressions."),
        ("[[override]]\nfields = { impact = 4 }\n", "fields.impact is none of 1, 2, 3."),
        ("[[override]]\nfields = { urgency = 'high' }\n", "fields.urgency is none of 1, 2, 3."),
        ("[[override]]\nfields = { message_key = 'x' }\n", "fields.message_key is set by the bridge itself."),
        (
            "[[override]]\naccepts = 'correlation_display'\n",
            "accepts has 'correlation_display', which no event may set",
        ),
        ("[[override]]\naccepts = ['u_*', 'sys_id']\n", "accepts has 'sys_id', which no event may set."),
        ("[[override]]\ntable = 'problem'\n", "table is problem, which may not be written: add it to the parameter"),
        ("[[override]]\ntable = 'Problem'\n", "table is no name that ServiceNow uses"),
        ("override = 'x'\n", "own/0.toml: override is no list of tables; every override begins with [[override]]."),
        (catch_all("disk-full", "x", "y"), "own, rule disk-full: name is that of a shipped rule"),
        (catch_all("x", "x", "y").replace('"x"', '["x", "*"]', 2), "name is no text"),
        (
            catch_all("own", "x", "y").replace('source = "x"', 'source = ["x", "*"]'),
            "rule own: source has * beside others; * alone stands for all of them.",
        ),
        (catch_all("own", "x", "y") + 'once = "yes"', "once is neither true nor false."),
        (catch_all("one", "*", "y") + catch_all("two", "*", "y"), "rule two: when never counts"),
    ],
)
def test_a_mistake_of_ones_own_is_named(tmp_path: Path, own: str, mistake: str) -> None:
    """With the file, the rule or override, and the field."""
    assert mistake in mistakes(tmp_path, own)


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ("{}", "resolved_state"),
        ('{ resolved_state = "3" }', "reopened_state"),
        ('{ on_return = "replace" }', "resolved_state"),
    ],
)
def test_a_table_whose_states_nobody_knows_needs_them(tmp_path: Path, policy: str, field: str) -> None:
    """An incident's 6 means something else there."""
    own = f'[[override]]\nrules = "disk-full"\ntable = "u_disk"\npolicy = {policy}\n'
    message = mistakes(tmp_path, own, tables=("u_disk",))
    assert f"own/0.toml, override 1: policy.{field} is missing: say which state of u_disk means" in message
    as_rule = SHIPPED.replace('"disk-full"', f'"own-disk"\ntable = "u_disk"\npolicy = {policy}')
    assert f"rule own-disk: policy.{field} is missing" in mistakes(tmp_path, as_rule, tables=("u_disk",))


@pytest.mark.parametrize("table", ["problem", "change_request"])
@pytest.mark.parametrize("policy", ["{}", '{ resolved_state = "106", reopened_state = "104" }'])
def test_a_table_whose_state_only_people_move_cannot_be_resolved(tmp_path: Path, table: str, policy: str) -> None:
    """A 200 without a change, or a 403, is all that would come of it."""
    own = f'[[override]]\nrules = "disk-full"\ntable = "{table}"\npolicy = {policy}\n'
    message = mistakes(tmp_path, own, tables=(table,))
    assert "own/0.toml, override 1: policy.on_recovery can't be resolve: " in message
    assert "Set it to note or leave." in message
    noted = f'[[override]]\nrules = "*"\ntable = "{table}"\npolicy = {{ on_recovery = "note" }}\n'
    assert alert_of(load(tmp_path, noted, tables=(table,))).table == table


@pytest.mark.parametrize(
    "policy",
    [
        '{ on_recovery = "note" }',
        '{ on_recovery = "leave" }',
        '{ resolved_state = "3", on_return = "replace" }',
        '{ resolved_state = "3", reopened_state = "2" }',
    ],
)
def test_a_table_with_its_states_or_without_a_recovery_is_fine(tmp_path: Path, policy: str) -> None:
    """A rule without recovery needs none."""
    own = f'[[override]]\nrules = "*"\ntable = "u_disk"\npolicy = {policy}\n'
    assert alert_of(load(tmp_path, own, tables=("u_disk",))).table == "u_disk"
    tapes = '[[override]]\nrules = "tape-torn"\ntable = "u_disk"\n'
    assert alert_of(load(tmp_path, tapes, tables=("u_disk",)), TAPE).table == "u_disk"
