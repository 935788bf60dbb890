"""ATIF v1.7, Harbor's interchange format for agent trajectories: one document a trajectory, steps with observations.

Source of the rules (agent-only fields, results that answer a call of their own step, steps numbered from 1): the
pydantic models of the package `atif` 1.7.
"""

from collections.abc import Iterator
from typing import Any

from simia_tui import __version__
from simia_tui.formats.base import Format, RowError, Writer, messages_of, read_tools, write_tool
from simia_tui.formats.fields import without
from simia_tui.formats.openai_chat import read_content
from simia_tui.formats.pairing import Draft, DraftCall, link, read_arguments
from simia_tui.model import Role, ToolCall, Trajectory, Turn

VERSION = "ATIF-v1.7"

_SOURCES: dict[str, Role] = {"system": "system", "user": "user", "agent": "assistant"}
_OURS = "simia"
"""The key of `extra` that holds what ATIF has no field for."""

_STEP = frozenset(("step_id", "source", "message", "reasoning_content", "tool_calls", "observation", "extra"))
_ROOT = frozenset(("schema_version", "steps"))


class Atif(Format):
    """Reads documents of every version. A first system step is the policy, `tool_definitions` are the tools.

    Steps marked `is_copied_context` are masked, as the format asks. The other fields of a document go to `meta`,
    those of a step to `meta["turn_fields"]`, under the index of its first turn.
    """

    name = "atif"
    title = "ATIF trajectories (Harbor)"
    loses = ("where one text part of a message ends", "fields of a tool call and of a result besides those we know")

    def detect(self, sample: dict[str, Any]) -> bool:
        return str(sample.get("schema_version", "")).startswith("ATIF-") and isinstance(sample.get("steps"), list)

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        steps = messages_of(record, "steps")
        policy = read_content(steps[0].get("message"), 1) if _is_policy(steps[0]) else None
        drafts: list[Draft] = []
        fields: dict[str, Any] = {}
        for number, step in enumerate(steps, 1):
            if number == 1 and _is_policy(step):
                continue
            if more := _more(step):
                fields[str(len(drafts))] = more
            drafts += _drafts(step, number)
        if not drafts:
            raise RowError("The document holds no turn, only a system message.")
        agent = record.get("agent")
        tools = read_tools(agent.get("tool_definitions")) if isinstance(agent, dict) else ()
        meta = {key: value for key, value in record.items() if key not in _ROOT and value is not None}
        if tools and isinstance(agent, dict):
            meta["agent"] = {key: value for key, value in agent.items() if key != "tool_definitions"}
        if fields:
            meta["turn_fields"] = fields
        return Trajectory(domain=domain, policy=policy, tools=tools, turns=link(drafts), meta=meta)


def _is_policy(step: dict[str, Any]) -> bool:
    return step.get("source") == "system" and not step.get("observation") and _ours(step) is None


def _more(step: dict[str, Any]) -> dict[str, Any]:
    more = {key: value for key, value in step.items() if key not in _STEP and value is not None}
    extra = step.get("extra")
    if isinstance(extra, dict):
        extra = {key: value for key, value in extra.items() if key != _OURS}
    return more | ({"extra": extra} if extra else {})


def _ours(holder: dict[str, Any]) -> dict[str, Any] | None:
    extra = holder.get("extra")
    ours = extra.get(_OURS) if isinstance(extra, dict) else None
    return ours if isinstance(ours, dict) else None


def _drafts(step: dict[str, Any], number: int) -> Iterator[Draft]:
    """The turn of a step and the results that it holds."""
    role = _SOURCES.get(str(step.get("source")))
    if role is None:
        raise RowError(f"Step {number} has the source “{str(step.get('source'))[:40]}”, which is not known.")
    content, ours = read_content(step.get("message"), number), _ours(step) or {}
    if not (role == "system" and step.get("observation") and not content):
        draft = _draft(role, None if ours.get("no_content") is True else content, ours)
        draft.reasoning = draft.reasoning or read_content(step.get("reasoning_content"), number)
        draft.tool_calls += [_call(call, number) for call in _list(step, "tool_calls", number)]
        if step.get("is_copied_context") is True:
            draft.loss = False
        yield draft
    observation = step.get("observation")
    for result in _list(observation if isinstance(observation, dict) else {}, "results", number):
        if not isinstance(result, dict):
            raise RowError(f"A result of step {number} is not an object.")
        answered = result.get("source_call_id")
        heard = _draft("tool", read_content(result.get("content"), number), _ours(result) or {})
        heard.call_id = None if answered in (None, "") else str(answered)
        yield heard


