"""A workspace of many episodes of about 20 kB, with something for every filter to find.

Texts are drawn from a fixed pool, so that 100,000 episodes are made in minutes. Of the words, `refund` stands in nearly
every episode, `lighthouse` in one of ten, `zeppelin` in one of a thousand. One episode in 500 has 60 turns.
"""

import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from simia_tui.model import Finding, Origin, Severity, ToolCall, ToolSpec, Trajectory, Turn
from simia_tui.store import New, Workspace, trajectories

COMMON = (
    "flight refund order gift card address window seat baggage cancel confirm please account number payment delivery"
    " morning tomorrow price exchange library renew loan fine member book status pending approved"
).split()
BATCH = 1000
SETTINGS = "[review]\nknown_bad = 0\n"
"""No planted copies: every key then leads to the next number."""
LONG = 500
"""One episode of so many has 60 turns."""
TOOLS = tuple(
    ToolSpec(name=name, description=f"Does {name}.", parameters={"type": "object"})
    for name in ("look_up", "change_seat", "give_refund", "read_policy")
)
UNKNOWN = Finding(rule="call.unknown-tool", severity=Severity.ERROR, message="There is no tool get_card.", turn=1)


def build(root: Path, rows: int) -> Workspace:
    """Makes the workspace in `root`; all episodes waiting for a decision."""
    workspace = Workspace.create(root, SETTINGS)
    db = workspace.connect()
    db.execute("PRAGMA synchronous = OFF")
    db.execute(
        "INSERT INTO jobs (pk, kind, spec, status, demo, target, created)"
        " VALUES (1, 'synthesize', '{}', 'done', 0, ?, 0)",
        (rows,),
    )
    made = episodes(rows)
    for _ in range(0, rows, BATCH):
        trajectories.add(db, list(islice(made, BATCH)))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return workspace


def episodes(rows: int, job: int = 1) -> Iterator[New]:
    """`rows` episodes, the same in every run; one in twenty has a finding."""
    rng = random.Random(0)
    said, told, read = (_pool(rng, words) for words in (60, 80, 480))
    for n in range(rows):
        turns: list[Turn] = []
        for k in range(15 if n % LONG == 7 else 5):
            call = ToolCall(name=TOOLS[rng.randrange(len(TOOLS))].name, arguments={"q": n}, call_id=f"c{k}")
            turns += [
                Turn(role="user", content=f"episode {n} {rng.choice(said)}"),
                Turn(role="assistant", tool_calls=(call,)),
                Turn(role="tool", call_id=call.call_id, name=call.name, content=rng.choice(read)),
                Turn(role="assistant", content=rng.choice(told) + _rare(n) * (k == 0)),
            ]
        body = Trajectory(
            domain="generic", policy="Be kind.", tools=TOOLS, turns=tuple(turns), origin=Origin(job=job, ord=n)
        )
        yield New(body, body, (UNKNOWN,) if n % 20 == 11 else (), kind="episode", source="synthetic")


def _rare(n: int) -> str:
    return " lighthouse" * (n % 10 == 3) + " zeppelin" * (n % 1000 == 3)


def _pool(rng: random.Random, words: int) -> list[str]:
    return [" ".join(rng.choices(COMMON, k=words)) for _ in range(400)]
