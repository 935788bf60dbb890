"""Tells when a job yields mostly copies of what is there."""

from collections import deque

OVER = 50
"""Over how many of the latest results near-duplicates are counted."""


class CopyWatch:
    """Follows the counts of results and near-duplicates; `most` is the share that is put up with (None: any)."""

    def __init__(self, most: float | None) -> None:
        self._most = most
        self._seen: deque[tuple[int, int]] = deque()

    def told(self, done: int, copies: int) -> str | None:
        """Takes the job's counts as they stand; a sentence when the latest results are mostly copies."""
        if not self._seen or done > self._seen[-1][0]:
            self._seen.append((done, copies))
        while len(self._seen) > 1 and done - self._seen[1][0] >= OVER:
            self._seen.popleft()
        latest, near = done - self._seen[0][0], copies - self._seen[0][1]
        if self._most is None or latest < OVER or near <= self._most * latest:
            return None
        said = f"{near} of the latest {latest} episodes are nearly copies of seeds or of each other"
        return f"{said}; add seeds or axes of variation before it goes on."
