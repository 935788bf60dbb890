"""The demo model as prefilter: remarks of the rules make a seed senseless, an open end makes it no whole."""

import json
import re
from typing import Any

_LEAVING = re.compile(r"\b(?:bye|thanks?|thank you|stop|that is all|that's all)\b", re.IGNORECASE)


def screen(findings: list[dict[str, Any]], transcript: list[dict[str, Any]]) -> str:
    """The verdict on a seed, always the same for the same seed: nothing is drawn and nothing forgotten."""
    end = open_end(transcript)
    rules = sorted({str(found.get("rule")) for found in findings})
    cited = {turn for found in findings if isinstance(turn := found.get("turn"), int)}
    if end is not None and transcript:
        cited.add(len(transcript) - 1)
    verdict = {
        "completeness": {"reason": end or "It runs from a wish to its end.", "pass": end is None},
        "logic": {
            "reason": f"Remarks: {', '.join(rules)}." if rules else "Each step follows.",
            "pass": not rules,
        },
        "evidence_turns": sorted(cited),
    }
    return json.dumps(verdict)


def open_end(transcript: list[dict[str, Any]]) -> str | None:
    """What is left open at the end of a session, as a sentence; None where nothing is."""
    if not any(turn.get("role") == "user" for turn in transcript):
        return "Nobody says what is wanted."
    last = transcript[-1]
    text = str(last.get("content") or "").strip()
    if last.get("tool_calls"):
        return "The last call has no answer."
    if last.get("role") == "tool":
        return "Nothing is said of the last answer."
    if last.get("role") == "user":
        return None if _LEAVING.search(text) else "The user is left without a reply."
    return "It ends on a question." if text.endswith("?") else None
