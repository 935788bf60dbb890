"""OpenTelemetry spans with the GenAI conventions, as OTLP JSON or as the SDKs print them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simia_tui.formats.fields import dict_of, list_of, shown, text_of
from simia_tui.formats.flat_keys import in_order, nested
from simia_tui.formats.model_calls import ModelCall, ToolRun, Trace, Traces, chat, spans, trajectory_of, unpacked
from simia_tui.formats.source import Source
from simia_tui.formats.stream import Item
from simia_tui.model import Trajectory

_CHATS = ("chat", "text_completion", "generate_content")
_TOLD = (
    "gen_ai.conversation.id",
    "gen_ai.provider.name",
    "gen_ai.system",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "gen_ai.agent.name",
    "gen_ai.agent.id",
)
_NAMES = ("stringValue", "intValue", "doubleValue", "boolValue")
_LEVELS = 32


class OpenTelemetry(Source):
    """Reads spans `chat` and `execute_tool`; a conversation is what one trace or `gen_ai.conversation.id` joins.

    Each chat holds the messages so far: one that begins with a conversation's messages continues it, another
    begins a new one, such as that of a sub-agent. Results of the last calls come from the spans of the tools,
    and so do error marks. The older keys `gen_ai.prompt.<i>.role` are read too. Spans without content (it is
    opt-in) make a bad row.
    """

    name = "otel-genai"
    title = "OpenTelemetry GenAI spans (OTLP JSON, SDK JSON)"
    loses = ("times, token counts and spans that are neither chat nor tool", "messages that a later chat left out")

    def detect(self, sample: dict[str, Any]) -> bool:
        return any(_is_genai(span_attributes(span)) for span in spans_of(sample))

    def detect_other(self, sample: Any) -> bool:
        return isinstance(sample, list) and any(isinstance(one, dict) and self.detect(one) for one in sample[:4])

    def refusal(self, sample: dict[str, Any]) -> str | None:
        if isinstance(sample.get("resourceSpans"), list):
            return "its OpenTelemetry spans follow neither the GenAI nor the OpenInference conventions."
        return None

    def records(self, path: Path) -> Iterator[Item]:
        traces, bad = Traces(path), []
        for item in spans(path):
            if item.reason or not isinstance(item.value, dict):
                bad.append(Item(item.number, None, item.reason or "The row is no span.", item.raw))
                continue
            for span in spans_of(item.value):
                attributes = span_attributes(span)
                if _is_genai(attributes):
                    _gather(traces, span, attributes)
        yield from traces.items(bad)

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        return trajectory_of(record, domain)


def spans_of(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The spans of one row: those of an OTLP export, or the row itself."""
    resources = row.get("resourceSpans", row.get("resource_spans"))
    if not isinstance(resources, list):
        yield row
        return
    for resource in resources:
        scopes = dict_of(resource).get("scopeSpans", dict_of(resource).get("scope_spans"))
        for scope in list_of(scopes):
            yield from (span for span in list_of(dict_of(scope).get("spans")) if isinstance(span, dict))


