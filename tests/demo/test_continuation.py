"""How the demo model goes on with a conversation."""

import random
from typing import Any

import pytest

from simia_tui import checks, demo, domains, resources
from simia_tui.demo.continuation import go_on
from simia_tui.demo.prompt import read
from simia_tui.demo.reply import answer
from simia_tui.simulate import resimulate

CALL = {"name": "get_member", "arguments": {"member_id": "M-10001"}}
ASKED: list[dict[str, Any]] = [
    {"role": "user", "content": "Who is M-10001?"},
    {"role": "assistant", "tool_calls": [CALL]},
]
REFUSED = {"role": "tool", "content": "Error: locked", "is_error": True}
ENDED = {"role": "assistant", "content": "That is Ada."}


def go(kept: list[dict[str, Any]], former: list[dict[str, Any]], exemplar: Any = ()) -> list[dict[str, Any]]:
    return go_on(kept, former, exemplar, random.Random(1), ())


def test_a_refusal_becomes_an_answer_as_one_was_given_elsewhere() -> None:
    seen = [*ASKED, {"role": "tool", "content": '{"name": "Ada"}'}]
    assert go(ASKED, [REFUSED, ENDED], seen)[0] == {"role": "tool", "content": '{"name": "Ada"}'}
    assert go(ASKED, [REFUSED, ENDED])[0]["content"] == '{"status": "done"}'


def test_people_and_ids_of_the_beginning_keep_their_names() -> None:
    tail = go(ASKED, [{"role": "tool", "content": '{"member_id": "M-10001", "loan_id": "L-204519"}'}, ENDED])
    assert "M-10001" in tail[0]["content"] and "L-204519" not in tail[0]["content"]


@pytest.mark.parametrize("kept", [ASKED[:1], ASKED, [*ASKED, REFUSED], [*ASKED, REFUSED, ENDED]])
def test_it_ends_with_the_assistant_even_without_a_former_end(kept: list[dict[str, Any]]) -> None:
    tail = go(kept, [])
    assert tail[-1]["role"] == "assistant"
    assert sum(turn["role"] == "tool" for turn in tail) == (1 if kept == ASKED else 0)


def test_every_place_of_a_visit_can_be_gone_on_from() -> None:
    pack = domains.load("library", [resources.prompts()])
    hints = checks.Hints.of(pack.data)
    (seed, episode) = demo.seeds(2, 7)
    for turn in range(1, len(episode.turns) + 1):
        prompt = resimulate.Writer(pack, seed, episode, turn, episode.tools).prompt(0, turn)
        text = answer(read(prompt.messages), 0, 0.0).text
        found = resimulate.read_ending(text, episode, turn, episode.tools, hints)
        assert found.body.turns[:turn] == episode.turns[:turn]
        assert found.body.turns[turn:] != episode.turns[turn:]
        assert not [f for f in found.findings if f.severity == "error" and not f.repaired], turn
