"""Conversations out of spans: OpenTelemetry GenAI, OpenInference and Langfuse and LangSmith tell the same run."""

import json

import pytest

from simia_tui import formats
from simia_tui.errors import UsageError
from simia_tui.formats import model_calls
from simia_tui.formats.flat_keys import in_order, nested

TOOLS = [{"type": "function", "function": {"name": "find", "description": "Finds.", "parameters": {"type": "object"}}}]
FIRST = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Where is it?"}]
CALL = {"role": "assistant", "tool_calls": [{"id": "c1", "function": {"name": "find", "arguments": '{"what": "it"}'}}]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "Error: lost"}
LAST = {"role": "assistant", "content": "It is lost."}


def parts(message):
    held = [{"type": "text", "content": message["content"]}] if message.get("content") else []
    if message["role"] == "tool":
        held = [{"type": "tool_call_response", "id": message["tool_call_id"], "response": message["content"]}]
    for call in message.get("tool_calls", ()):
        arguments = json.loads(call["function"]["arguments"])
        held.append({"type": "tool_call", "id": call["id"], "name": call["function"]["name"], "arguments": arguments})
    return {"role": message["role"], "parts": held}


def genai_span(start, given, answer, packed=True, trace="t1"):
    pack = json.dumps if packed else (lambda value: value)
    return {
        "name": "chat m",
        "context": {"trace_id": trace, "span_id": f"s{start}"},
        "start_time": f"2026-01-01T00:00:{start:02}Z",
        "attributes": {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.system_instructions": pack([{"type": "text", "content": "Be kind."}]),
            "gen_ai.input.messages": pack([parts(message) for message in given if message["role"] != "system"]),
            "gen_ai.output.messages": pack([parts(answer)]),
            "gen_ai.tool.definitions": pack(TOOLS),
        },
    }


def tool_span(start, result=None, error=True, trace="t1"):
    attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.id": "c1", "gen_ai.tool.name": "find"}
    if result is not None:
        attributes["gen_ai.tool.call.result"] = result
    return {
        "name": "execute_tool find",
        "context": {"trace_id": trace, "span_id": f"s{start}"},
        "start_time": f"2026-01-01T00:00:{start:02}Z",
        "status": {"status_code": "ERROR" if error else "OK"},
        "attributes": attributes,
    }


def genai_rows():
    return [genai_span(3, [*FIRST, CALL, RESULT], LAST), genai_span(1, FIRST, CALL), tool_span(2)]


def otlp(rows):
    def value(of):
        return {"stringValue": of if isinstance(of, str) else json.dumps(of)}

    spans = [
        {
            "traceId": row["context"]["trace_id"],
            "spanId": row["context"]["span_id"],
            "startTimeUnixNano": str(1_700_000_000_000_000_000 + int(row["start_time"][17:19])),
            "status": {"code": 2} if row.get("status") else {},
            "attributes": [{"key": key, "value": value(of)} for key, of in row["attributes"].items()],
        }
        for row in rows
    ]
    return [{"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": spans}]}]}]


def inference_keys(side, messages):
    flat = {}
    for i, message in enumerate(messages):
        stem = f"llm.{side}_messages.{i}.message"
        flat |= {f"{stem}.{key}": message[key] for key in ("role", "content", "tool_call_id") if key in message}
        for j, call in enumerate(message.get("tool_calls", ())):
            flat[f"{stem}.tool_calls.{j}.tool_call.id"] = call["id"]
            flat[f"{stem}.tool_calls.{j}.tool_call.function.name"] = call["function"]["name"]
            flat[f"{stem}.tool_calls.{j}.tool_call.function.arguments"] = call["function"]["arguments"]
    return flat


def inference_rows(prefix=""):
    def span(start, given, answer):
        flat = {"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.tools.0.tool.json_schema": TOOLS[0]}
        flat |= inference_keys("input", given) | inference_keys("output", [answer])
        row = {"context": {"trace_id": "t1"}, "start_time": f"2026-01-01T00:00:{start:02}Z"}
        return row | ({f"{prefix}{k}": v for k, v in flat.items()} if prefix else {"attributes": flat})

    failed = {
        "openinference.span.kind": "TOOL",
        "tool.name": "find",
        "tool_call.id": "c1",
        "output.value": "Error: lost",
    }
    tool = {"context": {"trace_id": "t1"}, "start_time": "2026-01-01T00:00:02Z", "status_code": "ERROR"}
    tool |= {f"{prefix}{k}": v for k, v in failed.items()} if prefix else {"attributes": failed}
    return [span(3, [*FIRST, CALL, RESULT], LAST), span(1, FIRST, CALL), tool]


