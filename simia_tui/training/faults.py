"""What went wrong, as one sentence for the user; the traceback stays in the log."""

import errno

from simia_tui.errors import SimiaError
from simia_tui.training.profiles import Profile

ROLLOUTS_MEMORY = (
    "Out of memory: put fewer rollouts into one pass (--batch-size), or shorten the conversations"
    " (--conversation-tokens)."
)
"""Rollouts are long, and a pass holds prompt and conversation of each."""

_MEMORY_WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory")


def sentence(error: BaseException, profile: Profile | None = None, method: str = "sft") -> str:
    """One sentence that says what happened and what to do."""
    if isinstance(error, SimiaError):
        return str(error)
    if out_of_memory(error):
        return ROLLOUTS_MEMORY if method == "grpo" else _memory_sentence(profile)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "The disk is full, so a checkpoint could not be written; free some space and resume the run."
    first = (str(error).strip().splitlines() or [""])[0][:200]
    return f"Training broke off with {type(error).__name__}{': ' + first if first else ''}; the run's log tells where."


def out_of_memory(error: BaseException) -> bool:
    """Whether this is the device or the machine running out of memory (torch has several ways to say so)."""
    text = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, (RuntimeError, OSError)) and any(words in text for words in _MEMORY_WORDS))
    )


def _memory_sentence(profile: Profile | None) -> str:
    """Names the two remedies that save most: activations grow with batch and length, weights with the model."""
    if profile is None:
        return "Out of memory: take a smaller model, or close what else uses the memory."
    shorter = f"cut rows shorter (--max-length {max(profile.max_length // 2, 256)}, now {profile.max_length})"
    if profile.batch_size > 1:
        return f"Out of memory: lower the batch size (--batch-size {profile.batch_size // 2}), or {shorter}."
    if profile.device == "auto" and profile.quantize is None:
        return f"Out of memory: {shorter}, or hold the weights in 4 bits (--quantize 4bit)."
    return f"Out of memory: {shorter}, or take a smaller model."
