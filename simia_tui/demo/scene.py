"""One visit to the desk while it is being written: who said what, with the world answering each call."""

import json
import random
from datetime import date
from typing import Any, NamedTuple

from simia_tui.demo import words
from simia_tui.demo.world import Member, World
from simia_tui.model import ToolCall, Turn


class Answer(NamedTuple):
    """What a tool answered, parsed."""

    value: dict[str, Any]
    is_error: bool


class Scene:
    """Collects the turns of a visit. User and assistant take turns; every call is answered by the world at once."""

    def __init__(self, world: World, member: Member, rng: random.Random) -> None:
        self.world, self.member, self.rng = world, member, rng
        self.tone = rng.choice(tuple(words.OPENERS))
        self.written_dates = rng.random() < 0.5
        self.talkative = rng.uniform(0.1, 0.6)
        self.turns: list[Turn] = []
        self.calls = 0

    def ask(self, act: str, **facts: Any) -> None:
        """The user says something of family `act`, in the tone of this visit."""
        text = self.rng.choice(words.USER[act]).format(**facts)
        if not self.turns:
            text = self.rng.choice(words.OPENERS[self.tone]) + text
        if self.rng.random() < 0.35:
            text += self.rng.choice(words.CLOSERS[self.tone])
        if self.tone == "terse" and self.rng.random() < 0.5:
            text = text.rstrip(".!")
        self._add(Turn(role="user", content=text))

    def say(self, act: str, **facts: Any) -> None:
        """The assistant says something of family `act`."""
        self._add(Turn(role="assistant", content=self._wording(act, facts)))

    def act(self, *calls: tuple[str, dict[str, Any]], preface: str = "look") -> list[Answer]:
        """The assistant calls tools, now and then with words of family `preface`, and the world answers in order."""
        content = self._wording(preface, {}) if self.rng.random() < self.talkative else None
        made = []
        for name, arguments in calls:
            self.calls += 1
            made.append(ToolCall(name=name, arguments=arguments, call_id=f"call_{self.calls}"))
        self._add(Turn(role="assistant", content=content, tool_calls=tuple(made)))
        answers = []
        for call in made:
            seen = self.world.call(call.name, call.arguments or {})
            turn = Turn(role="tool", content=seen.text, call_id=call.call_id, name=call.name, is_error=seen.is_error)
            self.turns.append(turn)
            answers.append(Answer(json.loads(seen.text), seen.is_error))
        return answers

    def day(self, text: str | date) -> str:
        """A date as this visit writes dates in speech."""
        day = date.fromisoformat(text) if isinstance(text, str) else text
        return f"{day:%B} {day.day}, {day.year}" if self.written_dates else day.isoformat()

    def _wording(self, act: str, facts: dict[str, Any]) -> str:
        return self.rng.choice(words.DESK[act]).format(first=self.member.name.split()[0], **facts)

    def _add(self, turn: Turn) -> None:
        last = self.turns[-1] if self.turns else None
        if last is not None and last.role == turn.role:
            raise ValueError(f"two {turn.role} turns in a row, at turn {len(self.turns)}")
        self.turns.append(turn)


def amount(value: float) -> str:
    """A sum as the desk speaks of it."""
    return f"{value:.2f}"
