"""ReAct logs: steps of thought, action and observation, as rows, as printed text, and as ALFWorld's transcripts."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simia_tui.formats.base import Format, RowError, messages_of
from simia_tui.formats.fields import dict_of, need_text, shown, text_of, without
from simia_tui.formats.pairing import Draft, DraftCall, link
from simia_tui.formats.source import Source, members
from simia_tui.formats.stream import DAMAGED, Item, opened
from simia_tui.model import Trajectory

_BRACKETS = re.compile(r"\s*([A-Za-z_]\w*)\[(.*)\]\s*", re.DOTALL)
_OPEN = re.compile(r"\s*([A-Za-z_]\w*)\[(.*)", re.DOTALL)
_WORD = re.compile(r"\s*([A-Za-z_]\w*)\s*")
_ERROR = re.compile(r"Invalid action|\ACould not find ")
_TASKS = ("instruction", "claim", "question")
_MARK = re.compile(r"^(Thought|Action|Observation)(?: \d+)?:[ \t]?", re.MULTILINE)
_RULE = re.compile(r"-{5,}\s*")
_TALLY = re.compile(r"\n\d+(?: -?[\d.]+){3}\s*\Z")
_INSTRUCTION = re.compile(r"Instruction:\s*\n(.*?)\s*\n\[Search\]", re.DOTALL)
_SCORE = re.compile(r"Your score \(min 0\.0, max 1\.0\): (\d+(?:\.\d+)?)")
_COMMAND = re.compile(r"^> ?", re.MULTILINE)
_LINE = 1 << 24


def read_action(text: str) -> DraftCall:
    """A text action as a call: `name[value]`, or a bare name. Anything else keeps its text under an empty name.

    A bracket that is not closed (the text was cut) is kept as it was in `raw`.
    """
    if found := _BRACKETS.fullmatch(text):
        return DraftCall(found[1], {"value": found[2]})
    if found := _OPEN.fullmatch(text):
        return DraftCall(found[1], {"value": found[2]}, text)
    if found := _WORD.fullmatch(text):
        return DraftCall(found[1], {})
    return DraftCall("", None, text)


class ReAct(Format):
    """Reads rows `{instruction or claim, steps: [{thought, action, observation}]}` (WebShop, FEVER).

    The task is the first turn. An action `search[text]` becomes a call of `search` with the argument `value`;
    `think[...]` is an action like any other. A thought apart from the action becomes `reasoning`.
    """

    name = "react"
    title = "ReAct steps (WebShop, FEVER)"
    loses = ("white space around an action",)

    def detect(self, sample: dict[str, Any]) -> bool:
        steps = sample.get("steps")
        if not isinstance(steps, list) or not any(key in sample for key in _TASKS):
            return False
        return all(isinstance(step, dict) and "action" in step and "observation" in step for step in steps[:4])

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        task = next((record[key] for key in _TASKS if isinstance(record.get(key), str)), None)
        drafts = [Draft(role="user", content=task)] if task is not None else []
        for step in messages_of(record, "steps"):
            drafts += _step(text_of(step.get("thought")), shown(step.get("action")), shown(step.get("observation")))
        score = record.get("score", dict_of(record.get("result")).get("reward"))
        meta = without(record, "steps") | _scored(score)
        return Trajectory(domain=domain, turns=link(drafts), meta=meta)


def _step(thought: str | None, action: str, observation: str | None) -> list[Draft]:
    acting = Draft(role="assistant", reasoning=thought, tool_calls=[read_action(action)])
    if observation is None:
        return [acting]
    return [acting, Draft(role="tool", content=observation, is_error=_ERROR.search(observation) is not None)]


def _scored(score: Any) -> dict[str, Any]:
    known = isinstance(score, int | float) and not isinstance(score, bool)
    return {"reward": score if known else None, "outcome": _outcome(score) if known else "unknown"}


def _outcome(score: float) -> str:
    return "success" if score == 1 else "failure"


class ReActText(Source):
    """Reads a printed log: episodes between lines of dashes, in them `Thought:`, `Action:` and `Observation:`.

    The labels may be numbered. A WebShop episode takes its task from the page that the first observation shows;
    of others the text before the first label is the task. The tally printed after a WebShop episode is left out.
    """

    name = "react-text"
    title = "ReAct logs as printed (text)"
    loses = ("blank lines around an observation", "the tally of scores between two episodes")

    def sniff(self, head: bytes) -> bool:
        text = head.decode("utf-8", errors="replace").removeprefix("\ufeff")
        if "\x00" in text or text.lstrip()[:1] in ("{", "["):
            return False
        return {"Action", "Observation"} <= {mark[1] for mark in _MARK.finditer(text)}

    def detect(self, sample: dict[str, Any]) -> bool:
        return False

    def records(self, path: Path) -> Iterator[Item]:
        number = 0
        for text in _episodes(path):
            if text is None:
                yield Item(number + 1, None, "The file is damaged or no UTF-8 here; the rest cannot be read.", "")
                return
            if text.strip():
                number += 1
                yield Item(number, {"text": text}, None, text[:4_000])

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        text = need_text(record, "text")
        marks = list(_MARK.finditer(text))
        if not any(mark[1] == "Action" for mark in marks):
            raise RowError("This part of the log holds no action.")
        header = text[: marks[0].start()].strip()
        steps = _steps(text, marks)
        seen = next((step[2] for step in steps if step[2]), "")
        if shop := _INSTRUCTION.search(seen):
            score = _SCORE.search(steps[-1][2] or "")
            meta = {"episode": header, "instruction": shop[1]} | _scored(float(score[1]) if score else None)
            drafts = [Draft(role="user", content=shop[1])]
        else:
            meta, drafts = {}, [Draft(role="user", content=header)] if header else []
        for thought, action, observation in steps:
            drafts += _step(thought, action, observation)
        return Trajectory(domain=domain, turns=link(drafts), meta=meta)


def _episodes(path: Path) -> Iterator[str | None]:
    """The texts between lines of dashes; None, as the last, where the file cannot be read any further."""
    lines: list[str] = []
    with opened(path) as file:
        try:
            while line := file.readline(_LINE).decode():
                if _RULE.fullmatch(line):
                    yield "".join(lines)
                    lines = []
                else:
                    lines.append(line.removeprefix("\ufeff") if not lines else line)
        except (*DAMAGED, UnicodeDecodeError):
            yield "".join(lines)
            yield None
            return
    yield "".join(lines)


def _steps(text: str, marks: list[re.Match[str]]) -> list[tuple[str | None, str, str | None]]:
    """Thought, action and observation of each step; an observation without an action is left to the one before."""
    steps: list[tuple[str | None, str, str | None]] = []
    thought = None
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        said = text[mark.end() : following.start() if following else len(text)]
        if mark[1] == "Thought":
            thought = said.strip("\n")
        elif mark[1] == "Action":
            steps.append((thought, said.strip("\n"), None))
            thought = None
        elif steps:
            before = steps[-1]
            said = (said if following else _TALLY.sub("", said)).strip("\n")
            steps[-1] = (before[0], before[1], said if before[2] is None else f"{before[2]}\n{said}")
    return steps


class ALFWorld(Source):
    """Reads one object that names transcripts: the room and the task, then `> action` lines with their answers.

    The first word of an action is the call's name and the rest its argument `value`; `> think: ...` is a call of
    `think`. The observation "Nothing happens." is an error.
    """

    name = "react-alfworld"
    title = "ReAct transcripts of ALFWorld"
    loses = ("the white space between the words “>”, the action's first word and its rest",)

    def detect(self, sample: dict[str, Any]) -> bool:
        return bool(sample) and all(isinstance(v, str) and "\n>" in v and "Your task is" in v for v in sample.values())

    def records(self, path: Path) -> Iterator[Item]:
        for number, member in enumerate(members(path), 1):
            item = member.item
            yield Item(number, {"name": member.key, "text": item.value}, item.reason, item.raw)

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        text = need_text(record, "text")
        room, *commands = _COMMAND.split(text)
        drafts = [Draft(role="user", content=room.rstrip("\n"))]
        for command in commands:
            action, _, answer = command.partition("\n")
            word, _, rest = action.strip().partition(" ")
            call = DraftCall(word.removesuffix(":"), {"value": rest}) if word else DraftCall("", None, action)
            answer = answer.removesuffix("\n")
            drafts.append(Draft(role="assistant", tool_calls=[call]))
            drafts.append(Draft(role="tool", content=answer, is_error=answer.strip() == "Nothing happens."))
        return Trajectory(domain=domain, turns=link(drafts), meta=without(record, "text"))
