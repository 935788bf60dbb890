"""Exports & Runs: what was frozen, what was trained on it, and the figures as they come, of several runs at once."""

from array import array
from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from simia_tui.model import Export, Run, RunStatus
from simia_tui.services import training
from simia_tui.store import exports, runs
from simia_tui.tui.screens.base import RoomScreen
from simia_tui.tui.screens.reasons import ConfirmStrip
from simia_tui.tui.state.curves import Curves
from simia_tui.tui.state.news import SIGNS
from simia_tui.tui.text import clip, visible
from simia_tui.tui.widgets.curve import Curve
from simia_tui.tui.widgets.record_table import Column, RecordTable

LOG_LINES = 6
RESUMABLE = (RunStatus.STOPPED, RunStatus.FAILED)
INK = {
    "done": "success",
    "failed": "error",
    "stopped": "warning",
    "stopping": "warning",
    "running": "accent",
    "queued": "",
}

EXPORT_COLUMNS: tuple[Column[Export], ...] = (
    Column("#", lambda export: str(export.id), width=3, right=True),
    Column("export", lambda export: export.name, flex=1, least=10),
    Column("rows", lambda export: f"{export.rows:,}", width=7, right=True),
    Column("sha256", lambda export: export.sha256[:8], width=8, drop=1),
    Column("", lambda export: "demo" if export.demo else "", width=4),
)
RUN_COLUMNS: tuple[Column[Run], ...] = (
    Column("#", lambda run: str(run.id), width=3, right=True),
    Column("run", lambda run: [(f"{SIGNS[run.status]} {run.status}", INK[run.status])], width=10),
    Column("step", lambda run: f"{run.step}/{run.max_steps or '?'}", width=9, right=True),
    Column("loss", lambda run: "" if run.loss is None else f"{run.loss:.3f}", width=7, right=True),
    Column("profile", lambda run: run.spec.profile, flex=1, least=6),
)


