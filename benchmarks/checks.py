"""Post-processing: our rules against the reference's five passes, over the same file, each in a process of its own.

    python benchmarks/checks.py [--rows 5000] [--real FOLDER] [--workers N] [--profile]

Both sides read one ShareGPT file of tau size (a JSON array) and write one with the calls inline, ready for the
trainer. Ours is `simia check`: it reads, runs every rule with the pack of the domain, and writes rows and a report,
one row at a time. Time is that of the processor (user and system) and of the clock; memory is the peak of the
resident set, with several processes that of the largest.
"""

import argparse
import copy
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "real"
PACK = "tau-airline"
EVERYONE = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--real", type=Path, default=Path(os.environ.get("SIMIA_REAL_DATA", BESIDE)))
    parser.add_argument("--workers", type=int, default=1, help="processes for our side")
    parser.add_argument("--sides", default="reference,ours")
    parser.add_argument("--profile", action="store_true", help="print where our side spends its time")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--source", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        print(json.dumps(measured(options)))
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "rows.json"
        size = write_corpus(source, options.rows, options.real)
        print(f"{options.rows} trajectories, {size / 1e6:.1f} MB, {size / options.rows / 1e3:.1f} kB each")
        results = {side: in_process(side, source, options) for side in options.sides.split(",")}
    for side, result in results.items():
        print(
            f"{side:10} {result['rows'] / result['cpu']:8.0f} trajectories/s of a core"
            f" {result['rows'] / result['clock']:8.0f} /s by the clock {result['memory']:7.0f} MB peak,"
            f" {result['left']} rows left"
            + (f"; rules alone {result['rows'] / result['inside']:.0f} /s" if result["inside"] else "")
        )
    if len(results) == 2:
        one, other = results["reference"], results["ours"]
        print(f"ours is {one['cpu'] / other['cpu']:.2f} times as fast on a core")


def in_process(side: str, source: Path, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, "--side", side, "--source", str(source), "--rows", str(options.rows)]
    command += ["--workers", str(options.workers)] + (["--profile"] if options.profile and side == "ours" else [])
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    *notes, last = done.stdout.strip().split("\n")
    print("\n".join(notes), end="\n" if notes else "")
    result: dict[str, float] = json.loads(last)
    return result


def measured(options: argparse.Namespace) -> dict[str, float]:
    run = {"ours": ours, "reference": reference}[options.side]
    folder = options.source.parent / options.side
    folder.mkdir(exist_ok=True)
    # What every start costs, whatever the number of rows, is not the matter here.
    warm_up()
    clock, cpu = time.perf_counter(), used()
    left, inside = run(options.source, folder, options)
    return {
        "rows": options.rows,
        "left": left,
        "inside": inside,
        "clock": time.perf_counter() - clock,
        "cpu": used() - cpu,
        "memory": max(resource.getrusage(who).ru_maxrss for who in EVERYONE) / 1024,
    }


def warm_up() -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "row.json"
        source.write_text('[{"conversations": [{"from": "human", "value": "Hello."}]}]')
        checked(source, Path(folder), 1)


def used() -> float:
    """Seconds of processor time, of this process and of those it has waited for."""
    of = (resource.getrusage(who) for who in EVERYONE)
    return sum(usage.ru_utime + usage.ru_stime for usage in of)


def reference(source: Path, folder: Path, options: argparse.Namespace) -> tuple[int, float]:
    from reference_passes import run

    from simia_tui import domains, resources

    schemas, prompts = {}, {}
    for domain in ("airline", "retail"):
        pack = domains.load(f"tau-{domain}", [resources.prompts()])
        schemas[domain] = {tool.name: tool.parameters for tool in pack.tools}
        prompts[domain] = f"{domain} policy\n" * 200 + json.dumps([tool.dump() for tool in pack.tools])
    return run(source, folder, schemas, prompts)


def ours(source: Path, folder: Path, options: argparse.Namespace) -> tuple[int, float]:
    if options.profile:
        import cProfile
        import pstats

        with cProfile.Profile() as profile:
            left = checked(source, folder, 1)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return left, 0.0
    return checked(source, folder, options.workers), 0.0


def checked(source: Path, folder: Path, workers: int) -> int:
    """What `simia check SOURCE --to sharegpt-hermes --out ROWS --report REPORT` does; how many rows it wrote."""
    from simia_tui import formats
    from simia_tui.services.checking import FileCheck

    check = FileCheck(source, "sharegpt", PACK, "sharegpt-hermes", folder)
    with formats.JsonSink(folder / "report.json", array=True) as report:
        with formats.open_sink(folder / "rows.json", "sharegpt-hermes") as rows:
            check.run(report, rows, workers)
        return rows.rows


def write_corpus(path: Path, rows: int, real: Path) -> int:
    """A JSON array of `rows` varied copies of the real airline traces; without them, of the demo's own traces."""
    seeds = list(real_rows(real)) or list(demo_rows())
    rng = random.Random(7)
    with path.open("w", encoding="utf-8") as sink:
        for number in range(rows):
            sink.write("[" if number == 0 else ",\n")
            json.dump(varied(seeds[number % len(seeds)], number, rng), sink, ensure_ascii=False)
        sink.write("]")
    return path.stat().st_size


def real_rows(real: Path) -> Iterator[dict[str, Any]]:
    from simia_tui import domains, formats, resources

    source = real / "tau_airline_gpt4o.json"
    if not source.is_file():
        return
    tools = domains.load(PACK, [resources.prompts()]).tools
    for row in formats.read(source, "tau-bench"):
        if row.trajectory is not None:
            yield formats.write_sharegpt(row.trajectory.replace(tools=tools), split=False)


def demo_rows() -> Iterator[dict[str, Any]]:
    from simia_tui import demo, formats

    for trajectory in demo.seeds(60, 1):
        yield formats.write_sharegpt(trajectory)


def varied(row: dict[str, Any], number: int, rng: random.Random) -> dict[str, Any]:
    """The row with another first line, and in one of five rows arguments as text, in one of ten a thought."""
    row = copy.deepcopy(row)
    row["conversations"][0]["value"] += f" (case {number})"
    calls = [turn for turn in row["conversations"] if turn["from"] == "function_call"]
    if calls and number % 5 == 0:
        turn = rng.choice(calls)
        call = json.loads(turn["value"])
        if isinstance(call, dict):
            call["arguments"] = json.dumps(call["arguments"])
            turn["value"] = json.dumps(call)
    if calls and number % 10 == 1:
        turn = rng.choice(calls)
        turn["value"] = f"<think>\nThe next step is clear.\n</think>\n{turn['value']}"
    return row


if __name__ == "__main__":
    main()
