"""Clauses of a policy, so that a rejection can point at the one that was broken."""

import re
from collections.abc import Iterator

from simia_tui.model import Citation, content_hash

LEAST_WORDS = 4
"""A line with fewer words is a heading or a remnant, not a rule."""
LONGEST = 300
"""Characters beyond which a line is taken apart into its sentences."""

_LINE = re.compile(r"[^\n]+")
_SENTENCE = re.compile(r"\S.*?(?:[.!?;](?=\s)|$)", re.DOTALL)
_LEAD = re.compile(r"\s*(?:[-*•]|\d{1,3}[.)]|\(?[a-z]\))?\s*")


def clauses(policy: str) -> list[Citation]:
    """The clauses of a policy in order: its lines without bullets and headings, long ones by sentence."""
    sha = content_hash(policy)
    return [Citation(policy=sha, start=start, text=text) for start, text in _cut(policy)]


def _cut(policy: str) -> Iterator[tuple[int, str]]:
    for line in _LINE.finditer(policy):
        lead = _LEAD.match(line[0])
        start = line.start() + (lead.end() if lead else 0)
        text = policy[start : line.end()].rstrip()
        if text.startswith("#") or len(text.split()) < LEAST_WORDS:
            continue
        if len(text) <= LONGEST:
            yield start, text
            continue
        for sentence in _SENTENCE.finditer(text):
            if len(sentence[0].split()) >= LEAST_WORDS:
                yield start + sentence.start(), sentence[0]
