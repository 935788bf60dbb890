"""The people of an exemplar, found by where names stand, and other names for them."""

import random
import re
from collections.abc import Collection, Iterable

from simia_tui.demo import people
from simia_tui.demo.jsontext import Piece
from simia_tui.demo.shapes import MONTHS

_FIRST_KEY = re.compile(r"^(?:first|given|fore)_?name$", re.IGNORECASE)
_LAST_KEY = re.compile(r"^(?:last|family|sur)_?name$", re.IGNORECASE)
_FULL_KEY = re.compile(r"^(?:full|user|member|customer|passenger|guest|patient|contact|employee)_?name$", re.IGNORECASE)
_PERSON_KEYS = {"email", "phone", "dob", "birth_date", "date_of_birth", "address", "user_id", "member_id"}
_TWO_NAMES = re.compile(r"([A-Z][a-z]+) ([A-Z][a-z]+)")
_SAID = re.compile(r"(?:[Mm]y name is|[Mm]y name's|I'm|I am|This is) ([A-Z][a-z]+) ([A-Z][a-z]+)\b")
_USER_ID = re.compile(r"(?<![A-Za-z0-9_])([a-z]{2,})_([a-z]{2,})_[0-9]{3,}(?![A-Za-z0-9_])")
_LONE = re.compile(r"(?<![A-Za-z0-9_.@'-])[a-z]{2,}(?![A-Za-z0-9_@-])")
_THINGS = """
account address bank booking card cart case certificate credit customer debit event flight gift hotel house item line
member method order payment paypal phone plan post product promo reservation room session test ticket time user version
voucher
"""
_NOT_PEOPLE = frozenset(_THINGS.split())


class Names:
    """A map from the lower-case names of an exemplar to other names; `swap` applies it to one word."""

    def __init__(self, rng: random.Random, prose: str, observed: Iterable[list[Piece]], kept: Collection[str]) -> None:
        first, last = _introduced(prose)
        for pieces in observed:
            _in_json(pieces, first, last)
        taken = set(re.findall(r"[a-z]+", prose.lower()))
        for pieces in observed:
            taken.update(word for piece in pieces for word in re.findall(r"[a-z]+", piece.text.lower()))
        stay = {word.lower() for word in kept} | {month.lower() for month in MONTHS} | set(_LONE.findall(prose))
        self._new: dict[str, str] = {}
        for found, pool in ((first, people.FIRST_NAMES), (last, people.LAST_NAMES)):
            old = [name for name in dict.fromkeys(found) if name not in stay and name not in self._new]
            fresh = [name.lower() for name in pool if name.lower() not in taken]
            self._new.update(zip(old, rng.sample(fresh, min(len(fresh), len(old))), strict=False))

    def swap(self, word: str) -> str | None:
        """The other name in the same case, or None where `word` is no name. Digits behind a name stay."""
        bare = word.rstrip("0123456789")
        new = self._new.get(bare.lower())
        if new is None:
            return None
        shaped = new if bare.islower() else new.upper() if bare.isupper() and len(bare) > 1 else new.capitalize()
        return shaped + word[len(bare) :]

    def knows(self, word: str) -> bool:
        """Whether `word` is one of the renamed names, in any case."""
        return word.lower() in self._new


def _introduced(prose: str) -> tuple[list[str], list[str]]:
    """First and last names that people say of themselves or that stand in user ids such as `sofia_kim_7287`."""
    first, last = [], []
    for one, two in [*_SAID.findall(prose), *_USER_ID.findall(prose)]:
        if one.lower() not in _NOT_PEOPLE and two.lower() not in _NOT_PEOPLE:
            first.append(one.lower())
            last.append(two.lower())
    return first, last


def _in_json(pieces: list[Piece], first: list[str], last: list[str]) -> None:
    keys = {piece.text for piece in pieces if piece.kind == "key"}
    for piece in pieces:
        if piece.kind != "string":
            continue
        key = piece.keys[0]
        if _FIRST_KEY.match(key) and piece.text.isalpha():
            first.append(piece.text.lower())
        elif _LAST_KEY.match(key) and piece.text.isalpha():
            last.append(piece.text.lower())
        elif (_FULL_KEY.match(key) or (key == "name" and keys & _PERSON_KEYS)) and (
            both := _TWO_NAMES.fullmatch(piece.text)
        ):
            first.append(both[1].lower())
            last.append(both[2].lower())
        if not (both := _USER_ID.fullmatch(piece.text)) or {both[1], both[2]} & _NOT_PEOPLE:
            continue
        first.append(both[1])
        last.append(both[2])
