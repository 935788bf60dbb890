"""How a trajectory stands in a list and above its text: columns, words and inks."""

from textual.content import Content

from simia_tui.store import Row
from simia_tui.tui.text import clip, visible
from simia_tui.tui.widgets.line_view import Part
from simia_tui.tui.widgets.record_table import Column

STATUS_INK = {
    "pending": ("· pending", "muted"),
    "approved": ("✓ approved", "success"),
    "rejected": ("✗ rejected", "error"),
    "flagged": ("⚑ flagged", "warning"),
}
VERDICT_INK = {
    "clean": ("clean", "success"),
    "repaired": ("repaired", "accent"),
    "warned": ("warned", "warning"),
    "broken": ("broken", "error"),
}


LEGEND = (
    ("· ✓ ✗ ⚑", "pending, approved, rejected, flagged for a second opinion"),
    ("rules", "what the rules found: clean; repaired by a rule; warned: a person should look; broken: an error stands"),
    ("errors", "how many answers of tools are refusals"),
    ("≡ ⚒", "the policy (the system text), and the tools that the agent has"),
    ("▸ ◂", "what the user says, what the agent says"),
    ("⚙ ↳ ✗", "a call of a tool, its answer, its answer where the tool refuses"),
    ("█", "text that a model is trained on, where M shows it"),
)


def _status(row: Row) -> list[Part]:
    return [STATUS_INK[row.status]]


def _rules(row: Row) -> list[Part]:
    word, ink = VERDICT_INK[row.verdict]
    return [(word, ink)]


COLUMNS: tuple[Column[Row], ...] = (
    Column("#", lambda row: str(abs(row.pk)), width=6, right=True, drop=1),
    Column("status", _status, width=10),
    Column("rules", _rules, width=8),
    Column("title", lambda row: row.title or "(no user text)", flex=1, least=24),
    Column("turns", lambda row: str(row.turns), width=5, right=True, drop=2),
    Column("errors", lambda row: str(row.errors or ""), width=6, right=True, drop=3),
    Column("domain", lambda row: row.domain, width=9, drop=4),
    Column("", lambda row: "demo" if row.demo else "", width=4, drop=5),
)


def head(row: Row | None, width: int) -> Content:
    """The line above a transcript: whose work, number, id, status with fault, verdict, revision, origin."""
    if row is None:
        return Content("")
    word, _ = STATUS_INK[row.status]
    fault = f": {row.fault}" if row.fault else ""
    parts = [f"#{abs(row.pk)}", row.id[:8], f"{word}{fault}", f"rules: {row.verdict}"]
    if row.job is not None:
        parts.append(f"job {row.job} task {row.ord}")
    elif row.path is not None:
        parts.append(f"row {row.row} of {row.path}")
    if row.revision:
        parts.insert(4, f"revision {row.revision}")
    demo = "demo model  " if row.demo else ""
    return Content.assemble((demo, "bold $text-warning"), clip(visible("  ".join(parts)), width - len(demo)))
