"""Another trajectory from an exemplar: the same story with other people, identifiers, dates and amounts.

Turns are plain objects `{"role", "content", "tool_calls": [{"name", "arguments"}], "is_error"}`. The same old value
becomes the same new value in text, arguments and observations; what is not recognised stays as it is.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Collection
from decimal import Decimal
from functools import cache
from typing import Any

from simia_tui.demo.jsontext import Piece, is_json, pieces, quoted
from simia_tui.demo.names import Names
from simia_tui.demo.shapes import Days, Rotation, is_hexadecimal, pick_factor, scale

Turn = dict[str, Any]

ID_KEY = re.compile(r"(?:^|_)(?:ids?|number|barcode|isbn|sku|pnr)$")
MONEY_KEY = re.compile(
    r"(?:^|_)(?:amount|balance|cost|costs|due|fee|fees|fine|fines|paid|price|prices|refund|total|subtotal|salary|tax|tip"
    r"|deposit|payment|charge|charged|savings|income|budget)$"
)
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\b"
)
_DAY = r"[0-3]?[0-9](?:st|nd|rd|th)?\b"
_YEAR = r"(?:,?\s[12][0-9]{3}\b)?"
_FIGURE = r"[0-9]{1,15}(?:,[0-9]{3}){0,4}(?:\.[0-9]{1,6})?(?![0-9])"
_MONEY = rf"[$€£]\s?{_FIGURE}|(?<![0-9]){_FIGURE}(?=\s(?:dollars|euros|USD|EUR|GBP)\b)"
TOKEN = re.compile(
    r"(?<![A-Za-z0-9.])(?:"
    r"(?P<keep>(?:19|20)[0-9]{2}-(?:(?:19|20)[0-9]{2}|[01][0-9])(?![-0-9]))"
    r"|(?P<iso>(?P<y>[0-9]{4})(?P<ys>[-/])(?P<m>0[1-9]|1[0-2])(?P=ys)(?P<d>0[1-9]|[12][0-9]|3[01])(?![0-9]))"
    r"|(?P<slash>(?P<s1>[0-3]?[0-9])/(?P<s2>[0-3]?[0-9])/(?P<sy>[0-9]{4})(?![0-9/]))"
    rf"|(?P<spoken>{_MONTH}\.?\s{_DAY}{_YEAR}|{_DAY}\s(?:of\s)?{_MONTH}{_YEAR})"
    rf"|(?P<money>{_MONEY})"
    r"|(?P<figure>[0-9]{1,15}(?:,[0-9]{3}){0,4}\.[0-9]{1,6}|[0-9]{1,3}(?:,[0-9]{3}){1,4})(?![A-Za-z0-9])"
    r"|(?P<word>[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*)"
    r")"
)
_SAID_MONEY = re.compile(_MONEY)
_ISO_YEAR = re.compile(r"\b(20[0-9]{2})-[01][0-9]-[0-3][0-9]")
_DAY_FIRST = re.compile(r"(?<![0-9/])(?:1[3-9]|2[0-9]|3[01])/[0-3]?[0-9]/[0-9]{4}")
_PLAIN = re.compile(r"-?[0-9]{1,19}(?:\.[0-9]{1,6})?")
_UNIT = re.compile(r"[0-9]+[a-z]{1,4}")
_MOMENT = re.compile(r"1[0-9]{9}(?:[0-9]{3})?")
_MIXED = re.compile(r"(?=.*[0-9])(?=.*[A-Z])[A-Z0-9]{6,}")
_TELLING = re.compile("[0-9A-Z]")
"""What a text must hold for anything in it to change."""

_LONGEST_ID = 64
_LEAST_BARE = 20
"""A bare number below this is a count more often than an amount, and stays."""


def vary(turns: list[Turn], rng: random.Random, protected: Collection[str] = ()) -> list[Turn]:
    """New turns, as many and with the same roles; `turns` is not changed. Words in `protected` stay."""
    return _Variation(turns, rng, protected).turns()


@cache
def _is_money_key(key: str) -> bool:
    return MONEY_KEY.search(key) is not None


def _is_identifier(word: str) -> bool:
    """Whether a word with digits in it names a thing: `#W1234567`, `HAT227`, `M05KNL`, a phone number, a UUID."""
    digits = sum(character.isdigit() for character in word)
    if len(word) > _LONGEST_ID or _UNIT.fullmatch(word) or _MOMENT.fullmatch(word):
        return False
    if word.isdigit():
        return digits >= 5
    if is_hexadecimal(word):
        return True
    if not any(character.isalpha() for character in word):
        return digits >= 5 and "." not in word
    return re.search("[0-9]{3}", word) is not None or _MIXED.fullmatch(word) is not None


class _Variation:
    """What one variation knows of its exemplar: the amounts, the known identifiers, the people, the shift of days."""

    def __init__(self, turns: list[Turn], rng: random.Random, protected: Collection[str]) -> None:
        self._turns = turns
        self._kept = set(protected)
        self._pieces: dict[str, list[Piece]] = {}
        self._prose: list[str] = []
        self._done: dict[str, str] = {}
        for turn in turns:
            self._read(turn)
        prose, cut = "\n".join(self._prose), list(self._pieces.values())
        self._known: set[str] = set()
        self._amounts = _said_amounts(prose)
        for found in cut:
            self._learn(found)
        whole = "\n".join((prose, *self._pieces))
        years = Counter(_ISO_YEAR.findall(whole)).most_common(1)
        self._days = Days(rng, int(years[0][0]) if years else 2024, _DAY_FIRST.search(whole) is not None)
        self._rotation = Rotation(rng)
        self._names = Names(rng, prose, cut, self._kept)
        self._factor = pick_factor(rng, self._amounts)

    def _read(self, turn: Turn) -> None:
        content = turn.get("content")
        if isinstance(content, str) and content:
            if is_json(content):
                self._pieces[content] = pieces(content)
            else:
                self._prose.append(content)
        for call in turn.get("tool_calls") or ():
            self._kept.add(call["name"])
            text = json.dumps(call.get("arguments"), ensure_ascii=False)
            self._pieces[text] = pieces(text)
            self._kept.update(piece.text for piece in self._pieces[text] if piece.kind == "key")

    def _learn(self, found: list[Piece]) -> None:
        """Note the amounts and the identifiers that only their keys give away."""
        for piece in found:
            if piece.kind == "number" and any(map(_is_money_key, piece.keys)):
                if _PLAIN.fullmatch(piece.text):
                    self._amounts.add(abs(Decimal(piece.text)))
            elif piece.kind == "number" and ID_KEY.search(piece.keys[0]):
                if piece.text.isdigit() and len(piece.text) >= 3:
                    self._known.add(piece.text)
            elif piece.kind == "string" and _money_text(piece):
                self._amounts.add(Decimal(piece.text.replace(",", "")))
            elif piece.kind == "string" and piece.keys[0].endswith("_id") and re.fullmatch("[A-Z]{5,}", piece.text):
                self._known.add(piece.text)
            if piece.kind == "string" and _TELLING.search(piece.text):
                self._amounts.update(_said_amounts(piece.text))

    def turns(self) -> list[Turn]:
        """The varied turns."""
        varied = []
        for turn in self._turns:
            new = dict(turn)
            content = turn.get("content")
            if isinstance(content, str) and content:
                new["content"] = self._json(content) if content in self._pieces else self._text(content)
            if turn.get("tool_calls"):
                new["tool_calls"] = [self._call(call) for call in turn["tool_calls"]]
            varied.append(new)
        return varied

    def _call(self, call: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(call.get("arguments"), ensure_ascii=False)
        return {**call, "arguments": json.loads(self._json(text))}

    def _json(self, text: str) -> str:
        parts, at = [], 0
        for piece in self._pieces[text]:
            new = self._piece(piece)
            if new != piece.text:
                parts += [text[at : piece.start], new if piece.kind == "number" else quoted(new, text)]
                at = piece.end
        return "".join((*parts, text[at:]))

    def _piece(self, piece: Piece) -> str:
        if piece.text in self._kept:
            return piece.text
        if piece.kind == "key":
            return self._text(piece.text) if re.search("[0-9]{3}", piece.text) else piece.text
        if piece.kind == "string":
            return scale(piece.text, self._factor) if _money_text(piece) else self._text(piece.text)
        sign, figure = ("-", piece.text[1:]) if piece.text[0] == "-" else ("", piece.text)
        if not _PLAIN.fullmatch(figure):
            return piece.text
        if any(map(_is_money_key, piece.keys)):
            return sign + scale(figure, self._factor)
        if figure in self._known or (figure.isdigit() and len(figure) >= 5):
            return sign + self._word(figure)
        return piece.text

    def _text(self, text: str) -> str:
        """`text` with everything in it replaced that is recognised; short texts are remembered, they come again."""
        if len(text) > 80:
            return TOKEN.sub(self._token, text)
        if text not in self._done:
            self._done[text] = TOKEN.sub(self._token, text) if _TELLING.search(text) or "_" in text else text
        return self._done[text]

    def _token(self, found: re.Match[str]) -> str:
        token = found[0]
        if found["word"] is not None:
            return self._word(token)
        if found["keep"] is not None or token in self._kept:
            return token
        if found["iso"] is not None:
            return self._days.iso(found)
        if found["slash"] is not None:
            return self._days.slashed(found)
        if found["spoken"] is not None:
            return self._days.spoken(token)
        if found["money"] is not None:
            figure = token.lstrip("$€£ \u00a0\n\t")
            return token[: len(token) - len(figure)] + scale(figure, self._factor)
        return self._figure(token)

    def _figure(self, token: str) -> str:
        """A bare number: changed only where the same number is an amount elsewhere."""
        value = Decimal(token.replace(",", ""))
        return scale(token, self._factor) if value >= _LEAST_BARE and value in self._amounts else token

    def _word(self, word: str) -> str:
        if word in self._kept:
            return word
        if word in self._known:
            return self._rotation.token(word)
        if word.isdigit():
            scaled = self._figure(word) if word[:1] != "0" and not re.fullmatch("(?:19|20)[0-9]{2}", word) else word
            return self._rotation.token(word) if scaled == word and _is_identifier(word) else scaled
        if word.isalpha():
            return (self._names.swap(word) if word[0].isupper() else None) or word
        parts = re.split("([._-])", word)
        if any(self._names.knows(part.rstrip("0123456789")) for part in parts):
            renamed = [self._names.swap(part) or part for part in parts]
            return re.sub("[0-9]{2,}", lambda run: self._rotation.digits(run[0]), "".join(renamed))
        return self._rotation.token(word) if _is_identifier(word) else word


def _said_amounts(text: str) -> set[Decimal]:
    return {Decimal(found[0].strip("$€£ \u00a0\n\t").replace(",", "")) for found in _SAID_MONEY.finditer(text)}


def _money_text(piece: Piece) -> bool:
    return _is_money_key(piece.keys[0]) and re.fullmatch(_FIGURE, piece.text) is not None
