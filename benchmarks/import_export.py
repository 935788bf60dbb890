"""Import into SQLite and export to JSON Lines, side by side with plain `json` + `sqlite3` loops in one run.

    python benchmarks/import_export.py                                # 5,000 trajectories of 20 kB, about a minute
    python benchmarks/import_export.py --rows 100000 --exported 90000 # the size of the claim
    python benchmarks/import_export.py --profile                      # where the time of the import goes

The plain loops come in two kinds. "bare" parses each line and stores it as text under a hash: the least that could
be called an import. "same work" does what ours does apart from the rules: an id over canonical JSON, duplicates told,
policy and tools stored once, figures for listing, a full-text index, tools per trajectory, zstd, the same portions.
The plain export reads the rows of "same work" and writes the same TRL rows. Rates are by processor time, so that
runs on a busy machine can be compared; the seconds by the clock stand beside.
"""

import argparse
import cProfile
import hashlib
import json
import pstats
import random
import re
import resource
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

from simia_tui import checks, formats
from simia_tui.services import exporting, importing
from simia_tui.store import New, Query, Workspace, decisions, trajectories

WORDS = re.findall(
    r"\w+",
    """
the order of your flight was changed and a refund goes back to card reservation member please confirm passenger
economy cabin status pending number date total price book renew loan copy return fine policy agent customer
""",
)


def tool(number: int) -> dict[str, Any]:
    """One schema of about 700 bytes."""
    properties = {f"field_{n}": {"type": "string", "description": f"The field {n} of tool {number}."} for n in range(8)}
    parameters = {"type": "object", "properties": properties, "required": ["field_0"]}
    function = {"name": f"tool_{number}", "description": f"Does the thing {number}.", "parameters": parameters}
    return {"type": "function", "function": function}


def rows(count: int, size: int) -> Iterator[str]:
    """`count` different lines of OpenAI messages of about `size` bytes; every second turn of the assistant calls."""
    policy = " ".join(random.Random(1).choices(WORDS, k=900))
    tools = [tool(number) for number in range(6)]
    head = len(json.dumps({"messages": [{"role": "system", "content": policy}], "tools": tools}))
    for number in range(count):
        chance = random.Random(number)
        messages: list[dict[str, Any]] = [{"role": "system", "content": policy}]
        length, turn = head, 0
        while length < size:
            text = " ".join(chance.choices(WORDS, k=40))
            name, call = f"tool_{chance.randrange(6)}", f"call_{turn}"
            arguments = json.dumps({"field_0": text[:20], "field_1": str(number)})
            result = json.dumps({"id": number, "text": " ".join(chance.choices(WORDS, k=60))})
            function = {"name": name, "arguments": arguments}
            block: list[dict[str, Any]] = [
                {"role": "user", "content": text},
                {
                    "role": "assistant",
                    "content": "I look this up.",
                    "tool_calls": [{"id": call, "type": "function", "function": function}],
                },
                {"role": "tool", "tool_call_id": call, "content": result},
                {"role": "assistant", "content": " ".join(chance.choices(WORDS, k=30))},
            ]
            length += len(json.dumps(block))
            messages += block
            turn += 1
        yield json.dumps({"messages": messages, "tools": tools})


def bare_import(source: Path, target: Path) -> None:
    """The least: a hash and the line as it is."""
    db = sqlite3.connect(target)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE t (id TEXT PRIMARY KEY, turns INTEGER, body TEXT)")
    with open(source) as file:
        for line in file:
            row = json.loads(line)
            key = hashlib.sha256(line.encode()).hexdigest()
            db.execute("INSERT OR IGNORE INTO t VALUES (?, ?, ?)", (key, len(row["messages"]), line))
    db.commit()
    db.close()


