"""The errors that the tools of a real environment are known to answer with: the `[[errors]]` of a pack."""

import re
from collections.abc import Iterable
from typing import NamedTuple

_PLACEHOLDER = re.compile(r"\\\{\w+\\\}")
_LABEL = re.compile(r"(?i)^error:\s*")
_LONGEST = 2000


class Refusal(NamedTuple):
    """One way to refuse: a text with `{placeholders}`, and the tools that say it; none means any."""

    text: str
    tools: tuple[str, ...] = ()


class Catalogue:
    """Tells whether an error is one that the real tool is known to give."""

    def __init__(self, refusals: Iterable[Refusal]) -> None:
        self._refusals = [(frozenset(refusal.tools), _pattern(refusal.text)) for refusal in refusals]

    def knows(self, tool: str, text: str) -> bool:
        """Whether `text` holds one of the errors of `tool`, in any case and with anything in the placeholders."""
        head = " ".join(text[:_LONGEST].split())
        return any((not tools or tool in tools) and pattern.search(head) for tools, pattern in self._refusals)


def _pattern(text: str) -> re.Pattern[str]:
    fixed = re.escape(" ".join(_LABEL.sub("", text).rstrip(".").split()))
    return re.compile(_PLACEHOLDER.sub(".+?", fixed), re.IGNORECASE)
