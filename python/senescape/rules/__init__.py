"""Rules: functions of the cell, the environment and parameters, traced into expressions."""

from senescape.rules.parameter import Param, as_param, as_params, check_identifier
from senescape.rules.rule import Rule, RuleFunction, as_rule

__all__ = ["Param", "Rule", "RuleFunction", "as_param", "as_params", "as_rule", "check_identifier"]
