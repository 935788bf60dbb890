"""Spoils trace files in thousands of ways and counts what importing them gives: good rows, bad rows, refusals, crashes.

    python benchmarks/mutate.py [--count 10000] [--seed 1] [--data FOLDER]

The files are excerpts of the real traces under FOLDER (or $SIMIA_REAL_DATA) and hand-made ones of the formats that have
no real file. Each is spoilt in its JSON tree or in its bytes, detected, and read with the detected format and with its
own. Anything but a good row, a bad row with a sentence, or a UsageError is a crash; the first ones are printed, and the
exit code is 1. A good row must also have an id, measures, and come out as UTF-8 JSON.
"""

import argparse
import gzip
import io
import json
import os
import random
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simia_tui import formats
from simia_tui.errors import UsageError
from simia_tui.model import Measure, ToolCall, ToolSpec, Trajectory, Turn

Sample = tuple[str, bytes]
"""A format's name and the content of a file of it."""

_ROWS, _LONG, _SHORT = 6, 2_000, 300
_JUNK: list[Any] = [None, True, False, 0, -1, 1.5, 10**30, "", "x", "\x1b[31m", "\u2028", "{", '{"a": 1}', [], {}]
_JUNK += [[None], [[]], [{}], {"a": None}, {"": {}}, ["x", 1], {"role": "tool"}, [{"type": "image"}], "attachment://x"]
_TEXTS = [b"NaN", b"1e999", b'"\\ud800"', b"[" * 300, b'{"a":' * 300, b"\x00", b"\xff", b"\n", b'"', b"}", b"-----\n"]


def hand_made() -> Iterator[Sample]:
    """Small files of the formats for which there is no real one."""
    chat = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "<tool_call>\n{}\n</tool_call>"}]
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    spoken = [{"role": "user", "content": "u"}, {"role": "assistant", "content": None, "tool_calls": calls}]
    judge = {"response": '{"reasoning": "r", "reward": 0}', "metadata": {"type": "final_evaluation"}}
    episode = {"env_id": 1, "reward": 0, "conversation_history": [*chat, chat[0]], "gpt_call_history": [judge]}
    yield "simia-rl", _packed(episode | {"system_prompt": "s", "reasoning": "r"})
    yield "officebench", _packed([[{"app": "word", "action": "read_file"}, "text"], ["nonsense", "Malformed action!"]])
    yield "officebench", _packed([["system", "##Task: t\n##Command:", "{'app': 'a', 'action': 'b'}"]] * 2)
    info = {"mini_version": "2", "exit_status": "Submitted"}
    text = {"role": "assistant", "content": "THOUGHT\n\n```bash\nls\n```", "extra": {"actions": [{"command": "ls"}]}}
    seen = {"role": "user", "content": "<returncode>1</returncode>", "extra": {"returncode": 1}}
    yield "mini-swe-agent", _packed({"info": info, "messages": [chat[0], text, seen, {"role": "exit"}]})
    parts = [{"role": "user", "parts": [{"type": "text", "content": "u"}]}]
    said = [{"role": "assistant", "parts": [{"type": "tool_call", "id": "c", "name": "f", "arguments": {}}]}]
    told = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": json.dumps(parts), "gen_ai.output.messages": said}
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.id": "c", "gen_ai.tool.call.result": "r"}
    yield "otel-genai", _lines([{"trace_id": "t", "attributes": told}, {"trace_id": "t", "attributes": tool}])
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in told.items()}
    pairs = [{"key": key, "value": {"stringValue": value}} for key, value in texts.items()]
    span = {"traceId": "t", "startTimeUnixNano": "1", "attributes": pairs, "status": {"code": 2}}
    yield "otel-genai", _packed({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    flat = {"openinference.span.kind": "LLM", "llm.input_messages.0.message.role": "user"}
    flat |= {"llm.input_messages.0.message.content": "u", "llm.output_messages.0.message.role": "assistant"}
    flat |= {"llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "f"}
    yield "openinference", _lines([{"context": {"trace_id": "t"}, "attributes": flat}])
    row = {"id": "o", "trace_id": "t", "type": "GENERATION", "input": json.dumps(spoken), "output": '{"content": "x"}'}
    spoken_run = {
        "id": "r",
        "run_type": "llm",
        "inputs": {"messages": [spoken]},
        "outputs": {"choices": [{"message": row}]},
    }
    yield "langsmith", _packed({"id": "t", "run_type": "chain", "inputs": {}, "child_runs": [spoken_run]})
    yield "langfuse", _lines([row, row | {"type": "TOOL", "name": "f", "tool_calls": "[]"}])
    use = {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}}
    blocks = [{"type": "thinking", "thinking": "t"}, {"type": "text", "text": "x"}, use]
    answer = {"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": "r"}], "is_error": True}
    asked = [chat[0], {"role": "assistant", "content": blocks}, {"role": "user", "content": [answer]}]
    yield "anthropic", _lines([{"system": "s", "tools": [{"name": "f", "input_schema": {}}], "messages": asked}])
    called = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    given = {"type": "function_call_output", "call_id": "c", "output": "r"}
    words = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]}
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "t"}]}
    yield (
        "openai-responses",
        _lines([{"instructions": "s", "input": [chat[0], called, given], "output": [thought, words]}]),
    )
    yield from written()


