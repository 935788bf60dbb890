"""Signatures by which near-duplicates are found without comparing every pair.

What counts is the text of user and assistant and the calls, with digits masked: another order number makes no
other conversation, and what the tools answered is not the writer's. Rows of three words are hashed, and MinHash
estimates how many two trajectories share (A. Broder, "On the resemblance and containment of documents", 1997), in
the variant that hashes once and fills empty bins from others (A. Shrivastava, "Optimal densification for fast and
accurate minwise hashing", ICML 2017).
"""

import hashlib
import json
import re
from typing import NamedTuple

from simia_tui.model import Trajectory

VERSION = 1
"""Raised when signatures change; those of another version cannot be compared."""

BINS = 128
BANDS = 16
"""Bands of 8 bins: two trajectories that share half of their rows of words meet in a band 6 times in 100, at 0.8 in
95 of 100."""

THRESHOLD = 0.7
"""From this estimate on two trajectories count as near-duplicates unless a setting says otherwise."""

_WORDS = 3
_DIGITS = re.compile(r"\d")
_WORD = re.compile(r"\w+")
_EMPTY = 2**32
"""Above every value of a bin."""


class Signature(NamedTuple):
    """`digest` is equal for texts that are equal but for digits and white space; `bins` are for `estimate`."""

    digest: str
    bins: tuple[int, ...]


def masked_text(trajectory: Trajectory) -> str:
    """The words of user and assistant and the calls in lower case, with `0` for every digit."""
    parts: list[str] = []
    for turn in trajectory.turns:
        if turn.role in ("user", "assistant"):
            parts.append(turn.content or "")
            for call in turn.tool_calls:
                arguments = call.raw if call.arguments is None else json.dumps(call.arguments, ensure_ascii=False)
                parts.append(f"{call.name} {arguments or ''}")
    return " ".join(_WORD.findall(_DIGITS.sub("0", "\n".join(parts).casefold())))


def signature(trajectory: Trajectory) -> Signature:
    """The signature of a trajectory: the same on every machine, in time linear in its text."""
    text = masked_text(trajectory)
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return Signature(digest, _bins(text))


def _bins(text: str) -> tuple[int, ...]:
    words = text.encode("utf-8", "surrogatepass").split(b" ")
    # A text of fewer words is one row.
    rows = set(map(b" ".join, zip(*(words[at:] for at in range(_WORDS)), strict=False))) or {b" ".join(words)}
    bins = [_EMPTY] * BINS
    for row in rows:
        value = int.from_bytes(hashlib.blake2b(row, digest_size=6).digest())
        place, rest = value % BINS, value // BINS % _EMPTY
        bins[place] = min(bins[place], rest)
    return tuple([value if value != _EMPTY else _borrowed(bins, place) for place, value in enumerate(bins)])


_STEPS = tuple((step * 40_503 + step * step * 977) % BINS for step in range(1, 16 * BINS))


def _borrowed(bins: list[int], place: int) -> int:
    """What an empty bin takes: the value of one that is not, found by a walk that is the same for all trajectories."""
    start = place * 2_654_435_761 % BINS
    for step in _STEPS:
        value = bins[(start + step) % BINS]
        if value != _EMPTY:
            return value
    return next(value for value in bins if value != _EMPTY)


def estimate(left: Signature, right: Signature) -> float:
    """How many of their rows of three words two trajectories share, 0 to 1 (the Jaccard index), within about 0.09."""
    same = sum(one == other for one, other in zip(left.bins, right.bins, strict=True))
    return 1.0 if left.digest == right.digest else same / BINS


def bands(found: Signature) -> list[int]:
    """One signed 64-bit number for each of the 16 bands; trajectories that share one are worth comparing."""
    width = BINS // BANDS
    return [
        int.from_bytes(
            hashlib.blake2b(repr((at, found.bins[at : at + width])).encode(), digest_size=8).digest(), signed=True
        )
        for at in range(0, BINS, width)
    ]
