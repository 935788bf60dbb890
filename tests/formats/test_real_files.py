"""Every real file: the right format by content, and counts that equal those of a plain reading with `json`."""

import gzip
import json
import re
import zipfile

import pytest

from simia_tui import formats
from simia_tui.errors import UsageError
from simia_tui.model import Measure

FORMATS = {
    "agentinstruct_db.json": "agentinstruct",
    "glaive_toolcall_en.json": "sharegpt",
    "glaive_toolcall_zh.json": "sharegpt",
    "intercode/*.json": "intercode",
    "odd/inspect_*": "inspect",
    "officebench_exec.jsonl.gz": "executed",
    "react_alfworld.json": "react-alfworld",
    "react_fever.jsonl": "react",
    "react_webshop.jsonl": "react",
    "react_webshop_raw_log.txt": "react-text",
    "reason_tool_use.jsonl": "parts",
    "swe_agent/*.traj": "swe-agent",
    "tau2_exec_*.jsonl.gz": "executed",
    "tau2_sim_telecom_gpt4o.json": "tau2",
    "tau_airline_gpt4o.json": "tau-bench",
    "tau_few_shot_*.jsonl": "tau-few-shot",
}
REFUSED = {"odd/tau2_voice_ticks.json.gz": "voice simulation"}


def plain(path):
    """The rows of a JSON or JSON Lines file, read the plain way."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    return value


# Each counter returns (trajectories, turns, calls, observations, error observations) of one file.


def agentinstruct(path):
    rows = plain(path)
    return len(rows), sum(len(row["conversations"]) for row in rows), 0, 0, 0


def sharegpt(path):
    turns = [turn for row in plain(path) for turn in row["conversations"]]
    sources = [turn["from"] for turn in turns]
    return len(plain(path)), len(turns), sources.count("function_call"), sources.count("observation"), 0


def intercode(path):
    runs = list(plain(path).values())
    steps = [step for run in runs for step in run.get("trajectory", ())]
    histories = [run["turn_history"] for run in runs if "turn_history" in run]
    count = len(steps) + sum(len(history["actions"]) for history in histories)
    wrong = sum(step["observation"].startswith("Error executing query") for step in steps)
    wrong += sum(history["valid_action"].count(False) for history in histories)
    return len(runs), len(runs) + 2 * count, count, count, wrong


def inspect(path):
    if path.suffix == ".eval":
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.startswith("samples/")]
            samples = [json.loads(archive.read(name)) for name in names]
    else:
        samples = plain(path)["samples"]
    messages = [m for sample in samples for m in sample["messages"] if m["role"] != "system"]
    tools = [m for m in messages if m["role"] == "tool"]
    calls = sum(len(m.get("tool_calls") or ()) for m in messages)
    return len(samples), len(messages), calls, len(tools), sum(bool(m.get("error")) for m in tools)


def executed(path):
    rows = plain(path)
    calls = [call for row in rows for call in row["calls"]]
    return len(rows), len(rows) + 2 * len(calls), len(calls), len(calls), sum(call["is_error"] for call in calls)


def react_alfworld(path):
    texts = list(plain(path).values())
    lines = [line for text in texts for line in text.split("\n")]
    actions = sum(line.startswith(">") for line in lines)
    return len(texts), len(texts) + 2 * actions, actions, actions, lines.count("Nothing happens.")


def react(path):
    rows = plain(path)
    seen = [step["observation"] for row in rows for step in row["steps"]]
    wrong = sum("Invalid action" in text or text.startswith("Could not find") for text in seen)
    return len(rows), len(rows) + 2 * len(seen), len(seen), len(seen), wrong


def react_text(path):
    lines = path.read_text().split("\n")
    episodes = lines.count("Action: reset")
    actions = sum(line.startswith("Action: ") for line in lines)
    wrong = sum("Invalid action!" in line for line in lines)
    return episodes, episodes + 2 * actions, actions, sum(line.startswith("Observation:") for line in lines), wrong


def parts(path):
    messages = [message for row in plain(path) for message in row["messages"] if message["role"] != "system"]
    kinds = [part["type"] for message in messages for part in message["content"]]
    told = [json.loads(message["content"][0]["value"]) for message in messages if message["role"] == "tool"]
    results = sum(len(values) if "name" in values[0] else 1 for values in told)
    return len(plain(path)), len(messages) - len(told) + results, kinds.count("tool_call"), results, 0


def swe_agent(path):
    run = plain(path)
    steps = run["trajectory"]
    # The task, then each step's action and observation; the chat leaves out the last observation.
    wrong = re.compile("^Your proposed edit has introduced new syntax error|EXECUTION TIMED OUT")
    errors = sum(bool(wrong.search(step["observation"].strip())) for step in steps)
    return 1, 1 + 2 * len(steps), len(steps), len(steps), errors


def tau2(path):
    runs = plain(path)["simulations"]
    messages = [message for run in runs for message in run["messages"]]
    tools = [message for message in messages if message["role"] == "tool"]
    calls = sum(len(message.get("tool_calls") or ()) for message in messages)
    return len(runs), len(messages), calls, len(tools), sum(message["error"] for message in tools)


def tau_bench(path):
    messages = [m for row in plain(path) for m in row["traj"] if m["role"] != "system"]
    seen = [m["content"] for m in messages if m["role"] == "tool"]
    calls = sum(len(m.get("tool_calls") or ()) for m in messages)
    return len(plain(path)), len(messages), calls, len(seen), sum(text.startswith("Error") for text in seen)


def tau_few_shot(path):
    rows = plain(path)
    lines = [line for row in rows for line in row["messages_display"].split("\n")]
    turns = [line for line in lines if re.match("(user|assistant|tool):", line)]
    tools = [line for line in turns if line.startswith("tool:")]
    return len(rows), len(turns), len(tools), len(tools), sum(line.startswith("tool: Error") for line in tools)


def count(path):
    rows = list(formats.read(path))
    assert [row.reason for row in rows if row.reason] == []
    measures = [Measure.of(row.trajectory) for row in rows]
    sums = [sum(getattr(m, key) for m in measures) for key in ("turns", "calls", "observations", "errors")]
    return (len(rows), *sums)


def cases(folder):
    for pattern, name in FORMATS.items():
        for path in sorted(folder.glob(pattern)):
            yield path, name


def test_every_file_is_covered(real_data):
    known = {path for path, _ in cases(real_data)} | {real_data / name for name in REFUSED}
    assert known == {path for path in real_data.rglob("*") if path.is_file()}


@pytest.mark.parametrize("pattern", FORMATS)
def test_counts_equal_those_of_a_plain_reading(real_data, pattern):
    name = FORMATS[pattern]
    paths = sorted(real_data.glob(pattern))
    assert paths
    for path in paths:
        assert formats.detect(path) == name
        assert count(path) == globals()[name.replace("-", "_")](path), path.name


# Where the published figures differ from the counts above, and why.
DIFFERENT = {
    # Text actions stay text, so there are neither calls nor observations.
    "agentinstruct_db.json": {"calls_total", "observations", "error_obs"},
    # Thoughts count as calls here (the world answers them), and `>go to` without a space is an action too.
    "react_alfworld.json": {"calls_total", "observations"},
    # There the word "error" anywhere counts, such as in a listing of source code that raises ValueError.
    # Results that stand together in one message are an observation each.
    "reason_tool_use.jsonl": {"observations"},
    "swe_agent/marshmallow_function_calling.traj": {"error_obs"},
    "swe_agent/marshmallow_function_calling_with_step_messages.traj": {"error_obs"},
    "swe_agent/marshmallow_text_actions.traj": {"error_obs"},
    "swe_agent/marshmallow_xml_actions.traj": {"error_obs"},
}


def test_counts_equal_the_published_figures(real_data):
    figures = json.loads((real_data.parent / "stats.json").read_text())
    compared = 0
    for path, _ in cases(real_data):
        name = str(path.relative_to(real_data))
        found = dict(
            zip(("trajectories", "turns", "calls_total", "observations", "error_obs"), count(path), strict=True)
        )
        told = {key: value for key, value in figures[name].items() if isinstance(value, int)}
        differing = {key for key in found if key in told and found[key] != told[key]}
        assert differing == DIFFERENT.get(name, set()), name
        compared += "trajectories" in told
    assert compared == 32


@pytest.mark.parametrize("name", REFUSED)
def test_odd_files_are_refused_with_a_sentence(real_data, name):
    with pytest.raises(UsageError, match=REFUSED[name]) as caught:
        formats.detect(real_data / name)
    assert str(caught.value).count("\n") == 0
    assert [row.reason is None for row in formats.read(real_data / name, "tau2")] == [False]


def test_the_printed_log_gives_the_same_episodes_as_the_rows_cut_from_it(real_data):
    rows = {row.trajectory.meta["episode"]: row.trajectory for row in formats.read(real_data / "react_webshop.jsonl")}
    printed = [row.trajectory for row in formats.read(real_data / "react_webshop_raw_log.txt")]
    assert len(printed) == 25
    for one in printed:
        assert one.turns == rows[int(one.meta["episode"])].turns
        assert one.meta["reward"] == rows[int(one.meta["episode"])].meta["score"]


def test_agentinstruct_masks_what_its_file_masks(real_data):
    path = real_data / "agentinstruct_db.json"
    marks = [turn["loss"] for row in plain(path) for turn in row["conversations"]]
    assert [turn.loss for row in formats.read(path) for turn in row.trajectory.turns] == marks


def test_tau2_keeps_who_asked_policy_and_verdict(real_data):
    path = real_data / "tau2_sim_telecom_gpt4o.json"
    file = plain(path)
    found = [row.trajectory for row in formats.read(path)]
    tools = [turn for one in found for turn in one.turns if turn.role == "tool"]
    assert [turn.requestor for turn in tools].count("user") == 67
    asked = [call for one in found for turn in one.turns if turn.role == "user" for call in turn.tool_calls]
    assert len(asked) == 67
    assert {one.policy for one in found} == {file["info"]["environment_info"]["policy"]}
    assert [one.meta["reward"] for one in found] == [run["reward_info"]["reward"] for run in file["simulations"]]
    assert [one.meta["outcome"] for one in found].count("success") == 9
    assert all(one.meta["task"]["id"] == one.meta["task_id"] for one in found)


def test_every_result_is_linked_to_a_call(real_data):
    unlinked = {}
    for path, _ in cases(real_data):
        loose = 0
        for row in formats.read(path):
            ids = {call.call_id for _, _, call in row.trajectory.calls()}
            loose += sum(turn.role == "tool" and turn.call_id not in ids for turn in row.trajectory.turns)
        if loose:
            unlinked[path.name] = loose
    # One observation without a call in the Chinese file; Inspect's fixture holds nothing but results.
    assert unlinked == {"glaive_toolcall_zh.json": 1, "inspect_tool_call_error.json": 11}


def test_lost_calls_are_told(real_data):
    found = [row.trajectory for row in formats.read(real_data / "tau_few_shot_retail.jsonl")]
    assert sum(one.meta["lost_calls"] for one in found) == 291
    assert {call.name for one in found for _, _, call in one.calls()} == {""}


def test_inspect_tools_come_from_the_events(real_data):
    (row,) = formats.read(real_data / "odd" / "inspect_browser.json")
    assert row.trajectory.tools[0].name == "web_browser_go"
    assert row.trajectory.tools[0].parameters["properties"]["url"]
    assert row.trajectory.meta["eval"]["task"] == "browser"
