"""What the rules of one run share: the tool specs, the hints of the domain, and work done once for all rules."""

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic_core import from_json

from simia_tui.checks import traits
from simia_tui.checks.hints import Hints
from simia_tui.checks.pairing import Pairing, pair
from simia_tui.checks.schema import Fault
from simia_tui.checks.toolbox import Toolbox
from simia_tui.model import ToolCall, ToolSpec, Trajectory

T = TypeVar("T")


class Context:
    """One run's shared state. Nothing in it outlives the run but the box of the tools."""

    def __init__(self, tools: tuple[ToolSpec, ...], hints: Hints) -> None:
        self.box = Toolbox.of(tools, hints)
        self.hints = hints
        self.seen = traits.ANY
        """The traits of the trajectory as it stands."""
        self._faults: dict[int, tuple[ToolCall, list[Fault]]] = {}
        self._parsed: dict[str, Any] = {}
        self._of: Trajectory | None = None
        self._views: dict[Any, Any] = {}

    def faults(self, call: ToolCall) -> list[Fault]:
        """How the arguments of `call` break the schema of its tool; empty where there is nothing to compare."""
        known = self._faults.get(id(call))
        if known is not None and known[0] is call:
            return known[1]
        schema = self.box[call.name].schema
        found = schema.faults(call.arguments) if schema is not None and call.arguments is not None else []
        # The call is kept beside its faults: an id alone could be reused by a later object.
        self._faults[id(call)] = (call, found)
        return found

    def view(self, trajectory: Trajectory, make: Callable[[Trajectory, "Context"], T]) -> T:
        """`make(trajectory, self)`, worked out once for each state of the trajectory."""
        if self._of is not trajectory:
            self._of, self._views = trajectory, {}
        try:
            found: T = self._views[make]
        except KeyError:
            found = self._views[make] = make(trajectory, self)
        return found

    def pairing(self, trajectory: Trajectory) -> Pairing:
        """Which observation answers which call."""
        return self.view(trajectory, _pairing)

    def calls(self, trajectory: Trajectory) -> list[tuple[int, int, ToolCall]]:
        """Every call as `(turn index, position in the turn, call)`."""
        return self.view(trajectory, _calls)

    def lost(self, trajectory: Trajectory) -> list[tuple[int, int]]:
        """The places of calls of which the source kept no more than that they were made, and says so."""
        return self.view(trajectory, _lost)

    def faulty(self, trajectory: Trajectory) -> list[tuple[int, int, ToolCall, list[Fault]]]:
        """The assistant's calls that break the schemas of their tools, each with its faults."""
        return self.view(trajectory, _faulty)

    def agent_calls(self, trajectory: Trajectory) -> list[tuple[int, int, ToolCall]]:
        """The calls of the assistant; the tools that a simulated user holds are not declared to the agent."""
        return self.view(trajectory, _agent_calls)

    def texts(self, trajectory: Trajectory) -> list[tuple[int, str]]:
        """Everything that was said or answered and the texts among the arguments, each with its turn."""
        return self.view(trajectory, _texts)

    def text(self, trajectory: Trajectory) -> str:
        """All that any side says, thinks, passes or answers, as one text: to see at once what stands nowhere."""
        return self.view(trajectory, _text)

    def parsed(self, text: str | None) -> Any:
        """The JSON object or array that `text` is; None where it is something else."""
        if not text or (text[0] not in "{[" and text.lstrip()[:1] not in ("{", "[")):
            return None
        try:
            return self._parsed[text]
        except KeyError:
            self._parsed[text] = value = _json(text)
            return value


def _json(text: str) -> Any:
    try:
        return from_json(text)
    except (ValueError, TypeError):
        # The latter for half of a surrogate pair.
        return None


def _texts(trajectory: Trajectory, context: Context) -> list[tuple[int, str]]:
    found = [(index, turn.content) for index, turn in enumerate(trajectory.turns) if turn.content]
    for index, _, call in context.calls(trajectory):
        if call.arguments:
            found += [(index, value) for value in call.arguments.values() if type(value) is str and value]
    return found


def _text(trajectory: Trajectory, context: Context) -> str:
    turns = trajectory.turns
    parts: list[Any] = [turn.content for turn in turns] + [turn.reasoning for turn in turns]
    for _, _, call in context.calls(trajectory):
        if call.arguments:
            parts += call.arguments.values()
    return "\n".join([part for part in parts if part and type(part) is str])


def _pairing(trajectory: Trajectory, context: Context) -> Pairing:
    return pair(trajectory)


def _calls(trajectory: Trajectory, context: Context) -> list[tuple[int, int, ToolCall]]:
    return [
        (index, position, call)
        for index, turn in enumerate(trajectory.turns)
        if turn.tool_calls
        for position, call in enumerate(turn.tool_calls)
    ]


def _lost(trajectory: Trajectory, context: Context) -> list[tuple[int, int]]:
    count = trajectory.meta.get("lost_calls")
    if not isinstance(count, int) or count < 1:
        # An empty call that the source does not own up to is a fault of whoever made it.
        return []
    calls = context.calls(trajectory)
    return [(index, at) for index, at, call in calls if not call.name and call.arguments is None and not call.raw]


def _faulty(trajectory: Trajectory, context: Context) -> list[tuple[int, int, ToolCall, list[Fault]]]:
    places = context.agent_calls(trajectory)
    return [(*place, faults) for place in places if (faults := context.faults(place[2]))]


def _agent_calls(trajectory: Trajectory, context: Context) -> list[tuple[int, int, ToolCall]]:
    turns = trajectory.turns
    return [place for place in context.calls(trajectory) if turns[place[0]].role == "assistant"]
