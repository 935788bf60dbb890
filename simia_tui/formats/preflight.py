"""What a trainer would drop or lose of a set of trajectories, told before anything is written."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from simia_tui.errors import UsageError
from simia_tui.formats.llamafactory import Kept, keeps_openai, keeps_sharegpt
from simia_tui.formats.openai_chat import write_openai
from simia_tui.formats.sharegpt import cut, write_sharegpt
from simia_tui.formats.sharegpt_hermes import write_sharegpt_hermes
from simia_tui.model import Record, Trajectory

IssueSeverity = Literal["loss", "drop", "note"]


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


class _Kind(NamedTuple):
    reason: str
    severity: IssueSeverity
    fix: str | None = None


_USE_HERMES = "export as ShareGPT-Hermes, which keeps text and calls in one turn"
_NO_ASSISTANT = _Kind("no turn of the assistant, nothing to learn from", "drop", "reject these")
_TEXT_ARGUMENTS = _Kind(
    "a call whose arguments are no object; they are written as the text they came in", "loss", "repair or reject these"
)
_ORPHAN = _Kind("a result that answers no call before it", "note", "repair or reject these")
_NO_TOOLS = _Kind(
    "calls are made but no tools are declared; the model is not told what it may call",
    "note",
    "choose a domain that declares the tools, or infer them from the calls",
)
_MASKED = _Kind("masked assistant turns; this trainer trains on every assistant turn", "loss", "reject or edit these")
_INNER_SYSTEM = _Kind("a system message after the first; many chat templates refuse it", "note")
_SYSTEM_TO_USER = _Kind("a system message after the first becomes the user's text", "loss")
_LED = _Kind("the assistant speaks first; an empty human turn goes before", "note")
_CUT = _Kind("turns after the assistant's last one are left out; no word of the assistant is in them", "note")
_MERGED = _Kind("turns of one side in a row are merged into one", "note")
_OVERWRITTEN = _Kind("text of the assistant beside a call is overwritten by it", "loss", _USE_HERMES)


class _Target(NamedTuple):
    """How a target judges a trajectory; `write` and `keeps` are None where every row with an assistant is kept."""

    title: str
    write: Callable[[Trajectory], dict[str, Any]] | None
    keeps: Callable[[dict[str, Any]], Kept] | None
    hermes: bool = False


def _ended(trajectory: Trajectory) -> Trajectory:
    return trajectory.with_turns(cut(trajectory.turns))


_TARGETS = {
    "trl": _Target("TRL conversational", None, None),
    "sharegpt-hermes": _Target("ShareGPT, call inline in the text", write_sharegpt_hermes, keeps_sharegpt, True),
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
    "openai (LLaMA-Factory)": _Target("OpenAI formatting", lambda t: write_openai(_ended(t)), keeps_openai),
    "openai (LLaMA-Factory) as recorded": _Target("OpenAI formatting, not cut", write_openai, keeps_openai),
}


def targets() -> dict[str, str]:
    """The targets of a preflight, name to title."""
    return {name: target.title for name, target in _TARGETS.items()}


def preflight(trajectories: Iterable[Trajectory], target: str) -> Preflight:
    """Goes through `trajectories` once and says what `target` (a name of `targets()`) makes of them.

    Raises:
        UsageError: when there is no such target.
    """
    if target not in _TARGETS:
        raise UsageError(f"There is no export target “{target}”; choose one of: {', '.join(_TARGETS)}.")
    tally = _Tally(target)
    for trajectory in trajectories:
        tally.add(trajectory, _TARGETS[target])
    return tally.result()


@dataclass
class _Tally:
    target: str
    rows: int = 0
    dropped: int = 0
    words: int = 0
    words_dropped: int = 0
    words_lost: int = 0
    found: dict[_Kind, list[Any]] = field(default_factory=dict)

    def add(self, trajectory: Trajectory, target: _Target) -> None:
        texts = [turn.content for turn in trajectory.turns if turn.role == "assistant" and turn.content]
        words = sum(len(text.split()) for text in texts)
        self.rows += 1
        self.words += words
        kinds = list(_looks(trajectory, target))
        if not any(turn.role == "assistant" for turn in trajectory.turns):
            kinds = [_NO_ASSISTANT]
        elif target.write and target.keeps:
            kept = target.keeps(target.write(trajectory))
            if kept.reason:
                kinds = [_Kind(kept.reason, "drop", _USE_HERMES)]
            elif lost := words_lost(texts, kept.assistant_texts()):
                self.words_lost += lost
                kinds.append(_OVERWRITTEN)
        if any(kind.severity == "drop" for kind in kinds):
            self.dropped += 1
            self.words_dropped += words
        for kind in kinds:
            if kind not in self.found:
                self.found[kind] = [0, trajectory.id]
            self.found[kind][0] += 1

    def result(self) -> Preflight:
        order = ("drop", "loss", "note")
        found = sorted(self.found.items(), key=lambda item: (order.index(item[0].severity), -item[1][0]))
        return Preflight(
            target=self.target,
            rows=self.rows,
            kept=self.rows - self.dropped,
            dropped=self.dropped,
            words=self.words,
            words_dropped=self.words_dropped,
            words_lost=self.words_lost,
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


def _looks(trajectory: Trajectory, target: _Target) -> Iterator[_Kind]:
    """What deserves a word about a row that is kept."""
    turns = trajectory.turns
    ids = {call.call_id for _, _, call in trajectory.calls()}
    if any(call.arguments is None for _, _, call in trajectory.calls()):
        yield _TEXT_ARGUMENTS
    if any(turn.role == "tool" and turn.call_id not in ids - {None} for turn in turns):
        yield _ORPHAN
    if ids and not trajectory.tools:
        yield _NO_TOOLS
    if any(turn.role == "assistant" and turn.loss is False for turn in turns):
        yield _MASKED
    if any(turn.role == "system" for turn in turns):
        yield _SYSTEM_TO_USER if target.hermes else _INNER_SYSTEM
    if target.hermes:
        if turns and turns[0].role == "assistant":
            yield _LED
        if turns and turns[-1].role != "assistant":
            yield _CUT
        sides = [(turn.role == "assistant", turn.role == "tool") for turn in cut(turns)]
        if any(a[0] == b[0] and not (a[1] and b[1]) for a, b in pairwise(sides)):
            yield _MERGED
