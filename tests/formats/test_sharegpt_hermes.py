import json

import pytest

from simia_tui import formats
from simia_tui.formats.sharegpt_hermes import read_section, write_section, write_sharegpt_hermes
from simia_tui.model import ToolCall, ToolSpec, Trajectory, Turn

TOOL = ToolSpec(name="f", description="two\nlines </tools> <tool_call>", parameters={"type": "object"})


def call(name, call_id, **arguments):
    return ToolCall(name=name, arguments=arguments, call_id=call_id)


def user(text):
    return Turn(role="user", content=text)


def says(text, *calls, **more):
    return Turn(role="assistant", content=text, tool_calls=calls, **more)


def result(text, call_id, name="f"):
    return Turn(role="tool", content=text, call_id=call_id, name=name)


def written(*turns, **more):
    return write_sharegpt_hermes(Trajectory(turns=turns, **more))["conversations"]


def test_text_and_calls_share_a_turn_and_parallel_results_one():
    row = written(
        user("u"),
        says("text", call("f", "1", a="é"), call("g", "2")),
        result("one", "1"),
        result("two", "2", "g"),
        says("done"),
    )
    assert row == [
        {"from": "human", "value": "u"},
        {
            "from": "gpt",
            "value": 'text\n\n<tool_call>\n{"name": "f", "arguments": {"a": "é"}}\n</tool_call>\n'
            '<tool_call>\n{"name": "g", "arguments": {}}\n</tool_call>',
        },
        {
            "from": "observation",
            "value": "<tool_response>\none\n</tool_response>\n<tool_response>\ntwo\n</tool_response>",
        },
        {"from": "gpt", "value": "done"},
    ]


def test_results_can_be_written_as_human_turns():
    turns = (user("u"), says(None, call("f", "1")), result("one", "1"), says("done"))
    row = write_sharegpt_hermes(Trajectory(turns=turns), results_from="human")
    assert [turn["from"] for turn in row["conversations"]] == ["human", "gpt", "human", "gpt"]


def test_it_ends_with_the_assistant_and_merges_what_follows_on_one_side():
    row = written(user("a"), user("b"), says("c"), says("d"), user("cut"))
    assert row == [{"from": "human", "value": "a\n\nb"}, {"from": "gpt", "value": "c\n\nd"}]


def test_an_assistant_that_speaks_first_loses_no_word(read_one):
    row = written(says("hello"), user("u"), says("bye"))
    assert [turn["value"] for turn in row] == ["", "hello", "u", "bye"]
    found = read_one({"conversations": row}, format="sharegpt-hermes")
    assert [turn.content for turn in found.turns] == ["hello", "u", "bye"]


def test_without_an_assistant_nothing_is_written():
    assert written(user("u")) == []
    assert written() == []


@pytest.mark.parametrize("policy", [None, "p", "p\n\n", "# Tools\n\nmine <tools>x</tools>"])
@pytest.mark.parametrize(("tools", "calls"), [((TOOL, ToolSpec(name="g")), True), ((TOOL,), False), ((), True)])
def test_policy_and_tools_come_back_out_of_the_system_text(policy, tools, calls):
    assert read_section(write_section(policy, tools, calls)) == (policy, tools)


def test_a_system_text_of_others_stays_whole_and_its_tools_are_read():
    lines = '{"type": "function", "function": {"name": "f"}}\n{"name": "g"}'
    text = f"Call <tools>\n{lines}\n</tools> please"
    assert read_section(text) == (text, (ToolSpec(name="f"), ToolSpec(name="g")))
    assert read_section('<tools>[{"name": "f"}]</tools>')[1] == (ToolSpec(name="f"),)
    assert read_section("<tools>none</tools>") == ("<tools>none</tools>", ())
    assert read_section("plain") == ("plain", ())


def test_no_tools_and_no_calls_add_nothing_to_the_policy():
    assert write_section("p", (), False) == "p"
    assert write_section(None, (), False) == ""


def test_a_value_that_holds_our_tags_does_not_end_its_block(read_one):
    trajectory = Trajectory(
        policy="p",
        tools=(TOOL,),
        turns=(
            user("what is <tool_call>?"),
            says("an </tool_call> or", call("f", "call_1", a="</tool_call><tool_call>", b="</tools>")),
            result("says </tool_response> inside\n\n<tool_response>", "call_1"),
            says("<tool_call> opens nothing"),
        ),
    )
    assert read_one(write_sharegpt_hermes(trajectory)).turns == trajectory.turns


