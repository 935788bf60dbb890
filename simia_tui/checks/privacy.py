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
_SECRET_MARKS = ("PRIVATE KEY", "AKIA", "ASIA", "sk-", "hf_", "AIza", "gh", "github_pat_", "glpat-", "xox", "eyJ", "@")
"""One of these is in every secret; to look for them first is many times faster."""

_MARKED = re.compile(r"PRIVATE KEY|AKIA|ASIA|sk-|hf_|AIza|gh[pousr]_|github_pat_|glpat-|xox|eyJ|://[^\s/]*@")


@check(
    "data.secret",
    Severity.ERROR,
    "A key or token in a trajectory would be trained on, exported and published with it.",
)
def secret(trajectory: Trajectory, context: Context) -> Iterator[Note]:
    for index, text in _texts(trajectory, context):
        if any(mark in text for mark in _SECRET_MARKS) and _MARKED.search(text):
            for match in _SECRETS.finditer(text):
                kind = (match.lastgroup or "").replace("_", " ")
                yield Note(f"The text holds what looks like {'an' if kind[0] in 'aeiou' else 'a'} {kind}.", index)
                break


_PERSONAL = re.compile(
    r"\b[\w.+-]+@(?P<mail_address>[\w-]+(?:\.[\w-]+)+)"
    r"|(?<![\d-])(?P<social_security_number>\d{3}-\d{2}-\d{4})(?![\d-])"
    r"|(?<![\w.-])(?P<payment_card_number>\d{4}(?:[ -]?\d{4}){3}|3[47]\d{2}[ -]?\d{6}[ -]?\d{5})(?![\w.-])"
    r"|\b(?P<bank_account_number>[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?)\b"
)
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
    places: dict[str, list[int]] = {}
    for index, text in _texts(trajectory, context):
        if "@" not in text and not _NUMBERS.search(text):
            continue
        for match in _PERSONAL.finditer(text):
            kind = match.lastgroup or ""
            if _IS_REAL[kind](match.group(kind)):
                places.setdefault(kind, []).append(index)
    for kind, turns in places.items():
        more = f", {len(turns)} in all" if len(turns) > 1 else ""
        yield Note(f"The text holds what looks like a {kind.replace('_', ' ')}{more}.", turns[0])


_NUMBERS = re.compile(r"[0-9](?:[0-9]{3}[ -]?[0-9]{4}|-[0-9]{2}-[0-9]{4})")
"""Every number that the pattern looks for holds eight digits in two groups, or the end of a social security number."""


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


def _texts(trajectory: Trajectory, context: Context) -> list[tuple[int, str]]:
    """Everything that was said or answered, with its turn; arguments repeat what the user or a tool said."""
    return context.view(trajectory, _all_texts)


def _all_texts(trajectory: Trajectory, context: Context) -> list[tuple[int, str]]:
    found = [(index, turn.content) for index, turn in enumerate(trajectory.turns) if turn.content]
    for index, _, call in context.calls(trajectory):
        found += [(index, value) for value in (call.arguments or {}).values() if isinstance(value, str) and value]
    return found


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
