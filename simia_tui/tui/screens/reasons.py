"""What the review rooms ask: the reason of a rejection, its words where no reason fits, and whether many are meant."""

from collections.abc import Sequence

from simia_tui.model import Fault
from simia_tui.tui.screens.form import Field, Form
from simia_tui.tui.screens.strip import Strip


class ReasonStrip(Strip[Fault]):
    """Who is to blame: 1 to 9, or enter for the same as last time."""

    def __init__(self, last: Fault | None) -> None:
        choices = {str(number): (fault.value, fault) for number, fault in enumerate(Fault, start=1)}
        if last is not None:
            choices["enter"] = (f"{last.value} again", last)
        super().__init__("Reject: at fault is", choices)


class ConfirmStrip(Strip[bool]):
    """Enter does it."""

    def __init__(self, question: str) -> None:
        super().__init__(question, {"enter": ("yes", True)})


class NoteDialog(Form):
    """Asks in words what is wrong where no reason fits; the result is the note, which may be empty."""

    HEADING = "Rejected for another reason"
    DO = "Reject"

    def fields(self) -> Sequence[Field]:
        return (Field("note", "what is wrong", "", "a few words, kept with the decision"),)

    def submit(self) -> None:
        self.dismiss(self.value("note"))
