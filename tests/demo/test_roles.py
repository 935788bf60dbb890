"""The demo model in the three roles of the simulated environment."""

import json
import random
from typing import Any

import pytest

from simia_tui.demo import roles
from simia_tui.demo.errands import FACTS, errands, served
from simia_tui.demo.ledgers import dump, load
from simia_tui.demo.tools import READS
from simia_tui.demo.world import World, draw


def libraries() -> list[World]:
    return [draw(random.Random(seed)) for seed in range(8)]


@pytest.mark.parametrize("world", libraries())
def test_a_library_survives_its_document(world: World) -> None:
    document = json.loads(json.dumps(dump(world)))
    assert dump(load(document, random.Random(0))) == document


@pytest.mark.parametrize("document", [{}, {"member": 3}, {"loan": {"L-1": {}}}, {"hold": {"H-1": None}}])
def test_half_a_library_is_read_as_far_as_it_goes(document: dict[str, Any]) -> None:
    assert load(document, random.Random(0)).loans == {}


def test_an_errand_is_served_by_its_calls_and_by_nothing_less() -> None:
    for errand in errands(28, 9):
        world = load(errand.ledger, random.Random(1))
        assert served(errand.facts, dump(world), 0) is (not errand.calls)
        for name, arguments in errand.calls:
            assert not world.call(name, arguments).is_error
        assert served(errand.facts, dump(world), len(errand.calls))
        assert not served(errand.facts, dump(world), len(errand.calls) + 1)


def prompt(**blocks: Any) -> str:
    rows = []
    for name, values in blocks.items():
        listed = values if isinstance(values, list) else [values]
        rows += [f"<{name}>", *(v if isinstance(v, str) else json.dumps(v) for v in listed), f"</{name}>"]
    return "\n".join(rows)


def ledger(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"path": f"/{kind}/{own}", "value": v} for kind, held in document.items() for own, v in held.items()]


def tool(rate: float, key: str, name: str, arguments: dict[str, Any], past: list[Any] | None = None) -> roles.Played:
    document = errands(1, 0)[0].ledger
    text = prompt(ledger=ledger(document), exchanges=past or [], call={"name": name, "arguments": arguments})
    played = roles.play(text, key, 0, rate)
    assert played is not None
    return played


def test_a_call_is_run_and_its_patch_says_what_changed() -> None:
    errand = errands(1, 0)[0]
    name, arguments = errand.calls[0]
    played = json.loads(tool(0.0, "k", name, arguments).text)
    assert not played["is_error"] and any(op["path"].endswith("/due_date") for op in played["patch"])


def test_every_wrong_reply_is_on_record_and_differs_from_the_right_one() -> None:
    own = next(iter(errands(1, 0)[0].ledger["member"]))
    calls = [("list_loans", {"member_id": own, "status": "all"}), errands(1, 0)[0].calls[0]]
    for name, arguments in calls:
        right = tool(0.0, "k", name, arguments).text
        for key in map(str, range(30)):
            played = tool(1.0, key, name, arguments)
            assert bool(played.defects) == (played.text != right)
            if name in READS:
                assert json.loads(played.text)["patch"] == []


def test_the_same_prompt_has_the_same_reply() -> None:
    call = ("search_catalogue", {"query": "the", "field": "title"})
    assert tool(0.5, "k", *call) == tool(0.5, "k", *call)


def user(last: str) -> dict[str, Any]:
    errand = errands(1, 0)[0]
    played = roles.play(prompt(goal=errand.goal, dialogue=[{"role": "assistant", "content": last}]), "k", 0, 1.0)
    assert played is not None
    found: dict[str, Any] = json.loads(played.text)
    return found


def test_the_user_answers_what_is_asked_and_leaves_when_all_is_done() -> None:
    facts = errands(1, 0)[0].facts
    assert facts["card"] in user("May I have your card number?")["message"]
    assert facts["condition"] in user("In what condition is it: good, worn or damaged?")["message"]
    assert user("Shall I renew it?") == {"message": "Yes, please.", "done": False}
    assert user("Done. Anything else?")["done"] is True


def test_the_judge_compares_the_library_and_may_be_turned_round() -> None:
    errand = errands(1, 0)[0]
    world = load(errand.ledger, random.Random(1))
    done = []
    for name, arguments in errand.calls:
        world.call(name, arguments)
        done.append({"turn": 3, "name": name, "succeeded": True})
    text = prompt(goal=errand.goal, ledger=ledger(dump(world)), writes=done, transcript=[])
    right, turned = roles.play(text, "k", 0, 0.0), roles.play(text, "k", 0, 1.0)
    assert right is not None and json.loads(right.text)["reward"] == 1 and right.defects == ()
    assert turned is not None and json.loads(turned.text)["reward"] == 0 and "turned" in turned.defects[0].detail


def test_other_prompts_are_none_of_its_business() -> None:
    assert roles.play("Hello", "k", 0, 0.0) is None
    assert roles.play(prompt(goal="no facts", dialogue=[{"role": "user", "content": "x"}]), "k", 0, 0.0) is None
    assert roles.play(prompt(ledger=[], exchanges=[], call={"name": "ls", "arguments": {}}), "k", 0, 0.0) is None
    assert FACTS in errands(1, 0)[0].goal
