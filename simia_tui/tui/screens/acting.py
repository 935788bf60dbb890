"""Acts on very many rows: in a thread, with how far they are, while every key goes on working."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from textual.message import Message
from textual.worker import Worker

from simia_tui.store.decisions import CHUNK, Told
from simia_tui.tui.screens.inquiry import InquiryScreen

T = TypeVar("T")
AT_ONCE = CHUNK
"""Rows of an act that is done before the next key: more would hold up the screen."""


@dataclass
class Counted(Message):
    """How far an act in a thread is."""

    done: int


@dataclass
class Acted(Message):
    """An act in a thread is done; `finish` shows what came of it."""

    finish: Callable[[], None]


class ActingScreen(InquiryScreen):
    """A queue in which one act on very many rows may be under way. It is one entry of undo, as every act is."""

    _act: Worker[None] | None = None
    _doing = ("", 0)
    """What the act under way does, and on how many rows."""

    def _under_way(self) -> bool:
        """Whether an act on very many is under way; the reviewer is told how a second one has to wait for it."""
        if self._act is None or self._act.is_finished:
            return False
        self._mention(f"still {self._doing[0]} {self._doing[1]:,}; this can be done when that is")
        return True

    def _in_thread(
        self, word: str, rows: int, act: Callable[[sqlite3.Connection, Told], T], then: Callable[[T], None]
    ) -> None:
        """Does `act` in a thread, with a connection of its own; `then` shows what it gave."""
        workspace = self.bench.workspace
        self._doing = (word, rows)

        def told(done: int) -> None:
            self.post_message(Counted(done))

        def run() -> None:
            with workspace.session() as db:
                given = act(db, told)
            self.post_message(Acted(partial(then, given)))

        self._mention(f"{word} {rows:,} …")
        self._act = self.run_worker(run, group="act", thread=True, exit_on_error=False)

    def on_counted(self, message: Counted) -> None:
        word, rows = self._doing
        if message.done < rows:
            self._mention(f"{word} {message.done:,} of {rows:,} …")

    def on_acted(self, message: Acted) -> None:
        message.finish()
