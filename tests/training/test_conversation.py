"""A rollout's tokens are those of the whole conversation, with exactly the policy's own marked as trained."""

from typing import Any

import pytest

from simia_tui.errors import SimiaError
from simia_tui.model import ToolCall, ToolSpec, Trajectory, Turn
from simia_tui.training.conversation import Codec, Conversation, read_turn

TOOLS = (ToolSpec(name="find_loan", description="Finds a loan.", parameters={"type": "object", "properties": {}}),)
START = Trajectory(policy="Be brief.", tools=TOOLS, turns=(Turn(role="user", content="May I keep loan L7?"),))


def _call(**arguments: Any) -> ToolCall:
    return ToolCall(name="find_loan", arguments=arguments)


SAID = (
    Turn(role="assistant", tool_calls=(_call(loan_id="L7"), _call(loan_id="L8"))),
    Turn(role="assistant", content="I look again.", tool_calls=(_call(loan_id="L9"),)),
    Turn(role="assistant", content="Yes, you may."),
)
HEARD = (
    (
        Turn(role="tool", name="find_loan", content='{"loan": "L7"}'),
        Turn(role="tool", name="find_loan", content="no such loan"),
    ),
    (Turn(role="tool", name="find_loan", content="L9 <b>free</b>"),),
    (Turn(role="user", content="Thanks, and L10?"),),
)


def _own(tokenizer: Any, turn: Turn) -> list[int]:
    """The tokens a policy would sample for a turn: the template's own text up to the end token."""
    codec = Codec(tokenizer)
    before = codec.opening(START)
    whole = Trajectory(policy=START.policy, tools=TOOLS, turns=(*START.turns, turn))
    ids = codec._render(_messages(whole), _tools(whole), False)[len(before) :]
    return ids[: ids.index(tokenizer.eos_token_id) + 1]


def _messages(trajectory: Trajectory) -> list[dict[str, Any]]:
    from simia_tui.formats import write_trl

    messages: list[dict[str, Any]] = write_trl(trajectory)["messages"]
    return messages


def _tools(trajectory: Trajectory) -> Any:
    from simia_tui.formats import write_trl

    return write_trl(trajectory)["tools"]


def _played(tokenizer: Any) -> Conversation:
    codec = Codec(tokenizer)
    conversation = Conversation(codec, codec.opening(START))
    for said, heard in zip(SAID, HEARD, strict=True):
        conversation.said(_own(tokenizer, said))
        conversation.heard(heard)
    return conversation


@pytest.fixture(params=["tiny", "qwen2_5", "qwen3", "qwen3_5_nothink"])
def any_tokenizer(request: pytest.FixtureRequest, tokenizer: Any) -> Any:
    if request.param != "tiny":
        from trl import chat_template_utils

        tokenizer.chat_template = getattr(chat_template_utils, f"{request.param}_chat_template")
    return tokenizer


def test_the_tokens_are_those_of_the_whole_conversation(any_tokenizer: Any) -> None:
    from simia_tui.training import base

    conversation = _played(any_tokenizer)
    turns = [*START.turns]
    for said, heard in zip(SAID, HEARD, strict=True):
        turns += [said, *heard]
    whole = Trajectory(policy=START.policy, tools=TOOLS, turns=tuple(turns))
    template = base.training_template(any_tokenizer)
    wanted = any_tokenizer.apply_chat_template(
        _messages(whole), tools=_tools(whole), chat_template=template, add_generation_prompt=True, tokenize=False
    )
    assert any_tokenizer.decode(conversation.ids) == wanted


def test_the_mask_holds_the_policys_own_tokens_and_ends_with_them(any_tokenizer: Any) -> None:
    conversation = _played(any_tokenizer)
    assert len(conversation.mask) == len(conversation.completion_ids) and conversation.mask[-1] == 1
    own = [token for token, mine in zip(conversation.completion_ids, conversation.mask, strict=True) if mine]
    assert own == [token for turn in SAID for token in _own(any_tokenizer, turn)]
    assert conversation.written == len(own)


def test_a_turn_is_read_back_from_its_tokens(any_tokenizer: Any) -> None:
    codec = Codec(any_tokenizer)
    assert [codec.turn(_own(any_tokenizer, turn)) for turn in SAID] == list(SAID)


def test_logprobs_stand_beside_their_tokens(tokenizer: Any) -> None:
    codec = Codec(tokenizer)
    conversation = Conversation(codec, codec.opening(START))
    conversation.said([5, 6], [-0.1, -0.2])
    conversation.heard(HEARD[2])
    conversation.said([7], [-0.3])
    assert conversation.logprobs is not None
    assert [p for p, mine in zip(conversation.logprobs, conversation.mask, strict=True) if mine] == [-0.1, -0.2, -0.3]
    assert not any(p for p, mine in zip(conversation.logprobs, conversation.mask, strict=True) if not mine)


@pytest.mark.parametrize(
    ("text", "turn"),
    [
        ("Hello.", Turn(role="assistant", content="Hello.")),
        ("<think>\nhm\n</think>\n\nHi", Turn(role="assistant", content="Hi", reasoning="hm")),
        (
            'I look.\n<tool_call>\n{"name": "a", "arguments": {"b": 1}}\n</tool_call>',
            Turn(role="assistant", content="I look.", tool_calls=(ToolCall(name="a", arguments={"b": 1}),)),
        ),
        (
            '<tool_call>{"name": "a", "arguments": "x"}</tool_call>',
            Turn(role="assistant", tool_calls=(ToolCall(name="a", raw="x"),)),
        ),
        ("<tool_call>{broken</tool_call>", Turn(role="assistant", content="<tool_call>{broken</tool_call>")),
        ('<tool_call>{"name": "a"', Turn(role="assistant", content='<tool_call>{"name": "a"')),
        ("<tool_call>[1]</tool_call>", Turn(role="assistant", content="<tool_call>[1]</tool_call>")),
    ],
)
def test_reading_a_turn(text: str, turn: Turn) -> None:
    assert read_turn(text) == turn


def test_a_template_that_rewrites_earlier_turns_is_refused(tokenizer: Any) -> None:
    tokenizer.chat_template = (
        "{% for m in messages %}{% generation %}{{ loop.length if loop.first }}{{ m.content }}<tool_call><|im_end|>"
        "{% endgeneration %}{% endfor %}"
    )
    with pytest.raises(SimiaError, match="changes earlier turns"):
        Codec(tokenizer)


def test_a_template_without_a_known_form_of_calls_is_refused(tokenizer: Any) -> None:
    tokenizer.chat_template = "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}"
    with pytest.raises(SimiaError, match="writes tool calls is not known"):
        Codec(tokenizer)
