"""OpenAI chat messages, as fine-tuning files, tau-bench and TRL write them."""

from typing import Any

from simia_tui.formats.base import Format, RowError, Writer, json_text, loss_of, messages_of, read_tools, write_tool
from simia_tui.formats.pairing import Draft, DraftCall, link, read_arguments
from simia_tui.model import Role, ToolCall, ToolSpec, Trajectory, Turn

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_MARKS = ("is_error", "error", "loss", "train", "weight", "requestor")
_CALLS = ("tool_calls", "function_call", "tool_call_id", "name")
_KNOWN = frozenset(("role", "content", "reasoning_content", "reasoning", *_CALLS, *_MARKS))
_COLUMNS = frozenset(("messages", "tools", "functions"))


class OpenAIChat(Format):
    """Reads `{messages, tools}`, one object a line. Also reads the rows TRL takes, where arguments are objects.

    The two differ in nothing else that a reader sees, so detection answers "openai" for both. Accepts
    `functions` and `function_call`, the older names. A column `system` is the policy where no message is, as
    LLaMA-Factory has it. Other columns go to `meta`.
    """

    name = "openai"
    title = "OpenAI chat messages, TRL conversational"
    loses = ("fields of a tool call besides id, name and arguments", "where one text part of a message ends")

    def detect(self, sample: dict[str, Any]) -> bool:
        messages = sample.get("messages")
        if not isinstance(messages, list) or not messages:
            return False
        return all(isinstance(message, dict) and "role" in message for message in messages[:4])

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        messages = messages_of(record, "messages")
        meta = {key: value for key, value in record.items() if key not in _COLUMNS}
        if isinstance(record.get("system"), str) and messages[0].get("role") not in ("system", "developer"):
            messages = [{"role": "system", "content": meta.pop("system")}, *messages]
        tools = read_tools(record.get("tools")) or read_tools(record.get("functions"))
        return Messages(messages).trajectory(domain, tools, meta)


class Messages:
    """A list of OpenAI messages on its way to a trajectory.

    What a message holds beyond the fields known here is kept under `meta["turn_fields"]`, by turn index.

    Args:
        messages: the messages, each an object.
        error_prefix: an observation that starts with this text is an error, as tau-bench marks them.

    Raises:
        RowError: for an unknown role, or content or calls that cannot be read.
    """

    def __init__(self, messages: list[dict[str, Any]], error_prefix: str | None = None) -> None:
        self._policy: str | None = None
        self._fields: dict[str, Any] = {}
        self._prefix = error_prefix
        if messages[0].get("role") in ("system", "developer"):
            self._policy = read_content(messages[0].get("content"), 1)
        start = int(messages[0].get("role") in ("system", "developer"))
        self._drafts = [self._draft(index, message) for index, message in enumerate(messages[start:])]

    def trajectory(self, domain: str, tools: tuple[ToolSpec, ...], meta: dict[str, Any]) -> Trajectory:
        """The trajectory. Raises RowError when there is no turn besides the policy."""
        if not self._drafts:
            raise RowError("The row holds no turn, only a system message.")
        if self._fields:
            meta["turn_fields"] = self._fields
        return Trajectory(domain=domain, policy=self._policy, tools=tools, turns=link(self._drafts), meta=meta)

    def _draft(self, index: int, message: dict[str, Any]) -> Draft:
        role = _ROLES.get(str(message.get("role")))
        if role is None:
            raise RowError(f"Turn {index + 1} has the role “{str(message.get('role'))[:40]}”, which is not known.")
        text = message.get("content")
        if role != "tool" and type(text) is str and len(message) == 2:
            # Most turns are no more than this.
            return Draft(role, text)
        more: dict[str, Any] = {}
        if not _KNOWN.issuperset(message):
            more = {key: value for key, value in message.items() if key not in _KNOWN and value is not None}
        error = message.get("error")
        if error and error is not True:
            more["error"] = error
        if more:
            self._fields[str(index)] = more
        content = read_content(text, index + 1)
        told = message.get("is_error") is True or bool(error)
        return Draft(
            role=role,
            content=content,
            reasoning=_text(message.get("reasoning_content")) or _text(message.get("reasoning")),
            tool_calls=_calls(message, index + 1),
            call_id=_text(message.get("tool_call_id")) if role == "tool" else None,
            name=_text(message.get("name")),
            is_error=role == "tool" and (told or bool(self._prefix and content and content.startswith(self._prefix))),
            loss=loss_of(message),
            requestor="user" if message.get("requestor") == "user" else "assistant",
        )