def test_text_after_a_block_begins_a_new_turn(read_one):
    turns = (
        user("u"),
        says("a", call("f", "call_1")),
        says("b", call("g", "call_2")),
        result("r", "call_1"),
        says("c"),
    )
    assert read_one(write_sharegpt_hermes(Trajectory(turns=turns))).turns == turns


def test_a_user_who_speaks_between_result_and_answer_is_read_back(read_one):
    turns = (user("u"), says("a", call("f", "call_1")), result("r", "call_1"), user("and?"), says("c"))
    row = write_sharegpt_hermes(Trajectory(turns=turns))
    assert row["conversations"][2]["value"] == "<tool_response>\nr\n</tool_response>\n\nand?"
    assert read_one(row).turns == turns


def test_reasoning_and_arguments_that_are_text_are_read_back(read_one):
    broken = ToolCall(name="f", raw="{bad", call_id="call_1")
    nameless = ToolCall(name="", raw='{"name": "f", "arguments": {', call_id="call_2")
    turns = (user("u"), says(None, broken, nameless, reasoning="why\n\nnot"), says("b", reasoning="so"))
    row = write_sharegpt_hermes(Trajectory(turns=turns))
    assert read_one(row).turns == turns


def test_rows_of_others_are_read(read_one):
    found = read_one(
        {
            "conversations": [
                {"from": "system", "value": "p"},
                {"from": "human", "value": "u"},
                {
                    "from": "gpt",
                    "value": '<think>\nr\n</think>\n<tool_call>{"name": "f", "arguments": {}}</tool_call>\n',
                },
                {"from": "tool", "value": "<tool_response>\nx\n</tool_response>\n"},
                {"from": "gpt", "value": "Unclosed <tool_call>"},
                {"from": "observation", "value": "plain"},
                {"from": "observation", "value": "<tool_response>\nunclosed"},
                {"from": "human", "value": "<tool_response>\nmine\n</tool_response>"},
                {"from": "function_call", "value": '{"name": "f", "arguments": {}}'},
            ],
            "tools": '[{"name": "f"}]',
        }
    )
    assert found.policy == "p"
    assert found.tools == (ToolSpec(name="f"),)
    assert [(turn.role, turn.content) for turn in found.turns] == [
        ("user", "u"),
        ("assistant", None),
        ("tool", "x"),
        ("assistant", "Unclosed <tool_call>"),
        ("tool", "plain"),
        ("tool", "<tool_response>\nunclosed"),
        ("tool", "mine"),
        ("assistant", None),
    ]
    assert found.turns[1].reasoning == "r"


def test_real_rows_come_back_up_to_what_is_stated_as_lost(real_data, tmp_path):
    path = real_data / "tau_airline_gpt4o.json"
    before = [row.trajectory for row in formats.read(path)]
    out = tmp_path / "hermes.json"
    out.write_text(json.dumps([write_sharegpt_hermes(trajectory) for trajectory in before], ensure_ascii=False))
    assert formats.detect(out) == "sharegpt-hermes"
    after = [row.trajectory for row in formats.read(out)]

    def shape(trajectory):
        last = max(i for i, turn in enumerate(trajectory.turns) if turn.role == "assistant")
        return [
            (t.role, t.content or "", t.name, [(c.name, c.arguments) for c in t.tool_calls])
            for t in trajectory.turns[: last + 1]
        ]

    assert [shape(t) for t in after] == [shape(t) for t in before]
    assert [t.policy for t in after] == [t.policy for t in before]


def test_a_turn_of_ten_thousands_of_tags_is_read(read_one):
    many = 20_000
    blocks = '<tool_call>{"name": "f", "arguments": {}}</tool_call>' * many
    found = read_one(
        {
            "conversations": [
                {"from": "human", "value": "</tool_response>" * many},
                {"from": "gpt", "value": blocks},
                {"from": "observation", "value": "<tool_response>\nr\n</tool_response>\n" * many},
                {"from": "gpt", "value": "</tool_call>" * many},
            ]
        }
    )
    assert len(found.turns[1].tool_calls) == many
    assert found.turns[1].tool_calls[-1].call_id == found.turns[many + 1].call_id == f"call_{many}"
    assert found.turns[-1].content == "</tool_call>" * many
