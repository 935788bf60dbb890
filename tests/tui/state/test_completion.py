"""What is offered where the cursor stands in a filter line."""

import pytest

from simia_tui.store.completions import Value
from simia_tui.tui.state.completion import KEYS, complete, field_at

KNOWN = {
    "status": [Value("pending", 5), Value("approved", 2)],
    "rule": [Value("call.unknown-tool", 3), Value("call.json", 1), Value("text.call", 1)],
}


def offered(line: str, cursor: int | None = None) -> list[str]:
    return [value.text for value in complete(line, len(line) if cursor is None else cursor, KNOWN).options]


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("", [f"{key}:" for key in KEYS]),
        ("status:pending ", [f"{key}:" for key in KEYS]),
        ("sta", ["status:"]),
        ("-rul", ["rule:"]),
        ("refund", []),
        ("status:", ["pending", "approved"]),
        ("status:p", ["pending", "approved"]),
        ("status:pe", ["pending"]),
        ("status:pending,app", ["approved"]),
        ("-status:app", ["approved"]),
        ("rule:call", ["call.unknown-tool", "call.json", "text.call"]),
        ("rule:CALL.J", ["call.json"]),
        ("rule:zzz", []),
        ("tool:x", []),
        ("nothing:x", []),
    ],
)
def test_options_at_the_end_of_a_line(line: str, options: list[str]) -> None:
    assert offered(line) == options


def test_the_cursor_says_which_token_is_meant() -> None:
    line = "status:app rule:call.json words"
    assert offered(line, 7) == ["pending", "approved"] and offered(line, 3) == ["status:"]
    assert complete(line, 10, KNOWN)[:2] == (7, 10)
    assert (field_at(line, 12), field_at(line, 16), field_at(line, len(line))) == (None, "rule", None)