class ExportsScreen(RoomScreen):
    """Two short lists on the left; on the right the run under the cursor with its curve."""

    ROOM = "exports"
    PARTS = (RecordTable,)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "stop", "Stop run", id="runs.stop", tooltip="Write a checkpoint and stop the run"),
        Binding("r", "resume", "Resume run", id="runs.resume", tooltip="Go on from the last checkpoint"),
        Binding(
            "c", "figure", "Next figure", id="runs.figure", tooltip="Chart the next figure: loss, reward, masked ..."
        ),
        Binding("tab", "app.focus_next", "Other list", id="runs.other", tooltip="Go to the other list"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._exports: dict[int, Export] = {}
        self._runs: dict[int, Run] = {}
        self._curves = Curves()
        self._figure = "loss"

    def body(self) -> Iterator[Widget]:
        with Container(id="exports-room"):
            with Vertical(id="lists"):
                yield RecordTable(
                    EXPORT_COLUMNS,
                    lambda ids: [self._exports[pk] for pk in ids if pk in self._exports],
                    key=lambda export: export.id,
                    empty=f"No exports yet: {self.key_of('app.train')} freezes the approved episodes and trains.",
                    id="exports-table",
                )
                yield RecordTable(
                    RUN_COLUMNS,
                    lambda ids: [self._runs[pk] for pk in ids if pk in self._runs],
                    key=lambda run: run.id,
                    empty="No runs yet.",
                    markable=True,
                    id="runs-table",
                )
            with Vertical(id="run"):
                yield Static("", id="run-head", markup=False)
                yield Static("", id="run-alarm", markup=False)
                yield Curve(x_label="step", empty="No figures have been logged yet.", id="curve")
                yield Static("", id="run-facts", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#runs-table", RecordTable).focus()

    def refresh_data(self) -> None:
        db = self.bench.db
        self._exports = {export.id: export for export in exports.exports(db)}
        self._runs = {run.id: run for run in runs.runs(db)}
        self.query_one("#exports-table", RecordTable).show(array("q", self._exports))
        table = self.query_one("#runs-table", RecordTable)
        new = [pk for pk in self._runs if pk not in set(table.ids)]
        # A run that has just been started is what the user wants to see.
        table.show(array("q", self._runs), pk=new[0] if new else None)
        self._show_run()

    def on_record_table_highlighted(self, message: RecordTable.Highlighted) -> None:
        if message.table.id == "runs-table":
            self._show_run()
        elif message.table.has_focus:
            self._show_export()

    def on_record_table_marked(self, message: RecordTable.Marked) -> None:
        if message.table.id == "runs-table":
            self._show_run()

    def on_descendant_focus(self) -> None:
        if self.query_one("#exports-table").has_focus:
            self._show_export()
        else:
            self._show_run()

    @property
    def _run(self) -> Run | None:
        pk = self.query_one("#runs-table", RecordTable).pk
        return self._runs.get(pk) if pk is not None else None

    def _show_run(self) -> None:
        self.refresh_bindings()
        if self.query_one("#exports-table").has_focus:
            return
        run = self._run
        curve = self.query_one(Curve)
        curve.display = run is not None
        self.query_one("#run-alarm").display = False
        if run is None:
            self._facts("", [])
            return
        self._draw(run, curve)
        export = self._exports.get(run.export)
        demo = "  DEMO DATA" if export and export.demo else ""
        head = f"run {run.id} {run.status} on {export.name if export else run.export}  {run.spec.profile}{demo}"
        lines = [visible(run.reason)] if run.reason else []
        lines += [f"{key}: {visible(_figure(value))}" for key, value in run.result.items()]
        if not run.status.ended or run.status is RunStatus.FAILED:
            width = max(20, self.query_one("#run-facts").content_size.width - 2)
            tail = training.log_tail(self.bench.workspace, run, LOG_LINES)
            lines += [f"│ {clip(visible(line), width)}" for line in tail if line.strip()]
        self._facts(head, lines)

    def _draw(self, run: Run, curve: Curve) -> None:
        db, shown = self.bench.db, self._overlaid(run)
        figure = self._charted(self._curves.figures(db, shown))
        curve.y_label = figure.replace("_", " ")
        curve.set(self._curves.series(db, shown, figure))
        alarm = training.alarm(self._curves.metrics(db, run))
        field = self.query_one("#run-alarm", Static)
        field.update(Content.styled(alarm or "", "bold $text-error"))
        field.display = alarm is not None

    def _overlaid(self, run: Run) -> list[Run]:
        """The run under the cursor and those that are marked, in an order that the cursor does not change."""
        marks = self.query_one("#runs-table", RecordTable).marks
        return [self._runs[pk] for pk in sorted(marks | {run.id}) if pk in self._runs]

    def _charted(self, figures: Sequence[str]) -> str:
        """The figure that was chosen, or the first where these runs do not have it."""
        return self._figure if self._figure in figures else next(iter(figures), "loss")

    def action_figure(self) -> None:
        run = self._run
        figures = self._curves.figures(self.bench.db, self._overlaid(run)) if run is not None else []
        if figures:
            self._figure = figures[(figures.index(self._charted(figures)) + 1) % len(figures)]
            self._show_run()

    def _show_export(self) -> None:
        pk = self.query_one("#exports-table", RecordTable).pk
        export = self._exports.get(pk) if pk is not None else None
        self.query_one(Curve).display = self.query_one("#run-alarm").display = False
        if export is None:
            self._facts("", [])
            return
        manifest = export.manifest
        lines = [f"folder: {visible(export.path)}", f"filter: {visible(str(manifest.get('filter', '')))}"]
        for name in ("domains", "models", "prompt_versions", "verdicts", "reviewers"):
            counts = manifest.get(name) or {}
            lines.append(f"{name.replace('_', ' ')}: " + visible(", ".join(f"{k} ({n})" for k, n in counts.items())))
        lines += [f"{name}: {entry['sha256'][:16]}…" for name, entry in (manifest.get("files") or {}).items()]
        self._facts(
            f"export {export.id} {export.name}: {export.rows:,} rows{'  DEMO DATA' if export.demo else ''}", lines
        )

    def _facts(self, head: str, lines: list[str]) -> None:
        self.query_one("#run-head", Static).update(Content.styled(visible(head), "bold"))
        self.query_one("#run-facts", Static).update(Content("\n".join(lines)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what the run under the cursor can do stands in the key bar."""
        if action not in ("stop", "resume", "figure"):
            return True
        run = self._run if self.is_mounted and not self.query_one("#exports-table").has_focus else None
        if run is None:
            return False
        return {"resume": run.status in RESUMABLE, "stop": not run.status.ended}.get(action, True)

    def action_stop(self) -> None:
        run = self._run
        if run is None or run.status.ended:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.act(lambda: training.stop_run(self.bench.db, run.id))

        self.app.push_screen(ConfirmStrip(f"Stop run {run.id}? It writes a checkpoint and can go on later."), answered)

    def action_resume(self) -> None:
        run = self._run
        if run is not None:
            self.act(lambda: training.resume_run(self.bench.workspace, self.bench.db, run.id))


def _figure(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
