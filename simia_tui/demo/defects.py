"""Known defects, put into a finished reply on purpose and written down.

Whether a reply is defective is decided by a hash of the prompt alone (`is_defective`), so that the share can be
counted without running anything; which defects it gets, one or now and then two, is drawn from the reply's own seed.
"""

import copy
import hashlib
import json
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, get_args

from simia_tui.demo.contradictions import changed, facts, is_read, other_value, parsed
from simia_tui.demo.truth import Defect, DefectKind
from simia_tui.model import ToolSpec

Turn = dict[str, Any]

KINDS: tuple[DefectKind, ...] = get_args(DefectKind)
SECOND_SHARE = 0.2
"""Share of the defective replies that get two defects."""

_BREAKS: dict[str, Callable[[str], str]] = {
    "single quotes": lambda text: repr(json.loads(text)),
    "trailing comma": lambda text: text[:-1] + ",}",
    "missing brace": lambda text: text[:-1],
    "code fence": lambda text: f"```json\n{text}\n```",
}
_LINE_BREAKS = ("single quotes", "trailing comma", "missing brace")
_ERRORS = (
    '{"error": "internal_error", "message": "The service did not answer in time."}',
    '{"error": "permission_denied", "message": "This account may not perform the operation."}',
    "Error: record is locked by another process",
    "Error: backend returned status 503",
    "Error: request could not be completed, please try again later",
)
_SYNONYMS = {
    "get": "fetch",
    "find": "locate",
    "list": "enumerate",
    "search": "query",
    "update": "modify",
    "pay": "settle",
}


class Spoiled(NamedTuple):
    """The lines of a reply, one a turn, and the defects in them."""

    lines: list[str]
    defects: tuple[Defect, ...]


def is_defective(prompt_sha: str, random_seed: int, rate: float) -> bool:
    """Whether the reply to a prompt is defective: the first 52 bits of SHA-256 of `seed:prompt_sha` as a fraction
    of one are below `rate`."""
    digits = hashlib.sha256(f"{random_seed}:{prompt_sha}".encode()).hexdigest()[:13]
    return int(digits, 16) / 16**13 < rate


def line(turn: Turn) -> str:
    """One turn as the reply writes it: a JSON object without its empty fields."""
    return json.dumps({key: value for key, value in turn.items() if value not in (None, [], False)}, ensure_ascii=False)