SAME_WORK = """
CREATE TABLE policies (pk INTEGER PRIMARY KEY, id TEXT UNIQUE, text TEXT);
CREATE TABLE toolsets (pk INTEGER PRIMARY KEY, id TEXT UNIQUE, text TEXT);
CREATE TABLE t (pk INTEGER PRIMARY KEY, id TEXT UNIQUE, title TEXT, policy INTEGER, toolset INTEGER, turns INTEGER,
  calls INTEGER, observations INTEGER, words INTEGER);
CREATE TABLE bodies (t INTEGER UNIQUE, data BLOB);
CREATE TABLE tools (tool TEXT, t INTEGER, calls INTEGER, PRIMARY KEY (tool, t)) WITHOUT ROWID;
CREATE INDEX tools_by_t ON tools (t);
CREATE VIRTUAL TABLE search USING fts5 (text, content = '');
"""


def once(db: sqlite3.Connection, table: str, text: str) -> int:
    """The key of a text that is stored once."""
    key = hashlib.sha256(text.encode()).hexdigest()
    found = db.execute(f"SELECT pk FROM {table} WHERE id = ?", (key,)).fetchone()
    return int(found[0] if found else db.execute(f"INSERT INTO {table} VALUES (NULL, ?, ?)", (key, text)).lastrowid)


def plain_import(source: Path, target: Path) -> None:
    """What ours does apart from the rules, as one would write it down in an afternoon."""
    db = sqlite3.connect(target)
    db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + SAME_WORK)
    with open(source) as file:
        for number, line in enumerate(file, 1):
            plain_row(db, json.loads(line))
            if number % importing.PORTION == 0:
                db.commit()
    db.commit()
    db.close()


