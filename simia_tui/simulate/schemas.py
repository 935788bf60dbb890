"""The JSON Schemas that replies are held to where an endpoint offers it. What comes is read tolerantly all the same.

Members stand in the order in which they are to be written: reasons before what follows from them.
"""

from typing import Any

from simia_tui.llm import Schema

_TEXT = {"type": "string"}
_YES_NO = {"type": "boolean"}
_TURNS = {"type": "array", "items": {"type": "integer"}}


def _object(**members: Any) -> dict[str, Any]:
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}


def _list(items: dict[str, Any], *, or_null: bool = False) -> dict[str, Any]:
    return {"type": ["array", "null"] if or_null else "array", "items": items}


_POINT = _object(reason=_TEXT, **{"pass": _YES_NO})
SCREENING = Schema("screening", _object(completeness=_POINT, logic=_POINT, evidence_turns=_TURNS))
"""What the prefilter says of a seed."""

VERDICT = Schema("verdict", _object(reasoning=_TEXT, evidence_turns=_TURNS, reward={"type": "integer", "enum": [0, 1]}))
"""What a judge says of an episode."""

MESSAGE = Schema("message", _object(message=_TEXT, done=_YES_NO))
"""What a simulated user says."""

_OPERATION = {
    "type": "object",
    "properties": {
        "op": {"type": "string", "enum": ["add", "remove", "replace", "move", "copy", "test"]},
        "path": _TEXT,
        "from": _TEXT,
        "value": {},
    },
    "required": ["op", "path"],
}
ANSWER = Schema("answer", _object(observation=_TEXT, is_error=_YES_NO, patch=_list(_OPERATION)), strict=False)
"""What a simulated tool answers. A patch may set any value, which the strict mode has no schema for."""

_TURN = _object(
    role={"type": "string", "enum": ["user", "assistant", "tool"]},
    content={"type": ["string", "null"]},
    # Strict objects are closed and arguments are not, so these come as JSON text, as in the OpenAI shape itself.
    tool_calls=_list(_object(name=_TEXT, arguments=_TEXT), or_null=True),
    is_error={"type": ["boolean", "null"]},
)
EPISODE = Schema("episode", _object(turns=_list(_TURN)))
"""A whole new trajectory."""
