"""The five passes of Simia-SFT's post-processing, written anew from a description of what they do.

Straightforward on purpose, as the original is: each pass loads one JSON array whole, walks over it, and writes a
whole JSON array again, indented by two. Only what the passes do to data that is well-formed enough not to end them is
here. Not part of the program: a yardstick for `benchmarks/checks.py`.
"""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Row = dict[str, Any]

THINK = re.compile(r"<think>.*?</think>", re.DOTALL)
CALL = re.compile(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", re.DOTALL)
NAMED = re.compile(r'"name":\s*"[^"]*"')
NAME = re.compile(r'"name":\s*"([^"]*)"')


def fix_arguments(rows: list[Row]) -> list[Row]:
    """Pass 1: drops what looks like several calls or finished data, and makes arguments objects."""
    kept = []
    for row in rows:
        turns = row.get("conversations", [])
        if any("<tool_" in turn["value"] or "\n[{" in turn["value"] for turn in turns):
            continue
        for turn in turns:
            if turn["from"] == "function_call":
                turn["value"] = _with_object(turn["value"])
        kept.append(row)
    return kept


def _with_object(text: str) -> str:
    think = THINK.search(text)
    body = text[think.end() :].strip() if think else text
    try:
        call = json.loads(body)
    except ValueError:
        return text
    if not isinstance(call, dict):
        return text
    arguments = call.get("arguments")
    if isinstance(arguments, dict) and not think:
        return text
    if isinstance(arguments, str):
        arguments = _parsed(arguments)
    call["arguments"] = arguments if isinstance(arguments, dict) else {}
    lead = f"{think.group()}\n" if think else ""
    return lead + json.dumps(call, ensure_ascii=False)


def _parsed(text: str) -> Any:
    if not text.strip():
        return {}
    for candidate in (text, text.replace("'", '"')):
        try:
            return json.loads(candidate)
        except ValueError:
            continue
    return {}


def to_hermes(rows: list[Row]) -> list[Row]:
    """Pass 2: calls become tagged text of the assistant, observations become human turns."""
    kept = []
    for row in rows:
        turns = []
        try:
            for turn in row["conversations"]:
                if turn["from"] == "function_call":
                    turns.append({"from": "gpt", "value": _tagged(turn["value"])})
                elif turn["from"] == "observation":
                    turns.append({"from": "human", "value": turn["value"]})
                else:
                    turns.append(turn)
        except ValueError:
            continue
        kept.append({**row, "conversations": turns})
    return kept


def _tagged(text: str) -> str:
    think = THINK.search(text)
    call = json.loads(text[think.end() :] if think else text)
    body = json.dumps({"name": call.get("name", ""), "arguments": call.get("arguments", {})})
    return f"{think.group() if think else ''}\n<tool_call>\n{body}\n</tool_call>\n"


def correct_tools(schemas: dict[str, dict[str, dict[str, Any]]]) -> Callable[[list[Row]], list[Row]]:
    """Pass 3: drops conversations with a call that is not valid for the domain guessed from the system text."""

    def run(rows: list[Row]) -> list[Row]:
        kept = []
        for row in rows:
            if any('"think"' in call for turn in row["conversations"] for call in CALL.findall(turn["value"])):
                continue
            system = row["system"].lower()
            domain = next((name for name in ("retail", "airline") if name in system), None)
            if domain is None or _is_valid(row, schemas[domain]):
                kept.append(row)
        return kept

    return run


def _is_valid(row: Row, schemas: dict[str, dict[str, Any]]) -> bool:
    for turn in row["conversations"]:
        if turn["from"] != "gpt":
            continue
        for block in CALL.findall(turn["value"]):
            try:
                call = json.loads(block)
            except ValueError:
                return False
            if "name" not in call or "arguments" not in call or not _fits(call, schemas):
                return False
            turn["value"] = turn["value"].replace(block, json.dumps(call))
    return True


def _fits(call: dict[str, Any], schemas: dict[str, dict[str, Any]]) -> bool:
    schema, arguments = schemas.get(call["name"]), call["arguments"]
    if schema is None or not isinstance(arguments, dict):
        return False
    properties = schema.get("properties", {})
    if any(name not in arguments for name in schema.get("required", [])):
        return False
    kinds = {"string": str, "array": list, "object": dict, "number": (int, float), "integer": int, "boolean": bool}
    for name, value in arguments.items():
        if name not in properties:
            return False
        kind = kinds.get(properties[name].get("type"))
        if kind is not None and not isinstance(value, kind):
            return False
    return True


def remove_think_tags(rows: list[Row]) -> list[Row]:
    """Pass 4: thoughts before a call become text, other turns with thoughts go, bare calls get a sentence."""
    kept = []
    for row in rows:
        turns = []
        for turn in row["conversations"]:
            text = turn["value"]
            thinks = THINK.search(text) is not None
            blocks = CALL.search(text)
            tool = blocks is not None or (NAMED.search(text) is not None and '"arguments":' in text)
            if thinks and tool:
                text = text.replace("<think>\n", "").replace("</think>", "")
            elif thinks and turn["from"] == "gpt":
                continue
            elif thinks:
                text = THINK.sub("", text)
            elif blocks is not None:
                name = NAME.search(blocks.group())
                said = f"I will call the function {name[1] if name else ''}.\n\n"
                text = text[: blocks.start()] + said + text[blocks.start() :]
            turns.append({"from": turn["from"], "value": text})
        if turns:
            kept.append({**row, "conversations": turns})
    return kept


def replace_system(prompts: dict[str, str]) -> Callable[[list[Row]], list[Row]]:
    """Pass 5: a fixed prompt takes the place of the system text."""

    def run(rows: list[Row]) -> list[Row]:
        for row in rows:
            name = next((name for name in ("airline", "retail") if name in row.get("system", "").lower()), None)
            if name is not None:
                row["system"] = prompts[name]
        return rows

    return run


def run(source: Path, folder: Path, schemas: dict[str, Any], prompts: dict[str, str]) -> tuple[int, float]:
    """All five, each from file to file; how many conversations are left, and seconds spent besides files."""
    passes = (fix_arguments, to_hermes, correct_tools(schemas), remove_think_tags, replace_system(prompts))
    left, inside = 0, 0.0
    for number, step in enumerate(passes, 1):
        with source.open(encoding="utf-8") as stream:
            rows = json.load(stream)
        start = time.process_time()
        rows = step(rows)
        inside += time.process_time() - start
        left = len(rows)
        source = folder / f"pass{number}.json"
        with source.open("w", encoding="utf-8") as stream:
            json.dump(rows, stream, ensure_ascii=False, indent=2)
        del rows
    return left, inside
