"""What rules and people say of a trajectory: findings, decisions, faults."""

import json
from enum import StrEnum
from typing import Any, Literal

from simia_tui.model.canonical import canonical_json
from simia_tui.model.value import Record, Value

Kind = Literal["seed", "episode"]


class Status(StrEnum):
    """Where a trajectory stands with its reviewers."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    FLAGGED = "flagged"


class Verdict(StrEnum):
    """What the rules made of a trajectory: nothing found, repaired, warned of, or an error that stands."""

    CLEAN = "clean"
    REPAIRED = "repaired"
    WARNED = "warned"
    BROKEN = "broken"


class Severity(StrEnum):
    """How much a finding matters: `error` means the trajectory breaks a contract as it stands."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Fault(StrEnum):
    """Who is to blame for a rejected trajectory; the order is that of the keys 1 to 9."""

    AGENT = "agent"
    TOOL_SIMULATOR = "tool simulator"
    USER_SIMULATOR = "user simulator"
    JUDGE = "judge"
    INFRASTRUCTURE = "infrastructure"
    FORMAT = "format"
    POLICY = "policy breach"
    DUPLICATE = "duplicate"
    OTHER = "other"


class Finding(Value, frozen=True):
    """What a rule saw. `turn` and `call` are positions from 0; `before` is the text that a repair replaced."""

    rule: str
    severity: Severity
    message: str
    turn: int | None = None
    call: int | None = None
    repaired: bool = False
    before: str | None = None


def verdict_of(findings: tuple[Finding, ...] | list[Finding]) -> Verdict:
    """The worst of `findings`: a repair counts as repaired whatever severity it had."""
    if any(f.severity is Severity.ERROR and not f.repaired for f in findings):
        return Verdict.BROKEN
    if any(f.repaired for f in findings):
        return Verdict.REPAIRED
    if any(f.severity is Severity.WARNING for f in findings):
        return Verdict.WARNED
    return Verdict.CLEAN


class Opinion(StrEnum):
    """What the prefilter made of a seed. `error`: no verdict could be had, which speaks neither for nor against it."""

    PASS = "pass"
    FAIL = "fail"
    ERROR = "error"


class Point(Record):
    """One question of the prefilter, answered: does the seed pass, and why (not)."""

    passed: bool
    reason: str = ""


class Screening(Record):
    """The prefilter's verdict on a seed. A question that was not asked is None; `format` is answered by rules alone.

    `evidence_turns` are positions from 0. `by` is the model that was asked, or `rules`; `version` that of the prompt.
    `reason` says why there is no verdict, where there is none.
    """

    opinion: Opinion
    completeness: Point | None = None
    logic: Point | None = None
    format: Point | None = None
    evidence_turns: tuple[int, ...] = ()
    by: str = "rules"
    version: str = ""
    reason: str = ""

    def shape(self) -> dict[str, Any]:
        """The verdict as plain JSON; `keep` is None where there is no verdict."""
        points = {"completeness": self.completeness, "logic": self.logic, "format": self.format}
        return {
            **{name: point and {"pass": point.passed, "reason": point.reason} for name, point in points.items()},
            "evidence_turns": list(self.evidence_turns),
            "keep": None if self.opinion is Opinion.ERROR else self.opinion is Opinion.PASS,
            "opinion": self.opinion.value,
            "by": self.by,
            "version": self.version,
            "reason": self.reason,
        }


class Citation(Record):
    """The clause of a policy that a rejection rests on: `policy` is the text's content hash, `start` a place in it."""

    policy: str
    start: int
    text: str

    def note(self) -> str:
        """The note of a decision that cites the clause."""
        return canonical_json({"cites": self.model_dump()})

    @classmethod
    def of(cls, note: str | None) -> "Citation | None":
        """What a note cites; None where it is a remark in words."""
        try:
            return cls.model_validate(json.loads(note or "")["cites"])
        except (ValueError, TypeError, KeyError):
            return None


class Decision(Record):
    """One act of a reviewer (or of `rules`). Decisions are only ever added, also by undo."""

    pk: int
    trajectory: str
    action: Literal["approve", "reject", "flag", "edit", "take", "undo", "redo", "reset"]
    at: float
    reviewer: str
    fault: Fault | None = None
    note: str | None = None
    batch: int | None = None
