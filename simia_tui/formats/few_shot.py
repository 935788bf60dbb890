"""tau-bench's few-shot dialogues: rows `{messages_display}`, one text with `user:`, `assistant:` and `tool:` lines."""

import re
from typing import Any

from simia_tui.formats.base import Format, RowError
from simia_tui.formats.fields import need_text, without
from simia_tui.formats.pairing import Draft, DraftCall, link
from simia_tui.model import Role, Trajectory

_SPEAKER = re.compile(r"^(user|assistant|tool|system):(?: |$)", re.MULTILINE)
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "tool": "tool", "system": "system"}
_NOTHING = "None"


class FewShot(Format):
    """Reads dialogues printed as one text, in which the calls of the assistant were lost.

    A label at the start of a line is the only border between turns. What a tool said proves that it was called:
    the assistant's turn before it gets a call with the empty name and no arguments, and `meta["lost_calls"]`
    counts them. `assistant: None` is a turn without text. An observation that starts with "Error" is one.
    """

    name = "tau-few-shot"
    title = "tau-bench few-shot dialogues"
    loses = ("nothing more than the print did: names and arguments of all calls are unknown",)

    def detect(self, sample: dict[str, Any]) -> bool:
        text = sample.get("messages_display")
        return isinstance(text, str) and _SPEAKER.match(text) is not None

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        text = need_text(record, "messages_display")
        marks = list(_SPEAKER.finditer(text))
        if not marks or marks[0].start() != 0:
            raise RowError("The dialogue does not begin with a speaker such as “user:”.")
        drafts: list[Draft] = []
        for mark, following in zip(marks, [*marks[1:], None], strict=True):
            stop = following.start() if following else len(text)
            spoken = text[mark.end() : stop]
            _add(drafts, _ROLES[mark[1]], spoken.removesuffix("\n") if following else spoken)
        policy = drafts.pop(0).content if drafts[0].role == "system" else None
        if not drafts:
            raise RowError("The row holds no turn, only a system message.")
        meta = without(record, "messages_display")
        meta["lost_calls"] = sum(len(draft.tool_calls) for draft in drafts)
        return Trajectory(domain=domain, policy=policy, turns=link(drafts), meta=meta)


def _add(drafts: list[Draft], role: Role, spoken: str) -> None:
    if role == "tool":
        caller = next((draft for draft in reversed(drafts) if draft.role != "tool"), None)
        if caller is not None and caller.role == "assistant":
            caller.tool_calls.append(DraftCall(""))
        drafts.append(Draft(role=role, content=spoken, is_error=spoken.startswith("Error")))
        return
    silent = role == "assistant" and spoken.strip() == _NOTHING
    drafts.append(Draft(role=role, content=None if silent else spoken))
