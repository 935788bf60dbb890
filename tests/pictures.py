"""The screen of an app as a small SVG: rectangles for grounds, one text a run, no fonts, no network, no chrome.

A picture is the same for the same screen, byte for byte, so that pictures are compared as text. It takes about a third
of what `App.export_screenshot` writes.
"""

from collections import Counter
from html import escape
from typing import NamedTuple

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, TerminalTheme
from textual.app import App

CELL, LINE, BASE = 8, 17, 13
"""Pixels: the width and height of a cell, and the base line of its text."""
STYLES = {"bold": "font-weight:bold", "italic": "font-style:italic", "underline": "text-decoration:underline"}


class Run(NamedTuple):
    """Text in one style: its column, cells, and colours as `#rrggbb`."""

    x: int
    cells: int
    text: str
    ink: str
    ground: str
    styles: tuple[str, ...]


def lines(app: App[None]) -> list[list[Segment]]:
    """The segments of every line, what lies behind a strip included."""
    update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    return [[segment for strip in line for segment in strip] for line in update.strips]  # type: ignore[union-attr]


def svg(app: App[None]) -> str:
    """The picture of what `app` shows."""
    rows = [_runs(segments, DEFAULT_TERMINAL_THEME) for segments in lines(app)]
    grounds = Counter[str]()
    for row in rows:
        for run in row:
            grounds[run.ground] += run.cells
    ground = max(grounds, key=lambda colour: (grounds[colour], colour))
    out: list[str] = []
    classes: dict[str, str] = {}
    for y, row in enumerate(rows):
        out += _grounds(row, y, ground)
        out += _texts(row, y, classes)
    width, height = app.size.width * CELL, app.size.height * LINE
    rules = "".join(f".{name}{{{rule}}}" for rule, name in classes.items())
    head = f'<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" viewBox="0 0 {width} {height}">'
    style = f"<style>text{{font:13px monospace;white-space:pre}}{rules}</style>"
    return "\n".join([head, style, f'<rect width="{width}" height="{height}" fill="{ground}"/>', *out, "</svg>\n"])


def _runs(segments: list[Segment], theme: TerminalTheme) -> list[Run]:
    runs: list[Run] = []
    x = 0
    for text, style, _ in segments:
        if cells := cell_len(text):
            ink, ground, styles = _look(style or Style(), theme)
            last = runs[-1] if runs else None
            if last is not None and (last.ink, last.ground, last.styles) == (ink, ground, styles):
                runs[-1] = last._replace(cells=last.cells + cells, text=last.text + text)
            else:
                runs.append(Run(x, cells, text, ink, ground, styles))
            x += cells
    return runs


def _look(style: Style, theme: TerminalTheme) -> tuple[str, str, tuple[str, ...]]:
    ink = (style.color or Color.default()).get_truecolor(theme, foreground=True)
    ground = (style.bgcolor or Color.default()).get_truecolor(theme, foreground=False)
    if style.reverse:
        ink, ground = ground, ink
    if style.dim:
        ink = type(ink)(*((a + b) // 2 for a, b in zip(ink, ground, strict=True)))
    return ink.hex, ground.hex, tuple(name for name in STYLES if getattr(style, name))


def _grounds(row: list[Run], y: int, ground: str) -> list[str]:
    """Rectangles where the ground differs from that of the picture; neighbours of one colour are one."""
    rects: list[tuple[int, int, str]] = []
    for run in row:
        if rects and rects[-1][2] == run.ground:
            rects[-1] = (rects[-1][0], rects[-1][1] + run.cells, run.ground)
        else:
            rects.append((run.x, run.cells, run.ground))
    return [
        f'<rect x="{x * CELL}" y="{y * LINE}" width="{cells * CELL}" height="{LINE}" fill="{colour}"/>'
        for x, cells, colour in rects
        if colour != ground
    ]


def _texts(row: list[Run], y: int, classes: dict[str, str]) -> list[str]:
    texts = []
    for run in row:
        text = run.text.strip(" ")
        if not text:
            continue
        x = run.x + cell_len(run.text) - cell_len(run.text.lstrip(" "))
        rule = ";".join([f"fill:{run.ink}", *(STYLES[name] for name in run.styles)])
        name = classes.setdefault(rule, f"c{len(classes)}")
        place = f'class="{name}" x="{x * CELL}" y="{y * LINE + BASE}" textLength="{cell_len(text) * CELL}"'
        texts.append(f"<text {place}>{escape(text, quote=False)}</text>")
    return texts
