"""What each reader makes of the particular shapes of its format; the real files are in test_real_files."""

import io
import json
import zipfile

import pytest

from simia_tui import formats
from simia_tui.errors import UsageError
from simia_tui.formats import source
from simia_tui.formats.react import read_action
from simia_tui.formats.simia_rl import judged


@pytest.fixture
def read_file(tmp_path):
    """Writes content to a file and gives its format and rows."""

    def read(content, format="auto"):
        path = tmp_path / "file"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode())
        return formats.detect(path), list(formats.read(path, format))

    return read


def run(**more):
    messages = [{"role": "assistant", "content": "Hi"}, {"role": "user", "content": "Hello"}]
    return {"id": "r", "task_id": "t1", "termination_reason": "user_stop", "messages": messages, **more}


def results(*runs):
    tools = [{"type": "function", "function": {"name": "look"}}]
    environment = {"domain_name": "mock", "policy": "Be kind.", "tool_defs": tools}
    return {"timestamp": "x", "info": {"environment_info": environment}, "tasks": [{"id": "t1"}], "simulations": runs}


class TestTau2:
    def test_one_bad_run_does_not_stop_the_rest(self, read_file):
        name, rows = read_file(results(run(), run(messages=[]), 5, run(ticks=[{}], messages=None), run()))
        assert name == "tau2"
        assert [row.number for row in rows] == [1, 2, 3, 4, 5]
        assert [row.reason is None for row in rows] == [True, False, False, False, True]
        assert "voice" in rows[3].reason
        first = rows[0].trajectory
        assert (first.policy, first.tools[0].name, first.meta["task"]) == ("Be kind.", "look", {"id": "t1"})
        assert (first.meta["reward"], first.meta["outcome"]) == (None, "unknown")

    def test_info_behind_the_runs_is_found(self, read_file):
        file = results(run())
        _, (row,) = read_file({"simulations": file["simulations"], "tasks": file["tasks"], "info": file["info"]})
        assert row.trajectory.policy == "Be kind."

    def test_a_file_cut_in_the_middle_keeps_the_runs_before(self, read_file):
        whole = json.dumps(results(run(), run())).encode()
        path_rows = read_file(whole[:-40], "tau2")[1]
        assert [row.reason is None for row in path_rows] == [True, False]

    def test_single_runs_are_rows_of_their_own(self, read_file):
        lines = "\n".join(json.dumps(run(reward_info={"reward": 1.0})) for _ in range(2)).encode()
        name, rows = read_file(lines)
        assert name == "tau2"
        assert [row.trajectory.meta["outcome"] for row in rows] == ["success", "success"]

    def test_several_results_in_one_message_are_taken_apart(self, read_file):
        calls = [{"id": i, "name": "look", "arguments": {}, "requestor": "user"} for i in ("a", "b")]
        answers = [{"role": "tool", "id": i, "content": i, "requestor": "user", "error": i == "b"} for i in ("a", "b")]
        messages = [{"role": "user", "content": None, "tool_calls": calls}, {"role": "tool", "tool_messages": answers}]
        _, (row,) = read_file(results(run(messages=messages)))
        tools = row.trajectory.turns[1:]
        assert [(t.call_id, t.is_error, t.requestor) for t in tools] == [("a", False, "user"), ("b", True, "user")]

    def test_results_without_runs_are_refused(self, tmp_path):
        path = tmp_path / "results.json"
        path.write_text(json.dumps(results()))
        with pytest.raises(UsageError, match="holds no simulations"):
            formats.detect(path)

    def test_a_large_file_is_known_by_its_outline(self, read_file, monkeypatch):
        monkeypatch.setattr(source, "OUTLINE", 200)
        name, rows = read_file(results(*(run() for _ in range(9))))
        assert (name, len(rows)) == ("tau2", 9)


class TestExecuted:
    def test_a_call_without_a_name_keeps_its_text(self, read_one):
        call = {"name": None, "arguments": None, "raw_action": "hm", "observation": "Malformed", "is_error": True}
        row = {"task_id": 1, "user_instruction": {"known_info": "I am Ann.", "extra": None}, "calls": [call]}
        trajectory = read_one(row)
        assert trajectory.turns[0].content == "Known info: I am Ann."
        made = trajectory.turns[1].tool_calls[0]
        assert (made.name, made.arguments, made.raw) == ("", None, "hm")
        assert trajectory.turns[2].is_error


