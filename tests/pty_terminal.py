"""The real program in a pseudo-terminal, without tmux between: keys in, a screen and the time of its bytes out."""

import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from fcntl import ioctl
from pathlib import Path

import pyte

Seen = Callable[[str], bool]


class PtyTerminal:
    """A program in a pseudo-terminal whose screen can be read.

    Bytes are taken from the terminal as they come and dated then; what they mean is worked out afterwards, so that the
    emulator here, which is slower than a real terminal, does not count.
    """

    def __init__(
        self, command: Sequence[str], *, columns: int = 120, lines: int = 40, environ: Mapping[str, str] | None = None
    ) -> None:
        self.columns, self.lines = columns, lines
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.killed = False
        self.started = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            own = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": str(columns), "LINES": str(lines)}
            os.execve(command[0], list(command), {**os.environ, **own, **(environ or {})})
        ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    @property
    def text(self) -> str:
        """What the screen shows."""
        return "\n".join(self.screen.display)

    def _arrived(self, patience: float) -> list[tuple[float, bytes]]:
        """What has come within `patience` seconds, each piece with its time."""
        pieces = []
        while select.select([self._fd], [], [], patience)[0]:
            try:
                piece = os.read(self._fd, 1 << 16)
            except OSError as error:
                raise EOFError(f"the program has ended; its screen was:\n{self.text}") from error
            pieces.append((time.perf_counter(), piece))
            patience = 0.0
        return pieces

    def wait(self, seen: Seen, limit: float = 120.0) -> float:
        """The time (perf_counter) of the bytes with which the screen first satisfied `seen`."""
        end = time.perf_counter() + limit
        while time.perf_counter() < end:
            found = None
            for at, piece in self._arrived(0.02):
                self._stream.feed(piece)
                found = found or (at if seen(self.text) else None)
            if found is not None:
                return found
        raise TimeoutError(f"the screen never showed it:\n{self.text}")

    def write(self, keys: str) -> None:
        """Presses keys, as the bytes that a terminal sends."""
        os.write(self._fd, keys.encode())

    def press(self, keys: str, seen: Seen, limit: float = 120.0) -> float:
        """Milliseconds from writing `keys` until the bytes with which the screen satisfies `seen`."""
        started = time.perf_counter()
        self.write(keys)
        return (self.wait(seen, limit) - started) * 1000

    def drain(self, quiet: float = 0.3) -> None:
        """Reads until nothing has come for `quiet` seconds."""
        while pieces := self._arrived(quiet):
            for _, piece in pieces:
                self._stream.feed(piece)

    def cpu_s(self) -> float:
        """Processor seconds that the program has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        """Resident memory of the program, in MB."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        return int(found.group(1)) / 1024 if found else float("nan")

    def kill(self) -> None:
        """Ends the program as a crash would; where it has ended already nothing is done."""
        if self.killed:
            return
        self.killed = True
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._fd)
