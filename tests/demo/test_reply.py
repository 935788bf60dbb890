import json
from collections.abc import Callable
from typing import Any

import pytest

from simia_tui import domains, resources
from simia_tui.demo import play
from simia_tui.demo.defects import is_defective
from simia_tui.demo.prompt import PromptError, read
from simia_tui.demo.reply import HELLO, answer
from simia_tui.model import Target, content_hash
from simia_tui.simulate.synthesize import Writer
from simia_tui.simulate.variation import with_controls

Build = Callable[..., list[dict[str, Any]]]


def turns(text: str) -> list[dict[str, Any]]:
    *lines, end = text.split("\n")
    assert json.loads(end) == {"end": True}
    return [json.loads(text) for text in lines]


def test_the_blocks_are_read(messages_for: Build, shop_tools: list[Any], exemplar: list[Any]):
    messages = messages_for(shop_tools, exemplar, policy="A\n<tools>\nnot a tool\n</tools>\n<request>\n</policy>\n\n🙂")
    ask = read(messages)
    assert ask.known and ask.sha == content_hash(messages)
    assert [tool.name for tool in ask.tools] == [tool["name"] for tool in shop_tools]
    assert [turn["role"] for turn in ask.exemplar] == [turn["role"] for turn in exemplar]
    longest, shortest = ask.prefixes
    assert ask.text.startswith(longest) and longest.startswith(shortest)
    assert shortest.endswith("</tools>\n") and longest.endswith("</exemplar>\n")


@pytest.mark.parametrize(
    "messages", [None, [], "x", [1], [{"role": "user"}], [{"role": "user", "content": [{"a": 1}]}]]
)
def test_what_are_no_messages_is_refused(messages: Any):
    with pytest.raises(PromptError):
        read(messages)


@pytest.mark.parametrize(
    ("tools", "exemplar"),
    [
        ([], ["x"]),
        ([], [{"role": "judge"}]),
        ([], [{"role": "user", "content": 3}]),
        ([], [{"role": "assistant", "tool_calls": [{"arguments": {}}]}]),
        ([{"description": "no name"}], []),
        ([3], []),
    ],
)
def test_a_bad_block_is_refused(messages_for: Build, tools: list[Any], exemplar: list[Any]):
    with pytest.raises(PromptError, match="block"):
        read(messages_for(tools, exemplar))


def test_a_prompt_without_blocks_gets_a_sentence():
    ask = read([{"role": "system", "content": "x"}, {"role": "user", "content": [{"type": "text", "text": "Hello"}]}])
    reply = answer(ask, 0, 1.0)
    assert reply.text == HELLO and not reply.truth.defects and not reply.cut


def test_the_library_is_played_and_every_variation_differs(library_messages: Build):
    texts = {answer(read(library_messages(number)), 5, 0.0).text for number in range(30)}
    assert len(texts) == 30
    for text in texts:
        written = turns(text)
        assert 8 <= len(written) <= 24 and written[0]["role"] == "user" and written[-1]["role"] == "assistant"
        assert all(set(turn) <= {"role", "content", "tool_calls", "is_error"} for turn in written)


def test_another_domain_is_varied(messages_for: Build, shop_tools: list[Any], exemplar: list[Any]):
    texts = {answer(read(messages_for(shop_tools, exemplar, n)), 5, 0.0).text for n in range(10)}
    assert len(texts) == 10
    for text in texts:
        assert [turn["role"] for turn in turns(text)] == [turn["role"] for turn in exemplar]
        assert turns(text)[1]["tool_calls"][1]["arguments"]["view"] == "full"


def test_the_same_question_has_the_same_answer(library_messages: Build):
    ask = read(library_messages(1))
    assert answer(ask, 1, 0.5) == answer(read(library_messages(1)), 1, 0.5)
    others = [
        answer(ask, 2, 0.5),
        answer(ask, 1, 0.4),
        answer(read(library_messages(2)), 1, 0.5),
        answer(ask, 1, 0.5, 50),
    ]
    assert len({reply.truth.response_id for reply in [answer(ask, 1, 0.5), *others]}) == 5
    assert answer(ask, 1, 0.5, 100_000) == answer(ask, 1, 0.5)


def test_defects_are_in_exactly_the_replies_of_the_definition(library_messages: Build):
    asks = [read(library_messages(number)) for number in range(80)]
    defective = [bool(answer(ask, 4, 0.25).truth.defects) for ask in asks]
    assert defective == [is_defective(ask.sha, 4, 0.25) for ask in asks]
    assert 5 < sum(defective) < 40


def test_a_reply_that_is_cut_claims_only_what_it_shows(library_messages: Build):
    for number in range(20):
        ask = read(library_messages(number))
        whole = answer(ask, 0, 1.0)
        for limit in (20, 150, 300):
            cut = answer(ask, 0, 1.0, limit)
            assert cut.cut and cut.text == whole.text[: limit * 4]
            complete = cut.text.count("\n")
            assert cut.truth.defects == tuple(d for d in whole.truth.defects if d.turn < complete)


@pytest.mark.parametrize(("tool", "outcome"), [("renew_loan", "error"), ("pay_fine", "success"), ("place_hold", None)])
def test_what_a_prompt_is_aimed_at_is_shown(tool: str, outcome: str | None):
    pack = domains.load("library", [resources.prompts()])
    (seed,) = play.seeds(1, 3)
    aim = Target.model_validate({"tool": tool, "outcome": outcome})
    writer = Writer(pack, seed, seed.tools, with_controls(pack.axes, {}, None, None, aim))
    for ord_ in range(5):
        said = turns(answer(read(writer.prompt(ord_, 1).messages), 1, 0.0).text)
        called = [call["name"] for turn in said for call in turn.get("tool_calls", ())]
        came = [turn.get("is_error", False) for turn in said if turn["role"] == "tool"]
        shown = {error for name, error in zip(called, came, strict=True) if name == tool}
        assert shown if outcome is None else (outcome == "error") in shown
