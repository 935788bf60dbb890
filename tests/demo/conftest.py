"""Small things that several tests of the demo need."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

Messages = list[dict[str, Any]]

EXEMPLAR: list[dict[str, Any]] = [
    {"role": "user", "content": "Hi, my name is Sofia Kim, user id sofia_kim_7287. Where is order #W1234567?"},
    {
        "role": "assistant",
        "content": "Let me look, Sofia.",
        "tool_calls": [
            {"name": "get_user_details", "arguments": {"user_id": "sofia_kim_7287"}},
            {"name": "get_order", "arguments": {"order_id": "#W1234567", "view": "full"}},
        ],
    },
    {
        "role": "tool",
        "content": '{"user_id": "sofia_kim_7287", "name": {"first_name": "Sofia", "last_name": "Kim"}, '
        '"email": "sofia.kim7@mail.example", "balance": 105}',
    },
    {
        "role": "tool",
        "content": '{"order_id":"#W1234567","status":"pending","user_id":"sofia_kim_7287","total":1234.5,'
        '"placed":"2024-05-23","items":[{"item_id":"8124742419","price":207.25},{"item_id":"8124742420","price":1027.25}]}',
    },
    {"role": "assistant", "content": "It was placed on May 23, 2024 for $1,234.50 and is pending. Shall I cancel it?"},
    {"role": "user", "content": "Yes, cancel #W1234567 before 2024-05-30, and put the $105 back."},
    {
        "role": "assistant",
        "tool_calls": [{"name": "cancel_order", "arguments": {"order_id": "#W1234567", "reason": "no longer needed"}}],
    },
    {"role": "tool", "content": "Error: already shipped", "is_error": True},
    {"role": "assistant", "content": "I am sorry, Sofia: #W1234567 has already been shipped."},
]

TOOLS: list[dict[str, Any]] = [
    {
        "name": "get_user_details",
        "description": "User.",
        "parameters": {"type": "object", "properties": {"user_id": {"type": "string"}}, "required": ["user_id"]},
    },
    {
        "name": "get_order",
        "parameters": {
            "type": "object",
            "properties": {"order_id": {"type": "string"}, "view": {"enum": ["full", "short"]}},
            "required": ["order_id"],
        },
    },
    {
        "name": "cancel_order",
        "parameters": {
            "type": "object",
            "properties": {"order_id": {"type": "string"}, "reason": {"type": "string"}},
            "required": ["order_id", "reason"],
        },
    },
]


@pytest.fixture
def exemplar() -> list[dict[str, Any]]:
    return json.loads(json.dumps(EXEMPLAR))


@pytest.fixture
def shop_tools() -> list[dict[str, Any]]:
    return json.loads(json.dumps(TOOLS))


@pytest.fixture
def messages_for() -> Callable[..., Messages]:
    """Builds the one message of a synthesize prompt."""

    def build(tools: Sequence[Any], exemplar: Sequence[Any], variation: int = 0, policy: str = "Be kind.") -> Messages:
        lines = ["<policy>", policy, "</policy>", "<tools>", *map(json.dumps, tools), "</tools>"]
        lines += ["<exemplar>", *map(json.dumps, exemplar), "</exemplar>"]
        lines += ["<request>", "Write another one.", f"Variation: {variation}", "</request>"]
        return [{"role": "user", "content": "\n".join(lines)}]

    return build


@pytest.fixture
def library_messages(messages_for: Callable[..., Messages]) -> Callable[[int], Messages]:
    """The synthesize prompt for the library, by number of variation."""
    from simia_tui.demo.tools import TOOLS as SPECS

    tools = [{"name": t.name, "description": t.description, "parameters": t.parameters} for t in SPECS]
    return lambda variation: messages_for(tools, EXEMPLAR[:1], variation)
