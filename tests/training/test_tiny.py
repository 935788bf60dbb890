"""The tokenizer of the tiny model that learns phrases."""

import pytest

from simia_tui.formats import write_trl
from simia_tui.model import ToolCall, ToolSpec, Trajectory, Turn
from simia_tui.training import tiny
from simia_tui.training.conversation import Codec

pytest.importorskip("tokenizers")
TOOL = ToolSpec(name="renew_loan", parameters={"type": "object", "properties": {"loan_id": {"type": "string"}}})


def visit(loan: str) -> Trajectory:
    call = ToolCall(name="renew_loan", arguments={"loan_id": loan})
    turns = (
        Turn(role="user", content=f"Please renew {loan}."),
        Turn(role="assistant", tool_calls=(call,)),
        Turn(role="tool", name="renew_loan", content='{"due": "2026-04-01"}'),
        Turn(role="assistant", content="It is renewed. Is there anything else?"),
    )
    return Trajectory(policy="You are the desk.", tools=(TOOL,), turns=turns)


@pytest.mark.train
def test_phrases_shorten_rows_and_leave_digits_and_turns_apart() -> None:
    rows = [write_trl(visit(f"L-{number}")) for number in range(583_900, 583_940)]
    words, phrases = tiny.learn_tokenizer(rows), tiny.learn_tokenizer(rows, phrases=True)
    text = words.apply_chat_template(rows[0]["messages"], tools=rows[0]["tools"], tokenize=False)
    ids = phrases(text).input_ids
    assert phrases.decode(ids) == text and len(ids) < 0.7 * len(words(text).input_ids)
    tokens = [phrases.decode([one]) for one in ids]
    assert [token for token in tokens if any(map(str.isdigit, token))] == [c for c in text if c.isdigit()]
    whole = visit("L-111222")
    opening = Codec(phrases).opening(whole.with_turns(whole.turns[:1]))
    assert phrases(phrases.decode(opening) + "It is renewed.").input_ids[: len(opening)] == opening
