"""Real traces must raise few false alarms: gpt-4o's own calls against the real airline database."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simia_tui import checks
from simia_tui.domains import infer_tools
from simia_tui.model import ToolCall, Trajectory, Turn


def turn(message: dict[str, Any]) -> Turn:
    content = message.get("content")
    calls = [call["function"] for call in message.get("tool_calls") or []]
    return Turn(
        role=message["role"],
        content=content,
        tool_calls=tuple(ToolCall(name=call["name"], arguments=json.loads(call["arguments"])) for call in calls),
        is_error=message["role"] == "tool" and (content or "").startswith("Error"),
    )


def airline(folder: Path) -> Iterator[Trajectory]:
    for record in json.loads((folder / "tau_airline_gpt4o.json").read_text(encoding="utf-8")):
        yield Trajectory(turns=tuple(turn(message) for message in record["traj"] if message["role"] != "system"))


def test_real_airline_traces_are_clean_but_for_their_open_end(real_data: Path) -> None:
    seeds = list(airline(real_data))
    tools = infer_tools(seeds)
    rules: Counter[str] = Counter()
    for seed in seeds:
        result, findings = checks.run(seed, tools)
        assert result == seed
        rules.update(finding.rule for finding in findings)
    assert rules == {"turn.ends-open": 120}
    assert len(tools) == 14
    assert sum(tool.extra["calls"] for tool in tools) == 689
