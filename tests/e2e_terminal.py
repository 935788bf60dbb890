"""A real terminal for tests: a tmux server of its own, keys in, text out."""

import os
import subprocess
import sys
import time
from pathlib import Path

PATIENCE_S = 60.0
"""How long a text is waited for before the test gives up; a busy machine takes seconds to open the workbench."""


class Terminal:
    """One tmux window of 80 by 24 cells."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._log = socket.with_suffix(".raw")
        shell = ["env", "-i", "PS1=ready> ", "TERM=xterm-256color", f"PATH={os.environ['PATH']}", "LANG=C.UTF-8"]
        shell += [f"HOME={socket.parent}", "SIMIA_REVIEWER=tester", f"PYTHONPATH={os.environ.get('PYTHONPATH', '')}"]
        self._shell = [*shell, "sh", "-i"]
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", *self._shell)
        self._tmux("pipe-pane", "-o", f"cat >> '{self._log}'")
        self.wait_for("ready>")

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(["tmux", "-S", str(self._socket), *arguments], capture_output=True, text=True, check=True)
        return done.stdout

    def keys(self, *keys: str) -> None:
        """Presses keys, as tmux names them."""
        self._tmux("send-keys", *keys)

    def run(self, *command: str) -> None:
        """Types a command of this installation's Python and presses enter."""
        line = " ".join([sys.executable, *command])
        self._tmux("send-keys", "-l", line)
        self.keys("Enter")

    @property
    def text(self) -> str:
        """What the terminal shows."""
        return self._tmux("capture-pane", "-p")

    def flag(self, name: str) -> str:
        """A mode of the terminal, by its name in tmux formats."""
        return self._tmux("display-message", "-p", f"#{{{name}}}").strip()

    @property
    def raw(self) -> str:
        """Every byte that was written to the terminal so far."""
        return self._log.read_text(errors="replace")

    def wait_for(self, text: str, *, gone: bool = False) -> str:
        """Polls until `text` is on the screen (or is no more) and returns the screen."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            screen = self.text
            if (text in screen) is not gone:
                return screen
            time.sleep(0.05)
        raise AssertionError(f"{text!r} never {'left' if gone else 'came'}; the screen was:\n{screen}")

    def pid_of(self, command: str) -> int:
        """The process that runs in the window."""
        (shell,) = self._tmux("display-message", "-p", "#{pane_pid}").split()
        ask = ["ps", "-o", "pid=,args=", "--ppid", shell]
        children = subprocess.run(ask, capture_output=True, text=True, check=True).stdout
        (pid,) = [int(line.split()[0]) for line in children.splitlines() if command in line]
        return pid

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def renew(self) -> None:
        """A new shell in a new terminal, as a user opens one after a crash."""
        self._tmux("respawn-pane", "-k", *self._shell)
        self.wait_for("ready>")

    def close(self) -> None:
        subprocess.run(["tmux", "-S", str(self._socket), "kill-server"], capture_output=True, check=False)
