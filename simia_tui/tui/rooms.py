"""The rooms of the workbench, each imported when it is first wanted: Home does not wait for what it does not show."""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, cast

from textual.dom import DOMNode
from textual.screen import Screen

from simia_tui import collector
from simia_tui.tui import screens

if TYPE_CHECKING:
    from simia_tui.tui.screens.base import RoomScreen

_CLASSES = {
    "home": ("home", "HomeScreen"),
    "episodes": ("review", "EpisodesScreen"),
    "seeds": ("review", "SeedsScreen"),
    "cards": ("cards", "CardsScreen"),
    "jobs": ("jobs", "JobsScreen"),
    "prompts": ("prompts", "PromptsScreen"),
    "exports": ("exports", "ExportsScreen"),
    "agreement": ("agreement", "AgreementScreen"),
}
"""Mode to module and class; what is likely to be wanted first stands first."""


def _room(mode: str) -> "type[RoomScreen]":
    module, name = _CLASSES[mode]
    return cast("type[RoomScreen]", getattr(import_module(f"{screens.__name__}.{module}"), name))


def _open(mode: str) -> "RoomScreen":
    # Until the room stands and has been painted.
    collector.rest()
    return _room(mode)()


MODES: "Mapping[str, Callable[[], RoomScreen]]" = {mode: partial(_open, mode) for mode in _CLASSES}
"""How Textual comes by each room."""


def modules() -> list[str]:
    """Every module of screens, those of the rooms first."""
    rooms = [module for module, _ in _CLASSES.values()]
    names = dict.fromkeys([*rooms, *(found.name for found in iter_modules(screens.__path__))])
    return [f"{screens.__name__}.{name}" for name in names]


def unopened() -> list[str]:
    """Those of `modules` that are not imported yet."""
    return [module for module in modules() if module not in sys.modules]


def load() -> None:
    """Imports every screen, for what must know all of their keys."""
    for module in modules():
        import_module(module)


def scopes(app: type[DOMNode]) -> list[list[type[DOMNode]]]:
    """What acts at the same time: every room with its `PARTS` and the app; a dialog acts alone."""
    load()
    rooms: list[list[type[DOMNode]]] = [[room, *room.PARTS, app] for room in map(_room, _CLASSES)]
    return rooms + [[dialog] for dialog in _dialogs(Screen)]


def _dialogs(base: type[Screen[Any]]) -> list[type[Screen[Any]]]:
    """The house's dialogs and strips."""
    found = []
    for kind in base.__subclasses__():
        found += _dialogs(kind)
        if kind.__module__.startswith(screens.__name__) and not hasattr(kind, "PARTS"):
            found.append(kind)
    return found