def langfuse_rows(camel=False):
    trace, start = ("traceId", "startTime") if camel else ("trace_id", "start_time")

    def row(kind, second, told, said, **more):
        return {"id": f"o{second}", trace: "t1", start: f"2026-01-01 00:00:{second:02}", "type": kind} | {
            "name": "find",
            "input": json.dumps(told),
            "output": json.dumps(said),
            **more,
        }

    return [
        row("GENERATION", 3, {"messages": [*FIRST, CALL, RESULT], "tools": TOOLS}, LAST),
        row("GENERATION", 1, {"messages": FIRST, "tools": TOOLS}, CALL),
        row("TOOL", 2, {"id": "c1", "what": "it"}, "Error: lost", level="ERROR"),
        row("SPAN", 0, {"anything": 1}, None),
    ]


def chained(message):
    """A message as LangChain serialises it."""
    names = {"system": "SystemMessage", "user": "HumanMessage", "assistant": "AIMessage", "tool": "ToolMessage"}
    kwargs = {key: message[key] for key in ("content", "tool_call_id") if key in message}
    kwargs["tool_calls"] = [
        {"id": c["id"], "name": c["function"]["name"], "args": json.loads(c["function"]["arguments"])}
        for c in message.get("tool_calls", ())
    ]
    return {"lc": 1, "type": "constructor", "id": ["langchain", "schema", names[message["role"]]], "kwargs": kwargs}


def langsmith_rows(as_tree):
    def llm(second, given, answer):
        inputs = {"messages": [[chained(message) for message in given]] if as_tree else given}
        outputs = {"generations": [[{"message": chained(answer)}]]} if as_tree else {"choices": [{"message": answer}]}
        extra = {"invocation_params": {"model": "m", "tools": TOOLS}}
        more = {"start_time": f"2026-01-01T00:00:{second:02}", "trace_id": "t1", "id": f"r{second}", "extra": extra}
        return {"run_type": "llm", "inputs": inputs, "outputs": outputs, **more}

    output = chained(RESULT) if as_tree else RESULT
    tool = {"run_type": "tool", "name": "find", "start_time": "2026-01-01T00:00:02", "trace_id": "t1", "error": "lost"}
    runs = [
        llm(3, [*FIRST, CALL, RESULT], LAST),
        llm(1, FIRST, CALL),
        {**tool, "inputs": {}, "outputs": {"output": output}},
    ]
    return [{"id": "t1", "run_type": "chain", "inputs": {}, "child_runs": runs}] if as_tree else runs


CASES = {
    "otel-genai": [genai_rows(), otlp(genai_rows())],
    "openinference": [inference_rows(), inference_rows("attributes.")],
    "langsmith": [langsmith_rows(as_tree=True), langsmith_rows(as_tree=False)],
    "langfuse": [
        langfuse_rows(),
        langfuse_rows(camel=True),
        [{"trace": {"id": "t1"}, "observations": langfuse_rows()}],
    ],
}


def written(path, rows):
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


@pytest.mark.parametrize(("name", "rows"), [(name, rows) for name, cases in CASES.items() for rows in cases])
def test_the_calls_of_a_trace_become_one_conversation(tmp_path, name, rows):
    path = written(tmp_path / "spans", rows)
    assert formats.detect(path) == name
    (row,) = formats.read(path)
    trajectory = row.trajectory
    assert trajectory.policy == "Be kind."
    assert [turn.role for turn in trajectory.turns] == ["user", "assistant", "tool", "assistant"]
    assert trajectory.turns[1].tool_calls[0].dump() == {
        "name": "find",
        "arguments": {"what": "it"},
        "call_id": "c1",
    }
    assert (trajectory.turns[2].content, trajectory.turns[2].is_error) == ("Error: lost", True)
    assert [tool.name for tool in trajectory.tools] == ["find"]
    assert trajectory.meta["trace"] == "t1"


def test_results_of_the_last_calls_come_from_the_spans_of_the_tools(tmp_path):
    rows = [genai_span(1, FIRST, CALL, packed=False), tool_span(2, {"place": "attic"}, error=False)]
    (row,) = formats.read(written(tmp_path / "spans", rows))
    last = row.trajectory.turns[-1]
    assert (last.role, last.content, last.call_id, last.is_error) == ("tool", '{"place": "attic"}', "c1", False)


