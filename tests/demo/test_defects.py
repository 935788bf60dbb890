import json
import random
from collections import Counter
from hashlib import sha256
from typing import Any

import pytest

from simia_tui.demo import seeds
from simia_tui.demo.contradictions import changed, facts, is_read, other_value
from simia_tui.demo.defects import KINDS, Spoiled, is_defective, is_strict_json, line, spoil
from simia_tui.demo.truth import Defect
from simia_tui.model import ToolSpec, Trajectory

VISITS = seeds(400, 11)
REQUIRED = {tool.name: tool.parameters["required"] for tool in VISITS[0].tools}


def plain(visit: Trajectory) -> list[dict[str, Any]]:
    turns = []
    for turn in visit.turns:
        calls = [{"name": call.name, "arguments": call.arguments} for call in turn.tool_calls]
        turns.append({"role": turn.role, "content": turn.content, "tool_calls": calls, "is_error": turn.is_error})
    return turns


SPOILED = [(visit, spoil(plain(visit), visit.tools, random.Random(n))) for n, visit in enumerate(VISITS)]


def found(kind: str) -> list[tuple[Trajectory, Spoiled, Defect]]:
    return [(visit, s, defect) for visit, s in SPOILED for defect in s.defects if defect.kind == kind]


def call_of(spoiled: Spoiled, defect: Defect) -> dict[str, Any]:
    return json.loads(spoiled.lines[defect.turn])["tool_calls"][defect.call]


def test_every_reply_has_one_or_two_defects_in_different_turns():
    counts = Counter(len(spoiled.defects) for _, spoiled in SPOILED)
    assert set(counts) == {1, 2} and counts[1] > counts[2]
    assert all(len({defect.turn for defect in s.defects}) == len(s.defects) for _, s in SPOILED)
    kinds = Counter(defect.kind for _, s in SPOILED for defect in s.defects)
    assert set(kinds) == set(KINDS) and min(kinds.values()) > len(VISITS) // 10


def test_only_the_recorded_turns_differ():
    """Without the lines that the record names (and a read that was asked again) the reply is the visit."""
    for visit, spoiled in SPOILED:
        named = {defect.turn for defect in spoiled.defects}
        if any(d.kind == "contradiction" for d in spoiled.defects) and len(spoiled.lines) > len(visit.turns):
            again = next(d.turn for d in spoiled.defects if d.kind == "contradiction")
            named |= {again - 1}
        kept = [text for index, text in enumerate(spoiled.lines) if index not in named]
        whole = [line(turn) for turn in plain(visit)]
        assert not Counter(kept) - Counter(whole)


def test_broken_json_does_not_parse():
    forms = set()
    for _, spoiled, defect in found("broken_json"):
        forms.add(defect.detail)
        if defect.call is None:
            assert not is_strict_json(spoiled.lines[defect.turn])
            assert "\n" not in spoiled.lines[defect.turn]
        else:
            arguments = call_of(spoiled, defect)["arguments"]
            assert isinstance(arguments, str) and not is_strict_json(arguments)
    assert len(forms) == 7


def test_lines_without_a_defect_parse():
    for _, spoiled in SPOILED:
        broken = {d.turn for d in spoiled.defects if d.kind == "broken_json" and d.call is None}
        assert all(is_strict_json(text) for index, text in enumerate(spoiled.lines) if index not in broken)


def test_unknown_tools_are_unknown():
    for _, spoiled, defect in found("unknown_tool"):
        assert call_of(spoiled, defect)["name"] not in REQUIRED
        assert defect.detail.endswith(f"-> {call_of(spoiled, defect)['name']}")


def test_missing_arguments_are_required():
    for _, spoiled, defect in found("missing_argument"):
        call = call_of(spoiled, defect)
        assert defect.detail in REQUIRED[call["name"]] and defect.detail not in call["arguments"]


def test_invented_errors_replace_a_success():
    for visit, spoiled, defect in found("invented_error"):
        turn = json.loads(spoiled.lines[defect.turn])
        assert turn["role"] == "tool" and turn["is_error"] and turn["content"] == defect.detail
        assert all(other.content != turn["content"] for other in visit.turns)


