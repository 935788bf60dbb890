"""Rules on what real traces may carry: secrets, and data of living persons. They point; nothing is changed.

The patterns are narrow on purpose, each with a checksum or a fixed mark where there is one: a rule that cries
at every number is switched off. Messages name the kind and never repeat the value.
"""

import re
from collections.abc import Callable, Iterator

from simia_tui.checks.context import Context
from simia_tui.checks.rule import Note, check
from simia_tui.model import Severity, Trajectory

_SECRETS = re.compile(
    r"(?P<private_key>-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----)"
    r"|\b(?P<cloud_key>(?:AKIA|ASIA)[A-Z0-9]{16})\b"
    r"|\b(?P<api_key>sk-(?:proj-|ant-|live-)?[A-Za-z0-9_-]{24,}|hf_[A-Za-z0-9]{30,}|AIza[A-Za-z0-9_-]{35})"
    r"|\b(?P<repository_token>gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,}|glpat-[A-Za-z0-9_-]{20,})"
    r"|\b(?P<chat_token>xox[abposr]-[A-Za-z0-9-]{20,})"
    r"|\b(?P<signed_token>eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,})"
    r"|(?P<password_in_address>[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,64}:[^\s/@]{3,64}@)"
)
_MARKS = (
    *(b"AKIA", b"ASIA", b"sk-", b"hf_", b"AIza", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"),
    *(b"github_pat_", b"glpat-", b"xox"),
)
"""One of these is in every long token above but the signed one, whose parts have dots between them."""

_SIGNS = b"-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TOKENS = bytes(ord("a") if byte in _SIGNS else ord(" ") for byte in range(256))
"""Every sign of a token as `a` and every other byte as a space."""

_LONG = b"a" * 20
"""Every token above has as many signs in a row."""


@check(
    "data.secret",
    Severity.ERROR,
    "A key or token in a trajectory would be trained on, exported and published with it.",
)
def secret(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    if not _may_hold_secret(trajectory, context):
        return
    for index, text in context.texts(trajectory):
        match = _SECRETS.search(text)
        if match is not None:
            kind = (match.lastgroup or "").replace("_", " ")
            yield Note(f"The text holds what looks like {'an' if kind[0] in 'aeiou' else 'a'} {kind}.", index)


def _may_hold_secret(trajectory: Trajectory, context: Context) -> bool:
    """Whether it is worth the time to look closely: false where no secret can be."""
    whole = context.text(trajectory)
    if "://" in whole or "-----BEGIN" in whole:
        return True
    text = whole.encode("utf-8", "surrogatepass")
    runs = text.translate(_TOKENS)
    at = runs.find(_LONG)
    if at < 0 or "eyJ" in whole:
        return at >= 0
    while at >= 0:
        end = runs.find(b" ", at)
        token = text[at : end if end >= 0 else None]
        if any([mark in token for mark in _MARKS]):
            return True
        at = runs.find(_LONG, at + len(token))
    return False


_MAIL = re.compile(r"@(?P<mail_address>[\w-]+(?:\.[\w-]+)+)")
"""From the sign on: a pattern that began with the name before it would try every word."""

_NUMBERED = re.compile(
    r"(?<![\d-])(?P<social_security_number>\d{3}-\d{2}-\d{4})(?![\d-])"
    r"|(?<![\w.-])(?P<payment_card_number>\d{4}(?:[ -]?\d{4}){3}|3[47]\d{2}[ -]?\d{6}[ -]?\d{5})(?![\w.-])"
    r"|\b(?P<bank_account_number>[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?)\b"
)
_NUMBER_MARKS = (b"00000000", b"0000 0000", b"0000-0000", b"-00-0000")
"""One of these, with `0` for any digit, is in every number above."""

_MADE_UP = re.compile(r"(?:.*\.)?(?:example(?:\.\w+)*|test|invalid|localhost|local)", re.IGNORECASE)
"""Domains set aside for examples (RFC 2606)."""


@check(
    "data.personal",
    Severity.WARNING,
    "Data of a living person must not go into a training set without a reason that holds.",
)
def personal(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    if trajectory.origin is not None:
        # What a simulator made up belongs to no one.
        return
    runs = context.runs(trajectory)
    patterns = [_MAIL] * (b"@" in runs) + [_NUMBERED] * any([mark in runs for mark in _NUMBER_MARKS])
    places: dict[str, list[int]] = {}
    for index, text in context.texts(trajectory) if patterns else ():
        for pattern in patterns:
            for match in pattern.finditer(text):
                kind = match.lastgroup or ""
                named = pattern is not _MAIL or _NAME_SIGN.match(text, match.start() - 1)
                if named and _IS_REAL[kind](match.group(kind)):
                    places.setdefault(kind, []).append(index)
    for kind, turns in places.items():
        more = f", {len(turns)} in all" if len(turns) > 1 else ""
        yield Note(f"The text holds what looks like a {kind.replace('_', ' ')}{more}.", turns[0])


_NAME_SIGN = re.compile(r"[\w.+-]")


def _is_mail(domain: str) -> bool:
    return _MADE_UP.fullmatch(domain) is None and domain.rpartition(".")[2].isalpha()


def _is_social_security(number: str) -> bool:
    area, group, serial = number.split("-")
    return (
        area not in ("000", "666") and area < "900" and group != "00" and serial != "0000" and number != "123-45-6789"
    )


def _is_card(number: str) -> bool:
    """Luhn's checksum, and a first digit that a card network uses."""
    digits = [int(char) for char in number if char.isdigit()]
    if digits[0] not in (3, 4, 5, 6) or len(set(digits)) < 4:
        return False
    doubled = [digit if at % 2 else digit * 2 - 9 * (digit > 4) for at, digit in enumerate(digits, len(digits) % 2)]
    return sum(doubled) % 10 == 0


def _is_account(number: str) -> bool:
    """The checksum of ISO 13616: letters as numbers, the first four places moved to the end, 1 modulo 97."""
    bare = number.replace(" ", "")
    return len(bare) >= 15 and int("".join(str(int(char, 36)) for char in bare[4:] + bare[:4])) % 97 == 1


_IS_REAL: dict[str, Callable[[str], bool]] = {
    "mail_address": _is_mail,
    "social_security_number": _is_social_security,
    "payment_card_number": _is_card,
    "bank_account_number": _is_account,
}


@check(
    "data.evaluation-task",
    Severity.ERROR,
    "Training on a task that is measured with makes the measurement worthless.",
)
def evaluation_task(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    tasks = context.hints.tasks
    if tasks is None:
        return
    text = "\n".join(turn.content for turn in trajectory.turns if turn.content and turn.role == "user")
    calls = "\n".join(str(call.arguments) for _, _, call in context.calls(trajectory))
    for overlap in tasks.overlaps(f"{text}\n{calls}"):
        by = f"its ids {', '.join(overlap.ids)}" if overlap.ids else f"{overlap.share:.0%} of its words in a row"
        yield Note(f"The trajectory holds {by} of the evaluation task {overlap.task}.")


RULES = (secret, personal, evaluation_task)
