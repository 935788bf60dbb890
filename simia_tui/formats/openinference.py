"""OpenInference spans (Phoenix): attributes with flat, indexed keys such as `llm.input_messages.0.message.role`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simia_tui.formats.fields import dict_of, list_of, text_of
from simia_tui.formats.flat_keys import in_order, nested
from simia_tui.formats.model_calls import ModelCall, ToolRun, Traces, chat, chat_message, spans, trajectory_of, unpacked
from simia_tui.formats.otel import failed, span_attributes, spans_of, started, trace_key
from simia_tui.formats.source import Source
from simia_tui.formats.stream import Item
from simia_tui.model import Trajectory

_KIND = "openinference.span.kind"
_PREFIX = "attributes."


class OpenInference(Source):
    """Reads the spans of models and tools; the keys are put together again to objects and lists.

    Takes OTLP JSON, one span a row, and Phoenix's tables, whose columns begin with `attributes.`. Conversations
    are joined as for OpenTelemetry. A span without `llm.input_messages` is read from `input.value` where that is
    a chat in JSON.
    """

    name = "openinference"
    title = "OpenInference spans (Phoenix)"
    loses = ("times, token counts and spans that are neither model nor tool", "messages that a later call left out")

    def detect(self, sample: dict[str, Any]) -> bool:
        return any(_kind(nested(_flat(span))) is not None for span in spans_of(sample))

    def detect_other(self, sample: Any) -> bool:
        return isinstance(sample, list) and any(isinstance(one, dict) and self.detect(one) for one in sample[:4])

    def records(self, path: Path) -> Iterator[Item]:
        traces, bad = Traces(path), []
        for item in spans(path):
            if item.reason or not isinstance(item.value, dict):
                bad.append(Item(item.number, None, item.reason or "The row is no span.", item.raw))
                continue
            for span in spans_of(item.value):
                _gather(traces, span, nested(_flat(span)))
        yield from traces.items(bad)

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        return trajectory_of(record, domain)


def _flat(span: dict[str, Any]) -> dict[str, Any]:
    columns = {key.removeprefix(_PREFIX): value for key, value in span.items() if key.startswith(_PREFIX)}
    return {**columns, **span_attributes(span)}


def _kind(tree: dict[str, Any]) -> str | None:
    value = dict_of(dict_of(tree.get("openinference")).get("span")).get("kind")
    return value.upper() if isinstance(value, str) else None


def _gather(traces: Traces, span: dict[str, Any], tree: dict[str, Any]) -> None:
    kind = _kind(tree) or str(span.get("span_kind")).upper()
    if kind not in ("LLM", "TOOL"):
        return
    trace = traces.of(text_of(dict_of(tree.get("session")).get("id")) or trace_key(span))
    if kind == "TOOL":
        tool = dict_of(tree.get("tool"))
        result = dict_of(tree.get("output")).get("value")
        call = text_of(dict_of(tree.get("tool_call")).get("id")) or text_of(tool.get("id"))
        trace.runs.append((started(span), ToolRun(call, text_of(tool.get("name")), result, failed(span, tree))))
        return
    llm = dict_of(tree.get("llm"))
    given = [m for one in in_order(llm.get("input_messages")) if (m := _message(one)) is not None]
    answered = [m for one in in_order(llm.get("output_messages")) if (m := _message(one)) is not None]
    given = given or chat(dict_of(tree.get("input")).get("value"))
    if not given and not answered:
        trace.empty += 1
        return
    tools = [dict_of(dict_of(one).get("tool")).get("json_schema") for one in in_order(llm.get("tools"))]
    model = text_of(llm.get("model_name"))
    trace.calls.append((started(span), ModelCall(given, answered, tools, {"model": model} if model else {})))


def _message(value: Any) -> dict[str, Any] | None:
    message = dict_of(dict_of(value).get("message"))
    if not message:
        return None
    calls = [dict_of(one).get("tool_call", one) for one in in_order(message.get("tool_calls"))]
    parts = [dict_of(dict_of(one).get("message_content")) for one in in_order(message.get("contents"))]
    plain = {key: message[key] for key in ("role", "content", "name", "tool_call_id") if key in message}
    if parts and not plain.get("content"):
        plain["content"] = [part for part in parts if part]
    return chat_message({**plain, "tool_calls": list_of(unpacked(calls))})
