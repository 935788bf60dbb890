"""`g`: the other rooms, each by one letter."""

from simia_tui.tui.screens.strip import Strip

ROOM_KEYS = {
    "h": ("home", "home"),
    "s": ("seeds", "seeds"),
    "e": ("episodes", "episodes"),
    "c": ("error cards", "cards"),
    "j": ("jobs", "jobs"),
    "p": ("prompts", "prompts"),
    "x": ("exports & runs", "exports"),
    "t": ("", "exports"),
    "v": ("agreement", "agreement"),
}
"""Letter to word and mode; a second letter for the same room (t for training) has no word and is not shown."""


class GoToStrip(Strip[str]):
    """Asks where to go."""

    def __init__(self) -> None:
        super().__init__("Go to", ROOM_KEYS)
