"""What the user simulator hears and what is read from its replies."""

import pytest
from simulate.parts import SEED, Script, act, pack, patience, said, say, task

from simia_tui.model import Turn
from simia_tui.simulate.ask import Unreadable
from simia_tui.simulate.user import Said, SimulatedUser, dialogue, goal_of, numbered, read_said, spoken

TURNS = (
    Turn(role="user", content="Cancel W1."),
    act(("get_order", {"order_id": "W1"}), content="Let me look.", reasoning="PRIVATE-1"),
    Turn(role="tool", content="HIDDEN", call_id="c1"),
    say("<think>PRIVATE-2</think>Shall I cancel it?", reasoning="PRIVATE-3"),
)


async def test_the_user_hears_only_what_is_said() -> None:
    script = Script(said("Yes."))
    assert await SimulatedUser(script, pack(), patience()).reply(task(), TURNS, []) == Said("Yes.", False)
    prompt = script.prompt()
    assert "Shall I cancel it?" in prompt and "Cancel W1." in prompt
    assert not any(secret in prompt for secret in ("PRIVATE", "HIDDEN", "get_order", "Be careful."))


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("Hi<think>no</think> there", "Hi there"),
        ("Hi <THINKING>no", "Hi"),
        ("<think>only", ""),
        ('Now <tool_call>{"name": 1}</tool_call>', "Now"),
        (None, ""),
    ],
)
def test_reasoning_and_calls_in_the_text_are_not_spoken(text: str | None, heard: str) -> None:
    assert spoken(say(text)) == heard


def test_the_transcript_of_the_judge_has_calls_and_observations_but_no_reasoning() -> None:
    rows = numbered(task().seed.with_turns(TURNS))
    assert [row["turn"] for row in rows] == [0, 1, 2, 3]
    assert rows[1]["tool_calls"] == [{"name": "get_order", "arguments": {"order_id": "W1"}}]
    assert rows[2]["content"] == "HIDDEN" and "PRIVATE" not in str(rows)


def test_without_a_goal_the_users_own_words_are_it() -> None:
    seed = SEED.with_turns((*SEED.turns, say("Why?"), Turn(role="user", content="It is late.")))
    text = goal_of(task(seed).replace(goal=None))
    assert "It is late." in text and "Why?" not in text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"message": "Yes.", "done": false}', Said("Yes.", False)),
        ('```json\n{"message": " Bye ", "done": "true"}\n```', Said("Bye", True)),
        ('{"message": "", "done": true}', Said("", True)),
        ('{"message": "No default."}', Said("No default.", False)),
    ],
)
def test_a_message_is_read(text: str, found: Said) -> None:
    assert read_said(text) == found


@pytest.mark.parametrize(
    "text", ["Yes.", '{"message": "", "done": false}', '{"message": 5}', '{"message": "a", "done": 2}']
)
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read_said(text)


def test_dialogue_leaves_out_turns_without_words() -> None:
    assert [row["role"] for row in dialogue((act(("a", {})), say("Hm.")))] == ["assistant"]
