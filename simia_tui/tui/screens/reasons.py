"""The strips of the review rooms: the reason of a rejection, and the question before a bulk act."""

from simia_tui.model import Fault
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
