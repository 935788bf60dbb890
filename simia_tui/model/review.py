"""What rules and people say of a trajectory: findings, decisions, faults."""

from enum import StrEnum
from typing import Literal

from simia_tui.model.trajectory import Record

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


class Finding(Record):
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


class Decision(Record):
    """One act of a reviewer (or of `rules`). Decisions are only ever added, also by undo."""

    pk: int
    trajectory: str
    action: Literal["approve", "reject", "flag", "edit", "undo", "redo", "reset"]
    at: float
    reviewer: str
    fault: Fault | None = None
    note: str | None = None
    batch: int | None = None
