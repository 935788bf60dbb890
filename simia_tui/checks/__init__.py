"""Pure rules over trajectories: parse, repair, validate, normalise, compare. No I/O, and no rule ever raises."""

from simia_tui.checks.arguments import parse_arguments
from simia_tui.checks.hints import Hints
from simia_tui.checks.pipeline import FAILED, RULES, run
from simia_tui.checks.rule import Rule
from simia_tui.checks.switches import hints_in

__all__ = ["FAILED", "RULES", "Hints", "Rule", "hints_in", "parse_arguments", "run"]