def test_a_chat_with_other_messages_is_a_conversation_of_its_own(tmp_path):
    other = [{"role": "user", "content": "Summarise."}]
    rows = [genai_span(1, FIRST, LAST), genai_span(2, other, LAST), genai_span(3, FIRST, LAST, trace="t2")]
    found = [row.trajectory for row in formats.read(written(tmp_path / "spans", rows))]
    assert [(one.meta["trace"], one.turns[0].content) for one in found] == [
        ("t1", "Where is it?"),
        ("t1", "Summarise."),
        ("t2", "Where is it?"),
    ]


def test_a_conversation_id_joins_traces(tmp_path):
    rows = genai_rows()
    for index, row in enumerate(rows):
        row["context"]["trace_id"] = f"t{index}"
        row["attributes"]["gen_ai.conversation.id"] = "talk"
    (row,) = formats.read(written(tmp_path / "spans", rows))
    assert (row.trajectory.meta["trace"], len(row.trajectory.turns)) == ("talk", 4)


def test_older_indexed_keys_are_read(tmp_path):
    attributes = {
        "gen_ai.request.model": "m",
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "Where is it?",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.tool_calls.0.id": "c1",
        "gen_ai.completion.0.tool_calls.0.name": "find",
        "gen_ai.completion.0.tool_calls.0.arguments": '{"what": "it"}',
    }
    rows = [{"trace_id": "t", "attributes": attributes}]
    (row,) = formats.read(written(tmp_path / "spans", rows))
    assert [turn.role for turn in row.trajectory.turns] == ["user", "assistant"]
    assert row.trajectory.turns[1].tool_calls[0].arguments == {"what": "it"}


def test_spans_without_content_are_a_bad_row_with_a_sentence(tmp_path):
    rows = [{"trace_id": "t", "attributes": {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}}]
    (row,) = formats.read(written(tmp_path / "spans", rows))
    assert row.trajectory is None
    assert "recorded without content" in row.reason


def test_spans_of_neither_models_nor_tools_are_a_bad_row(tmp_path):
    rows = [{"trace_id": "t", "attributes": {"gen_ai.operation.name": "embeddings"}}]
    (row,) = formats.read(written(tmp_path / "spans", rows))
    assert "no span of a model or a tool" in row.reason


def test_a_broken_row_does_not_stop_the_rest(tmp_path):
    path = tmp_path / "spans"
    path.write_text("\n".join([json.dumps(row) for row in genai_rows()] + ["{broken"]))
    good, bad = formats.read(path)
    assert len(good.trajectory.turns) == 4
    assert bad.raw == "{broken"
    assert "not JSON" in bad.reason


def test_too_many_spans_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(model_calls, "MOST_SPANS", 2)
    with pytest.raises(UsageError, match="more than 2 spans"):
        list(formats.read(written(tmp_path / "spans", genai_rows())))


def test_spans_of_other_conventions_are_refused_with_a_sentence(tmp_path):
    plain = {"traceId": "t", "attributes": [{"key": "http.method", "value": {"stringValue": "GET"}}]}
    path = written(tmp_path / "spans", [{"resourceSpans": [{"scopeSpans": [{"spans": [plain]}]}]}])
    with pytest.raises(UsageError, match="neither the GenAI nor the OpenInference"):
        formats.detect(path)


def test_langfuse_takes_calls_from_their_own_column(tmp_path):
    (first, *_) = [row for row in langfuse_rows() if row["start_time"].endswith("01")]
    first |= {"output": json.dumps("Let me see."), "tool_calls": json.dumps([json.dumps(CALL["tool_calls"][0])])}
    (row,) = formats.read(written(tmp_path / "rows", [first]))
    last = row.trajectory.turns[-1]
    assert (last.content, [call.name for call in last.tool_calls]) == ("Let me see.", ["find"])


def test_dotted_keys_become_objects_and_data_keeps_its_dots():
    tree = nested({"a.b.0.c": 1, "a.b.1.c": 2, "a": {"d": 3}, "value": {"x.y": 4}})
    assert tree == {"a": {"b": {"0": {"c": 1}, "1": {"c": 2}}, "d": 3}, "value": {"x.y": 4}}
    assert in_order(tree["a"]["b"]) == [{"c": 1}, {"c": 2}]
