"""What a rule is: one small named judgement, with its reason, that looks at a trajectory and may repair it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from simia_tui.checks import traits
from simia_tui.checks.context import Context
from simia_tui.model import Finding, Severity, Trajectory


class Note(NamedTuple):
    """What a rule has to say of one place; the rule stamps its own id and severity on it.

    `severity` overrides that of the rule where a case matters less. `before` marks a repair and holds the
    text that was replaced.
    """

    message: str
    turn: int | None = None
    call: int | None = None
    severity: Severity | None = None
    before: str | None = None


Outcome = tuple[Trajectory, list[Note]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A named rule. `why` is one sentence that the screens show; `repairs` says whether it may change the data.

    `needs` are the traits (any of them) without which the rule has nothing to say.
    """

    id: str
    severity: Severity
    why: str
    repairs: bool
    apply: Callable[[Trajectory, Context], Outcome]
    needs: int = traits.ANY

    def finding(self, note: Note) -> Finding:
        """What a note of this rule's says, with the rule's id and severity."""
        return Finding(
            rule=self.id,
            severity=note.severity or self.severity,
            message=note.message,
            turn=note.turn,
            call=note.call,
            repaired=note.before is not None,
            before=note.before,
        )


def check(
    id: str, severity: Severity, why: str, needs: int = traits.ANY
) -> Callable[[Callable[[Trajectory, Context], Iterable[Note]]], Rule]:
    """Makes a rule of a function that only looks."""

    def wrap(look: Callable[[Trajectory, Context], Iterable[Note]]) -> Rule:
        def apply(trajectory: Trajectory, context: Context) -> Outcome:
            return trajectory, list(look(trajectory, context))

        return Rule(id, severity, why, False, apply, needs)

    return wrap


def repair(
    id: str, severity: Severity, why: str, needs: int = traits.ANY
) -> Callable[[Callable[[Trajectory, Context], Outcome]], Rule]:
    """Makes a rule of a function that returns the repaired trajectory and a note for each place it changed."""

    def wrap(apply: Callable[[Trajectory, Context], Outcome]) -> Rule:
        return Rule(id, severity, why, True, apply, needs)

    return wrap
