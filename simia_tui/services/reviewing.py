"""Edits by a person: the changed body is checked again before it becomes the revision that counts."""

import sqlite3
from typing import TYPE_CHECKING, NamedTuple

from simia_tui import checks, domains
from simia_tui.errors import UsageError
from simia_tui.model import Finding, ToolCall, Trajectory, Turn
from simia_tui.settings import Settings
from simia_tui.store import Workspace, decisions, trajectories

if TYPE_CHECKING:
    from simia_tui.checks.standing import Entry


def check(workspace: Workspace, trajectory: Trajectory) -> tuple[Trajectory, list[Finding]]:
    """The rules over one trajectory, with the hints of its domain, and with its tools where it brings none."""
    pack = domains.load(trajectory.domain, workspace.prompt_roots())
    hints = checks.hints_in(Settings.load(workspace.root), pack.name, pack.data)
    return checks.run(trajectory, trajectory.tools or pack.tools, hints)


def ledger(workspace: Workspace, trajectory: Trajectory) -> "list[Entry]":
    """What the tools told and the calls set, turn by turn; `checks.standing.standing` sums it up after a turn."""
    from simia_tui.checks import standing

    pack = domains.load(trajectory.domain, workspace.prompt_roots())
    return standing.entries(trajectory, trajectory.tools or pack.tools, checks.Hints.of(pack.data))


class Recheck(NamedTuple):
    """What the rules find in a body now, against what is on record: what came, what went, and how much is the same."""

    came: list[Finding]
    gone: list[Finding]
    same: int


def recheck(workspace: Workspace, db: sqlite3.Connection, pk: int) -> Recheck:
    """Runs the rules again over the body that counts; nothing is written.

    What only the reply could tell, and repairs that were made, are not looked for again.
    """
    _, found = check(workspace, trajectories.get(db, pk))
    now = [finding.replace(repaired=False) for finding in found]
    then = [one for one in trajectories.findings(db, pk) if one.rule in checks.RULES and not one.repaired]
    had, has = {_key(one) for one in then}, {_key(one) for one in now}
    came = [one for one in now if _key(one) not in had]
    return Recheck(came, [one for one in then if _key(one) not in has], len(now) - len(came))


def _key(finding: Finding) -> tuple[str, int | None, int | None, str]:
    return finding.rule, finding.turn, finding.call, finding.message


def repaired(workspace: Workspace, db: sqlite3.Connection, pk: int) -> tuple[Trajectory, list[Finding]]:
    """The body that counts as the rules would repair it, with the repairs; none where they would leave it alone."""
    after, found = check(workspace, trajectories.get(db, pk))
    return after, [finding for finding in found if finding.repaired]


def repair(workspace: Workspace, db: sqlite3.Connection, pk: int, reviewer: str) -> int:
    """Makes what `repaired` shows a revision of its own, which one undo takes back; returns how many repairs.

    Raises:
        UsageError: there is nothing to repair.
    """
    before = trajectories.get(db, pk)
    after, found = check(workspace, before)
    made = sum(finding.repaired for finding in found)
    if after.turns == before.turns:
        raise UsageError(f"The rules would repair nothing in #{pk}.")
    decisions.edit(db, pk, after, found, reviewer, f"{made} repairs of the rules")
    return made


def edit_turn(
    workspace: Workspace,
    db: sqlite3.Connection,
    pk: int,
    index: int,
    *,
    content: str | None,
    calls: list[tuple[str, str]],
    reviewer: str,
) -> list[Finding]:
    """Replaces text and calls of one turn; `calls` are `(tool name, arguments as JSON text)`.

    The rest of the trajectory stays as it is, byte by byte. Returns what the rules find now.

    Raises:
        UsageError: there is no such turn, arguments are no JSON object, or nothing was changed.
    """
    body = trajectories.get(db, pk)
    if not 0 <= index < len(body.turns):
        raise UsageError(f"Trajectory {pk} has turns 1 to {len(body.turns)}; there is no turn {index + 1}.")
    old = body.turns[index]
    turn = old.replace(content=content, tool_calls=_calls(old, calls))
    if turn == old:
        raise UsageError("Nothing was changed.")
    edited = body.with_turns((*body.turns[:index], turn, *body.turns[index + 1 :]))
    _, findings = check(workspace, edited)
    # A repair that the rules propose for a person's own words is shown, not made.
    decisions.edit(db, pk, edited, [f.replace(repaired=False) for f in findings], reviewer)
    return findings


def _calls(old: Turn, calls: list[tuple[str, str]]) -> tuple[ToolCall, ...]:
    if len(calls) != len(old.tool_calls):
        raise UsageError(f"The turn has {len(old.tool_calls)} calls, the edit {len(calls)}; keep their number.")
    return tuple(_call(before, name, text) for before, (name, text) in zip(old.tool_calls, calls, strict=True))


def _call(before: ToolCall, name: str, text: str) -> ToolCall:
    if before.arguments is None and text == (before.raw or "") and name == before.name:
        return before
    arguments = parse_arguments(text, name)
    return before.replace(name=name, arguments=arguments, raw=None)


def parse_arguments(text: str, name: str) -> dict[str, object]:
    """The arguments a person typed.

    Raises:
        UsageError: they are not one JSON object; the sentence says where.
    """
    import json

    try:
        arguments = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(
            f"The arguments of {name} are not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    if not isinstance(arguments, dict):
        raise UsageError(f'The arguments of {name} must be a JSON object, like {{"key": "value"}}.')
    return arguments
