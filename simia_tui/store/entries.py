"""All that is stored of a new trajectory, worked out without the database: by whichever process has the time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import msgspec

from simia_tui.model import Finding, Kind, Measure, Trajectory, spoken_text, verdict_of
from simia_tui.store import shared
from simia_tui.store.codec import encode_body, score_of
from simia_tui.store.shared import Policy, Toolset

TITLE_CHARS = 120


@dataclass(frozen=True)
class New:
    """A trajectory to be added: as it came, and as the rules left it (`checked`) with what they found."""

    trajectory: Trajectory
    checked: Trajectory
    findings: Sequence[Finding] = ()
    kind: Kind = "seed"
    source: Literal["import", "synthetic", "rollout"] = "import"
    format: str | None = None
    path: str | None = None
    row: int | None = None
    seed: int | None = None
    demo: bool = False


class Index(NamedTuple):
    """What is searched and filtered by: the spoken text, and how often each tool is called."""

    text: str
    tools: tuple[tuple[str, int], ...]


class Entry(NamedTuple):
    """What goes into the tables. `columns` are those of `COLUMNS`, `bodies` are `(revision, author, blob)`.

    `row` is that of the file, which is known last where a file is read in slices.
    """

    columns: tuple[Any, ...]
    policy: Policy | None
    toolset: Toolset | None
    bodies: tuple[tuple[int, str, bytes], ...]
    findings: tuple[tuple[Any, ...], ...]
    found_by: Index
    row: int | None = None


COLUMNS = (
    *("id", "kind", "source", "verdict", "revision", "domain", "title"),
    *("turns", "calls", "observations", "errors", "words", "findings", "demo"),
    *("format", "path", "seed", "job", "ord", "score"),
)
"""The columns of `trajectories` that an entry knows."""

FINDING = ("revision", "n", "rule", "severity", "turn", "call", "repaired", "message", "before")
"""The columns of `findings` besides the trajectory."""


def entry(new: New) -> Entry:
    """What is stored of `new`; the revision that counts is 1 where the rules changed a turn."""
    trajectory, checked = new.trajectory, new.checked
    changed = checked is not trajectory and checked.turns != trajectory.turns
    origin = trajectory.origin
    columns = (
        *(trajectory.id, new.kind, new.source, verdict_of(list(new.findings)), int(changed)),
        *(trajectory.domain, title_of(checked), *msgspec.structs.astuple(Measure.of(checked))),
        *(len(new.findings), new.demo, new.format, new.path, new.seed),
        *(origin.job if origin else None, origin.ord if origin else None, score_of(trajectory.meta)),
    )
    source = (0, "source", encode_body(trajectory))
    return Entry(
        columns,
        None if trajectory.policy is None else shared.policy(trajectory.policy),
        shared.toolset(trajectory.tools) if trajectory.tools else None,
        (source, (1, "rules", encode_body(checked))) if changed else (source,),
        finding_rows(int(changed), new.findings),
        index_of(checked),
        new.row,
    )


def title_of(trajectory: Trajectory) -> str:
    """The start of the first user text on one line; what a listing shows."""
    first = next((turn.content for turn in trajectory.turns if turn.role == "user" and turn.content), "")
    return " ".join(first[: TITLE_CHARS * 4].split())[:TITLE_CHARS]


def finding_rows(revision: int, findings: Iterable[Finding]) -> tuple[tuple[Any, ...], ...]:
    """The findings of a body as the columns `FINDING`."""
    return tuple(
        (revision, n, f.rule, f.severity, f.turn, f.call, f.repaired, f.message, f.before)
        for n, f in enumerate(findings)
    )


def index_of(body: Trajectory) -> Index:
    """What a body is found by."""
    calls: dict[str, int] = {}
    for turn in body.turns:
        for call in turn.tool_calls:
            calls[call.name] = calls.get(call.name, 0) + 1
    return Index(spoken_text(body), tuple(calls.items()))