def is_strict_json(text: str) -> bool:
    """Whether `text` is JSON as it stands."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


class Draft:
    """A reply while defects are put into it. `touched` are the turns that already have a part in a defect."""

    def __init__(self, turns: Sequence[Turn], tools: Sequence[ToolSpec], rng: random.Random) -> None:
        self.turns = copy.deepcopy(list(turns))
        self.tools = {tool.name: tool for tool in tools}
        self.rng = rng
        self.defects: list[Defect] = []
        self.touched: set[int] = set()
        self.broken: dict[int, str] = {}

    def lines(self) -> list[str]:
        return [
            _BREAKS[self.broken[index]](line(turn)) if index in self.broken else line(turn)
            for index, turn in enumerate(self.turns)
        ]

    def answers(self) -> dict[int, tuple[int, int]]:
        """For each tool turn the assistant turn and the position of the call that it answers."""
        answered, waiting = {}, []
        for index, turn in enumerate(self.turns):
            if turn["role"] == "assistant":
                waiting = [(index, position) for position in range(len(turn.get("tool_calls") or ()))]
            elif turn["role"] == "tool" and waiting:
                answered[index] = waiting.pop(0)
        return answered

    def free_calls(self) -> list[tuple[int, int, dict[str, Any]]]:
        """Calls with an object of arguments in turns that no defect has touched."""
        return [
            (index, position, call)
            for index, turn in enumerate(self.turns)
            for position, call in enumerate(turn.get("tool_calls") or ())
            if index not in self.touched and isinstance(call.get("arguments"), dict)
        ]

    def add(self, kind: DefectKind, turn: int, call: int | None, detail: str, also: Sequence[int] = ()) -> None:
        self.defects.append(Defect(kind=kind, turn=turn, call=call, detail=detail))
        self.touched.update((turn, *also))

    def touch_answers(self, turn: int) -> None:
        """Keep other defects away from the observations of the calls of `turn`."""
        self.touched.update(index for index, (asked, _) in self.answers().items() if asked == turn)

    def insert(self, at: int, turns: Sequence[Turn]) -> None:
        """Put `turns` before turn `at`, and move what is already recorded."""
        self.turns[at:at] = turns
        step = len(turns)
        self.touched = {index + step if index >= at else index for index in self.touched}
        self.broken = {index + step if index >= at else index: how for index, how in self.broken.items()}
        self.defects = [d.replace(turn=d.turn + step) if d.turn >= at else d for d in self.defects]


def spoil(turns: Sequence[Turn], tools: Sequence[ToolSpec], rng: random.Random) -> Spoiled:
    """The lines of `turns` with one or two defects of kinds drawn from `rng`; a kind that finds no place gives way to
    the next. Without any turn there is nothing to break."""
    draft = Draft(turns, tools, rng)
    wanted = 2 if rng.random() < SECOND_SHARE else 1
    for kind in rng.sample(KINDS, len(KINDS)):
        if len(draft.defects) < wanted:
            _MAKERS[kind](draft)
    return Spoiled(draft.lines(), tuple(draft.defects))


def _break_json(draft: Draft) -> None:
    calls = draft.free_calls()
    if calls and draft.rng.random() < 0.6:
        index, position, call = draft.rng.choice(calls)
        text = json.dumps(call["arguments"], ensure_ascii=False)
        how = draft.rng.choice([how for how, broken in _BREAKS.items() if not is_strict_json(broken(text))])
        call["arguments"] = _BREAKS[how](text)
        draft.add("broken_json", index, position, f"arguments: {how}")
        draft.touch_answers(index)
        return
    free = [index for index, _, _ in calls] or [i for i in range(len(draft.turns)) if i not in draft.touched]
    if free:
        index, how = draft.rng.choice(free), draft.rng.choice(_LINE_BREAKS)
        draft.broken[index] = how
        draft.add("broken_json", index, None, f"line: {how}")
        draft.touch_answers(index)


def _unknown_tool(draft: Draft) -> None:
    calls = [found for found in draft.free_calls() if found[2]["name"] in draft.tools]
    if not calls:
        return
    index, position, call = draft.rng.choice(calls)
    old = call["name"]
    verb, mark, rest = old.partition("_")
    candidates = [f"{old}_v2", f"{old}_details", f"{_SYNONYMS.get(verb, 'process')}{mark or '_'}{rest or old}"]
    call["name"] = draft.rng.choice([name for name in candidates if name not in draft.tools] or [f"{old}_unlisted"])
    draft.add("unknown_tool", index, position, f"{old} -> {call['name']}")
    draft.touch_answers(index)


def _missing_argument(draft: Draft) -> None:
    places = []
    for index, position, call in draft.free_calls():
        tool = draft.tools.get(call["name"])
        required = (tool.parameters or {}).get("required") if tool else None
        names = required if isinstance(required, list) else []
        places += [(index, position, call, name) for name in names if name in call["arguments"]]
    if not places:
        return
    index, position, call, name = draft.rng.choice(places)
    del call["arguments"][name]
    draft.add("missing_argument", index, position, name)
    draft.touch_answers(index)


def _invented_error(draft: Draft) -> None:
    told = {turn.get("content") for turn in draft.turns}
    errors = [error for error in _ERRORS if error not in told]
    answers = draft.answers()
    places = [index for index in answers if index not in draft.touched and _is_success(draft.turns[index])]
    if not places or not errors:
        return
    index = draft.rng.choice(places)
    turn = draft.turns[index]
    turn["content"], turn["is_error"] = draft.rng.choice(errors), True
    draft.add("invented_error", index, None, turn["content"], also=(answers[index][0],))


def _is_success(turn: Turn) -> bool:
    content = turn.get("content") or ""
    return not turn.get("is_error") and "error" not in content[:40].lower()


def _contradict(draft: Draft) -> None:
    pairs = _stated_twice(draft)
    if pairs:
        first, later, fact, value = draft.rng.choice(pairs)
    else:
        asked_again = _ask_again(draft)
        if asked_again is None:
            return
        first, later, fact, value = asked_again
    turn, new = draft.turns[later], other_value(value, draft.rng)
    turn["content"] = changed(turn["content"], fact, new)
    detail = f"{fact[1]}: {value} -> {new}, first stated at turn {first}"
    draft.add("contradiction", later, None, detail, also=range(draft.answers()[first][0], later))


def _sightings(draft: Draft) -> list[tuple[int, bool, dict[Any, Any]]]:
    """Every answered observation in order: turn, whether its call only reads, and what it states."""
    seen = []
    for index, (asked, position) in draft.answers().items():
        turn, name = draft.turns[index], draft.turns[asked]["tool_calls"][position]["name"]
        stated = facts(parsed(turn.get("content"))) if _is_success(turn) else {}
        seen.append((index, is_read(name), stated))
    return seen


def _stated_twice(draft: Draft) -> list[tuple[int, int, Any, Any]]:
    """Facts that two observations state alike with only reads from the one to the other."""
    pairs = []
    seen, answers = _sightings(draft), draft.answers()
    for start, (first, _, stated) in enumerate(seen):
        for later, reads, again in seen[start + 1 :]:
            if not reads:
                break
            if draft.touched.isdisjoint(range(answers[first][0], later + 1)):
                pairs += [(first, later, fact, stated[fact]) for fact in stated if again.get(fact) == stated[fact]]
    return pairs


def _ask_again(draft: Draft) -> tuple[int, int, Any, Any] | None:
    """Let the assistant read something a second time, where nothing was written since; returns the new observation."""
    places = []
    seen, answers = _sightings(draft), draft.answers()
    writes = [index for index, reads, _ in seen if not reads]
    for first, reads, stated in seen:
        end = next((write - 1 for write in writes if write > first), len(draft.turns))
        for at in range(first + 1, min(end + 1, len(draft.turns))) if reads and stated else ():
            after_user = draft.turns[at]["role"] == "assistant" and draft.turns[at - 1]["role"] == "user"
            if after_user and draft.touched.isdisjoint(range(answers[first][0], at + 1)):
                places.append((first, at, stated))
    if not places:
        return None
    first, at, stated = draft.rng.choice(places)
    asked, position = answers[first]
    call = copy.deepcopy(draft.turns[asked]["tool_calls"][position])
    again = {"role": "tool", "content": draft.turns[first]["content"]}
    draft.insert(at, [{"role": "assistant", "tool_calls": [call]}, again])
    fact = draft.rng.choice(list(stated))
    return first, at + 1, fact, stated[fact]


_MAKERS: dict[DefectKind, Callable[[Draft], None]] = {
    "broken_json": _break_json,
    "unknown_tool": _unknown_tool,
    "missing_argument": _missing_argument,
    "invented_error": _invented_error,
    "contradiction": _contradict,
}
