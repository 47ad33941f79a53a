"""src/rules/*.toml: which events matter, and what record each becomes. Rules are data; docs/rules.md explains them."""

from common.incidents.rules.loading import load_rules, read_rules, rules_to_run
from common.incidents.rules.matching import Rules
from common.incidents.rules.override import Override
from common.incidents.rules.rule import Rule
from common.incidents.rules.table import Mistake

__all__ = ["Mistake", "Override", "Rule", "Rules", "load_rules", "read_rules", "rules_to_run"]
