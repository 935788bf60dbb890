"""LangSmith exports: runs as rows, or trees of runs in `child_runs`; messages as LangChain or OpenAI write them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simia_tui.formats.fields import dict_of, list_of, shown, text_of
from simia_tui.formats.model_calls import (
    ModelCall,
    ToolRun,
    Trace,
    Traces,
    chat_message,
    spans,
    trajectory_of,
    unpacked,
)
from simia_tui.formats.source import Source
from simia_tui.formats.stream import Item
from simia_tui.model import Trajectory

_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool", "function": "tool"}
_FIELDS = ("content", "name", "tool_calls", "tool_call_id")


class LangSmith(Source):
    """Reads the runs of the types `llm` and `tool`; conversations are joined as for OpenTelemetry.

    A message may be OpenAI's, LangChain's serialised constructor (`lc`, `kwargs`), or `{type, data}`.
    """

    name = "langsmith"
    title = "LangSmith runs"
    loses = ("times, costs, feedback and runs that are neither llm nor tool", "messages that a later call left out")

    def detect(self, sample: dict[str, Any]) -> bool:
        return isinstance(sample.get("run_type"), str) and isinstance(sample.get("inputs"), dict | str)

    def records(self, path: Path) -> Iterator[Item]:
        traces, bad = Traces(path), []
        for item in spans(path):
            if item.reason or not isinstance(item.value, dict):
                bad.append(Item(item.number, None, item.reason or "The row is no run.", item.raw))
                continue
            root = item.value.get("trace_id") or item.value.get("id")
            waiting = [item.value]
            while waiting:
                run = waiting.pop()
                waiting += [child for child in list_of(run.get("child_runs")) if isinstance(child, dict)]
                if run.get("run_type") in ("llm", "tool"):
                    _gather(traces.of(shown(root)), run)
        yield from traces.items(bad)

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        return trajectory_of(record, domain)


def _gather(trace: Trace, run: dict[str, Any]) -> None:
    began = shown(run.get("start_time"))
    told, said = dict_of(unpacked(run.get("inputs"))), dict_of(unpacked(run.get("outputs")))
    if run["run_type"] == "tool":
        output = unpacked(said.get("output", said))
        answer = _message(output) or {}
        call = text_of(answer.get("tool_call_id")) or text_of(told.get("tool_call_id"))
        result = answer.get("content") if answer else output
        failed = bool(run.get("error")) or dict_of(output).get("status") == "error"
        trace.runs.append((began, ToolRun(call, text_of(run.get("name")), result, failed)))
        return
    given, answered = _messages(told.get("messages")), _messages(_answer(said))
    if not given and not answered:
        trace.empty += 1
        return
    settings = dict_of(dict_of(run.get("extra")).get("invocation_params"))
    model = text_of(settings.get("model")) or text_of(settings.get("model_name"))
    call_made = ModelCall(
        given, answered, settings.get("tools") or told.get("tools"), {"model": model} if model else {}
    )
    trace.calls.append((began, call_made))


def _answer(said: dict[str, Any]) -> Any:
    """What holds the answer among the shapes of outputs; of several candidates the first."""
    found = next((said[key] for key in ("generations", "choices", "messages", "message") if said.get(key)), said)
    while isinstance(found, list) and found and isinstance(found[0], list):
        found = found[0]
    if isinstance(found, list) and ("generations" in said or "choices" in said):
        found = found[:1]
    return [dict_of(one).get("message", one) for one in (found if isinstance(found, list) else [found])]


def _messages(value: Any) -> list[dict[str, Any]]:
    value = unpacked(value)
    while isinstance(value, list) and value and isinstance(value[0], list):
        value = value[0]
    return [message for one in list_of(value) if (message := _message(unpacked(one))) is not None]


def _message(value: Any) -> dict[str, Any] | None:
    """One message in the shape of OpenAI's; None where it is no message."""
    if not isinstance(value, dict) or "role" in value:
        return chat_message(value)
    held = dict_of(value.get("kwargs")) or dict_of(value.get("data")) or value
    kind = text_of(held.get("type")) or text_of(value.get("type"))
    names = list_of(value.get("id"))
    if value.get("type") == "constructor" and names and isinstance(names[-1], str):
        kind = names[-1].removesuffix("Chunk").removesuffix("Message").lower()
    role = _ROLES.get(kind or "")
    if role is None:
        return None
    older = dict_of(held.get("additional_kwargs")).get("tool_calls")
    fields = {key: held[key] for key in _FIELDS if held.get(key) is not None}
    return chat_message({"role": role, **({"tool_calls": older} if isinstance(older, list) else {}), **fields})
