"""What trainers trip over: the reasons a preflight counts, and what to look for on behalf of each trainer.

Sources: LLaMA-Factory's converters (see `llamafactory`), Axolotl's prompt_strategies/chat_template.py, verl's
utils/dataset/multiturn_sft_dataset.py, OpenAI's rules for chat fine-tuning files; the chat templates that come with
TRL, which a test renders (tests/training/test_templates.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple

from simia_tui.formats.sharegpt import cut
from simia_tui.model import Trajectory, Turn

IssueSeverity = Literal["loss", "drop", "note"]


class Kind(NamedTuple):
    """A reason, how bad it is, and what can be done about it."""

    reason: str
    severity: IssueSeverity
    fix: str | None = None


USE_HERMES = "export as ShareGPT-Hermes, which keeps text and calls in one turn"
NO_ASSISTANT = Kind("no turn of the assistant, nothing to learn from", "drop", "reject these")
TEXT_ARGUMENTS = Kind(
    "a call whose arguments are no object; they are written as the text they came in", "loss", "repair or reject these"
)
ORPHAN = Kind("a result that answers no call before it", "note", "repair or reject these")
NO_TOOLS = Kind(
    "calls are made but no tools are declared; the model is not told what it may call",
    "note",
    "choose a domain that declares the tools, or infer them from the calls",
)
MASKED = Kind(
    "masked assistant turns; this trainer trains on every assistant turn",
    "loss",
    "train from trl.jsonl with simia, or export to axolotl",
)
MASKED_TRL = Kind("masked assistant turns; simia's trainer leaves them out, TRL by itself trains on them", "note")
INNER_SYSTEM = Kind("a system message after the first; many chat templates refuse it", "note")
SYSTEM_TO_USER = Kind("a system message after the first becomes the user's text", "loss")
LED = Kind("the assistant speaks first; an empty human turn goes before", "note")
CUT = Kind("turns after the assistant's last one are left out; no word of the assistant is in them", "note")
MERGED = Kind("turns of one side in a row are merged into one", "note")
OVERWRITTEN = Kind("text of the assistant beside a call is overwritten by it", "loss", USE_HERMES)
USER_CALLS = Kind("calls that the user makes are not written", "loss", "export as openai, atif or parquet")
NO_PROMPT = Kind("nothing stands before the assistant's first turn, so there is no prompt", "drop", "reject these")
UNPAIRED = Kind(
    "calls and results that do not pair; OpenAI refuses the whole file for one", "loss", "repair or reject these"
)
OPEN_END = Kind("the last turn is not the assistant's; OpenAI wants it to be", "note", "cut these before uploading")
SILENT = Kind("a turn of the assistant with neither text nor call; Axolotl finds nothing in it to train on", "note")
LAST_MASKED = Kind("the last turn is masked; Axolotl may then train on its end of text", "note")
THOUGHT = Kind(
    "thoughts stand in the text; where the template strips them, verl's own check of the tokens fails",
    "note",
    "set data.ignore_input_ids_mismatch=True",
)

UNFLUSHED = Kind("results after the assistant's last turn, which the trainer never writes out", "loss", USE_HERMES)
THOUGHTS = Kind(
    "thoughts; nearly all chat templates leave out those of earlier turns",
    "note",
    "train with a template made for training, as simia does",
)
BESIDE = Kind(
    "text of the assistant beside a call; the chat templates of Llama 3.1 and gpt-oss leave it out",
    "note",
    "choose a model whose template keeps both, as those of Qwen do",
)
PARALLEL = Kind(
    "several calls in one turn; Llama 3.1's chat template refuses them",
    "note",
    "choose a model whose template takes them, as those of Qwen do",
)
IN_A_ROW = Kind(
    "turns of the user or of the assistant in a row; the chat templates of Gemma and Cohere refuse them", "note"
)
UNDESCRIBED = Kind(
    "a tool without a description; gpt-oss's chat template fails on it", "note", "describe it in the domain's tools"
)

CHARACTERS = 4
"""Characters of a token in usual English text."""

TRL_TOKENS, VERL_TOKENS, CUTOFF_TOKENS = 1_024, 1_024, 2_048
"""The defaults of TRL's and verl's `max_length`, and of LLaMA-Factory's `cutoff_len`."""


def _long(tokens: int, whose: str, then: str, setting: str) -> Kind:
    reason = f"longer than {whose} of {tokens:,} tokens at {CHARACTERS} characters each; {then}"
    return Kind(reason, "note", f"set {setting}")


LONG_TRL = _long(TRL_TOKENS, "TRL's max_length", "TRL learns from the beginning alone", "max_length")
LONG_VERL = _long(VERL_TOKENS, "verl's max_length", "verl stops at such a row", "data.max_length")
LONG_LLAMAFACTORY = _long(CUTOFF_TOKENS, "LLaMA-Factory's cutoff_len", "the rest is cut off", "cutoff_len")


@dataclass
class Seen:
    """What the preflights of all targets ask of a trajectory, found in one walk over its turns.

    `texts` are those of the assistant, `words` their words; `characters` are those of policy, texts and thoughts.
    `orphans`: a result answers no call before it. `systems`: a system message comes after the first. `beside`: the
    assistant's text stands beside a call. `parallel`: it makes several calls in one turn. `in_a_row`: a turn of the
    user, or of the assistant, follows one of the same side.
    """

    texts: list[str] = field(default_factory=list)
    words: int = 0
    characters: int = 0
    calls: bool = False
    text_arguments: bool = False
    orphans: bool = False
    masked: bool = False
    systems: bool = False
    user_calls: bool = False
    thoughts: bool = False
    beside: bool = False
    parallel: bool = False
    in_a_row: bool = False


