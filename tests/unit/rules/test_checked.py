"""The rules as the package brings them do what the rule files do, and are only read once an event needs them."""

from pathlib import Path
from unittest.mock import patch

import pytest

from common.errors import ConfigurationError
from common.incidents.rules import Rules, deferred, load_rules, read_rules
from common.incidents.rules.reading import read_rule
from tests.support.rules import DIRECTORY, SHIPPED, Event, samples
from tools import package

OWN_RULE = """
[[rule]]
name = "mine"
source = "mine"
detail_type = ["Something"]
key = ["detail.name"]
firing = "detail.broken"
table = "problem"
policy = { on_recovery = "note" }
fields = { short_description = "{{ detail.name }} is broken" }

[[override]]
rules = "mine"
policy = { on_repeat = "note" }
"""


def laid_together(tmp_path: Path, own: str = "") -> Path:
    """Return a folder of the package with the shipped rules and a file of the deployment's own."""
    source = tmp_path / "src" / "rules"
    (source / "own").mkdir(parents=True)
    for path in DIRECTORY.glob("*.toml"):
        (source / path.name).symlink_to(path)
    if own:
        (source / "own" / "mine.toml").write_text(own)
    with patch.object(package, "ROOT", tmp_path):
        (tmp_path / "checked.json").write_text(package.rules_together())
    return tmp_path


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Rules:
    """The shipped rules, laid together."""
    return load_rules(laid_together(tmp_path_factory.mktemp("package")))


def test_every_sample_becomes_the_same_alert(checked: Rules) -> None:
    """By the rule files and by what the build makes of them."""
    for name, event in samples().items():
        ours, theirs = checked.match(event), SHIPPED.match(event)
        assert (ours is None) == (theirs is None), name
        if ours is not None and theirs is not None:
            assert (ours.name, ours.overrides) == (theirs.name, theirs.overrides)


def test_the_same_rules_are_there_in_the_same_order(checked: Rules) -> None:
    """A rule of the deployment's own would come first."""
    assert list(checked) == list(SHIPPED)
    assert checked.overrides == SHIPPED.overrides


def test_only_the_rule_that_an_event_needs_is_read(tmp_path: Path) -> None:
    """Whatever the others hold costs a start nothing."""
    event: Event = samples()["cloudwatch-alarm-composite-alarm"]
    with patch.object(deferred, "read_rule", wraps=read_rule) as read:
        rules = load_rules(laid_together(tmp_path))
        read.assert_not_called()
        rules.match(event)
        rules.match(event)
    assert read.call_count == 1


def test_a_table_that_this_deployment_does_not_allow_is_a_mistake(tmp_path: Path) -> None:
    """The build can't know it; it is told as by the rule files."""
    folder = laid_together(tmp_path, OWN_RULE)

    _, mistakes = read_rules(folder)
    assert [str(mistake) for mistake in mistakes] == [
        "own/mine.toml, rule mine: table is problem, which may not be written: add it to the parameter AllowedTables."
    ]
    rules, mistakes = read_rules(folder, ["problem"])
    rule = rules.match(
        {
            "source": "mine",
            "detail-type": "Something",
            "detail": {"name": "it", "broken": True},
        }
    )
    assert not mistakes
    assert rule is not None
    assert rule.overrides == ("own/mine.toml, override 1",)


def test_a_rule_that_nobody_checked_holds_its_events(tmp_path: Path) -> None:
    """A package that was made by hand loses nothing."""
    rules = load_rules(laid_together(tmp_path, OWN_RULE.replace("detail.broken", "detail..")), ["problem"])

    with pytest.raises(ConfigurationError, match=r"own/mine\.toml, rule mine: firing is wrong"):
        rules.match({"source": "mine", "detail-type": "Something", "detail": {}})
