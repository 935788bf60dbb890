"""What a trainer would drop or lose of a set of trajectories, told before anything is written."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from simia_tui.errors import UsageError
from simia_tui.formats import traps
from simia_tui.formats.llamafactory import Kept, keeps_openai, keeps_sharegpt
from simia_tui.formats.openai_chat import write_openai
from simia_tui.formats.sharegpt import write_sharegpt
from simia_tui.formats.sharegpt_hermes import write_llamafactory
from simia_tui.formats.traps import IssueSeverity, Kind, Seen
from simia_tui.formats.verl import prompt_length
from simia_tui.model import Record, Trajectory


class Issue(Record):
    """One reason why rows are dropped, lose something, or deserve a look. `count` is the number of rows.

    `example` is the id of the first such trajectory; `fix` says what to do, None where nothing has to be done.
    """

    reason: str
    severity: IssueSeverity
    count: int
    example: str
    fix: str | None = None


class Preflight(Record):
    """What `target` makes of the rows.

    Words are those of assistant text (calls are not words), split at white space. `words` counts all rows,
    `words_dropped` those of dropped rows, `words_lost` those that kept rows lose.
    """

    target: str
    rows: int = 0
    kept: int = 0
    dropped: int = 0
    words: int = 0
    words_dropped: int = 0
    words_lost: int = 0
    issues: tuple[Issue, ...] = ()


class _Target(NamedTuple):
    """How a target judges a trajectory; `write` and `keeps` are None where every row with an assistant is kept.

    `looks` is what it has to say beyond what is told of every target. `masks`: it can leave turns out of training.
    `textual`: a turn is a role and a text. `prompts`: only what stands before the assistant is used. `exact`: even
    arguments that are no object come back as they were, under a field of ours.
    """

    title: str
    write: Callable[[Trajectory], dict[str, Any]] | None = None
    keeps: Callable[[dict[str, Any]], Kept] | None = None
    looks: Callable[[Trajectory, Seen], Iterator[Kind]] | None = None
    masks: bool = False
    textual: bool = False
    prompts: bool = False
    exact: bool = False


_TARGETS = {
    "trl": _Target("TRL conversational", looks=traps.trl, masks=True),
    "sharegpt-hermes": _Target(
        "ShareGPT, call inline in the text", write_llamafactory, keeps_sharegpt, traps.llamafactory, textual=True
    ),
    "openai": _Target("OpenAI fine-tuning", looks=traps.openai, masks=True),
    "hermes": _Target("Hermes, every turn as it is", looks=traps.user_calls, masks=True),
    "simia-sft": _Target("Simia-SFT", masks=True, textual=True),
    "axolotl": _Target("Axolotl chat_template", looks=traps.axolotl, masks=True),
    "atif": _Target("ATIF", masks=True, exact=True),
    "parquet": _Target("Parquet, OpenAI messages", masks=True),
    "verl-sft": _Target("verl SFT", looks=traps.verl, textual=True),
    "verl-rl": _Target("verl RL", prompts=True),
    "trl-grpo": _Target("TRL GRPO prompts", prompts=True),
    "sharegpt": _Target("ShareGPT, call replaces text", write_sharegpt, keeps_sharegpt),
    "sharegpt as recorded": _Target(
        "ShareGPT, call replaces text, not cut", lambda t: write_sharegpt(t, whole=True), keeps_sharegpt
    ),
    "sharegpt-split": _Target(
        "ShareGPT, text and call as two turns", lambda t: write_sharegpt(t, split=True), keeps_sharegpt
    ),
    "sharegpt-split as recorded": _Target(
        "ShareGPT, text and call as two turns, not cut",
        lambda t: write_sharegpt(t, split=True, whole=True),
        keeps_sharegpt,
    ),
    "openai (LLaMA-Factory)": _Target("OpenAI formatting", lambda t: write_openai(traps.ended(t)), keeps_openai),
    "openai (LLaMA-Factory) as recorded": _Target(
        "OpenAI formatting, not cut", write_openai, keeps_openai, traps.unflushed
    ),
}


MASKED = traps.MASKED.reason
"""The reason under which a preflight counts masks that a target cannot respect."""

KEEPS_MASKS = frozenset(name for name, target in _TARGETS.items() if target.masks)
"""The targets whose rows say which turns are masked."""


def targets() -> dict[str, str]:
    """The targets of a preflight, name to title."""
    return {name: target.title for name, target in _TARGETS.items()}


def preflight(trajectories: Iterable[Trajectory], target: str) -> Preflight:
    """Goes through `trajectories` once and says what `target` (a name of `targets()`) makes of them.

    Raises:
        UsageError: when there is no such target.
    """
    return preflights(trajectories, [target])[target]


def preflights(trajectories: Iterable[Trajectory], names: Sequence[str]) -> dict[str, Preflight]:
    """`preflight` for several targets in one pass.

    Raises:
        UsageError: when one of them is no target.
    """
    tallies = [Tally(name) for name in names]
    for trajectory in trajectories:
        seen = traps.look(trajectory)
        for tally in tallies:
            tally.add(trajectory, seen)
    return {tally.target: tally.result() for tally in tallies}


def left_out(trajectory: Trajectory, target: str, row: dict[str, Any] | None = None) -> str | None:
    """Why a file for `target` must not hold the trajectory, for the trainer could do nothing with it; or None.

    Args:
        trajectory: what is to be written.
        target: a name of `targets()`.
        row: what the target's writer made of it, where that is known already.
    """
    return (kind := _dropped(trajectory, _TARGETS[target], row)[0]) and kind.reason


def _dropped(
    trajectory: Trajectory, target: _Target, row: dict[str, Any] | None = None
) -> tuple[Kind | None, Kept | None]:
    """The reason to drop a row, and else what the target keeps of it where that is less than all."""
    if target.prompts:
        return (None if prompt_length(trajectory) else traps.NO_PROMPT), None
    if not any(turn.role == "assistant" for turn in trajectory.turns):
        return traps.NO_ASSISTANT, None
    if target.write and target.keeps:
        kept = target.keeps(row or target.write(trajectory))
        return (Kind(kept.reason, "drop", traps.USE_HERMES) if kept.reason else None), kept
    return None, None


class Tally:
    """The preflight of one target, while trajectories come by one after the other.

    Raises:
        UsageError: when there is no such target.
    """

    def __init__(self, target: str) -> None:
        if target not in _TARGETS:
            raise UsageError(f"There is no export target “{target}”; choose one of: {', '.join(_TARGETS)}.")
        self.target = target
        self._judge = _TARGETS[target]
        self._rows = self._dropped = self._words = self._words_dropped = self._words_lost = 0
        self._found: dict[Kind, list[Any]] = {}

    def add(self, trajectory: Trajectory, seen: Seen, row: dict[str, Any] | None = None) -> bool:
        """Counts one trajectory; returns whether the target keeps it.

        Args:
            trajectory: what is to be written.
            seen: what `traps.look` says of it, which is the same for every target.
            row: what the target's writer made of it, where that is known already.
        """
        self._rows += 1
        self._words += seen.words
        drop, kept = _dropped(trajectory, self._judge, row)
        if drop:
            kinds = [drop]
            self._dropped += 1
            self._words_dropped += seen.words
        else:
            kinds = list(_looks(trajectory, seen, self._judge))
            if kept and (lost := words_lost(seen.texts, kept.assistant_texts())):
                self._words_lost += lost
                kinds.append(traps.OVERWRITTEN)
        for kind in kinds:
            if kind not in self._found:
                self._found[kind] = [0, trajectory.id]
            self._found[kind][0] += 1
        return drop is None

    def result(self) -> Preflight:
        """What the target makes of all that came by."""
        order = ("drop", "loss", "note")
        found = sorted(self._found.items(), key=lambda item: (order.index(item[0].severity), -item[1][0]))
        return Preflight(
            target=self.target,
            rows=self._rows,
            kept=self._rows - self._dropped,
            dropped=self._dropped,
            words=self._words,
            words_dropped=self._words_dropped,
            words_lost=self._words_lost,
            issues=tuple(
                Issue(reason=kind.reason, severity=kind.severity, count=count, example=example, fix=kind.fix)
                for kind, (count, example) in found
            ),
        )


def words_lost(texts: list[str], kept: list[str]) -> int:
    """Words of those `texts` that do not stand, whole and in their order, in the `kept` texts."""
    lost = 0
    index, at = 0, 0
    for text in texts:
        for place in range(index, len(kept)):
            found = kept[place].find(text, at if place == index else 0)
            if found >= 0:
                index, at = place, found + len(text)
                break
        else:
            lost += len(text.split())
    return lost


def _looks(trajectory: Trajectory, seen: Seen, target: _Target) -> Iterator[Kind]:
    """What deserves a word about a row that is kept."""
    if target.prompts:
        return
    if seen.text_arguments and not target.exact:
        yield traps.TEXT_ARGUMENTS
    if seen.orphans:
        yield traps.ORPHAN
    if seen.calls and not trajectory.tools:
        yield traps.NO_TOOLS
    if seen.masked and not target.masks:
        yield traps.MASKED
    if seen.systems:
        yield traps.SYSTEM_TO_USER if target.textual else traps.INNER_SYSTEM
    if seen.user_calls and target.textual:
        yield traps.USER_CALLS
    if target.looks:
        yield from target.looks(trajectory, seen)
