"""A small workspace with refusals, hidden successes and controls on both sides, for tests of error cards."""

import sqlite3

from simia_tui.model import Finding, Severity, ToolCall, ToolSpec, Trajectory, Turn
from simia_tui.store import New, trajectories

RENEW = ToolSpec(
    name="renew_loan",
    parameters={
        "type": "object",
        "properties": {
            "loan_id": {"type": "string", "description": "The loan."},
            "weeks": {"type": "integer", "enum": [1, 2, 3]},
        },
        "required": ["loan_id", "weeks"],
    },
)


def loan(
    text: str, observation: str, *, refused: bool = False, tool: str = "renew_loan", **given: object
) -> Trajectory:
    """A trajectory with one call and its observation in turn 2."""
    turns = (
        Turn(role="user", content=text),
        Turn(
            role="assistant",
            tool_calls=(ToolCall(name=tool, arguments={"loan_id": "L7", "weeks": 1, **given}, call_id="c1"),),
        ),
        Turn(role="tool", content=observation, call_id="c1", name=tool, is_error=refused),
        Turn(role="assistant", content="I see."),
    )
    return Trajectory(domain="library", policy="Be kind.", tools=(RENEW,), turns=turns)


BAD_VALUE = Finding(rule="call.bad-value", severity=Severity.ERROR, message="weeks is not allowed", turn=1, call=0)


def fill(db: sqlite3.Connection, errors: int = 40, hidden: int = 20, controls: int = 40, real: int = 30) -> None:
    """Episodes of the three kinds, and seeds of which every third has a refusal."""
    news = [
        New(t, t, kind="episode")
        for t in (
            loan(f"renew {i}", f"Error: loan L{i} {('is overdue', 'has a hold')[i % 2]}", refused=True)
            for i in range(errors)
        )
    ]
    for i in range(hidden):
        episode = loan(f"longer {i}", f'{{"loan_id": "L{i}", "weeks": 9}}', weeks=9)
        news.append(New(episode, episode, [BAD_VALUE], kind="episode"))
    for i in range(controls):
        episode = loan(f"please {i}", f'{{"loan_id": "L{i}", "weeks": 1}}')
        news.append(New(episode, episode, kind="episode"))
    for i in range(real):
        refused = i % 3 == 0
        said = f"Error: loan L{i} is overdue by {i} days" if refused else f'{{"loan_id": "L{i}", "weeks": 1}}'
        seed = loan(f"real {i}", said, refused=refused)
        news.append(New(seed, seed, kind="seed"))
    trajectories.add(db, news)
