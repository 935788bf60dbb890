"""Where an object in a long text may end, told by what stood between the objects before it."""

_WIDEST = 128
"""Characters between two objects, and up to the end of a name, beyond which it is not worth to remember them."""

_MOST_MISSES = 8

_REACH = 4
"""How many times as long as the longest object so far the next one may be for its end to be guessed."""


class Seam:
    """Guesses where an object ends by what stood between the ones before it.

    Rows of one file mostly begin with the same member and have the same between them. A guess needs no proof: if
    the text up to there is a whole JSON object, a parser that goes from its start ends there as well.
    """

    def __init__(self) -> None:
        self._seam = ""
        self._place = -1
        self._misses = 0
        self._reach = 0

    def waits(self, length: int) -> bool:
        """Whether the end may come after the next `length` characters."""
        return bool(self._seam) and length < self._reach

    def end(self, text: str, start: int) -> int:
        """Where the object at `start` may end, or 0; it looks as far as the objects so far are long, not to the end."""
        return text.find(self._seam, start, start + self._reach) + 1 if self._seam else 0

    def learn(self, text: str, before: int, start: int, end: int) -> None:
        """Remembers the seam before the object at `text[start:end]`; `before` characters are gone already."""
        last, self._place = self._place - before, before + end
        self._reach = max(self._reach, _REACH * (end - start) + _WIDEST)
        if self._seam or self._misses > _MOST_MISSES or not 0 <= last < start <= last + _WIDEST or text[start] != "{":
            return
        named = text.find(":", start, min(end, start + _WIDEST))
        if named > 0:
            self._seam = f"}}{text[last : named + 1]}"

    def missed(self) -> None:
        """Gives the seam up, for it stands inside of objects as well; after some such seams no other is looked for."""
        if self._seam:
            self._seam = ""
            self._misses += 1
