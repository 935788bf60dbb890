"""One action of an agent, whatever the grammar in which its environment wants it said."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any


class ActionError(ValueError):
    """A text that is no action of the grammar, or an action that the grammar cannot say; one sentence for people."""


@dataclass(frozen=True, slots=True)
class Action:
    """What an agent does in one turn: a name, arguments by name, and the thought before it, if there is one.

    It maps onto a call of a tool: name and arguments are the same, the thought is the turn's reasoning.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    thought: str | None = None


class Grammar(ABC):
    """Reads and writes the actions of one kind of environment."""

    name: str
    title: str

    @abstractmethod
    def parse(self, text: str) -> Action:
        """The action that `text` says.

        Raises:
            ActionError: `text` is none, with the reason.
        """

    def render(self, action: Action) -> str:
        """The text that says `action`; reading it gives the same action again.

        Raises:
            ActionError: the grammar cannot say it, as where a text holds the sign that would end it.
        """
        text = self._write(action)
        try:
            same = self.parse(text) == action
        except ActionError:
            same = False
        if not same:
            raise ActionError(f"The action {action.name!r} holds text that its grammar ({self.name}) cannot say.")
        return text

    @abstractmethod
    def _write(self, action: Action) -> str:
        """The text of `action`, right for every action that the grammar can say."""


def argument(action: Action, *names: str) -> list[str]:
    """The arguments `names`, which must be texts and all that there are.

    Raises:
        ActionError: something is missing, is no text, or is not known.
    """
    if set(action.arguments) != set(names):
        wanted = ", ".join(names) or "no argument"
        raise ActionError(f"The action {action.name!r} takes {wanted}.")
    values = [action.arguments[name] for name in names]
    if not all(isinstance(value, str) for value in values):
        raise ActionError(f"The arguments of {action.name!r} must be texts.")
    return values
