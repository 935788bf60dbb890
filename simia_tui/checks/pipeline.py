"""Runs the rules over a trajectory, in their order."""

from simia_tui.checks import (
    calls,
    conventions,
    ledger,
    limits,
    privacy,
    provenance,
    state,
    text,
    traits,
    turns,
    whole_calls,
)
from simia_tui.checks.context import Context
from simia_tui.checks.hints import Hints
from simia_tui.checks.rule import Rule
from simia_tui.checks.survey import survey
from simia_tui.model import Finding, Severity, ToolSpec, Trajectory

_REPAIRS = (*whole_calls.REPAIRS, *text.REPAIRS, *calls.REPAIRS, *conventions.REPAIRS)
_LOOKS = (text, calls, conventions, turns, state, ledger, provenance, limits, privacy)

RULES: dict[str, Rule] = {rule.id: rule for rule in (*_REPAIRS, *(rule for room in _LOOKS for rule in room.RULES))}
"""Every rule by id, in running order: repairs come before the rules that judge what they repair."""

FAILED = "rule.failed"
"""The finding of a rule that could not finish; it is no rule of its own and means a fault of this program."""


def run(
    trajectory: Trajectory, tools: tuple[ToolSpec, ...] | None = None, hints: Hints | None = None
) -> tuple[Trajectory, list[Finding]]:
    """The repaired trajectory and all findings, in the order of the rules.

    Pure and idempotent: a second run over the result changes nothing and reports no repair. `tools` None
    means the trajectory's own specs; `hints` are what the domain knows, the rules it switches off among it.
    Never raises.
    """
    context = Context(trajectory.tools if tools is None else tools, hints or _NO_HINTS)
    findings: list[Finding] = []
    context.seen = _traits(trajectory, context)
    for rule in _ORDER:
        if not rule.needs & context.seen or rule.id in context.hints.off:
            continue
        try:
            left, notes = rule.apply(trajectory, context)
            findings += [rule.finding(note) for note in notes]
        except Exception as fault:  # noqa: BLE001 - one rule must not hide what the others see; the finding tells
            message = f"The rule {rule.id} could not finish ({type(fault).__name__}); please report this trajectory."
            findings.append(Finding(rule=FAILED, severity=Severity.ERROR, message=message))
        else:
            if left is not trajectory:
                trajectory, context.seen = left, _traits(left, context)
    return trajectory, findings


_ORDER = tuple(RULES.values())
_NO_HINTS = Hints()


def _traits(trajectory: Trajectory, context: Context) -> int:
    try:
        return survey(trajectory, context)
    except Exception:  # noqa: BLE001 - what keeps the survey from its end is for the rules to find and to tell
        return traits.ANY