class TestFewShot:
    def test_a_label_inside_a_line_is_text_and_lost_calls_are_counted(self, read_one):
        text = "user: hi\nI said user: no\nassistant: None\ntool: Error: x\nassistant: Bye\nassistant: None"
        trajectory = read_one({"messages_display": text})
        assert [turn.role for turn in trajectory.turns] == ["user", "assistant", "tool", "assistant", "assistant"]
        assert trajectory.turns[0].content == "hi\nI said user: no"
        assert [len(turn.tool_calls) for turn in trajectory.turns] == [0, 1, 0, 0, 0]
        assert (trajectory.meta["lost_calls"], trajectory.turns[2].is_error) == (1, True)


class TestSharegptKin:
    def test_apigen_rows_are_sharegpt_to_detection_and_stricter_by_name(self, read_file):
        call = {"from": "function_call", "value": '{"name": "f", "arguments": {}}'}
        turns = [{"from": "human", "value": "u"}, call, {"from": "observation", "value": ""}]
        tools = json.dumps([{"name": "f", "description": "d", "parameters": {"type": "object"}}])
        row = {"conversations": turns, "system": "Policy", "tools": tools}
        name, rows = read_file([row, {"conversations": turns, "tools": tools}, {**row, "tools": "[]"}], "apigen-mt")
        assert name == "sharegpt"
        assert [row.reason is None for row in rows] == [True, False, False]
        assert rows[0].trajectory.tools[0].parameters == {"type": "object"}


class TestParts:
    def test_parts_are_sorted_by_kind(self, read_one):
        content = [
            {"type": "reasoning", "value": "r"},
            {"type": "text", "value": "t"},
            {"type": "tool_call", "value": '{"name": "f", "arguments": {"a": 1}}'},
            {"type": "tool_call", "value": "broken"},
        ]
        user = {"role": "user", "content": [{"type": "text", "value": "u"}]}
        turn = read_one({"messages": [user, {"role": "assistant", "content": content, "loss_weight": 0}]}).turns[1]
        assert (turn.content, turn.reasoning, turn.loss) == ("t", "r", False)
        assert [(c.name, c.arguments, c.raw) for c in turn.tool_calls] == [("f", {"a": 1}, None), ("", None, "broken")]

    def test_results_in_one_message_are_taken_apart(self, read_one):
        def message(role, kind, *values):
            return {"role": role, "content": [{"type": kind, "value": value} for value in values]}

        calls = message("assistant", "tool_call", '{"name": "f", "arguments": {}}', '{"name": "g", "arguments": {}}')
        told = [{"tool_call_id": "x", "name": "g", "content": {"n": 1}}, {"name": "f", "content": "two"}]
        turns = read_one(
            {"messages": [message("user", "text", "u"), calls, message("tool", "text", json.dumps(told))]}
        ).turns
        assert [(turn.name, turn.content) for turn in turns[2:]] == [("g", '{"n": 1}'), ("f", "two")]
        assert [turn.call_id for turn in turns[2:]] == [call.call_id for call in reversed(turns[1].tool_calls)]
        for other in ('[{"result": 42}]', '[{"name": "f"}]', "[]", "[1]", '[{"name": "f", "content": 1, "at": 2}]'):
            turns = read_one({"messages": [message("user", "text", "u"), calls, message("tool", "text", other)]}).turns
            assert [turn.content for turn in turns[2:]] == [other]


def episode(reward, *replies, history=None):
    call = '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>'
    turns = history or [
        {"role": "human", "content": "u"},
        {"role": "assistant", "content": f"I look.\n\n{call}"},
        {"role": "human", "content": "found"},
        {"role": "assistant", "content": "Done."},
        {"role": "human", "content": "Thanks [TERMINATE]"},
    ]
    judge = [{"response": reply, "metadata": {"type": "final_evaluation"}} for reply in replies]
    steps = [{"response": '{"reward": 1}', "metadata": {"type": "environment"}}]
    return {"env_id": 3, "reward": reward, "conversation_history": turns, "gpt_call_history": steps + judge}


