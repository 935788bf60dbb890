"""Clauses of a policy, so that a rejection can point at the one that was broken."""

import re
from collections.abc import Iterator

from simia_tui.model import Citation, content_hash

LEAST_WORDS = 4
"""A clause with fewer words is a heading or a remnant, not a rule."""
LONGEST = 300
"""Characters beyond which a paragraph is taken apart into its sentences."""

_LINE = re.compile(r"[^\n]+|\n(?=\s*\n)")
_BULLET = re.compile(r"\s*(?:[-*•]|\d{1,3}[.)]|\(?[a-z]\))\s+")
_SENTENCE = re.compile(r"\S.*?(?:[.!?;](?=\s)|$)", re.DOTALL)
_ENDS = (".", "!", "?", ";", ":")


def clauses(policy: str) -> list[Citation]:
    """The clauses of a policy in order: its paragraphs and bullets without headings, long ones by sentence.

    A line that was only wrapped belongs to the one before. The text of a clause has its spaces and line breaks joined.
    """
    sha = content_hash(policy)
    found = []
    for start, end in _blocks(policy):
        text = policy[start:end]
        parts = [(0, text)] if len(text) <= LONGEST else [(one.start(), one[0]) for one in _SENTENCE.finditer(text)]
        for offset, part in parts:
            words = part.split()
            if len(words) >= LEAST_WORDS:
                found.append(Citation(policy=sha, start=start + offset, text=" ".join(words)))
    return found


def _blocks(policy: str) -> Iterator[tuple[int, int]]:
    """Where each paragraph or bullet begins and ends; headings are left out."""
    start = end = -1
    last = ""
    for line in _LINE.finditer(policy):
        text = line[0].strip()
        bullet = _BULLET.match(line[0])
        heading = not text or text.startswith("#")
        fresh = bullet is not None or not last or (last.endswith(_ENDS) and text[:1].isupper())
        if start >= 0 and (heading or fresh):
            yield start, end
            start = -1
        if not heading and start < 0:
            start = line.start() + (bullet.end() if bullet else len(line[0]) - len(line[0].lstrip()))
        end = line.end()
        last = "" if heading else text
    if start >= 0:
        yield start, end
