"""What `import_export.py` compares with: the rows, and plain `json` + `sqlite3` loops over them.

The loops are what one would write down in an afternoon. "bare" does the least that could be called an import or an
export; "same work" does what ours does apart from the rules of the import and the preflight of the export.
"""

import hashlib
import json
import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import zstandard

PORTION = 250
"""Rows of one transaction, as in ours."""

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
    system = json.dumps({"role": "system", "content": policy})
    tools = json.dumps([tool(number) for number in range(6)])
    for number in range(count):
        chance = random.Random(number)
        blocks: list[str] = [system]
        length, turn = len(system) + len(tools), 0
        while length < size:
            blocks.append(json.dumps(exchange(chance, number, f"call_{turn}"))[1:-1])
            length += len(blocks[-1])
            turn += 1
        yield f'{{"messages": [{", ".join(blocks)}], "tools": {tools}}}'


def exchange(chance: random.Random, number: int, call: str) -> list[dict[str, Any]]:
    """A question, a call with its result, an answer."""
    text = " ".join(chance.choices(WORDS, k=40))
    arguments = json.dumps({"field_0": text[:20], "field_1": str(number)})
    function = {"name": f"tool_{chance.randrange(6)}", "arguments": arguments}
    calls = [{"id": call, "type": "function", "function": function}]
    result = json.dumps({"id": number, "text": " ".join(chance.choices(WORDS, k=60))})
    return [
        {"role": "user", "content": text},
        {"role": "assistant", "content": "I look this up.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": call, "content": result},
        {"role": "assistant", "content": " ".join(chance.choices(WORDS, k=30))},
    ]


def bare_import(source: Path, target: Path) -> None:
    """A hash and the line as it is."""
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


def same_import(source: Path, target: Path) -> None:
    """An id over canonical JSON, policy and tools once, figures, a full-text index, tools by trajectory, zstd."""
    db = sqlite3.connect(target)
    db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;" + SAME_WORK)
    with open(source) as file:
        for number, line in enumerate(file, 1):
            same_row(db, json.loads(line))
            if number % PORTION == 0:
                db.commit()
    db.commit()
    db.close()


def same_row(db: sqlite3.Connection, row: dict[str, Any]) -> None:
    """One row of `same_import`."""
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


def once(db: sqlite3.Connection, table: str, text: str) -> int:
    """The key of a text that is stored once."""
    key = hashlib.sha256(text.encode()).hexdigest()
    found = db.execute(f"SELECT pk FROM {table} WHERE id = ?", (key,)).fetchone()
    return int(found[0] if found else db.execute(f"INSERT INTO {table} VALUES (NULL, ?, ?)", (key, text)).lastrowid)


STORED = """
SELECT t.id, t.pk, t.turns, t.calls, p.text, s.text, b.data FROM t JOIN policies p ON p.pk = t.policy
JOIN toolsets s ON s.pk = t.toolset JOIN bodies b ON b.t = t.pk ORDER BY t.pk LIMIT ?
"""


def bare_export(source: Path, target: Path, count: int) -> None:
    """TRL rows, and nothing else."""
    db = sqlite3.connect(source)
    with open(target, "w") as file:
        for *_, policy, tools, data in db.execute(STORED, (count,)):
            messages = json.loads(zstandard.decompress(data))
            file.write(json.dumps(trl_row(policy, json.loads(tools), messages), ensure_ascii=False) + "\n")
    db.close()


def same_export(source: Path, target: Path, count: int) -> None:
    """Rows for TRL and for LLaMA-Factory, where each comes from, and the hash of each file."""
    db = sqlite3.connect(source)
    target.mkdir()
    names = ("trl.jsonl", "sharegpt_hermes.json", "members.jsonl")
    with ExitStack() as stack:
        trl, hermes, members = (stack.enter_context(open(target / name, "w")) for name in names)
        hermes.write("[\n")
        for key, pk, turns, calls, policy, tools, data in db.execute(STORED, (count,)):
            messages, specs = json.loads(zstandard.decompress(data)), json.loads(tools)
            row = hermes_row(policy, specs, messages)
            assert all(turn["from"] == ("human", "gpt")[n % 2] for n, turn in enumerate(row["conversations"]))
            hermes.write((",\n" if pk > 1 else "") + json.dumps(row, ensure_ascii=False, separators=(",", ":")))
            trl.write(json.dumps(trl_row(policy, specs, messages), ensure_ascii=False, separators=(",", ":")) + "\n")
            members.write(json.dumps({"id": key, "row": pk, "turns": turns, "calls": calls}) + "\n")
        hermes.write("\n]\n")
    hashes = {}
    for name in names:
        with open(target / name, "rb") as written:
            hashes[name] = hashlib.file_digest(written, "sha256").hexdigest()
    (target / "manifest.json").write_text(json.dumps(hashes))
    db.close()


def trl_row(policy: str, tools: list[Any], stored: list[dict[str, Any]]) -> dict[str, Any]:
    """A row for TRL: no ids, the name of its tool in every result."""
    messages = [{"role": "system", "content": policy}]
    names: dict[str, str] = {}
    for message in stored:
        for call in message.get("tool_calls", ()):
            names[call.pop("id")] = call["function"]["name"]
        name = names.get(message.get("tool_call_id", ""), "")
        result = {"role": "tool", "name": name, "content": message["content"]}
        messages.append(result if message["role"] == "tool" else message)
    return {"messages": messages, "tools": tools}


def hermes_row(policy: str, tools: list[Any], stored: list[dict[str, Any]]) -> dict[str, Any]:
    """A row for LLaMA-Factory: calls and results in the text, the schemas under the policy."""
    turns: list[dict[str, str]] = []
    for message in stored:
        text = message["content"] or ""
        for call in message.get("tool_calls", ()):
            text += f"\n\n<tool_call>\n{json.dumps(call['function'], ensure_ascii=False)}\n</tool_call>"
        side = "gpt" if message["role"] == "assistant" else "human"
        if message["role"] == "tool":
            text = f"<tool_response>\n{text}\n</tool_response>"
        if turns and turns[-1]["from"] == side:
            turns[-1]["value"] += "\n\n" + text
        else:
            turns.append({"from": side, "value": text})
    listed = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
    return {"conversations": turns, "system": f"{policy}\n\n<tools>\n{listed}\n</tools>"}