def look(trajectory: Trajectory) -> Seen:
    """Goes through the turns once, on behalf of all targets."""
    seen = Seen(characters=len(trajectory.policy or ""))
    ids: set[str | None] = set()
    before = None
    for turn in trajectory.turns:
        role, calls = turn.role, turn.tool_calls
        seen.characters += len(turn.content or "") + len(turn.reasoning or "")
        if calls:
            seen.calls = True
            ids.update([call.call_id for call in calls if call.call_id is not None])
            seen.text_arguments |= any([call.arguments is None for call in calls])
            seen.user_calls |= role != "assistant"
        if role == "assistant":
            _hear(seen, turn)
            seen.in_a_row |= before == role
        elif role == "tool":
            seen.orphans |= turn.call_id not in ids
        else:
            seen.systems |= role == "system"
            seen.in_a_row |= before == role == "user"
        before = role
    return seen


def _hear(seen: Seen, turn: Turn) -> None:
    """A turn of the assistant."""
    if turn.content:
        seen.texts.append(turn.content)
        seen.words += len(turn.content.split())
        seen.beside |= bool(turn.tool_calls)
    seen.thoughts |= bool(turn.reasoning)
    seen.masked |= turn.loss is False
    seen.parallel |= len(turn.tool_calls) > 1


def ended(trajectory: Trajectory) -> Trajectory:
    """The trajectory up to the assistant's last turn."""
    return trajectory.with_turns(cut(trajectory.turns))


def assistants(trajectory: Trajectory) -> list[Turn]:
    """The turns of the assistant."""
    return [turn for turn in trajectory.turns if turn.role == "assistant"]


def openai(trajectory: Trajectory, _: Seen) -> Iterator[Kind]:
    """OpenAI: results right after their calls, every call answered unless it is the last turn."""
    turns = trajectory.turns
    waiting: set[str | None] = set()
    for index, turn in enumerate(turns):
        if turn.role == "tool" and turn.call_id in waiting:
            waiting.discard(turn.call_id)
        elif waiting or turn.role == "tool":
            yield UNPAIRED
            break
        elif index + 1 < len(turns):
            waiting = {call.call_id for call in turn.tool_calls}
    else:
        if waiting:
            yield UNPAIRED
    if turns and turns[-1].role != "assistant":
        yield OPEN_END


def user_calls(_: Trajectory, seen: Seen) -> Iterator[Kind]:
    """Formats in which a user's turn is text only."""
    if seen.user_calls:
        yield USER_CALLS


def trl(trajectory: Trajectory, seen: Seen) -> Iterator[Kind]:
    """TRL ignores the mark that our trainer respects, and renders rows by the model's own template."""
    if seen.masked:
        yield MASKED_TRL
    if seen.characters > TRL_TOKENS * CHARACTERS:
        yield LONG_TRL
    yield from templates(trajectory, seen)


def templates(trajectory: Trajectory, seen: Seen) -> Iterator[Kind]:
    """What chat templates of widely used models refuse or leave out, however whole the row is."""
    if seen.thoughts:
        yield THOUGHTS
    if seen.beside:
        yield BESIDE
    if seen.parallel:
        yield PARALLEL
    if seen.in_a_row:
        yield IN_A_ROW
    if any(tool.description is None for tool in trajectory.tools):
        yield UNDESCRIBED


def unflushed(trajectory: Trajectory, _: Seen) -> Iterator[Kind]:
    """LLaMA-Factory's OpenAI converter keeps results back until another message comes."""
    if trajectory.turns and trajectory.turns[-1].role == "tool":
        yield UNFLUSHED


def axolotl(trajectory: Trajectory, seen: Seen) -> Iterator[Kind]:
    """Axolotl looks for each turn's words in the rendered text, and at the last turn for its end."""
    if any(not turn.content and not turn.tool_calls and turn.loss is not False for turn in assistants(trajectory)):
        yield SILENT
    if trajectory.turns and trajectory.turns[-1].loss is False:
        yield LAST_MASKED
    yield from templates(trajectory, seen)


def inline(trajectory: Trajectory, _: Seen) -> Iterator[Kind]:
    """Targets whose rows take turns, end with the assistant and hold the calls in the text."""
    turns = trajectory.turns
    if turns and turns[0].role == "assistant":
        yield LED
    if turns and turns[-1].role != "assistant":
        yield CUT
    sides = [(turn.role == "assistant", turn.role == "tool") for turn in cut(turns)]
    if any(a[0] == b[0] and not (a[1] and b[1]) for a, b in pairwise(sides)):
        yield MERGED


def llamafactory(trajectory: Trajectory, seen: Seen) -> Iterator[Kind]:
    """LLaMA-Factory's rows with calls in the text, which it cuts at a length."""
    yield from inline(trajectory, seen)
    if seen.characters > CUTOFF_TOKENS * CHARACTERS:
        yield LONG_LLAMAFACTORY


def verl(trajectory: Trajectory, seen: Seen) -> Iterator[Kind]:
    """verl stops at rows that are too long, and compares each turn's tokens with the whole row's."""
    yield from inline(trajectory, seen)
    if seen.characters > VERL_TOKENS * CHARACTERS:
        yield LONG_VERL
    if seen.thoughts:
        yield THOUGHT
