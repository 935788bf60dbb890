"""Screens a seed with an LLM before anything is made from it: is it complete, and does it make sense.

The paper names three questions: completeness, logic and format (arXiv 2511.01824). Format is answered by the rules, for
nothing; the LLM is asked the other two. A person decides; a verdict that cannot be read decides nothing.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from simia_tui.domains import Pack
from simia_tui.model import (
    Finding,
    Opinion,
    Point,
    Screening,
    Severity,
    ToolSpec,
    Trajectory,
    canonical_json,
    content_hash,
)
from simia_tui.simulate.ask import Unreadable, find_object, lines
from simia_tui.simulate.synthesize import Prompt, tool_line
from simia_tui.simulate.user import numbered

AGAIN = "Your last reply could not be read as one JSON object of this form. Answer again; this is request number {}."


class Writer:
    """The request about one seed, put together once. `said` are the lines of `remarks`."""

    def __init__(self, pack: Pack, seed: Trajectory, tools: Sequence[ToolSpec], said: Sequence[str]) -> None:
        template = pack.template("prefilter")
        self._version = template.version
        self._text = template.fill(
            {
                "policy": seed.policy or pack.policy or "(no policy is given)",
                "tools": lines([tool_line(tool) for tool in tools]),
                "findings": "\n".join(said) or "(none)",
                "transcript": lines(numbered(seed)),
            }
        )

    def prompt(self, draw: int = 0) -> Prompt:
        """The request; `draw` counts the replies to it that were of no use, so that no cache gives the same again."""
        text = self._text + (f"\n{AGAIN.format(draw + 1)}\n" if draw else "")
        messages = [{"role": "user", "content": text}]
        return Prompt(messages, content_hash(messages), self._version)


def remarks(findings: Iterable[Finding]) -> list[str]:
    """What the rules hold against a seed as it stands, a JSON object each: warnings and errors that stand."""
    standing = (f for f in findings if f.severity is not Severity.INFO and not f.repaired)
    return [canonical_json({"rule": f.rule, "turn": f.turn, "message": f.message}) for f in standing]


def ruled(findings: Sequence[Finding]) -> Screening | None:
    """The verdict that the rules give alone: a seed with an error that stands fails by its format."""
    errors = [f for f in findings if f.severity is Severity.ERROR and not f.repaired]
    if not errors:
        return None
    more = f" (and {len(errors) - 3} more)" if len(errors) > 3 else ""
    return Screening(
        opinion=Opinion.FAIL,
        format=Point(passed=False, reason=" ".join(f.message for f in errors[:3]) + more),
        evidence_turns=tuple(sorted({f.turn for f in errors if f.turn is not None})),
    )


def read_verdict(text: str, turns: int) -> Screening:
    """The verdict in a reply about a seed of `turns` turns; evidence that points beyond them is left out.

    Whether the seed is to be kept follows from the answers; what the reply says of it itself is not read.

    Raises:
        Unreadable: an answer is missing, or is neither yes nor no.
    """
    value = find_object(text, "completeness")
    completeness, logic = _point(value, "completeness"), _point(value, "logic")
    evidence = value.get("evidence_turns")
    cited = [turn for turn in evidence if type(turn) is int and 0 <= turn < turns] if isinstance(evidence, list) else []
    return Screening(
        opinion=Opinion.PASS if completeness.passed and logic.passed else Opinion.FAIL,
        completeness=completeness,
        logic=logic,
        format=Point(passed=True),
        evidence_turns=tuple(dict.fromkeys(cited)),
    )


def _point(value: dict[str, Any], name: str) -> Point:
    answer = value.get(name)
    passed = answer.get("pass") if isinstance(answer, dict) else None
    if isinstance(passed, str):
        passed = {"true": True, "false": False}.get(passed.strip().casefold())
    if not isinstance(answer, dict) or not isinstance(passed, bool):
        raise Unreadable(f'"{name}" must be an object with "pass": true or false.')
    reason = answer.get("reason")
    return Point(passed=passed, reason=reason.strip() if isinstance(reason, str) else "")
