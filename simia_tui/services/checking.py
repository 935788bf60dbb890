"""The rules over a file, without a workspace: rows in, mended rows and a report out, one row at a time."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from simia_tui import checks, collector, domains, formats, resources
from simia_tui.errors import UsageError
from simia_tui.formats import Row, Sink
from simia_tui.formats.base import json_row
from simia_tui.model import verdict_of
from simia_tui.services.rowwise import Rowwise
from simia_tui.settings import Settings

Entry = dict[str, Any]
"""One row of the report: its verdict, and its findings or the reason why it cannot be read."""


class _Done(NamedTuple):
    """What came of a row. `mended` is JSON where the format is written as such."""

    entry: Entry
    mended: Any


class FileCheck:
    """A file to be checked: how it is read, by what rules, and what its rows are written as.

    `root` is where `simia.toml` and prompts of one's own are looked for; neither need be there.

    Raises:
        UsageError: there is no such file, or format, domain or a rule of the settings is not known.
    """

    def __init__(self, path: Path, format_name: str, domain: str, target: str, root: Path) -> None:
        if not path.exists():
            raise UsageError(f"There is no file {path}; check the path.")
        if target not in formats.WRITERS:
            raise UsageError(f"There is no format {target!r} to write; choose one of {', '.join(formats.WRITERS)}.")
        pack = domains.load(domain, [root / "prompts", resources.prompts()])
        self.path, self.domain, self.target = path, domain, target
        self.format = formats.detect(path) if format_name == "auto" else format_name
        self._tools = pack.tools
        self._as_json = formats.is_json(target)
        self._hints = checks.hints_in(Settings.load(root), pack.name, pack.data)

    def run(self, report: Sink, out: Sink | None = None, workers: int = 1) -> Counter[str]:
        """Puts an entry for each row into `report` and each mended row into `out`; returns the count of each verdict.

        Memory does not grow with the file. With several `workers` rows are checked side by side where the file can be
        cut; the order stays.
        """
        counts: Counter[str] = Counter()
        rows = Rowwise(self.path, self.format, self.domain, partial(self._done, writes=out is not None))
        with collector.spared():
            for number, (entry, mended) in rows.results(workers):
                counts[entry["verdict"]] += 1
                report.add({"row": number, **entry})
                if out is not None and mended is not None:
                    out.add(mended)
        return counts

    def _done(self, row: Row, writes: bool) -> _Done:
        if row.trajectory is None:
            return _Done({"verdict": "unreadable", "reason": row.reason}, None)
        checked, findings = checks.run(row.trajectory, row.trajectory.tools or self._tools, self._hints)
        listed = [finding.dump() for finding in findings]
        entry = {"verdict": verdict_of(findings).value, "findings": listed}
        if not writes:
            return _Done(entry, None)
        made = formats.WRITERS[self.target].write(checked)
        return _Done(entry, json_row(made) if self._as_json else made)
