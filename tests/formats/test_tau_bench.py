import json
from collections import Counter

from simia_tui import formats
from simia_tui.formats.tau_bench import TauBench


def test_every_turn_call_and_error_of_the_real_file_arrives(real_data):
    path = real_data / "tau_airline_gpt4o.json"
    source = json.loads(path.read_text())
    rows = list(formats.read(path, domain="airline"))
    assert formats.detect(path) == "tau-bench"
    assert [row.number for row in rows] == list(range(1, 121))
    assert not [row.reason for row in rows if row.reason]
    for row, record in zip(rows, source, strict=True):
        trajectory, told = row.trajectory, [m for m in record["traj"] if m["role"] != "system"]
        assert trajectory.domain == "airline"
        assert trajectory.policy == record["traj"][0]["content"]
        assert [(t.role, t.content) for t in trajectory.turns] == [(m["role"], m["content"]) for m in told]
        assert [(c.name, c.arguments, c.raw) for _, _, c in trajectory.calls()] == [
            (c["function"]["name"], json.loads(c["function"]["arguments"]), None)
            for m in told
            for c in m.get("tool_calls", ())
        ]
        assert {key: trajectory.meta[key] for key in record if key != "traj"} == {
            key: value for key, value in record.items() if key != "traj"
        }
        assert trajectory.meta["task"] == record["info"]["task"]
    totals = Counter(m["role"] for record in source for m in record["traj"] if m["role"] != "system")
    assert Counter(turn.role for row in rows for turn in row.trajectory.turns) == totals
    errors = sum(m["role"] == "tool" and m["content"].startswith("Error") for r in source for m in r["traj"])
    assert sum(turn.is_error for row in rows for turn in row.trajectory.turns) == errors == 40


def test_repeated_ids_of_the_real_file_are_paired_in_order(real_data):
    for row in formats.read(real_data / "tau_airline_gpt4o.json"):
        trajectory = row.trajectory
        calls = {call.call_id: (index, call.name) for index, _, call in trajectory.calls()}
        assert len(calls) == sum(len(turn.tool_calls) for turn in trajectory.turns)
        for index, turn in enumerate(trajectory.turns):
            if turn.role == "tool":
                assert calls[turn.call_id] == (index - 1, turn.name)


def test_importing_twice_gives_the_same_ids(real_data):
    path = real_data / "tau_airline_gpt4o.json"
    assert [row.trajectory.id for row in formats.read(path)] == [row.trajectory.id for row in formats.read(path)]


def test_only_observations_that_start_with_error_are_errors():
    traj = [{"role": "user", "content": "Error"}, {"role": "assistant", "content": "Error"}]
    traj += [{"role": "tool", "content": text} for text in ("Error: no", "an Error", "error", None)]
    found = TauBench().read_record({"traj": traj})
    assert [turn.is_error for turn in found.turns] == [False, False, True, False, False, False]