def written() -> Iterator[Sample]:
    """Rows of the formats that are read and written, as they are written."""
    call = ToolCall(name="f", arguments={"a": [1.5, None]}, call_id="c")
    turns = (
        Turn(role="user", content="u"),
        Turn(role="assistant", content="x", reasoning="t", tool_calls=(call,)),
        Turn(role="tool", content="r", call_id="c", is_error=True),
        Turn(role="assistant", content="y", loss=False),
    )
    tools = (ToolSpec(name="f", description="d", parameters={"type": "object", "properties": {"a": {}}}),)
    whole = Trajectory(policy="p", tools=tools, turns=turns)
    for name in ("atif", "axolotl", "hermes", "sharegpt-hermes", "simia-sft", "verl-rl", "verl-sft"):
        yield name, _lines([formats.WRITERS[name].write(whole)])


def excerpts(folder: Path) -> Iterator[Sample]:
    """The beginnings of the real files."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        try:
            name = formats.detect(path)
        except UsageError:
            name = "auto"
        yield name, _short(path.suffix, data)


def _short(suffix: str, data: bytes) -> bytes:
    if suffix == ".eval":
        return _fewer(data)
    if suffix == ".txt":
        return data[:6_000]
    try:
        return _packed(_cut(json.loads(data)))
    except json.JSONDecodeError:
        return _lines([_cut(json.loads(line)) for line in data.split(b"\n")[:2] if line])


def _fewer(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in [*old.namelist()[:3], "header.json"]:
            new.writestr(entry, old.read(entry))
    return out.getvalue()


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _cut(inner) for key, inner in list(value.items())[:30]}
    if isinstance(value, list):
        return [_cut(inner) for inner in value[:_ROWS]]
    if isinstance(value, str) and len(value) > _LONG and value[:1] not in "{[":
        return value[:_SHORT]
    return value


def _packed(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _lines(rows: list[Any]) -> bytes:
    return b"\n".join(map(_packed, rows))


def spoilt(data: bytes, rng: random.Random) -> bytes:
    """The content with one to three places of its JSON tree or of its bytes changed."""
    if rng.random() < 0.3 or data[:1] not in (b"{", b"["):
        return _bytes(data, rng)
    try:
        rows, single = [json.loads(data)], True
    except json.JSONDecodeError:
        rows, single = [json.loads(line) for line in data.split(b"\n") if line], False
    for _ in range(rng.randint(1, 3)):
        index = rng.randrange(len(rows))
        rows[index] = tree(rows[index], rng)
    return _packed(rows[0]) if single else _lines(rows)


def _bytes(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    kind = rng.randrange(4)
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + rng.choice(_TEXTS) + data[at:]
    if kind == 2:
        return data[:at] + data[at + rng.randint(1, 40) :]
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


def tree(value: Any, rng: random.Random) -> Any:
    """The value with one place changed, chosen by walking down at random."""
    if not isinstance(value, dict | list) or not value or rng.random() < 0.12:
        return rng.choice(_JUNK)
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = rng.choice(keys)
    copy = dict(value) if isinstance(value, dict) else list(value)
    kind = rng.random()
    if kind < 0.08:
        del copy[key]
    elif kind < 0.14 and isinstance(copy, list):
        copy.insert(rng.randrange(len(copy) + 1), copy[key])
    elif kind < 0.14:
        copy[rng.choice(["role", "content", "0", "", "tool_calls"])] = copy.pop(key)
    else:
        copy[key] = tree(copy[key], rng)
    return copy


def tried(path: Path, name: str) -> Counter[str]:
    """What importing the file at `path` gives, with the detected format and with `name`."""
    counts: Counter[str] = Counter()
    for chosen in ("auto", name):
        try:
            for row in formats.read(path, chosen):
                counts["bad rows" if row.trajectory is None else "good rows"] += 1
                if row.trajectory is None:
                    assert row.reason
                else:
                    Measure.of(row.trajectory)
                    assert len(row.trajectory.id) == 64
                    json.dumps(row.trajectory.dump(), ensure_ascii=False, allow_nan=False).encode()
                    # Every field is of its type.
                    assert Trajectory.load(row.trajectory.dump()) == row.trajectory
        except UsageError:
            counts["refusals"] += 1
    return counts


def main() -> int:
    """Runs the mutations and prints the counts; 1 when anything crashed."""
    parser = argparse.ArgumentParser(description="Spoil trace files and count what importing them gives.")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, default=os.environ.get("SIMIA_REAL_DATA"))
    options = parser.parse_args()
    samples = list(hand_made()) + (list(excerpts(Path(options.data))) if options.data else [])
    rng = random.Random(options.seed)
    totals: Counter[str] = Counter()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spoilt"
        for number in range(options.count):
            name, data = samples[number % len(samples)]
            path.write_bytes(spoilt(data, rng))
            try:
                totals += tried(path, name)
            except Exception:  # noqa: BLE001 - any other exception is what this looks for
                totals["crashes"] += 1
                if totals["crashes"] <= 5:
                    print(f"--- {name}, mutation {number}", traceback.format_exc(limit=-4), sep="\n")
    seconds = time.perf_counter() - began
    print(f"{options.count:,} mutations of {len(samples)} files, seed {options.seed}, {seconds:.1f} s")
    for key in ("good rows", "bad rows", "refusals", "crashes"):
        print(f"{key:>10}: {totals[key]:,}")
    return 1 if totals["crashes"] else 0


if __name__ == "__main__":
    sys.exit(main())
