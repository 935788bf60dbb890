"""Python's collector of cycles, while rows pass by in great numbers or much is made that stays."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_OBJECTS = 50_000
"""Objects that may be made until the collector looks for cycles; a row is some hundreds."""

_lock = Lock()
_before: list[tuple[int, int, int]] = []
"""The thresholds as they were, for each user; the last to leave puts back what the first found."""


@contextmanager
def spared() -> Iterator[None]:
    """Has the collector look seldom, and not at what is there already, for as long as anyone asks for it.

    Rows hold no cycles, and to look for some takes a fifth of the time of reading and checking them.
    """
    with _lock:
        _before.append(gc.get_threshold())
        gc.freeze()
        gc.set_threshold(_OBJECTS, *_before[0][1:])
    try:
        yield
    finally:
        with _lock:
            first = _before[0]
            _before.pop()
            if not _before:
                gc.set_threshold(*first)
                gc.unfreeze()


def rest() -> None:
    """Has the collector look at nothing until `settle`: modules are loaded and screens built, which stay."""
    gc.disable()


def settle() -> None:
    """Sets apart what there is, and has the collector look again at what comes after.

    To look for cycles among all that a screen is made of would hold up a key for a tenth of a second.
    """
    gc.freeze()
    gc.enable()