class TestSimiaRL:
    def test_what_follows_a_call_is_its_result(self, read_one):
        trajectory = read_one(episode(1.0))
        assert [turn.role for turn in trajectory.turns] == ["user", "assistant", "tool", "assistant", "user"]
        assert trajectory.turns[2].call_id == trajectory.turns[1].tool_calls[0].call_id
        assert trajectory.turns[4].content == "Thanks [TERMINATE]"

    @pytest.mark.parametrize(
        ("recorded", "replies", "reward", "outcome"),
        [
            (1.0, [], 1.0, "success"),
            (0, [], None, "unknown"),
            (0, ["I cannot say."], None, "unknown"),
            (0, ['{"reasoning": "ok" "reward": 1}'], None, "unknown"),
            (0, ['{"score": 0}'], None, "unknown"),
            (0, ['{"reasoning": "bad", "reward": 0}'], 0.0, "failure"),
            (0, ['Well: {"reasoning": "he wrote {x}", "reward": 1}'], 1.0, "success"),
            (None, [], None, "unknown"),
            ("no", ['{"reward": 5}'], None, "unknown"),
        ],
    )
    def test_a_reward_of_nought_needs_a_verdict(self, read_one, recorded, replies, reward, outcome):
        meta = read_one(episode(recorded, *replies)).meta
        assert (meta["reward"], meta["outcome"], meta["recorded_reward"]) == (reward, outcome, recorded)

    def test_the_last_verdict_counts(self):
        assert judged('{"reward": 1} no, {"reward": 0}') == 0.0
        assert judged("{" * 10_000) is None


class TestOfficeBench:
    def test_the_environments_history(self, read_file):
        steps = [
            [{"app": "system", "action": "switch_app", "target_app": "word"}, "Successfully switched to app: word"],
            ["{'app': 'word', 'action': 'read_file', 'file_path': 'a'}", "Error: Failed to read"],
            ["free text", "Malformed action! You must follow the given action format!"],
        ]
        name, (row,) = read_file(steps)
        assert name == "officebench"
        calls = [call for _, _, call in row.trajectory.calls()]
        assert [(c.name, c.arguments) for c in calls] == [
            ("system.switch_app", {"target_app": "word"}),
            ("word.read_file", {"file_path": "a"}),
            ("", None),
        ]
        assert [turn.is_error for turn in row.trajectory.turns if turn.role == "tool"] == [False, True, True]

    def test_the_policys_history_gives_task_and_observations(self, read_file):
        prompt = "##Task: Tidy up.\n##Available apps: ['word']\n##Command:"
        later = "##Task: Tidy up.\n##History:\n - Step 0: {'app': 'a'} -> [one\\ntwo]\n##Available apps: []\n##Command:"
        reply = '<think> look </think>\n<answer> {"app": "word", "action": "read_file", "file_path": "x"} </answer>'
        name, (row,) = read_file([["You help.", prompt, reply], ["You help.", later, "{'app': 'b', 'action': 'c'}"]])
        assert name == "officebench"
        turns = row.trajectory.turns
        assert (row.trajectory.policy, turns[0].content) == ("You help.", "Tidy up.")
        assert (turns[1].reasoning, turns[1].tool_calls[0].name) == (" look ", "word.read_file")
        assert [turn.content for turn in turns if turn.role == "tool"] == ["one\ntwo"]

    def test_a_literal_that_is_no_json_stays_text(self, read_file):
        first = [{"app": "a", "action": "b"}, "x"]
        texts = ["{'app': 'a', 'action': {1, 2}}", "{'app': 'a', 'action': 'b', 'n': 1e999}", "{" * 999]
        _, (row,) = read_file([first, *([text, "y"] for text in texts)])
        assert [call.arguments for _, _, call in row.trajectory.calls()] == [{}, None, None, None]
        assert [call.raw for _, _, call in row.trajectory.calls()] == [None, *texts]

    def test_pairs_of_texts_are_no_log(self, tmp_path):
        path = tmp_path / "pairs.json"
        path.write_text('[["a", "b"], ["c", "d"]]')
        with pytest.raises(UsageError, match="no known format"):
            formats.detect(path)


