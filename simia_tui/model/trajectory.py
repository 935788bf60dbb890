"""The canonical trajectory: what every format reads into, every rule checks and every export writes from."""

import hashlib
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final, Literal

import msgspec

from simia_tui.model.canonical import canonical_json
from simia_tui.model.value import Value, plain

Role = Literal["system", "user", "assistant", "tool"]


class ToolSpec(Value, frozen=True, gc=False):
    """One tool as declared to the agent; `parameters` is a JSON Schema, `extra` what else the source said."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    extra: dict[str, Any] = {}


_MOST_SPECS = 4096
_by_spec: dict[int, tuple[ToolSpec, str]] = {}
"""Canonical JSON by the identity of the spec, which is kept beside: an id alone could be reused by a later object."""


def _canonical(spec: ToolSpec) -> str:
    known = _by_spec.get(id(spec))
    if known is not None:
        return known[1]
    if len(_by_spec) >= _MOST_SPECS:
        _by_spec.clear()
    text = canonical_json(spec.dump())
    _by_spec[id(spec)] = (spec, text)
    return text


class ToolCall(Value, frozen=True, gc=False):
    """A call of a tool. `arguments` is None where they could not be read as an object.

    `raw` keeps the original text of the arguments when it was not a JSON object as it stood.
    """

    name: str
    arguments: dict[str, Any] | None = None
    call_id: str | None = None
    raw: str | None = None


_ASSISTANT: Final = "assistant"


class Turn(Value, frozen=True, gc=False):
    """One message. An assistant turn may hold text and calls side by side; a tool turn answers one call.

    `loss` is None where the source says nothing: then assistant turns are trained on and others are not.
    `requestor` names who called the tool that a tool turn answers (tau2 lets the user hold tools too).
    """

    role: Role
    content: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    call_id: str | None = None
    name: str | None = None
    is_error: bool = False
    loss: bool | None = None
    requestor: Literal["assistant", "user"] = _ASSISTANT


_sorted = msgspec.json.Encoder(order="sorted").encode


def _canonical_turns(turns: tuple[Turn, ...]) -> bytes:
    """Canonical JSON of turns; in a twentieth of the time where a faster encoder gives the same.

    That one writes exponents otherwise, takes NaN for null, and leaves a default out only where it is the same object.
    """
    try:
        if all([turn.requestor is _ASSISTANT or turn.requestor != _ASSISTANT for turn in turns]) and all(
            [_is_plain(call.arguments) for turn in turns if turn.tool_calls for call in turn.tool_calls]
        ):
            return _sorted(turns)
    except UnicodeEncodeError:
        # Half of a surrogate pair, which a text may hold.
        pass
    return _bytes(canonical_json(plain(turns)))


def _is_plain(value: Any) -> bool:
    """Whether no number in it has an exponent or is none."""
    kind = type(value)
    if kind is dict:
        return all([_is_plain(part) for part in value.values()])
    if kind is list:
        return all([_is_plain(part) for part in value])
    return kind is not float or not ("e" in (text := repr(value)) or "n" in text)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


class Origin(Value, frozen=True):
    """Where a simulated trajectory came from: a job and the number of its task, or a training run; and the seed's id.

    What a run's policy played at `step` (from 1) is a `member` of a `group` (both from 0).
    """

    job: int | None = None
    ord: int | None = None
    seed: str | None = None
    run: int | None = None
    step: int | None = None
    group: int | None = None
    member: int | None = None


class Trajectory(Value, frozen=True, dict=True):
    """An ordered list of turns with its policy (system text) and tool specs.

    `id` is the SHA-256 of policy, tools, turns and origin. `domain` and `meta` (task ids, reward and the
    like, as the source gave them) describe the trajectory and are not part of its identity.
    """

    domain: str = "generic"
    policy: str | None = None
    tools: tuple[ToolSpec, ...] = ()
    turns: tuple[Turn, ...] = ()
    origin: Origin | None = None
    meta: dict[str, Any] = {}

    @cached_property
    def id(self) -> str:
        """64 hexadecimal digits; equal content gives equal ids on every machine."""
        parts: list[bytes] = []
        if self.origin is not None:
            parts.append(b'"origin":' + _bytes(canonical_json(self.origin.dump())))
        if self.policy is not None:
            parts.append(b'"policy":' + _bytes(canonical_json(self.policy)))
        if self.tools != ():
            # Rows that share their tools share this text.
            parts.append(b'"tools":' + _bytes(f"[{','.join(map(_canonical, self.tools))}]"))
        if self.turns != ():
            parts.append(b'"turns":' + _canonical_turns(self.turns))
        return hashlib.sha256(b"{%b}" % b",".join(parts)).hexdigest()

    def calls(self) -> Iterator[tuple[int, int, ToolCall]]:
        """Every call as `(turn index, position in the turn, call)`."""
        for index, turn in enumerate(self.turns):
            for position, call in enumerate(turn.tool_calls):
                yield index, position, call

    def with_turns(self, turns: tuple[Turn, ...]) -> "Trajectory":
        """The same trajectory with other turns."""
        return self.replace(turns=turns)


class Measure(Value, frozen=True):
    """The figures of a trajectory that lists show, filter and sort by."""

    turns: int = 0
    calls: int = 0
    observations: int = 0
    errors: int = 0
    words: int = 0

    @classmethod
    def of(cls, trajectory: Trajectory) -> "Measure":
        """Counts of turns, calls, observations, error observations and words of user and assistant text."""
        errors = [turn.is_error for turn in trajectory.turns if turn.role == "tool"]
        return cls(
            turns=len(trajectory.turns),
            calls=sum([len(turn.tool_calls) for turn in trajectory.turns if turn.tool_calls]),
            observations=len(errors),
            errors=sum(errors),
            words=len(spoken_text(trajectory).split()),
        )


def spoken_text(trajectory: Trajectory) -> str:
    """The text of user and assistant, one turn after the other: what full-text search covers."""
    spoken = [turn.content for turn in trajectory.turns if turn.content and turn.role in ("user", "assistant")]
    return "\n".join(spoken)
