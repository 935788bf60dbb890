"""What makes the episodes of a job differ: one value per axis, drawn so that all values come up equally often."""

import random
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

from simia_tui.model import Target

ErrorProfile = Literal["none", "few", "some", "many"]
Feedback = Literal["rich", "terse", "binary"]

_NONE = "no tool call fails"
_ONE = "one tool call fails"
_TWO = "two tool calls fail, at different moments"

ERRORS: dict[ErrorProfile, tuple[str, ...]] = {
    "none": (_NONE,),
    "few": (_NONE, _NONE, _NONE, _ONE),
    "some": (_NONE, _NONE, _ONE, _ONE, _TWO),
    "many": (_NONE, _ONE, _ONE, _TWO, _TWO),
}
"""How many tool errors a profile asks for; a value that stands twice comes up twice as often."""

FAILURES = (
    "an id or name that does not exist",
    "a state of the record that forbids the action",
    "a value that is out of range or in the wrong form",
    "something the policy rules out",
    "a service that is out of order for a moment",
)
"""The kinds of failure, where one is asked for."""

FEEDBACK: dict[Feedback, str] = {
    "rich": "tools answer with whole records, and their errors say what was wrong and what would be right",
    "terse": "tools answer with the few members that were asked for, and their errors are a short sentence",
    "binary": "tools that change something answer only whether it worked; their errors give no reason",
}


def axes_for(axes: Mapping[str, Sequence[str]], ord_: int, random_seed: int) -> dict[str, str]:
    """The value of each axis for task `ord_`, in the order of `axes`.

    An axis of k values runs through all of them in every k tasks that follow each other, in an order drawn anew for
    each round, so each value comes up equally often (to within one), and axes are independent of each other.
    """
    return {name: _value(name, values, ord_, random_seed) for name, values in axes.items()}


def _value(name: str, values: Sequence[str], ord_: int, random_seed: int) -> str:
    rounds, place = divmod(ord_, len(values))
    return values[_order(name, len(values), rounds, random_seed)[place]]


@lru_cache(maxsize=1024)
def _order(name: str, count: int, rounds: int, random_seed: int) -> list[int]:
    """The order of `count` values in a round, which the tasks of the round share."""
    return random.Random(f"{random_seed}/{name}/{rounds}").sample(range(count), count)


def with_controls(
    axes: Mapping[str, Sequence[str]],
    own: Mapping[str, Sequence[str]],
    errors: ErrorProfile | None,
    feedback: Feedback | None,
    target: Target | None = None,
) -> dict[str, tuple[str, ...]]:
    """The axes of a job: those of its pack, the job's `own` in their place, what it asks of tool errors, its target."""
    merged = {name: tuple(values) for name, values in {**axes, **own}.items()}
    if errors is not None:
        merged["tool errors"] = ERRORS[errors]
        if errors != "none":
            merged["kind of error, if any"] = FAILURES
    if feedback is not None:
        merged["tool answers"] = (FEEDBACK[feedback],)
    if target is not None:
        merged["must occur, whatever else gives way"] = (asked_for(target),)
    return merged


def asked_for(target: Target) -> str:
    """A target as a prompt says it."""
    call = f"the assistant calls {target.tool}"
    if target.error is not None:
        return f"{call}, and the tool refuses in words like these: {target.error}"
    how = {"error": ", and the tool refuses", "success": ", and the call succeeds", None: ""}[target.outcome]
    return call + how


def chi_square(counts: Sequence[int]) -> float:
    """How far counts are from equal ones: the sum of (count - mean)^2 / mean; 0 is perfectly even."""
    mean = sum(counts) / len(counts) if counts else 0.0
    return sum((count - mean) ** 2 for count in counts) / mean if mean else 0.0
