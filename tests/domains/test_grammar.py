"""Every grammar: what it reads, what it refuses, and that what it writes reads back as the same action."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simia_tui.domains import GRAMMARS, Action, ActionError

READ = [
    (
        "calls",
        'Status first. I call get_x.\n\n<tool_call>\n{"name": "get_x", "arguments": {"a": 1}}\n</tool_call>',
        Action("get_x", {"a": 1}, "Status first. I call get_x."),
    ),
    ("calls", '<tool_call>{"name": "f", "arguments": {}}</tool_call>\n', Action("f")),
    (
        "officebench",
        "<think> The list is a sheet. </think>\n"
        '<answer> {"app": "system", "action": "switch_app", "target_app": "excel"} </answer>',
        Action("system.switch_app", {"target_app": "excel"}, "The list is a sheet."),
    ),
    (
        "officebench",
        "{'app': 'shell', 'action': 'command', 'command': 'ls'}",
        Action("shell.command", {"command": "ls"}),
    ),
    (
        "officebench",
        '<answer>{"app": "excel", "action": "excel.read_file", "file_path": ["/a.xlsx"]}</answer>',
        Action("excel.read_file", {"file_path": "/a.xlsx"}),
    ),
    (
        "agentbench-os",
        "Think: count files.\n\nAct: bash\n\n```bash\nfind logs -type f | wc -l\n```",
        Action("bash", {"command": "find logs -type f | wc -l"}, "count files."),
    ),
    ("agentbench-os", "Act: finish", Action("finish")),
    ("agentbench-os", "Think: seven.\nAct: answer(7)", Action("answer", {"answer": "7"}, "seven.")),
    (
        "agentbench-os",
        "Act: finish\nAct: bash\n```bash\na\n```\n```bash\nb\n```",
        Action("bash", {"command": "a\nb"}),
    ),
    (
        "webshop",
        "Thought:\nShoes first.\n\nAction:\nsearch[red trail shoes]",
        Action("search", {"value": "red trail shoes"}, "Shoes first."),
    ),
    ("webshop", "action:\n click[Buy Now]", Action("click", {"value": "Buy Now"})),
    ("webshop", "think[cut off here", Action("think", {"value": "cut off here"})),
    (
        "mind2web",
        "Thought: the city is empty.\nAnswer: C.\nAction: TYPE\nValue: Porto",
        Action("type", {"element": "C", "value": "Porto"}, "the city is empty."),
    ),
    ("mind2web", "Answer: A. None of the above", Action("none")),
    ("mind2web", "Answer: B\nAction: CLICK\nValue: x", Action("click", {"element": "B"})),
]


@pytest.mark.parametrize(("grammar", "text", "action"), READ)
def test_an_action_is_read(grammar: str, text: str, action: Action) -> None:
    assert GRAMMARS[grammar].parse(text) == action
    assert GRAMMARS[grammar].parse(GRAMMARS[grammar].render(action)) == action


REFUSED = [
    ("calls", "no block", "0 <tool_call> blocks"),
    ("calls", "<tool_call>{}</tool_call><tool_call>{}</tool_call>", "2 <tool_call> blocks"),
    ("calls", "<tool_call>{]</tool_call>", "valid JSON"),
    ("calls", "<tool_call>[]</tool_call>", "a name"),
    ("calls", '<tool_call>{"name": "f", "arguments": []}</tool_call>', "not an object"),
    ("calls", '<tool_call>{"name": "f", "arguments": {}}</tool_call> more', "follows"),
    ("officebench", '<think>a\nb</think><answer>{"app": "a", "action": "b"}</answer>', "single line"),
    ("officebench", '<answer>{"app": "a",\n"action": "b"}</answer>', "single line"),
    ("officebench", '{"app": "excel"}', '"app" and "action"'),
    ("officebench", "I read the file first.", "not an object"),
    ("officebench", "{1: 2}", "not an object"),
    ("agentbench-os", "Act: bash", "```bash"),
    ("agentbench-os", "Act: dance", "no line"),
    ("webshop", "Action: search[x]", "0 commands"),
    ("webshop", "Action:\nsearch[x]\nAction:\nclick[y]", "2 commands"),
    ("webshop", "click[x", "not closed"),
    ("mind2web", "Action: CLICK", "Answer"),
    ("mind2web", "Answer: B", "CLICK, TYPE or SELECT"),
    ("mind2web", "Answer: B\nAction: TYPE", "Value"),
]


@pytest.mark.parametrize(("grammar", "text", "reason"), REFUSED)
def test_what_is_no_action_is_refused_with_the_reason(grammar: str, text: str, reason: str) -> None:
    with pytest.raises(ActionError, match=reason):
        GRAMMARS[grammar].parse(text)


UNSAYABLE = [
    ("officebench", Action("excel.read_file", {"file_path": "a"}, "two\nlines")),
    ("officebench", Action("noapp", {})),
    ("officebench", Action("a.b", {"app": "c"})),
    ("officebench", Action("a.b", {"x": ["one"]})),
    ("agentbench-os", Action("bash", {"command": "echo '```'"})),
    ("agentbench-os", Action("answer", {"answer": "two\nlines"})),
    ("agentbench-os", Action("fly", {})),
    ("agentbench-os", Action("finish", {"x": "y"})),
    ("webshop", Action("click", {"value": "a\nb"})),
    ("webshop", Action("search", {"query": "x"})),
    ("webshop", Action("buy", {})),
    ("mind2web", Action("click", {"element": "A"})),
    ("mind2web", Action("type", {"element": "B", "value": ""})),
    ("mind2web", Action("type", {"element": "B", "value": 3})),
    ("mind2web", Action("hover", {})),
    ("calls", Action("f", {"a": {1, 2}})),
]


@pytest.mark.parametrize(("grammar", "action"), UNSAYABLE)
def test_what_a_grammar_cannot_say_is_not_written_wrongly(grammar: str, action: Action) -> None:
    with pytest.raises(ActionError):
        GRAMMARS[grammar].render(action)


SPACED = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(lambda text: text.strip())
LINE = SPACED.map(lambda text: " ".join(text.split())).filter(bool)
PLAIN = LINE.filter(lambda text: not set(text) & set("[]`<>()") and ":" not in text)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc_", max_size=4), inner, max_size=3),
    max_leaves=6,
)
ACTIONS: dict[str, st.SearchStrategy[Action]] = {
    "calls": st.builds(Action, LINE, st.dictionaries(LINE, JSON, max_size=3), st.none() | PLAIN),
    "officebench": st.builds(
        Action,
        st.from_regex(r"[a-z]+\.[a-z_]+", fullmatch=True),
        st.dictionaries(st.text("xyz_", min_size=1), st.text("ab<> \n'\"é") | st.integers(), max_size=3),
        st.none() | PLAIN,
    ),
    "agentbench-os": st.builds(
        Action, st.just("bash"), st.fixed_dictionaries({"command": st.lists(PLAIN, min_size=1).map("\n".join)}), PLAIN
    )
    | st.builds(Action, st.just("answer"), st.fixed_dictionaries({"answer": PLAIN}), st.none() | PLAIN)
    | st.builds(Action, st.just("finish"), st.just({}), st.none() | PLAIN),
    "webshop": st.builds(Action, st.just("search"), st.fixed_dictionaries({"value": PLAIN}), st.none() | PLAIN)
    | st.builds(Action, st.just("click"), st.fixed_dictionaries({"value": PLAIN}), st.none() | PLAIN),
    "mind2web": st.builds(
        Action,
        st.sampled_from(["type", "select"]),
        st.fixed_dictionaries({"element": st.sampled_from("BCDEF"), "value": PLAIN}),
        st.none() | PLAIN,
    )
    | st.builds(
        Action, st.just("click"), st.fixed_dictionaries({"element": st.sampled_from("BCDEF")}), st.none() | PLAIN
    ),
}


@pytest.mark.parametrize("grammar", list(GRAMMARS))
@given(data=st.data())
def test_what_is_written_reads_back_as_the_same_action(grammar: str, data: st.DataObject) -> None:
    action = data.draw(ACTIONS[grammar])
    assert GRAMMARS[grammar].parse(GRAMMARS[grammar].render(action)) == action


PIECES = ["<think>", "</think>", "<answer>", "</answer>", "Act: bash", "```bash\n", "```", "Action:", "\n", "search["]
PIECES += ["]", "Answer: B", "Value: ", "{", "}", '"app"', ":", "1", "<tool_call>", "</tool_call>"]


@pytest.mark.parametrize("grammar", list(GRAMMARS))
@given(
    text=st.text(max_size=80)
    | st.lists(
        st.sampled_from(PIECES),
        max_size=10,
    ).map("".join)
)
def test_any_text_is_an_action_or_refused_with_a_sentence(grammar: str, text: str) -> None:
    try:
        action = GRAMMARS[grammar].parse(text)
    except ActionError as refusal:
        assert str(refusal).endswith(".")
    else:
        assert action.name


def test_real_office_actions_are_read_and_written(real_data: Path) -> None:
    grammar = GRAMMARS["officebench"]
    text = gzip.decompress((real_data / "officebench_exec.jsonl.gz").read_bytes()).decode()
    calls = [call for line in text.split("\n") if line for call in json.loads(line)["calls"]]
    assert len(calls) == 809
    for call in calls:
        action = grammar.parse(call["raw_action"])
        assert action == Action(call["name"], call["arguments"])
        assert grammar.parse(grammar.render(action)) == action


def test_real_webshop_actions_are_read(real_data: Path) -> None:
    grammar = GRAMMARS["webshop"]
    lines = (real_data / "react_webshop.jsonl").read_text(encoding="utf-8").split("\n")
    actions = [step["action"] for line in lines if line for step in json.loads(line)["steps"]]
    assert len(actions) == 2494
    names = [grammar.parse(action).name for action in actions]
    assert {name: names.count(name) for name in set(names)} == {
        "search": 322,
        "click": 1159,
        "think": 697,
        "reset": 316,
    }
