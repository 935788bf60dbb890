"""The demo model as the assistant: it serves what it knows, the same way each time, and says so where it does not."""

import json
import urllib.request
from pathlib import Path

from simia_tui.demo.agent import KNOWN, LOST, act
from simia_tui.demo.errands import errands, served_by
from simia_tui.demo.server import DemoServer

ERRANDS = errands(KNOWN, 0)


def conversation(number: int, turns: int) -> list[dict[str, str]]:
    """The messages after so many turns of the assistant, with the card told at once."""
    errand = ERRANDS[number]
    said = [{"role": "user", "content": str(errand.seed.turns[0].content)}]
    for _ in range(turns):
        said += [{"role": "assistant", "content": "..."}, {"role": "user", "content": errand.facts["card"]}]
    return said


def test_every_errand_is_served_turn_by_turn() -> None:
    for number, errand in enumerate(ERRANDS):
        turns = served_by(errand)
        assert [act(conversation(number, n), 0, 0.0) for n in range(1, len(turns))] == turns[1:]


def test_a_careless_one_writes_nothing_and_calls_it_settled() -> None:
    number = next(n for n, errand in enumerate(ERRANDS) if errand.calls)
    made = [act(conversation(number, n), 0, 1.0) for n in range(20)]
    writes = {name for name, _ in ERRANDS[number].calls}
    assert writes.isdisjoint(call.name for turn in made for call in turn.tool_calls)
    assert "settled" in str(made[-1].content)


def test_what_it_does_not_know_it_does_not_touch() -> None:
    assert act([{"role": "user", "content": "Book me a flight."}], 0, 0.0) == LOST
    assert act([], 0, 0.0) == LOST


def test_the_server_answers_with_calls_where_tools_are_offered(tmp_path: Path) -> None:
    with DemoServer(tmp_path / "truth.jsonl", defect_rate=0.0) as server:
        body = {"model": "m", "messages": conversation(0, 1), "tools": [{"type": "function"}]}
        request = urllib.request.Request(
            f"{server.base_url}/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            (choice,) = json.load(answer)["choices"]
    wanted = act(conversation(0, 1), 0, 0.0)
    made = [call["function"] for call in choice["message"]["tool_calls"]]
    assert [(call["name"], json.loads(call["arguments"])) for call in made] == [
        (call.name, call.arguments) for call in wanted.tool_calls
    ]
    assert choice["finish_reason"] == "tool_calls"
