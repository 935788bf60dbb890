"""`T`: what would be frozen, what each trainer would lose of it, and with enter the export and the run."""

from collections.abc import Sequence

from simia_tui.errors import SimiaError
from simia_tui.model import TrainSpec
from simia_tui.services import exporting, training
from simia_tui.services.exporting import Preview
from simia_tui.store import Query
from simia_tui.tui.bench import Bench
from simia_tui.tui.screens.form import Field, Form
from simia_tui.tui.widgets.turn_lines import plural


class TrainDialog(Form):
    """Preflight of the approved episodes; enter freezes them and, with `train`, starts LoRA SFT on them."""

    def __init__(self, bench: Bench, train: bool) -> None:
        super().__init__(bench)
        self._train = train
        self._preview: Preview | None = None
        self.HEADING = "Export and train" if train else "Export"

    def intro(self) -> str:
        return "The approved episodes, as they stand now, become an export that is never changed."

    def fields(self) -> Sequence[Field]:
        fields = [Field("name", "export name", "curated")]
        if self._train:
            fields += [
                Field("profile", "profile", "tiny", " or ".join(training.profile_names())),
                Field("model", "model folder", "", "none: small random weights, to prove the loop"),
            ]
        return fields

    def on_mount(self) -> None:
        self.report("looking at the approved episodes …")
        self.busy = True
        workspace = self.bench.workspace

        def look() -> None:
            db = workspace.connect()
            try:
                preview = exporting.preview(db, Query(kind="episode", status="approved"))
                need = training.forecast(db, preview.pks, TrainSpec()).sentence() if self._train else ""
            except SimiaError as error:
                self.app.call_from_thread(self._nothing, str(error))
            else:
                self.app.call_from_thread(self._looked, preview, need)
            finally:
                db.close()

        self.run_worker(look, group="preflight", thread=True, exit_on_error=False)

    def _nothing(self, sentence: str) -> None:
        self.report("")
        self.problem(sentence)

    def _looked(self, preview: Preview, need: str) -> None:
        self.busy = False
        self._preview = preview
        demo = f", {preview.demo:,} of them made by the demo model" if preview.demo else ""
        lines = [
            f"{plural(len(preview.pks), 'episode')}{demo}.",
            "",
            f"{'for':<18}{'rows':>8}{'dropped':>9}{'words lost':>12}",
        ]
        for target, found in preview.reports.items():
            lines.append(f"{target:<18}{found.kept:>8,}{found.dropped:>9,}{found.words_lost:>12,}")
        if preview.broken:
            lines.append(
                f"  {preview.broken:,} are broken by the rules and were approved all the same (verdict:broken)"
            )
        if preview.undecided:
            lines.append(f"  {preview.undecided:,} have a new end that waits: the old one goes out (has:new-end)")
        for target, found in preview.reports.items():
            lines += [f"  {target}: {issue.reason} ({issue.count:,})" for issue in found.issues]
        if need:
            lines += ["", f"With the profile tiny: {need}"]
        if self._train and (lacking := training.missing()):
            lines += ["", f"Training is not installed here ({', '.join(lacking)}): pip install 'simia-tui[train]'."]
        self.report("\n".join(lines))

    def submit(self) -> None:
        preview = self._preview
        if preview is None:
            return
        name = self.value("name")
        spec = None
        if self._train:
            spec = TrainSpec(profile=self.value("profile"), model=self.value("model") or None)
        self.busy = True
        workspace = self.bench.workspace

        def work() -> None:
            db = workspace.connect()
            try:
                if spec is not None:
                    training.require(spec)
                export = exporting.freeze(workspace, db, name, preview)
                sentence = f"Export {export.name}: {export.rows:,} rows in {export.path}."
                if spec is not None:
                    run = training.start_run(workspace, db, export, spec)
                    sentence += f" Run {run.id} starts."
            except SimiaError as error:
                self.app.call_from_thread(self.problem, str(error))
            else:
                self.app.call_from_thread(self.dismiss, sentence)
            finally:
                db.close()

        self.run_worker(work, group="freeze", thread=True, exit_on_error=False)
