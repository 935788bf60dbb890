"""`i`: whole turns: insert, delete, split, merge."""

from collections.abc import Callable, Sequence
from typing import Literal

from simia_tui.errors import SimiaError
from simia_tui.model import Role, Trajectory
from simia_tui.services import reshaping
from simia_tui.services.reshaping import Reshaped
from simia_tui.tui.bench import Bench
from simia_tui.tui.screens.form import Field, Form
from simia_tui.tui.screens.strip import Strip
from simia_tui.tui.text import clip, visible

Act = Literal["user", "assistant", "delete", "split", "merge"]


class TurnStrip(Strip[Act]):
    """What to do with the turn under the cursor; None stands for the policy, behind which only turns can be added."""

    def __init__(self, turn: int | None) -> None:
        choices: dict[str, tuple[str, Act]] = {
            "u": ("insert a user turn behind", "user"),
            "a": ("an assistant turn", "assistant"),
        }
        if turn is not None:
            choices |= {"d": ("delete", "delete"), "s": ("split", "split"), "m": ("merge with the next", "merge")}
        super().__init__(f"Turn {turn + 1}:" if turn is not None else "Before turn 1:", choices)


class WordsDialog(Form):
    """Asks for the words that an operation needs; they are tried before the dialog closes."""

    DO = "Save"

    def __init__(self, bench: Bench, heading: str, label: str, hint: str, attempt: Callable[[str], object]) -> None:
        super().__init__(bench)
        self.HEADING = heading
        self._label, self._hint, self._attempt = label, hint, attempt

    def intro(self) -> str:
        return self._hint

    def fields(self) -> Sequence[Field]:
        return (Field("words", self._label),)

    def submit(self) -> None:
        words = self.value("words")
        try:
            self._attempt(words)
        except SimiaError as error:
            self.problem(str(error))
            return
        self.dismiss(words)


def operation(body: Trajectory, turn: int | None, act: Act, words: str = "") -> Reshaped:
    """The body after `act` on `turn`.

    Raises:
        UsageError: the act is not possible there.
    """
    if act in ("user", "assistant"):
        role: Role = "user" if act == "user" else "assistant"
        return reshaping.insert(body, turn, role, words)
    assert turn is not None
    if act == "split":
        return reshaping.split(body, turn, words)
    return reshaping.delete(body, turn) if act == "delete" else reshaping.merge(body, turn)


def dialog(bench: Bench, body: Trajectory, turn: int | None, act: Act) -> WordsDialog:
    """The dialog for an act that needs words."""

    def attempt(words: str) -> object:
        return operation(body, turn, act, words)

    if act == "split":
        text = clip(visible(body.turns[turn].content or "" if turn is not None else ""), 300)
        return WordsDialog(bench, "Split a turn", "second part", f"How does the second part begin? {text}", attempt)
    hint = "One line here; e edits the new turn afterwards, with as many lines as it needs."
    return WordsDialog(bench, f"A new turn of the {act}", "text", hint, attempt)
