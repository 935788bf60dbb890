"""Playing: everybody's turn at once, caps that end an episode, verdicts that come while others play."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simia_tui.model import Trajectory, Turn
from simia_tui.training.conversation import Codec
from simia_tui.training.rollout import Caps, Generated, Loop, Rollouts
from simia_tui.training.tasks import Task

sys.path.insert(0, str(Path(__file__).parent))
from fake_arena import FakeArena

START = Trajectory(policy="Be brief.", turns=(Turn(role="user", content="May I keep loan L7?"),))
TASKS = [Task(START), Task(START)]


class Writer:
    """Generates the same words for every prompt, ended or not, and keeps what it was asked."""

    def __init__(self, tokenizer: Any, text: str = "Yes.<|im_end|>") -> None:
        self.ids = tokenizer.encode(text)
        self.asked: list[int] = []

    def __call__(self, prompts: list[list[int]]) -> Generated:
        self.asked.append(len(prompts))
        return Generated([self.ids for _ in prompts])


@pytest.fixture
def play(tokenizer: Any) -> Callable[..., Any]:
    def run(arena: FakeArena, text: str = "Yes.<|im_end|>", members: int = 8, caps: tuple[int, int] = (20, 400)) -> Any:
        with Loop() as loop:
            limits = Caps(*caps, frozenset({tokenizer.eos_token_id}))
            rollouts = Rollouts(arena, loop, Codec(tokenizer), limits, lambda: None)
            writer = Writer(tokenizer, text)
            return rollouts.play(list(range(len(arena.tasks))), members, writer), writer

    return run


def test_all_calls_of_a_turn_are_in_flight_at_once(play: Callable[..., Any]) -> None:
    arena = FakeArena(TASKS, length=3)
    played, writer = play(arena, members=8)
    assert arena.most == 16
    # One batch a turn, however many members: not one call of the generator for each.
    assert writer.asked == [16, 16, 16]
    assert [(one.group, one.member) for one in played] == [(g, m) for g in range(2) for m in range(8)]
    assert [one.result.reward for one in played] == [reward for group in arena.given for reward in group]


def test_members_that_end_early_are_not_generated_for(play: Callable[..., Any]) -> None:
    arena = FakeArena(TASKS, length=2)
    _, writer = play(arena, members=3)
    assert writer.asked == [6, 6]


def test_a_turn_without_end_is_cut(play: Callable[..., Any]) -> None:
    played, writer = play(FakeArena(TASKS), text="and so on and so on")
    assert writer.asked == [16]
    assert all(one.cut and one.result.termination == "token budget" for one in played)
    assert played[0].conversation.completion_ids == writer.ids and played[0].conversation.mask == [1] * len(writer.ids)


def test_a_conversation_without_room_for_a_turn_is_cut(play: Callable[..., Any]) -> None:
    played, writer = play(FakeArena(TASKS, length=99), caps=(20, 100))
    assert 1 < len(writer.asked) < 20
    for one in played:
        assert "no room for another turn within 100 tokens" in one.result.reason
        assert len(one.conversation.completion_ids) <= 100 and one.conversation.mask[-1] == 1


def test_giving_up_is_heard_before_a_turn(tokenizer: Any) -> None:
    class Enough(Exception):
        pass

    def check() -> None:
        raise Enough

    with Loop() as loop, pytest.raises(Enough):
        caps = Caps(20, 400, frozenset({tokenizer.eos_token_id}))
        Rollouts(FakeArena(TASKS), loop, Codec(tokenizer), caps, check).play([0], 2, Writer(tokenizer))
