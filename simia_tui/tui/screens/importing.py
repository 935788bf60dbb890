"""`I`: imports files; the first enter counts, the second writes."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

from simia_tui import domains
from simia_tui.errors import SimiaError
from simia_tui.services.importing import ImportReport, import_files
from simia_tui.tui.bench import Bench
from simia_tui.tui.keymap import key_of
from simia_tui.tui.screens.form import Field, Form


class ImportDialog(Form):
    """Path, domain and kind; a dry run first, so that nothing is written unseen."""

    HEADING = "Import traces"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Look, then import", id="form.submit", priority=True, tooltip="Count, then write"),
    ]

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self._counted: tuple[str, str, str] | None = None
        self._domains = domains.names(bench.workspace.prompt_roots())

    def intro(self) -> str:
        return (
            "Traces in some thirty formats, plain or compressed; the format is found by itself. simia formats lists "
            "them. "
            f"Domains here: {', '.join(self._domains)}; right completes the name of one."
        )

    def fields(self) -> Sequence[Field]:
        return (
            Field("path", "file", "", "path/to/traces.jsonl"),
            Field("domain", "domain", "generic", "generic", self._domains),
            Field("kind", "as", "seed", "seed or episode"),
        )

    def on_input_changed(self, _event: Input.Changed) -> None:
        self._counted = None

    def submit(self) -> None:
        path, domain, kind = self.value("path"), self.value("domain"), self.value("kind")
        if not path:
            self.problem("Write the path of a file.")
            return
        if kind not in ("seed", "episode"):
            self.problem("Import as seed or as episode.")
            return
        self.busy = True
        self.problem("")
        self.busy = True
        write = self._counted == (path, domain, kind)
        self.report("importing …" if write else "counting …")
        workspace = self.bench.workspace

        def work() -> None:
            try:
                report = import_files(
                    workspace,
                    [Path(path).expanduser()],
                    kind="seed" if kind == "seed" else "episode",
                    domain=domain or "generic",
                    dry_run=not write,
                )
            except SimiaError as error:
                self.app.call_from_thread(self.problem, str(error))
            else:
                self.app.call_from_thread(self._done, report, (path, domain, kind))

        self.run_worker(work, group="import", thread=True, exit_on_error=False)

    def _done(self, report: ImportReport, asked: tuple[str, str, str]) -> None:
        self.busy = False
        formats = ", ".join(sorted({file.format for file in report.files}))
        many = f"{len(report.files):,} files, " if len(report.files) > 1 else ""
        figures = (
            f"{many}{formats}: {report.added:,} new, {report.duplicates:,} here already, "
            f"{report.quarantined:,} that cannot be read"
        )
        if not report.dry_run:
            self.dismiss(f"Imported {figures}.")
            return
        self._counted = asked
        found = [reason for file in report.files for reason in file.reasons]
        reasons = "".join(f"\n  {reason}" for reason in found[:5])
        self.report(f"{figures}.{reasons}\nNothing is written yet: {key_of(self.app, 'form.submit')} imports.")
