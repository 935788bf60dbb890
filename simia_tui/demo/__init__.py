"""The offline demo model: a small real library desk, and a loopback server that speaks OpenAI chat completions.

Everything it makes is marked `demo` by whoever stores it; it never stands in for a configured endpoint that fails.
"""

from simia_tui.demo.play import seeds
from simia_tui.demo.server import DemoServer

__all__ = ["DemoServer", "seeds"]
