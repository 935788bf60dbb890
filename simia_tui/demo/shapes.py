"""How one value becomes another of the same shape: identifiers, dates and amounts.

Every map here is a bijection on the values of one shape, so two different old values never become the same new one, and
the result does not depend on the order in which values are met.
"""

import random
import re
import string
from datetime import date, timedelta
from decimal import Decimal

_YEAR_ROUND = "January February March April May June July August September October November December"
MONTHS = tuple(_YEAR_ROUND.split())
_MONTH_NUMBER = {name[:3].lower(): number for number, name in enumerate(MONTHS, 1)}
_RUN = re.compile(r"[0-9]+")
_PREFIXED = re.compile(r"[A-Za-z]*[0-9]+")

_HEXADECIMAL = re.compile(
    r"(?=.*[0-9])(?=.*[A-Fa-f])(?:[0-9a-f]{16,}|[0-9A-F]{16,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
)

_YEARS = (1000, 8999)
"""Dates outside these years are markers rather than days, and stay."""


def is_hexadecimal(token: str) -> bool:
    """Whether `token` is a UUID or a long hexadecimal number that holds letters."""
    return _HEXADECIMAL.fullmatch(token) is not None


class Rotation:
    """Turns every character of an identifier by a step that depends on its class, its place and the length."""

    def __init__(self, rng: random.Random) -> None:
        self._key = rng.getrandbits(64)
        self._steps: dict[tuple[str, int, int], int] = {}

    def _step(self, kind: str, length: int, place: int, size: int) -> int:
        key = (kind, length, place)
        if key not in self._steps:
            self._steps[key] = random.Random(f"{self._key}:{kind}:{length}:{place}").randrange(1, size)
        return self._steps[key]

    def digits(self, run: str) -> str:
        """Other digits, as many; a leading zero stays one and no other first digit becomes one."""
        turned = []
        for place, character in enumerate(run):
            digit = int(character)
            if place == 0:
                digit = 0 if digit == 0 else 1 + (digit - 1 + self._step("lead", len(run), 0, 9)) % 9
            else:
                digit = (digit + self._step("digit", len(run), place, 10)) % 10
            turned.append(str(digit))
        return "".join(turned)

    def mixed(self, token: str) -> str:
        """Letters become letters of the same case and digits digits, place by place; hexadecimal stays hexadecimal."""
        turned = []
        letters = 6 if is_hexadecimal(token) else 26
        for place, character in enumerate(token):
            for kind, alphabet in (("upper", string.ascii_uppercase), ("lower", string.ascii_lowercase)):
                if character in alphabet:
                    step = self._step(f"{kind}{letters}", len(token), place, letters)
                    turned.append(alphabet[(alphabet.index(character) + step) % letters])
                    break
            else:
                digit = character in string.digits
                step = self._step("digit", len(token), place, 10) if digit else 0
                turned.append(str((int(character) + step) % 10) if digit else character)
        return "".join(turned)

    def token(self, token: str) -> str:
        """One identifier: `HAT227` and `card_4421` keep their letters, `M05KNL` and `UHDAHF` do not."""
        if is_hexadecimal(token):
            return self.mixed(token)
        parts = re.split(r"([^A-Za-z0-9]+)", token)
        if all(
            not part or not part[0].isalnum() or part.isalpha() or _PREFIXED.fullmatch(part) for part in parts
        ) and any(character.isdigit() for character in token):
            return _RUN.sub(lambda run: self.digits(run[0]) if len(run[0]) > 1 else run[0], token)
        return self.mixed(token)


class Days:
    """Moves every date by the same number of whole weeks, so that weekdays and the order of days stay true."""

    def __init__(self, rng: random.Random, year: int, day_first: bool) -> None:
        self.shift = timedelta(weeks=rng.choice((-1, 1)) * rng.randint(2, 40))
        self.year, self.day_first = year, day_first

    def move(self, year: int, month: int, day: int) -> date | None:
        """The moved day, or None where this is no day of the years that move."""
        if not _YEARS[0] <= year <= _YEARS[1]:
            return None
        try:
            return date(year, month, day) + self.shift
        except ValueError:
            return None

    def iso(self, found: re.Match[str]) -> str:
        """`2024-05-23`, `2024/05/23` or `20240523`."""
        year, mark, month, day = found.group("y", "ys", "m", "d")
        moved = self.move(int(year), int(month), int(day))
        return f"{moved.year:04}{mark}{moved.month:02}{mark}{moved.day:02}" if moved else found[0]

    def slashed(self, found: re.Match[str]) -> str:
        """`05/23/2024`, or `23/05/2024` where the text as a whole puts days first."""
        first, second, year = found.group("s1", "s2", "sy")
        month, day = (second, first) if self.day_first else (first, second)
        moved = self.move(int(year), int(month), int(day))
        if not moved:
            return found[0]
        pair = [moved.month, moved.day]
        widths = (len(first), len(second))
        one, two = (
            f"{part:0{width}}" for part, width in zip(reversed(pair) if self.day_first else pair, widths, strict=True)
        )
        return f"{one}/{two}/{moved.year:04}"

    def spoken(self, text: str) -> str:
        """`May 23, 2024`, `23 May 2024`, `May 23rd`, `Sept. 5`: the same wording with the moved day."""
        name = re.search(r"[A-Za-z]{3,}", re.sub(r"(?<=[0-9])(?:st|nd|rd|th)", "  ", text))
        numbers = [int(number) for number in _RUN.findall(text)]
        year = next((number for number in numbers if number > 31), self.year)
        month = _MONTH_NUMBER.get(name[0][:3].lower(), 0) if name else 0
        moved = self.move(year, month, next((number for number in numbers if number <= 31), 0))
        if not moved or not name:
            return text
        long = MONTHS[moved.month - 1]
        word = long if len(name[0]) > 4 or name[0].lower() in ("may", "june", "july") else long[:3]

        def number(found: re.Match[str]) -> str:
            if int(found[1]) > 31:
                return str(moved.year)
            padded = f"{moved.day:02}" if found[1][0] == "0" else str(moved.day)
            return padded + (_ordinal(moved.day) if found[2] else "")

        text = text[: name.start()] + "\0" + text[name.end() :]
        return re.sub(r"([0-9]+)(st|nd|rd|th)?", number, text).replace("\0", word)


def _ordinal(day: int) -> str:
    return "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


FACTORS = tuple(Decimal(factor) for factor in ("0.5", "0.8", "0.9", "1.1", "1.2", "1.25", "1.5", "1.75", "2", "3"))


def pick_factor(rng: random.Random, amounts: set[Decimal]) -> Decimal:
    """A factor by which every amount can be multiplied without needing more decimals, so that sums stay sums."""

    def fits(factor: Decimal) -> bool:
        return all(_decimals(value * factor) <= _decimals(value) for value in amounts)

    return rng.choice([factor for factor in FACTORS if fits(factor)])


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def scale(text: str, factor: Decimal) -> str:
    """`1,234.50` times `factor`, with as many decimals and with thousands set apart where they were."""
    decimals = len(text.partition(".")[2])
    return f"{Decimal(text.replace(',', '')) * factor:{',' if ',' in text else ''}.{decimals}f}"