def plain_row(db: sqlite3.Connection, row: dict[str, Any]) -> None:
    """One row of the "same work" import."""
    messages = row["messages"]
    policy = messages.pop(0)["content"]
    for message in messages:
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    key = hashlib.sha256(json.dumps([policy, row["tools"], messages], sort_keys=True).encode()).hexdigest()
    calls = [call["function"]["name"] for message in messages for call in message.get("tool_calls", ())]
    text = "\n".join(m["content"] for m in messages if m["content"] and m["role"] in ("user", "assistant"))
    observed = sum(m["role"] == "tool" for m in messages)
    figures = (len(messages), len(calls), observed, len(text.split()))
    keys = (once(db, "policies", policy), once(db, "toolsets", json.dumps(row["tools"])))
    cursor = db.execute(
        "INSERT OR IGNORE INTO t VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
        (key, messages[0]["content"][:120], *keys, *figures),
    )
    if cursor.rowcount != 1:
        return
    pk = cursor.lastrowid
    body = json.dumps(messages, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    db.execute("INSERT INTO bodies VALUES (?, ?)", (pk, zstandard.compress(body, 3)))
    db.execute("INSERT INTO search (rowid, text) VALUES (?, ?)", (pk, text))
    db.executemany("INSERT INTO tools VALUES (?, ?, ?)", [(name, pk, calls.count(name)) for name in set(calls)])


def plain_export(source: Path, target: Path, count: int) -> None:
    """TRL rows from the "same work" database."""
    db = sqlite3.connect(source)
    sql = (
        "SELECT p.text, s.text, b.data FROM t JOIN policies p ON p.pk = t.policy JOIN toolsets s ON s.pk = t.toolset"
        " JOIN bodies b ON b.t = t.pk ORDER BY t.pk LIMIT ?"
    )
    with open(target, "w") as file:
        for policy, tools, data in db.execute(sql, (count,)):
            messages = [{"role": "system", "content": policy}]
            names: dict[str, str] = {}
            for message in json.loads(zstandard.decompress(data)):
                for call in message.get("tool_calls", ()):
                    names[call.pop("id")] = call["function"]["name"]
                name = names.get(message.get("tool_call_id", ""), "")
                result = {"role": "tool", "name": name, "content": message["content"]}
                messages.append(result if message["role"] == "tool" else message)
            file.write(json.dumps({"messages": messages, "tools": json.loads(tools)}, ensure_ascii=False) + "\n")
    db.close()


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
    db = Workspace.create(target).connect()
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
    importing.import_files(Workspace.create(target), [source])


def our_rows(target: Path, out: Path, count: int) -> None:
    """The rows of one format, as the plain loop writes them."""
    db = Workspace.open(target).connect(readonly=True)
    with formats.open_sink(out, "trl") as sink:
        for pk in trajectories.ids(db, Query(kind="seed"))[:count]:
            sink.add(formats.write_trl(trajectories.get(db, pk)))
    db.close()


def our_export(target: Path, count: int) -> None:
    """`simia export`, all of it: preflight for two trainers, both files, members, hashes, card."""
    workspace = Workspace.open(target)
    db = workspace.connect()
    exporting.freeze(workspace, db, "all", exporting.preview(db, Query(kind="seed", status="approved")))
    db.close()


def approve(target: Path, count: int) -> None:
    """Decides on the first `count`, in one batch."""
    db = Workspace.open(target).connect()
    decisions.decide(db, list(trajectories.ids(db, Query(kind="seed"))[:count]), "approve", "benchmark")
    db.close()


class Spent(NamedTuple):
    """Seconds by the clock, and seconds of processor time, which other programs on the machine do not lengthen."""

    clock: float
    cpu: float


def timed(function: Callable[[], object]) -> Spent:
    clock, cpu = time.perf_counter(), time.process_time()
    function()
    return Spent(time.perf_counter() - clock, time.process_time() - cpu)


def show(what: str, count: int, size: int, spent: Spent, plain: Spent) -> None:
    """One line of the table; rates and ratio are by processor time, `size` is in bytes of the source file."""
    rate, speed, ratio = count / spent.cpu, size / spent.cpu / 1e6, plain.cpu / spent.cpu
    print(f"{what:<44}{spent.clock:9.2f}{spent.cpu:9.2f}{rate:10,.0f}{speed:8.1f}{ratio:9.2f}", flush=True)


def run(folder: Path, count: int, exported: int, size: int) -> None:
    source = folder / "rows.jsonl"
    with open(source, "w") as file:
        file.writelines(f"{row}\n" for row in rows(count, size))
    total = source.stat().st_size
    share = total * exported // count
    print(f"{count:,} trajectories, {total / count / 1e3:.1f} kB each, {total / 1e6:,.0f} MB; Python {sys.version[:6]}")
    print(f"{'':<44}{'seconds':>9}{'CPU s':>9}{'per CPU s':>10}{'MB/s':>8}{'x plain':>9}")
    bare = timed(lambda: bare_import(source, folder / "bare.db"))
    plain = timed(lambda: plain_import(source, folder / "plain.db"))
    show("import, plain, bare", count, total, bare, plain)
    show("import, plain, same work", count, total, plain, plain)
    steps: list[tuple[str, Callable[[Path, Path], None]]] = [
        ("ours, the format alone", our_read),
        ("ours, the format and the rules", our_read_and_check),
        ("import, ours without the rules", our_import_without_rules),
        ("import, ours (simia import)", our_import),
    ]
    for name, step in steps:
        target = folder / step.__name__
        show(name, count, total, timed(lambda step=step, target=target: step(source, target)), plain)  # type: ignore[misc]
    ours = folder / "our_import"
    plain_out = timed(lambda: plain_export(folder / "plain.db", folder / "plain.jsonl", exported))
    show("export to TRL, plain", exported, share, plain_out, plain_out)
    show("export to TRL, ours", exported, share, timed(lambda: our_rows(ours, folder / "x", exported)), plain_out)
    approve(ours, exported)
    whole = timed(lambda: our_export(ours, exported))
    show("export, ours (simia export: two formats ...)", exported, share, whole, plain_out)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


def profile(folder: Path, count: int, size: int) -> None:
    source = folder / "rows.jsonl"
    with open(source, "w") as file:
        file.writelines(f"{row}\n" for row in rows(count, size))
    profiler = cProfile.Profile()
    profiler.runcall(our_import, source, folder / "work")
    pstats.Stats(profiler).sort_stats("tottime").print_stats(35)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--exported", type=int, help="default: nine tenths of the rows")
    parser.add_argument("--bytes", type=int, default=20_000)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="simia-benchmark-"))
    try:
        if options.profile:
            profile(folder, options.rows, options.bytes)
        else:
            run(folder, options.rows, options.exported or options.rows * 9 // 10, options.bytes)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
