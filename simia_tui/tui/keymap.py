"""`[keys]` of simia.toml: which key does what, checked before the workbench opens."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import _character_to_key  # the one place that knows Textual's names of characters

from simia_tui.errors import UsageError
from simia_tui.settings import FILE_NAME
from simia_tui.tui import rooms

_HOUSE = "simia_tui."
_NAMED = frozenset(
    [
        *[
            "enter",
            "escape",
            "space",
            "tab",
            "backspace",
            "delete",
            "insert",
            "home",
            "end",
            "pageup",
            "pagedown",
            "up",
            "down",
            "left",
            "right",
        ],
        *(f"f{number}" for number in range(1, 25)),
        *(_character_to_key(chr(code)) for code in range(ord("!"), ord("~") + 1)),
    ]
)
_FIXED = frozenset(("ctrl+c", "ctrl+q", "ctrl+p", "ctrl+z"))
"""Keys that Textual and the terminal keep for themselves."""


def keymap(wanted: Mapping[str, str], scopes: Iterable[Iterable[type[DOMNode]]]) -> dict[str, str]:
    """`wanted` as Textual takes it: binding id to keys in Textual's names, with commas between them.

    A scope is the classes whose bindings act at the same time, as a room with its widgets and the app.

    Raises:
        UsageError: an id or a key that does not exist, or one key for two acts in one scope.
    """
    bound = [list(_bindings(scope)) for scope in scopes]
    known = {binding.id for bindings in bound for binding in bindings}
    found: dict[str, str] = {}
    for name, keys in wanted.items():
        if name not in known:
            raise UsageError(f"{FILE_NAME}: keys.{name} names no act; in the workbench ? and then n lists them.")
        found[name] = ",".join(_key(name, key) for key in _split(keys))
    for bindings in bound:
        _refuse_clash(bindings, found)
    return found


def key_of(app: App[Any], act: str) -> str:
    """The key of an act as a text on the screen names it: the user's own where simia.toml gives one.

    Raises:
        KeyError: there is no such act.
    """
    binding = _acts().get(act) or _acts(len(_classes())).get(act)
    if binding is None:
        rooms.load()
        binding = _acts(len(_classes()))[act]
    own = getattr(app, "own_keys", {}).get(act)
    key = (own or binding.key).split(",")[0]
    if key == "enter":
        # In a sentence the word reads better than the sign in the key bar.
        return key
    return app.get_key_display(replace(binding, key=key, key_display=None if own else binding.key_display))


def idle(app: App[Any], key: str) -> str:
    """What is said of a key that has an act somewhere, but does nothing where it was pressed; nothing of any other."""
    own: Mapping[str, str] = getattr(app, "own_keys", {})
    acts = _acts(len(_classes())).items()
    meant = next((act for name, act in acts if key in own.get(name, act.key).split(",")), None)
    if meant is None or key == "escape":
        return ""
    return f"{app.get_key_display(replace(meant, key=key))} does nothing here ({key_of(app, 'app.help')} lists keys)"


@cache
def _acts(_loaded: int = 0) -> dict[str, Binding]:
    """Every binding of the house by its id; read again when more classes are loaded than there were."""
    return {binding.id: binding for binding in _bindings(_classes()) if binding.id}


def _classes(base: type[DOMNode] = DOMNode) -> list[type[DOMNode]]:
    return [base, *(kind for below in base.__subclasses__() for kind in _classes(below))]


def _bindings(scope: Iterable[type[DOMNode]]) -> Iterator[Binding]:
    """Every binding of the house's own classes with an id, those of base classes included."""
    for kind in scope:
        for base in kind.__mro__:
            if base.__module__.startswith(_HOUSE):
                yield from (b for b in vars(base).get("BINDINGS", ()) if isinstance(b, Binding) and b.id)


def _split(keys: str) -> list[str]:
    """The keys of a line like `y,ctrl+y`; a comma alone is the key of that name."""
    return [key.strip() for key in keys.split(",")] if keys.strip() != "," else [","]


def _key(name: str, key: str) -> str:
    """Textual's name of a key."""
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    if len(last) == 1:
        last = _character_to_key(last)
    if last not in _NAMED or not {"ctrl", "shift", "alt"}.issuperset(modifiers):
        raise UsageError(
            f"{FILE_NAME}: keys.{name} holds {key!r}, which is no key; write one like y, f5, ctrl+y or question_mark."
        )
    if "+".join((*modifiers, last)) in _FIXED:
        raise UsageError(f"{FILE_NAME}: keys.{name} cannot be {key}; that key is kept for leaving and the palette.")
    return "+".join((*modifiers, last))


def _refuse_clash(bindings: list[Binding], found: Mapping[str, str]) -> None:
    """Two acts on one key are refused where the file has put one of them there."""
    holders: dict[str, list[Binding]] = {}
    for binding in bindings:
        for key in found.get(binding.id or "", binding.key).split(","):
            holders.setdefault(key, []).append(binding)
    for key, held in holders.items():
        names = {binding.id: binding for binding in held}
        if len(names) > 1 and not found.keys().isdisjoint(name for name in names if name):
            one, other = next(pairwise(str(name) for name in names))
            raise UsageError(f"{FILE_NAME}: keys gives {key} to both {one} and {other}; give one of them another key.")
