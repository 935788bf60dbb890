"""`e` on a prompt: its text, and beside it what would be sent for a real seed; it is saved only if that is possible."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Static, TextArea
from textual.worker import Worker, WorkerState

from simia_tui.errors import SimiaError, UsageError
from simia_tui.services import prompts
from simia_tui.tui.bench import Bench
from simia_tui.tui.editor import hand_over
from simia_tui.tui.keymap import key_of
from simia_tui.tui.text import visible
from simia_tui.tui.widgets.card_sheet import CardSheet
from simia_tui.tui.widgets.key_bar import KeyBar
from simia_tui.tui.widgets.plain_area import PlainArea
from simia_tui.tui.widgets.prompt_lines import plain_lines

REST_S = 0.3
"""How long nothing is typed before the preview follows."""


@dataclass
class Previewed(Message):
    """The prompt as it would be sent, from the text `of`; or why there is none."""

    of: str
    text: str


class PromptEditor(ModalScreen[str | None]):
    """Edits the template `kind` of a domain; gives a sentence when something was saved."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2,ctrl+o", "save", "Save", id="prompt.save", priority=True, tooltip="Put it in force here"),
        Binding("escape", "cancel", "Cancel", id="prompt.cancel", priority=True, tooltip="Leave without a change"),
        Binding("f4", "preview", "As sent", id="prompt.preview", priority=True, tooltip="What is sent, or the text"),
        Binding("f5", "seed", "Next seed", id="prompt.seed", priority=True, tooltip="Show it for another seed"),
        Binding(
            "ctrl+e", "editor", "$EDITOR", id="prompt.editor", priority=True,
            tooltip="Hand the text to the editor that $VISUAL or $EDITOR names",
        ),
        Binding("tab", "app.focus_next", "Other side", show=False, id="prompt.next", tooltip="To the preview and back"),
    ]  # fmt: skip

    def __init__(self, bench: Bench, kind: str, domain: str) -> None:
        super().__init__()
        self._bench, self._kind, self._domain = bench, kind, domain
        self._template = prompts.template(bench.workspace, kind, domain)
        self._asked = False
        self._rest: Timer | None = None
        self._place = 0
        self._seeds: Sequence[int] = ()

    def compose(self) -> ComposeResult:
        with Vertical(id="prompt-edit", classes="dialog") as box:
            box.border_title = Content(visible(f"{self._kind} for {self._domain}"))
            box.border_subtitle = "what you save is a file of this workspace; the shipped text stays"
            with Container(id="prompt-sides"):
                yield PlainArea(self._template.text, id="prompt-area")
                yield CardSheet(id="prompt-sent")
            yield Static("", id="edit-problem", markup=False)
        yield KeyBar(pinned=("prompt.save", "prompt.cancel"))

    def on_mount(self) -> None:
        self._seeds = prompts.seeds_of(self._bench.db, self._domain)
        self.query_one(PlainArea).focus()
        self._preview()

    @property
    def _text(self) -> str:
        return self.query_one(PlainArea).text

    def on_text_area_changed(self, _event: TextArea.Changed) -> None:
        self._asked = False
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(REST_S, self._preview)

    def _problem(self, text: str) -> None:
        self.query_one("#edit-problem", Static).update(Content(visible(text)))

    def _preview(self) -> None:
        """Says what is wrong with the text, and fills it in, in a thread, where that is possible."""
        workspace, kind, domain, text = self._bench.workspace, self._kind, self._domain, self._text
        problem = ""
        try:
            prompts.check(workspace, kind, domain, text)
        except UsageError as error:
            problem = str(error)
        if not self._asked:
            self._problem(problem)
        made = self._template.of(text, self._template.path)
        if not self._seeds:
            self.post_message(Previewed(text, "No seed of this domain is here to show it with."))
            return
        pk = self._seeds[self._place % len(self._seeds)]

        def render() -> None:
            from simia_tui.services.rendering import rendered

            with workspace.session(readonly=True) as db:
                try:
                    sent = rendered(workspace, db, kind, pk, made)
                    head = f"As sent for seed #{pk}, version {made.version}:\n\n"
                    self.post_message(
                        Previewed(text, head + "\n".join(message["content"] for message in sent.messages))
                    )
                except SimiaError as error:
                    self.post_message(Previewed(text, str(error)))

        self.run_worker(render, thread=True, exclusive=True, group="preview", exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self._problem(str(event.worker.error))

    def on_previewed(self, message: Previewed) -> None:
        if message.of == self._text:
            self.query_one(CardSheet).show(lambda width: plain_lines(message.text, width), keep=True)

    def action_preview(self) -> None:
        """On a narrow screen only one of the two has room."""
        self.toggle_class("-sent")
        self.query_one(CardSheet if self.has_class("-sent") else PlainArea).focus()

    def action_seed(self) -> None:
        self._place += 1
        self._preview()

    def action_editor(self) -> None:
        area = self.query_one(PlainArea)
        try:
            text = hand_over(self.app, area.text, ".md")
        except UsageError as error:
            self._problem(str(error))
            return
        if text is not None:
            area.text = text

    def action_save(self) -> None:
        bench, text = self._bench, self._text
        if text == self._template.text:
            self.dismiss(None)
            return
        try:
            made = prompts.save(bench.workspace, bench.db, self._kind, self._domain, text)
        except SimiaError as error:
            self._problem(str(error))
            return
        self.dismiss(f"Version {made.version} of {self._kind} is in force for {self._domain}; the old text is kept.")

    def action_cancel(self) -> None:
        if self._text != self._template.text and not self._asked:
            self._asked = True
            save, leave = key_of(self.app, "prompt.save"), key_of(self.app, "prompt.cancel")
            self._problem(f"You have changed the text: {save} saves it, {leave} once more throws it away.")
            return
        self.dismiss(None)