def observations(spoiled: Spoiled) -> dict[int, tuple[str, dict[str, Any]]]:
    """Per tool turn the name of its call and the turn; a line that is broken counts as no turn of a tool."""
    answered, waiting = {}, []
    for index, text in enumerate(spoiled.lines):
        turn = json.loads(text) if is_strict_json(text) else {"role": "assistant"}
        if turn["role"] == "tool" and waiting:
            answered[index] = (waiting.pop(0), turn)
        elif turn["role"] != "tool":
            waiting = [call["name"] for call in turn.get("tool_calls", [])]
    return answered


def test_contradictions_contradict_with_no_write_between():
    asked_again = 0
    for visit, spoiled, defect in found("contradiction"):
        seen = observations(spoiled)
        first = int(defect.detail.rsplit(" ", 1)[1])
        assert first < defect.turn and is_read(seen[defect.turn][0])
        assert all(is_read(name) for index, (name, _) in seen.items() if first < index <= defect.turn)
        before, after = (facts(json.loads(seen[index][1]["content"])) for index in (first, defect.turn))
        assert sum(before[fact] != after[fact] for fact in before.keys() & after.keys()) == 1
        asked_again += len(spoiled.lines) > len(visit.turns)
    assert asked_again > 0


def test_the_share_of_defective_replies_is_that_of_the_definition():
    shas = [sha256(str(number).encode()).hexdigest() for number in range(2000)]
    expected = sum(int(sha256(f"7:{sha}".encode()).hexdigest()[:13], 16) < 0.25 * 16**13 for sha in shas)
    assert sum(is_defective(sha, 7, 0.25) for sha in shas) == expected
    assert abs(expected - 500) < 60
    assert not any(is_defective(sha, 7, 0.0) for sha in shas) and all(is_defective(sha, 7, 1.0) for sha in shas)


def test_without_calls_or_turns_nothing_is_claimed_that_is_not_there():
    assert spoil([], VISITS[0].tools, random.Random(1)) == Spoiled([], ())
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "It's fine."}]
    for seed in range(20):
        spoiled = spoil(talk, (), random.Random(seed))
        assert {defect.kind for defect in spoiled.defects} == {"broken_json"}
        assert [is_strict_json(text) for text in spoiled.lines].count(False) == len(spoiled.defects)


def test_odd_schemas_and_arguments_do_no_harm():
    tools = (ToolSpec(name="go"), ToolSpec(name="run", parameters={"required": "x"}))
    calls = [{"name": "go", "arguments": {}}, {"name": "run", "arguments": None}, {"name": "run", "arguments": "{"}]
    turns = [{"role": "assistant", "tool_calls": calls}, {"role": "tool", "content": "[1"}, {"role": "tool"}]
    for seed in range(30):
        assert spoil(turns, tools, random.Random(seed)).defects


@pytest.mark.parametrize(
    ("name", "reads"),
    [("get_order", True), ("list_loans", True), ("searchFlights", True), ("cancel_order", False), ("getaway", False)],
)
def test_reads_are_told_by_their_first_word(name: str, reads: bool):
    assert is_read(name) is reads


def test_facts_belong_to_things_with_an_id_and_are_stated_once():
    value = {
        "order_id": "1",
        "total": 5,
        "note": "x",
        "items": [{"id": 7, "status": "new"}, {"id": 8, "status": "old"}],
    }
    order = ("order_id", "1")
    assert facts(value) == {
        ((order,), "total"): 5,
        ((order, ("id", "7")), "status"): "new",
        ((order, ("id", "8")), "status"): "old",
    }
    assert facts([{"total": 1}]) == {} == facts(None)
    assert facts([{"id": 1, "total": 1}, {"id": 1, "total": 2}]) == {}
    new = json.loads(changed(json.dumps(value), ((order, ("id", "8")), "status"), "lost"))
    assert [item["status"] for item in new["items"]] == ["new", "lost"]


@pytest.mark.parametrize("value", [3, 2.5, "2024-05-23", "2024-99-99", "2025-01-31", "open", "pending"])
def test_another_value_is_another(value: Any):
    for seed in range(20):
        other = other_value(value, random.Random(seed))
        assert other != value and type(other) is type(value)
