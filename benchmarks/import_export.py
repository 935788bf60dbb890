"""Import into SQLite and export to JSON Lines, side by side with plain `json` + `sqlite3` loops in one run.

    python benchmarks/import_export.py                                # 5,000 trajectories of 20 kB, half a minute
    python benchmarks/import_export.py --rows 100000 --exported 90000 # the size of the claim
    python benchmarks/import_export.py --profile import               # where the time goes; or export

The plain loops stand in `plain_rows.py`: "bare" does the least, "same work" what ours does apart from the rules and
the preflight. Each line of the table is a process of its own: seconds by the clock and of the processor (with those of
the processes that it starts), trajectories and MB of the source by the clock, what the plain loop of the same work
takes divided by it, by the clock and by the processor, and the peak of its memory.
"""

import argparse
import cProfile
import os
import pstats
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from plain_rows import bare_export, bare_import, rows, same_export, same_import

from simia_tui import checks, formats
from simia_tui.services import exporting, importing
from simia_tui.store import New, Query, Workspace, decisions, trajectories


def our_read(source: Path, _: Path) -> None:
    """The format alone."""
    for row in formats.read(source, "openai"):
        assert row.trajectory


def our_read_and_check(source: Path, _: Path) -> None:
    """The format and the rules."""
    for row in formats.read(source, "openai"):
        assert row.trajectory
        checks.run(row.trajectory)


def our_import_without_rules(source: Path, target: Path) -> None:
    """The format and the store, in the portions of the real import."""
    db = Workspace.open(target).connect()
    waiting = []
    for row in formats.read(source, "openai"):
        assert row.trajectory
        waiting.append(New(row.trajectory, row.trajectory, format="openai", path=str(source), row=row.number))
        if len(waiting) == importing.PORTION:
            trajectories.add(db, waiting)
            waiting = []
    trajectories.add(db, waiting)
    db.close()


def our_import(source: Path, target: Path) -> None:
    """`simia import`, all of it."""
    importing.import_files(Workspace.open(target), [source])


def our_rows(target: Path, out: Path, count: int) -> None:
    """The rows of one format, as the bare loop writes them."""
    db = Workspace.open(target).connect(readonly=True)
    with formats.open_sink(out, "trl") as sink:
        for pk in trajectories.ids(db, Query(kind="seed"))[:count]:
            sink.add(formats.write_trl(trajectories.get(db, pk)))
    db.close()


def our_export(target: Path) -> None:
    """`simia export`, all of it: preflight for two trainers, both files, members, hashes, card."""
    workspace = Workspace.open(target)
    db = workspace.connect()
    with exporting.draft(workspace, db, "all", Query(kind="seed", status="approved")) as draft:
        draft.freeze()
    db.close()


def approve(target: Path, count: int) -> None:
    """Decides on the first `count`, in one batch."""
    db = Workspace.open(target).connect()
    decisions.decide(db, list(trajectories.ids(db, Query(kind="seed"))[:count]), "approve", "benchmark")
    db.close()


class Spent(NamedTuple):
    """Seconds by the clock and of the processor, which other programs do not lengthen; peak memory in MB."""

    clock: float
    cpu: float
    memory: float


def timed(step: Callable[[], object]) -> Spent:
    """Runs `step` in a process of its own."""
    sys.stdout.flush()
    started = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            step()
            status = 0
        finally:
            os._exit(status)
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit("A step failed; what it said stands above.")
    return Spent(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


class Table:
    """The lines of one direction, each against the plain loop of the same work, which comes first."""

    def __init__(self, count: int, size: int) -> None:
        self._count, self._size = count, size
        self._plain: Spent | None = None

    def line(self, what: str, step: Callable[[], object]) -> None:
        spent = timed(step)
        plain = self._plain = self._plain or spent
        rate, speed = self._count / spent.clock, self._size / spent.clock / 1e6
        times, cpu_times = plain.clock / spent.clock, plain.cpu / spent.cpu
        print(
            f"{what:<42}{spent.clock:8.1f}{spent.cpu:8.1f}{rate:9,.0f}{speed:8.1f}{times:9.2f}{cpu_times:7.2f}"
            f"{spent.memory:8,.0f}",
            flush=True,
        )


def run(folder: Path, count: int, exported: int, size: int) -> None:
    source, plain, ours = write(folder, count, size), folder / "plain.db", folder / "ours"
    total = source.stat().st_size
    print(f"{count:,} trajectories, {total / count / 1e3:.1f} kB each, {total / 1e6:,.0f} MB; Python {sys.version[:6]}")
    print(f"{'':<42}{'seconds':>8}{'CPU s':>8}{'per s':>9}{'MB/s':>8}{'x plain':>9}{'CPU':>7}{'peak MB':>8}")
    table = Table(count, total)
    table.line("import, plain, same work", lambda: same_import(source, plain))
    table.line("import, plain, bare", lambda: bare_import(source, folder / "bare.db"))
    (folder / "bare.db").unlink()
    table.line("ours, the format alone", lambda: our_read(source, folder))
    table.line("ours, the format and the rules", lambda: our_read_and_check(source, folder))
    Workspace.create(folder / "bare")
    table.line("import, ours without the rules", lambda: our_import_without_rules(source, folder / "bare"))
    shutil.rmtree(folder / "bare")
    Workspace.create(ours)
    table.line("import, ours (simia import)", lambda: our_import(source, ours))
    table = Table(exported, total * exported // count)
    table.line("export, plain, same work", lambda: same_export(plain, folder / "plain", exported))
    shutil.rmtree(folder / "plain")
    table.line("export, plain, bare (TRL alone)", lambda: bare_export(plain, folder / "plain.jsonl", exported))
    table.line("export, ours, TRL alone", lambda: our_rows(ours, folder / "ours.jsonl", exported))
    approve(ours, exported)
    table.line("export, ours (simia export)", lambda: our_export(ours))


def write(folder: Path, count: int, size: int) -> Path:
    source = folder / "rows.jsonl"
    with open(source, "w") as file:
        file.writelines(f"{row}\n" for row in rows(count, size))
    return source


def profile(folder: Path, what: str, count: int, size: int) -> None:
    source, ours, profiler = write(folder, count, size), folder / "ours", cProfile.Profile()
    Workspace.create(ours)
    if what == "import":
        profiler.runcall(our_import, source, ours)
    else:
        our_import(source, ours)
        approve(ours, count)
        profiler.runcall(our_export, ours)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(35)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--exported", type=int, help="default: nine tenths of the rows")
    parser.add_argument("--bytes", type=int, default=20_000)
    parser.add_argument("--profile", choices=["import", "export"])
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="simia-benchmark-"))
    try:
        if options.profile:
            profile(folder, options.profile, options.rows, options.bytes)
        else:
            run(folder, options.rows, options.exported or options.rows * 9 // 10, options.bytes)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
