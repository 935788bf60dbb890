"""Shows what is trained: the text under the loss, read back from the tokens themselves."""

from typing import Any

from simia_tui.training.data import IGNORED, encode, spans


def trained_spans(tokenizer: Any, row: dict[str, Any], template: str | None = None) -> list[str]:
    """The stretches of a row that are trained on, decoded from exactly the tokens whose label is not -100.

    Args:
        row: `{"messages": [...], "tools": [...]}`.
        template: the training chat template; None takes the tokenizer's own.
    """
    return decoded_spans(tokenizer, *encode(tokenizer, row, template))


def decoded_spans(tokenizer: Any, input_ids: list[int], labels: list[int]) -> list[str]:
    """The stretches of one example that are trained on, as text with special tokens shown."""
    mask = [int(label != IGNORED) for label in labels]
    return [tokenizer.decode(input_ids[start:end]) for start, end in spans(mask)]