def _draft(role: Role, content: str | None, ours: dict[str, Any]) -> Draft:
    """A draft with the fields that only we write; their types are checked, for the file may be anybody's."""
    kept = {
        key: value for key, value in ours.items() if key in Turn.__struct_fields__ and key not in ("role", "content")
    }
    try:
        turn = Turn.load({**kept, "role": role, "content": content})
    except ValueError as error:
        raise RowError(f"What this program once wrote beside a turn was changed ({error}).") from error
    calls = [DraftCall(call.name, call.arguments, call.raw, call.call_id) for call in turn.tool_calls]
    return Draft(role, turn.content, turn.reasoning, calls, None, turn.name, turn.is_error, turn.loss, turn.requestor)


def _list(holder: dict[str, Any], key: str, number: int) -> list[Any]:
    value = holder.get(key)
    if value is not None and not isinstance(value, list):
        raise RowError(f"“{key}” of step {number} is not a list.")
    return value or []


def _call(call: Any, number: int) -> DraftCall:
    if not isinstance(call, dict) or not isinstance(call.get("function_name"), str):
        raise RowError(f"A tool call of step {number} names no function.")
    ours = _ours(call) or {}
    raw = ours.get("raw")
    arguments, raw = (None, raw) if isinstance(raw, str) else read_arguments(call.get("arguments", ""))
    call_id = call.get("tool_call_id")
    return DraftCall(call["function_name"], arguments, raw, None if call_id in (None, "") else str(call_id))


def write_atif(trajectory: Trajectory) -> dict[str, Any]:
    """One document. A result stands in the step of its call where it follows it, else in a system step."""
    steps: list[dict[str, Any]] = []
    if trajectory.policy is not None:
        steps.append({"source": "system", "message": trajectory.policy})
    names: dict[str | None, str] = {}
    open_ids: set[str | None] = set()
    for turn in trajectory.turns:
        if turn.role != "tool":
            steps.append(_step(turn, first=not steps))
            open_ids = {call.call_id for call in turn.tool_calls if call.call_id}
            names |= {call.call_id: call.name for call in turn.tool_calls if call.call_id}
            continue
        if turn.call_id not in open_ids or steps[-1]["source"] != "agent":
            steps.append({"source": "system", "message": ""})
        observation = steps[-1].setdefault("observation", {"results": []})
        observation["results"].append(_result(turn, names))
    agent = trajectory.meta.get("agent")
    known = agent if isinstance(agent, dict) and {"name", "version"} <= set(agent) else None
    document: dict[str, Any] = {
        "schema_version": VERSION,
        "trajectory_id": trajectory.id,
        "agent": dict(known or {"name": "simia", "version": __version__}),
        "steps": [{"step_id": number, **step} for number, step in enumerate(steps, 1)],
    }
    if trajectory.tools:
        document["agent"]["tool_definitions"] = [write_tool(tool) for tool in trajectory.tools]
    return document


def _step(turn: Turn, first: bool) -> dict[str, Any]:
    source = "agent" if turn.role == "assistant" else turn.role
    step: dict[str, Any] = {"source": source, "message": turn.content or ""}
    told = {"role", "content", "call_id"}
    if source == "agent":
        told |= {"reasoning", "tool_calls"}
        if turn.reasoning is not None:
            step["reasoning_content"] = turn.reasoning
        if turn.tool_calls:
            step["tool_calls"] = [_written_call(call, number) for number, call in enumerate(turn.tool_calls, 1)]
    ours = without(turn.dump(), *told)
    if turn.content is None:
        ours["no_content"] = True
    if ours or (first and source == "system"):
        step["extra"] = {_OURS: ours}
    return step


def _written_call(call: ToolCall, number: int) -> dict[str, Any]:
    written: dict[str, Any] = {
        "tool_call_id": call.call_id or f"call_{number}",
        "function_name": call.name,
        "arguments": call.arguments or {},
    }
    if call.arguments is None:
        written["extra"] = {_OURS: {"raw": call.raw or ""}}
    return written


def _result(turn: Turn, names: dict[str | None, str]) -> dict[str, Any]:
    result: dict[str, Any] = {"source_call_id": turn.call_id, "content": turn.content}
    ours = without(turn.dump(), "role", "content", "call_id")
    if turn.call_id and turn.name == names.get(turn.call_id):
        ours.pop("name", None)
    return result | ({"extra": {_OURS: ours}} if ours else {})


ATIF = Writer(
    name="atif",
    title="ATIF v1.7 (Harbor)",
    write=write_atif,
    loses=(
        "missing call ids, which are made up, and ids used twice, which become unique",
        "the original text of arguments that were repaired",
        "meta besides the agent; domain and origin",
    ),
)
