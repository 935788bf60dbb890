import pytest

from simia_tui.formats.llamafactory import keeps_openai, keeps_sharegpt


def sharegpt(*sources):
    return {"conversations": [{"from": source, "value": source} for source in sources], "system": ""}


@pytest.mark.parametrize(
    ("sources", "reason"),
    [
        (("human", "gpt"), None),
        (("system", "human", "gpt"), None),
        (("human", "function_call", "observation", "gpt"), None),
        (("observation", "function_call"), None),
        ((), "there is no turn"),
        (("system",), "there is no turn"),
        (("gpt", "human"), "the two sides do not take turns"),
        (("human", "gpt", "function_call", "observation"), "the two sides do not take turns"),
        (("human", "gpt", "observation", "observation"), "the two sides do not take turns"),
        (("human", "system", "human", "gpt"), "the two sides do not take turns"),
        (("robot", "human", "gpt"), "the two sides do not take turns"),
        (("human", "robot"), "the two sides do not take turns"),
        (("human",), "the last turn is not the assistant's"),
        (("human", "gpt", "human"), "the last turn is not the assistant's"),
    ],
)
def test_sharegpt_rows_alternate_and_end_with_the_assistant(sources, reason):
    found = keeps_sharegpt(sharegpt(*sources))
    assert found.reason == reason
    assert found.kept is (reason is None)
    assert bool(found.turns) is (reason is None)


def test_only_the_texts_of_gpt_turns_are_words():
    assert keeps_sharegpt(sharegpt("human", "function_call", "observation", "gpt")).assistant_texts() == ["gpt"]


def message(role, content, *calls):
    return {"role": role, "content": content, **({"tool_calls": list(calls)} if calls else {})}


CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def test_openai_calls_replace_the_text_beside_them_and_results_are_gathered():
    row = [message("user", "u"), message("assistant", "lost", CALL, CALL), message("tool", "a"), message("tool", "b")]
    found = keeps_openai({"messages": [message("system", "s"), *row, message("assistant", "end")]})
    assert [side for side, _ in found.turns] == ["user", "function", "observation", "assistant"]
    assert found.turns[2][1] == "a\n</tool_response>\n<tool_response>\nb"
    assert found.assistant_texts() == ["end"]


def test_openai_results_at_the_end_vanish():
    found = keeps_openai({"messages": [message("user", "u"), message("assistant", None, CALL), message("tool", "a")]})
    assert [side for side, _ in found.turns] == ["user", "function"]


def test_openai_rows_that_end_with_the_user_are_dropped():
    assert not keeps_openai({"messages": [message("user", "u"), message("assistant", "a"), message("user", "u")]}).kept
