"""Reads the body of an answer with status 200, of which nothing may be taken for granted."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from simia_tui.llm.faults import Diagnosis, error_in, of_error
from simia_tui.model import Outcome, ToolCall

_FINISH: dict[str, Outcome] = {
    "length": Outcome.TRUNCATED,
    "max_tokens": Outcome.TRUNCATED,
    "model_length": Outcome.TRUNCATED,
    "content_filter": Outcome.CONTENT_FILTER,
    "safety": Outcome.CONTENT_FILTER,
    "refusal": Outcome.REFUSED,
    "error": Outcome.BAD_REPLY,
    "abort": Outcome.BAD_REPLY,
}
"""Reasons to stop that make a reply unfit, in lower case; any other (also none) means that the model was done."""

_SENTENCE: dict[Outcome, str] = {
    Outcome.TRUNCATED: "The reply of {host} was cut off at the token limit; allow more tokens.",
    Outcome.CONTENT_FILTER: "The content filter of {host} stopped the reply.",
    Outcome.REFUSED: "The model at {host} refused to answer.",
    Outcome.EMPTY: "The reply of {host} holds no text.",
    Outcome.BAD_REPLY: "{host} ended the reply with an error.",
}


class Body(NamedTuple):
    """What a body held. `text` is whatever text the model wrote, also when the outcome is not `ok`."""

    outcome: Outcome
    message: str = ""
    text: str = ""
    usage: Any = None
    response_id: str | None = None
    model: str | None = None
    billed: bool = True
    calls: tuple[ToolCall, ...] = ()
    service_tier: str | None = None


def read_body(raw: bytes, host: str) -> Body:
    """The completion in `raw`, or the class of what came instead; never raises. Messages are not yet redacted."""
    if not raw.strip():
        return Body(Outcome.BAD_REPLY, f"{host} sent an empty answer.")
    text = raw.decode("utf-8-sig", "replace")
    if text.lstrip().startswith("<"):
        return Body(Outcome.BAD_REPLY, f"{host} sent a web page instead of a completion; check base_url.", billed=False)
    try:
        decoded = json.loads(text)
    except RecursionError:
        return Body(Outcome.BAD_REPLY, f"{host} sent JSON that is nested too deeply to be read.")
    except ValueError:
        return Body(Outcome.BAD_REPLY, f"{host} sent an answer that is not whole JSON.")
    error = error_in(decoded)
    if error is not None and not _first_choice(decoded):
        return _from_fault(of_error(error, host, 200))
    if not isinstance(decoded, dict) or "choices" not in decoded:
        return Body(Outcome.BAD_REPLY, f"{host} sent JSON that is no chat completion.", billed=False)
    return _from_completion(decoded, host)


def _from_completion(decoded: dict[str, Any], host: str) -> Body:
    choices = decoded["choices"]
    body = Body(
        Outcome.BAD_REPLY,
        usage=decoded.get("usage"),
        response_id=_text_or_none(decoded.get("id")),
        model=_text_or_none(decoded.get("model")),
        service_tier=_text_or_none(decoded.get("service_tier")),
    )
    if choices is None or choices == []:
        return body._replace(outcome=Outcome.EMPTY, message=_SENTENCE[Outcome.EMPTY].format(host=host))
    choice = _first_choice(decoded)
    message = choice.get("message")
    content = _content(message)
    if not isinstance(message, dict) or content is None:
        return body._replace(message=f"{host} sent a completion whose message has the wrong form.")
    refusal = message.get("refusal")
    refused = isinstance(refusal, str) and bool(refusal.strip())
    outcome = Outcome.REFUSED if refused else _FINISH.get(str(choice.get("finish_reason") or "").lower())
    calls = tuple(_calls(message.get("tool_calls")))
    if outcome is None:
        outcome = Outcome.OK if content.strip() or calls else Outcome.EMPTY
    sentence = _SENTENCE[outcome].format(host=host) if outcome in _SENTENCE else ""
    text = content or (str(refusal) if refused else "")
    return body._replace(outcome=outcome, message=sentence, text=text, calls=calls)


def _calls(listed: Any) -> Iterator[ToolCall]:
    """The calls of a message; arguments that are no JSON object are kept as they came."""
    for item in listed if isinstance(listed, list) else []:
        function = item.get("function") if isinstance(item, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            continue
        call_id, raw = item.get("id"), function.get("arguments")
        try:
            arguments = json.loads(raw or "{}") if isinstance(raw, str | None) else raw
        except (ValueError, RecursionError):
            arguments = None
        known = isinstance(arguments, dict)
        yield ToolCall(
            name=function["name"],
            arguments=arguments if known else None,
            raw=None if known else str(raw),
            call_id=call_id if isinstance(call_id, str) and call_id else None,
        )


def _first_choice(decoded: Any) -> dict[str, Any]:
    choices = decoded.get("choices") if isinstance(decoded, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _content(message: Any) -> str | None:
    """The text of a message: a string, null (no text), or a list of text parts; None for any other form."""
    content = message.get("content") if isinstance(message, dict) else 0
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        return None
    parts = [part.get("text") if isinstance(part, dict) else part for part in content]
    return "".join(part for part in parts if isinstance(part, str))


def _from_fault(fault: Diagnosis) -> Body:
    return Body(fault.outcome, fault.message, billed=False)


def _text_or_none(value: Any) -> str | None:
    return value[:200] if isinstance(value, str) and value else None
