"""Edits by a person: the changed body is checked again before it becomes the revision that counts."""

import sqlite3

from simia_tui import checks, domains
from simia_tui.checks import standing
from simia_tui.errors import UsageError
from simia_tui.model import Finding, ToolCall, Trajectory, Turn
from simia_tui.store import Workspace, decisions, trajectories


def check(workspace: Workspace, trajectory: Trajectory) -> tuple[Trajectory, list[Finding]]:
    """The rules over one trajectory, with the tools and hints of its domain where it brings none."""
    pack = domains.load(trajectory.domain, workspace.prompt_roots())
    return checks.run(trajectory, trajectory.tools or pack.tools, checks.Hints.of(pack.data))


def ledger(workspace: Workspace, trajectory: Trajectory) -> list[standing.Entry]:
    """What the tools told and the calls set, turn by turn; `checks.standing.standing` sums it up after a turn."""
    pack = domains.load(trajectory.domain, workspace.prompt_roots())
    return standing.entries(trajectory, trajectory.tools or pack.tools, checks.Hints.of(pack.data))


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
    turn = old.model_copy(update={"content": content, "tool_calls": _calls(old, calls)})
    if turn == old:
        raise UsageError("Nothing was changed.")
    edited = body.with_turns((*body.turns[:index], turn, *body.turns[index + 1 :]))
    _, findings = check(workspace, edited)
    # A repair that the rules propose for a person's own words is shown, not made.
    decisions.edit(db, pk, edited, [f.model_copy(update={"repaired": False}) for f in findings], reviewer)
    return findings


def _calls(old: Turn, calls: list[tuple[str, str]]) -> tuple[ToolCall, ...]:
    if len(calls) != len(old.tool_calls):
        raise UsageError(f"The turn has {len(old.tool_calls)} calls, the edit {len(calls)}; keep their number.")
    return tuple(_call(before, name, text) for before, (name, text) in zip(old.tool_calls, calls, strict=True))


def _call(before: ToolCall, name: str, text: str) -> ToolCall:
    if before.arguments is None and text == (before.raw or "") and name == before.name:
        return before
    arguments = parse_arguments(text, name)
    return before.model_copy(update={"name": name, "arguments": arguments, "raw": None})


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
