"""Reads how many tokens a reply took, and estimates where the vendor does not say or cannot be right."""

from typing import Any

from simia_tui.model import Usage

CHARS_PER_TOKEN = 4
"""The usual rule of thumb for English and JSON."""

_SLACK = 10_000
"""Tokens a server may honestly add to what we sent or got: chat template, hidden system text, hidden reasoning."""


def estimate(prompt_chars: int, completion_tokens: int) -> Usage:
    """A usage that the vendor did not tell: the prompt from its length, the completion as given."""
    return Usage(prompt=tokens(prompt_chars), completion=completion_tokens, estimated=True)


def tokens(chars: int) -> int:
    """The estimated number of tokens of a text of `chars` characters, rounded up."""
    return -(-chars // CHARS_PER_TOKEN)


def read(usage: Any, prompt_chars: int, text: str, max_tokens: int) -> Usage:
    """The usage of a completion, with each figure that is missing, zero, negative or absurd replaced by an estimate.

    `usage` is the field as decoded, of any type. Absurd is more than one token a character, and more than
    `max_tokens` for the completion, beyond what a server may add. `cached` and `reasoning` never exceed what they are
    part of. Any replacement marks the whole as estimated.
    """
    fields = usage if isinstance(usage, dict) else {}
    prompt = _count(fields.get("prompt_tokens"))
    completion = _count(fields.get("completion_tokens"))
    prompt_known = bool(prompt) and prompt <= prompt_chars + _SLACK
    # A reply without text may truly have cost nothing, one with text may not.
    completion_known = (completion > 0 or (fields != {} and prompt_known and not text)) and completion <= (
        max(max_tokens, len(text)) + _SLACK
    )
    prompt = prompt if prompt_known else tokens(prompt_chars)
    completion = completion if completion_known else tokens(len(text))
    cached = _count(_detail(fields, "prompt_tokens_details", "cached_tokens"))
    reasoning = _count(_detail(fields, "completion_tokens_details", "reasoning_tokens"))
    return Usage(
        prompt=prompt,
        completion=completion,
        cached=min(cached, prompt) if prompt_known else 0,
        reasoning=min(reasoning, completion) if completion_known else 0,
        estimated=not (prompt_known and completion_known),
    )


def _detail(fields: dict[str, Any], group: str, name: str) -> Any:
    inner = fields.get(group)
    return inner.get(name) if isinstance(inner, dict) else None


def _count(value: Any) -> int:
    """`value` as a count; 0 for anything that is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if 0 < value < 1e12 and value == int(value) else 0
