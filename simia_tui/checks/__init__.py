"""Pure rules over trajectories: parse, repair, validate, normalise, compare. No I/O, and no rule ever raises.

What the room offers is imported when it is first asked for: a screen that may check something does not wait for rules.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simia_tui.checks.arguments import parse_arguments
    from simia_tui.checks.hints import Hints
    from simia_tui.checks.pipeline import FAILED, RULES, run
    from simia_tui.checks.rule import Rule
    from simia_tui.checks.switches import hints_in

__all__ = ["FAILED", "RULES", "Hints", "Rule", "hints_in", "parse_arguments", "run"]

_HOMES = {
    "FAILED": "pipeline",
    "Hints": "hints",
    "RULES": "pipeline",
    "Rule": "rule",
    "hints_in": "switches",
    "parse_arguments": "arguments",
    "run": "pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