def read_content(value: Any, turn: int) -> str | None:
    """The text of a message: a string, null, or a list of text parts, which are joined line by line.

    Raises:
        RowError: for anything else, such as an image part.
    """
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise RowError(f"The content of turn {turn} is neither text nor a list of parts.")
    texts = []
    for part in value:
        text = part if isinstance(part, str) else part.get("text") if isinstance(part, dict) else None
        if not isinstance(text, str):
            kind = str(part.get("type"))[:40] if isinstance(part, dict) else type(part).__name__
            raise RowError(
                f"Turn {turn} has a content part of the kind “{kind}” without a text field; only text can be read."
            )
        texts.append(text)
    return "\n".join(texts)


def _calls(message: dict[str, Any], turn: int) -> list[DraftCall]:
    calls = message.get("tool_calls")
    if calls is None or calls == []:
        older = message.get("function_call")
        return [_call({"function": older}, turn)] if isinstance(older, dict) else []
    if not isinstance(calls, list):
        raise RowError(f"The tool calls of turn {turn} are not a list.")
    return [_call(call, turn) for call in calls]


def _call(call: Any, turn: int) -> DraftCall:
    function = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise RowError(f"A tool call of turn {turn} names no function.")
    arguments, raw = read_arguments(function.get("arguments", ""))
    call_id = call.get("id")
    return DraftCall(function["name"], arguments, raw, None if call_id in (None, "") else str(call_id))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def write_openai(trajectory: Trajectory) -> dict[str, Any]:
    """A fine-tuning row `{messages, tools}`: arguments as JSON text, tool messages with `tool_call_id`.

    Arguments that are no object are written as the text they came in. Three fields are added only where they
    say something: `weight` (masked or trained), `reasoning_content` and `is_error`.
    """
    messages: list[dict[str, Any]] = []
    if trajectory.policy is not None:
        messages.append({"role": "system", "content": trajectory.policy})
    names = {call.call_id: call.name for _, _, call in trajectory.calls()}
    messages += [_message(turn, names) for turn in trajectory.turns]
    row: dict[str, Any] = {"messages": messages}
    if trajectory.tools:
        row["tools"] = [write_tool(tool) for tool in trajectory.tools]
    return row


def _message(turn: Turn, names: dict[str | None, str]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if turn.reasoning is not None:
        message["reasoning_content"] = turn.reasoning
    if turn.tool_calls:
        message["tool_calls"] = [_written_call(call) for call in turn.tool_calls]
    if turn.call_id is not None:
        message["tool_call_id"] = turn.call_id
    if turn.name is not None and turn.name != names.get(turn.call_id):
        message["name"] = turn.name
    if turn.is_error:
        message["is_error"] = True
    if turn.loss is not None:
        message["weight"] = int(turn.loss)
    if turn.requestor == "user":
        message["requestor"] = "user"
    return message


def _written_call(call: ToolCall) -> dict[str, Any]:
    arguments = json_text(call.arguments) if call.arguments is not None else call.raw or ""
    return {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


OPENAI = Writer(
    name="openai",
    title="OpenAI fine-tuning JSON Lines",
    write=write_openai,
    loses=("meta, domain and origin", "the original text of arguments that were repaired"),
)
