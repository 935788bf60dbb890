"""Rules on what real traces may carry: secrets, and data of living persons. They point; nothing is changed.

The patterns are narrow on purpose, each with a checksum or a fixed mark where there is one: a rule that cries
at every number is switched off. Messages name the kind and never repeat the value.
"""

import re
from collections.abc import Callable, Iterator

from simia_tui.checks import traits
from simia_tui.checks.context import Context
from simia_tui.checks.rule import Note, check
from simia_tui.checks.screen import Screen
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

SECRETS = Screen(
    r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----|(?:AKIA|ASIA)[A-Z0-9]{16}|sk-[A-Za-z0-9_-]{24}|hf_[A-Za-z0-9]{30}"
    r"|AIza[A-Za-z0-9_-]{35}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40}|glpat-[A-Za-z0-9_-]{20}"
    r"|xox[abposr]-[A-Za-z0-9-]{20}|eyJ[A-Za-z0-9_-]{10,}\.eyJ|://[^\s/:@]{1,64}:[^\s/@]{3,64}@"
)


@check(
    "data.secret",
    Severity.ERROR,
    "A key or token in a trajectory would be trained on, exported and published with it.",
    needs=traits.SECRET,
)
def secret(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    for index, text in context.texts(trajectory):
        match = _SECRETS.search(text) if SECRETS.finds(text) else None
        if match is not None:
            kind = (match.lastgroup or "").replace("_", " ")
            yield Note(f"The text holds what looks like {'an' if kind[0] in 'aeiou' else 'a'} {kind}.", index)


_MAIL = re.compile(r"@(?P<mail_address>[\w-]+(?:\.[\w-]+)+)")
"""From the sign on: a pattern that began with the name before it would try every word."""

_NUMBERED = re.compile(
    r"(?<![\d-])(?P<social_security_number>\d{3}-\d{2}-\d{4})(?![\d-])"
    r"|(?<![\w.-])(?P<payment_card_number>\d{4}(?:[ -]?\d{4}){3}|3[47]\d{2}[ -]?\d{6}[ -]?\d{5})(?![\w.-])"
    r"|\b(?P<bank_account_number>[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?)\b"
)
NUMBERED = Screen(
    r"[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{4}(?:[ -]?[0-9]{4}){3}|3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}"
    r"|[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){3}"
)

_MADE_UP = re.compile(
    r"(?:.*\.)?(?:example(?:\.\w+)*|test|invalid|localhost|local)|(?:my|our|the|your)?-?(?:company|domain|公司)\.\w+",
    re.IGNORECASE,
)
"""Domains set aside for examples (RFC 2606), and what people write where a name is to be put in."""


@check(
    "data.personal",
    Severity.WARNING,
    "Data of a living person must not go into a training set without a reason that holds.",
    needs=traits.MAIL | traits.NUMBERED,
)
def personal(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    if trajectory.origin is not None:
        # What a simulator made up belongs to no one.
        return
    places: dict[str, list[int]] = {}
    numbered = context.seen & traits.NUMBERED
    for index, text in context.texts(trajectory):
        for pattern in _patterns(text, numbered) if numbered or "@" in text else ():
            for match in pattern.finditer(text):
                kind = match.lastgroup or ""
                named = pattern is not _MAIL or _NAME_SIGN.match(text, match.start() - 1)
                if named and _IS_REAL[kind](match.group(kind)):
                    places.setdefault(kind, []).append(index)
    for kind, turns in places.items():
        more = f", {len(turns)} in all" if len(turns) > 1 else ""
        yield Note(f"The text holds what looks like a {kind.replace('_', ' ')}{more}.", turns[0])


def _patterns(text: str, numbered: int) -> Iterator[re.Pattern[str]]:
    if "@" in text:
        yield _MAIL
    if numbered and NUMBERED.finds(text):
        yield _NUMBERED


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
    needs=traits.TASKS,
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
