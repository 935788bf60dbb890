"""Prompts as lines: a template with its placeholders, a diff of two, and a comparison of two versions."""

import re

from simia_tui.services import comparing
from simia_tui.services.comparing import Result
from simia_tui.services.prompts import Version, diff
from simia_tui.tui.text import clip, fit, visible, wrap
from simia_tui.tui.widgets.bar import money
from simia_tui.tui.widgets.line_view import Part
from simia_tui.tui.widgets.turn_lines import GAP, Line

_PLACEHOLDER = re.compile(r"(\$\$|\$\{?[A-Za-z_]\w*\}?)")
_SIGNS = {"+": "success", "-": "error", "@": "muted"}
LABEL = 21


def text_lines(text: str, width: int) -> list[Line]:
    """A text, wrapped; what is filled in stands out."""
    return [Line(tuple(_marked(part.rstrip()))) for part in wrap(visible(text, lines=True), width)]


def _marked(text: str) -> list[Part]:
    return [(piece, "accent" if n % 2 else "") for n, piece in enumerate(_PLACEHOLDER.split(text)) if piece]


def plain_lines(text: str, width: int) -> list[Line]:
    """A text as it is sent, wrapped."""
    return [Line(((part.rstrip(), ""),)) for part in wrap(visible(text, lines=True), width)]


def diff_lines(before: Version, after: Version, width: int) -> list[Line]:
    """What was changed from one version to the other; signs stand at the left."""
    found = diff(before, after)
    if not found:
        return [Line((("The two are equal.", "muted"),))]
    return [Line(((part.rstrip(), _SIGNS.get(line[:1], "")),)) for line in found for part in wrap(visible(line), width)]


def comparison_lines(found: Result, width: int) -> list[Line]:
    """The figures of both versions side by side; below each, or beside it, whether the difference is chance."""
    c = found.comparison
    room = max(12, (width - LABEL) // 2)
    beside = width >= LABEL + 2 * 30 + 40
    column = 30 if beside else room
    heads = (f"A {c.version_a}", f"B {c.version_b}")
    lines = [Line(((" " * LABEL, ""), *((fit(head, column), "header") for head in heads)))]
    for label, a, b, said in comparing.table(found, _money):
        parts: list[Part] = [(fit(label, LABEL), "strong"), (fit(a, column), ""), (fit(b, column), "")]
        ink = "warning" if "more than chance" in said else "muted"
        if beside:
            lines.append(Line((*parts, (clip(said, width - LABEL - 2 * column), ink))))
            continue
        lines.append(Line(tuple(parts)))
        if said:
            lines.append(Line(((" " * LABEL, ""), (clip(said, width - LABEL), ink))))
    return [*lines, GAP, *(Line(((part.rstrip(), "strong"),)) for part in wrap(found.said, width))]


def _money(nano: int | None) -> str:
    return "unknown" if nano is None else money(nano / 1e9)