class TestReAct:
    @pytest.mark.parametrize(
        ("text", "name", "arguments", "raw"),
        [
            ("search[red [big] shoes]", "search", {"value": "red [big] shoes"}, None),
            ("think[it was cut", "think", {"value": "it was cut"}, "think[it was cut"),
            ("reset", "reset", {}, None),
            ("I would like to buy it", "", None, "I would like to buy it"),
            ("", "", None, ""),
        ],
    )
    def test_actions(self, text, name, arguments, raw):
        call = read_action(text)
        assert (call.name, call.arguments, call.raw) == (name, arguments, raw)

    def test_numbered_labels_and_thoughts_of_a_printed_log(self, read_file):
        log = "Who was it?\nThought 1: I search.\nAction 1: Search[it]\nObservation 1: Could not find [it].\n"
        log += "Thought 2: Enough.\nAction 2: Finish[no]\nObservation 2: Episode finished\n----------\nhm\n"
        name, rows = read_file(log.encode())
        assert name == "react-text"
        assert [row.reason is None for row in rows] == [True, False]
        turns = rows[0].trajectory.turns
        assert [turn.role for turn in turns] == ["user", "assistant", "tool", "assistant", "tool"]
        assert (turns[0].content, turns[1].reasoning, turns[2].is_error) == ("Who was it?", "I search.", True)

    def test_a_log_that_is_no_utf8_ends_in_a_bad_row(self, read_file):
        _, rows = read_file(b"Action: a\nObservation: b\n-----\n\xff\xfe\n")
        assert [row.reason is None for row in rows] == [True, False]

    def test_prose_is_refused(self, tmp_path):
        path = tmp_path / "notes.txt"
        path.write_text("Action points of the meeting\nObservations were made.\n")
        with pytest.raises(UsageError, match="not JSON"):
            formats.detect(path)


class TestInterCode:
    def test_lists_of_unequal_length_are_a_bad_row(self, read_file):
        history = {"actions": ["execute[ls]", "submit"], "observations": ["a"], "valid_action": [True, True]}
        good = {"actions": ["execute[ls]", "submit"], "observations": ["a", "b"], "valid_action": [True, False]}
        runs = {str(i): {"query": "q", "turn_history": one} for i, one in enumerate((history, good))}
        name, rows = read_file(runs)
        assert name == "intercode"
        assert [row.reason is None for row in rows] == [False, True]
        calls = [(call.name, call.arguments) for _, _, call in rows[1].trajectory.calls()]
        assert calls == [("execute", {"command": "ls"}), ("submit", {})]
        assert rows[1].trajectory.turns[-1].is_error
        assert rows[1].trajectory.meta["key"] == "1"


class TestSWEAgents:
    def test_a_demonstration_is_masked(self, read_one):
        acting = {"role": "assistant", "content": "Go.\n```\nls\n```", "thought": "Go.\n", "action": "ls\n"}
        history = [
            {"role": "user", "content": "t"},
            acting | {"is_demo": True},
            {"role": "user", "content": "a"},
            acting,
        ]
        steps = [{"action": "ls\n", "observation": "bash: foo: command not found", "state": "{}"}]
        trajectory = read_one({"trajectory": steps, "history": history})
        assert [turn.loss for turn in trajectory.turns] == [None, False, None, None, None]
        assert [turn.role for turn in trajectory.turns] == ["user", "assistant", "tool", "assistant", "tool"]
        assert trajectory.turns[3].tool_calls[0].arguments == {"command": "ls\n"}
        assert (trajectory.turns[3].content, trajectory.turns[4].is_error) == ("Go.", True)

    def test_mini_runs_with_commands_in_text_and_with_calls(self, read_one):
        info = {"mini_version": "2.0", "exit_status": "Submitted"}
        block = {"role": "assistant", "content": "THOUGHT: look\n\n```bash\nls\n```"}
        seen = {"role": "user", "content": "<returncode>2</returncode>\n<output>\n</output>"}
        called = {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "function": {"name": "bash"}}]}
        answer = {"role": "tool", "tool_call_id": "c", "content": "ok", "extra": {"returncode": 0}}
        end = {"role": "user", "content": "", "extra": {"exit_status": "Submitted"}}
        messages = [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "t"},
            block,
            seen,
            called,
            answer,
            end,
        ]
        trajectory = read_one({"info": info, "messages": messages, "trajectory_format": "mini-swe-agent-1.1"})
        assert [turn.role for turn in trajectory.turns] == ["user", "assistant", "tool", "assistant", "tool"]
        assert trajectory.turns[1].content == "THOUGHT: look"
        assert [turn.is_error for turn in trajectory.turns if turn.role == "tool"] == [True, False]
        assert trajectory.meta["exit"]["exit_status"] == "Submitted"