def span_attributes(span: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a span as one flat object, whether a list of OTLP key-value pairs or an object."""
    return _pairs(span.get("attributes"), 0)


def _pairs(value: Any, level: int) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    pairs = [pair for pair in list_of(value) if isinstance(pair, dict) and isinstance(pair.get("key"), str)]
    return {pair["key"]: _any_value(pair.get("value"), level) for pair in pairs}


def _any_value(value: Any, level: int) -> Any:
    """The plain value of an OTLP `AnyValue`; 64-bit integers are strings there."""
    if not isinstance(value, dict) or level > _LEVELS:
        return value
    if isinstance(value.get("arrayValue"), dict):
        return [_any_value(one, level + 1) for one in list_of(value["arrayValue"].get("values"))]
    if isinstance(value.get("kvlistValue"), dict):
        return _pairs(list_of(value["kvlistValue"].get("values")), level + 1)
    return next((value[name] for name in _NAMES if name in value), None)


def trace_key(span: dict[str, Any]) -> str:
    """The id of a span's trace, wherever the exporter puts it."""
    context = dict_of(span.get("context"))
    ids = (span.get("traceId"), span.get("trace_id"), context.get("trace_id"), span.get("context.trace_id"))
    return next((shown(one) for one in ids if one not in (None, "")), "")


def started(span: dict[str, Any]) -> str:
    """When a span began, as a text that sorts; nanoseconds are filled up to 20 digits."""
    times = (span.get("startTimeUnixNano"), span.get("start_time_unix_nano"), span.get("start_time"))
    text = next((shown(one) for one in (*times, span.get("startTime")) if one not in (None, "")), "")
    return text.zfill(20) if text.isdigit() else text


def failed(span: dict[str, Any], attributes: dict[str, Any]) -> bool:
    """Whether the span ended in an error."""
    status = dict_of(span.get("status"))
    code = str(status.get("code", status.get("status_code", span.get("status_code"))))
    return code in ("2", "ERROR", "STATUS_CODE_ERROR") or bool(attributes.get("error.type"))


def _is_genai(attributes: dict[str, Any]) -> bool:
    return any(key.startswith("gen_ai.") for key in attributes)


def _gather(traces: Traces, span: dict[str, Any], attributes: dict[str, Any]) -> None:
    key = text_of(attributes.get("gen_ai.conversation.id")) or trace_key(span)
    operation = attributes.get("gen_ai.operation.name")
    if operation == "execute_tool":
        traces.of(key).runs.append((started(span), _run(span, attributes)))
    elif operation in _CHATS or (operation is None and "gen_ai.request.model" in attributes):
        _chat(traces.of(key), span, attributes)


def _run(span: dict[str, Any], attributes: dict[str, Any]) -> ToolRun:
    return ToolRun(
        text_of(attributes.get("gen_ai.tool.call.id")),
        text_of(attributes.get("gen_ai.tool.name")),
        attributes.get("gen_ai.tool.call.result"),
        failed(span, attributes),
    )


def _chat(trace: Trace, span: dict[str, Any], attributes: dict[str, Any]) -> None:
    held = {**attributes, **_event(span)}
    given, answered = _messages(held, "input", "prompt"), _messages(held, "output", "completion")
    if not given and not answered:
        trace.empty += 1
        return
    system = unpacked(held.get("gen_ai.system_instructions"))
    if system and (not given or given[0]["role"] != "system"):
        parts = [shown(dict_of(p).get("content", p)) for p in system] if isinstance(system, list) else [shown(system)]
        given.insert(0, {"role": "system", "content": "\n".join(parts)})
    meta = {name: attributes[name] for name in _TOLD if name in attributes}
    trace.calls.append((started(span), ModelCall(given, answered, held.get("gen_ai.tool.definitions"), meta)))


def _messages(held: dict[str, Any], name: str, older: str) -> list[dict[str, Any]]:
    """The messages under `gen_ai.<name>.messages`, or, as older libraries write them, `gen_ai.<older>.<i>.role`."""
    if (key := f"gen_ai.{name}.messages") in held:
        return chat(held[key])
    prefix = f"gen_ai.{older}."
    flat = {key.removeprefix(prefix): value for key, value in held.items() if key.startswith(prefix)}
    entries = [dict_of(entry) for entry in in_order(nested(flat))]
    return chat([{**entry, "tool_calls": in_order(entry.get("tool_calls"))} for entry in entries])


def _event(span: dict[str, Any]) -> dict[str, Any]:
    """The messages where they stand on an event of the span and not on the span itself."""
    found: dict[str, Any] = {}
    for event in list_of(span.get("events")):
        attributes = _pairs(dict_of(event).get("attributes"), 0)
        found |= {key: value for key, value in attributes.items() if key.startswith("gen_ai.")}
    return found
