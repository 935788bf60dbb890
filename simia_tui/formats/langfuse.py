"""Langfuse exports: observations as rows, or a trace with its observations; input and output are JSON in strings."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simia_tui.formats.fields import dict_of, list_of, text_of
from simia_tui.formats.model_calls import ModelCall, ToolRun, Trace, Traces, chat, spans, trajectory_of, unpacked
from simia_tui.formats.source import Source
from simia_tui.formats.stream import Item
from simia_tui.model import Trajectory

_TYPES = frozenset(
    ("SPAN", "GENERATION", "EVENT", "AGENT", "TOOL", "CHAIN", "RETRIEVER", "EVALUATOR", "EMBEDDING", "GUARDRAIL")
)
_TOLD = ("session_id", "user_id", "environment", "provided_model_name", "trace_name")


class Langfuse(Source):
    """Reads the generations of each trace; `tool_calls` of a row count where its output holds none.

    Field names may be written as in exports (`trace_id`) or as the interface gives them (`traceId`).
    Conversations are joined as for OpenTelemetry.
    """

    name = "langfuse"
    title = "Langfuse exports (observations)"
    loses = ("times, costs, scores and observations that are neither generation nor tool", "what a later call left out")

    def detect(self, sample: dict[str, Any]) -> bool:
        return any(_is_observation(row) for row in _observations(sample))

    def records(self, path: Path) -> Iterator[Item]:
        traces, bad = Traces(path), []
        for item in spans(path):
            if item.reason or not isinstance(item.value, dict):
                bad.append(Item(item.number, None, item.reason or "The row is no observation.", item.raw))
                continue
            for row in _observations(item.value):
                if _is_observation(row) and row["type"] in ("GENERATION", "TOOL"):
                    _gather(traces.of(str(_field(row, "trace_id"))), row)
        yield from traces.items(bad)

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        return trajectory_of(record, domain)


def _observations(row: dict[str, Any]) -> list[dict[str, Any]]:
    inner = row.get("observations")
    return [one for one in inner if isinstance(one, dict)] if isinstance(inner, list) else [row]


def _field(row: dict[str, Any], name: str) -> Any:
    first, *rest = name.split("_")
    return row.get(name, row.get(first + "".join(word.capitalize() for word in rest)))


def _is_observation(row: dict[str, Any]) -> bool:
    return str(row.get("type")) in _TYPES and _field(row, "trace_id") is not None and "input" in row


def _gather(trace: Trace, row: dict[str, Any]) -> None:
    began = str(_field(row, "start_time") or "")
    told = unpacked(row.get("input"))
    if row.get("type") == "TOOL":
        call_id = text_of(dict_of(told).get("tool_call_id")) or text_of(dict_of(told).get("id"))
        failed = row.get("level") == "ERROR"
        trace.runs.append((began, ToolRun(call_id, text_of(row.get("name")), row.get("output"), failed)))
        return
    answered = [{"role": "assistant", **one} for one in _answers(row)]
    call = ModelCall(chat(told), chat(answered))
    if not call.given and not call.answered:
        trace.empty += 1
        return
    more = unpacked(_field(row, "tool_calls"))
    if call.answered and not call.answered[-1].get("tool_calls") and list_of(more):
        call.answered[-1] = {**chat([{"role": "assistant", "tool_calls": list(map(unpacked, more))}])[0]} | {
            key: value for key, value in call.answered[-1].items() if value is not None
        }
    call.tools = _field(row, "tool_definitions") or dict_of(told).get("tools")
    call.meta = {name: value for name in _TOLD if (value := _field(row, name)) is not None}
    trace.calls.append((began, call))


def _answers(row: dict[str, Any]) -> list[dict[str, Any]]:
    """What the model said, as messages without a role; a plain text is a message too."""
    said = unpacked(row.get("output"))
    if isinstance(said, str):
        return [{"content": said}]
    choices = list_of(dict_of(said).get("choices"))
    if choices:
        said = [dict_of(choice).get("message") for choice in choices[:1]]
    return [one for one in (said if isinstance(said, list) else [said]) if isinstance(one, dict)]