def sample(**more):
    messages = [{"role": "user", "content": "attachment://a"}, {"role": "assistant", "content": "No"}]
    return {"id": 1, "epoch": 1, "input": "i", "target": "t", "messages": messages, "attachments": {"a": "Yes?"}} | more


def archive(*entries, compression=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as file:
        file.writestr("_journal/start.json", json.dumps({"eval": {"task": "t", "model": "m"}}))
        for index, entry in enumerate(entries):
            file.writestr(f"samples/{index}_epoch_1.json", entry if isinstance(entry, str) else json.dumps(entry))
    return out.getvalue()


class TestInspect:
    def test_attachments_are_put_back(self, read_file):
        name, (row,) = read_file({"version": 2, "eval": {"task": "t"}, "samples": [sample()]})
        assert name == "inspect"
        assert row.trajectory.turns[0].content == "Yes?"

    def test_one_bad_entry_of_an_archive_does_not_stop_the_rest(self, read_file):
        image = {"role": "user", "content": [{"type": "image", "image": "x"}]}
        name, rows = read_file(archive(sample(), "{broken", "[1]", sample(messages=[image]), sample()))
        assert name == "inspect"
        assert [row.reason is None for row in rows] == [True, False, False, False, True]
        assert "image" in rows[3].reason
        assert rows[4].trajectory.meta["eval"] == {"task": "t", "model": "m"}

    def test_an_entry_that_unpacks_to_too_much_is_a_bad_row(self, read_file, monkeypatch):
        monkeypatch.setattr("simia_tui.formats.inspect_log.ENTRY_BYTES", 500)
        _, rows = read_file(archive(sample(), sample(note="x" * 600)))
        assert [row.reason is None for row in rows] == [True, False]

    def test_a_log_without_samples_and_other_archives_are_refused(self, tmp_path):
        log, other = tmp_path / "log.json", tmp_path / "other.zip"
        log.write_text(json.dumps({"version": 2, "status": "started", "eval": {"task": "t"}}))
        with zipfile.ZipFile(other, "w") as file:
            file.writestr("readme.txt", "hello")
        with pytest.raises(UsageError, match="holds no samples"):
            formats.detect(log)
        with pytest.raises(UsageError, match="ZIP archive; unpack it first"):
            formats.detect(other)

    def test_parts_and_errors(self, read_file):
        parts = [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "So"}]
        call = {"id": "c", "function": "f", "arguments": {"a": 1}, "parse_error": None, "type": "function"}
        error = {"type": "timeout", "message": "too slow"}
        messages = [
            {"role": "assistant", "content": parts, "tool_calls": [call]},
            {"role": "tool", "content": "", "tool_call_id": "c", "function": "f", "error": error},
        ]
        _, (row,) = read_file({"version": 2, "eval": {}, "samples": [sample(messages=messages)]})
        said, answer = row.trajectory.turns
        assert (said.reasoning, said.content, said.tool_calls[0].arguments) == ("hm", "So", {"a": 1})
        assert (answer.content, answer.is_error, answer.name) == ("too slow", True, "f")


def test_every_format_says_what_it_loses_and_has_a_title():
    for name, reader in formats.readers().items():
        assert reader.name == name
        assert reader.title
        assert all(isinstance(loss, str) and loss for loss in reader.loses)
