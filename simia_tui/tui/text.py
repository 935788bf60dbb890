"""The display boundary: all text that comes from data passes here before it is painted.

Widths are terminal cells as Rich measures them, so that what is wrapped here is what Textual paints.
"""

import re
from functools import lru_cache

from rich.cells import cell_len, get_character_cell_size, set_cell_size

ELLIPSIS = "…"
TAB = 4
"""Distance of tab stops; four keeps indented code readable in a narrow pane."""

_HIDDEN = (
    (0x0000, 0x001F),  # C0; line feed and tab are dealt with apart
    (0x007F, 0x009F),  # delete and C1
    (0x00AD, 0x00AD),  # soft hyphen
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x061C, 0x061C),  # Arabic letter mark
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),  # Khmer inherent vowels
    (0x180B, 0x180F),  # Mongolian selectors
    (0x200B, 0x200F),  # zero width and direction marks
    (0x2028, 0x202E),  # line and paragraph separators, bidirectional embeddings and overrides
    (0x2060, 0x206F),  # invisible operators, bidirectional isolates
    (0x3164, 0x3164),  # Hangul filler
    (0xD800, 0xDFFF),  # lone surrogates, which no terminal can be sent
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFEFF, 0xFEFF),  # byte order mark
    (0xFFA0, 0xFFA0),  # half-width Hangul filler
    (0xFFF0, 0xFFFB),  # specials, interlinear annotation
    (0x13430, 0x1345F),  # Egyptian format controls
    (0x1BCA0, 0x1BCA3),  # shorthand format controls
    (0x1D173, 0x1D17A),  # musical format controls
    (0xE0000, 0xE0FFF),  # tags, further variation selectors
)
"""What a terminal hides, obeys or reorders by: controls, format characters and Unicode's default ignorables."""

_NAMES = {0x200B: "ZWSP", 0x200C: "ZWNJ", 0x200D: "ZWJ", 0x200E: "LRM", 0x200F: "RLM", 0xFEFF: "BOM", 0x00AD: "SHY"}
_NAMES |= {0x7F: "DEL", 0x2028: "LSEP", 0x2029: "PSEP"}


def _char_class(ranges: tuple[tuple[int, int], ...] | list[tuple[int, int]]) -> str:
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


_hidden = re.compile(f"[{_char_class(_HIDDEN)}]")
_hidden_but_breaks = re.compile(f"(?![\n\t])[{_char_class(_HIDDEN)}]")
_presentation = re.compile("(?<=[#*0-9©®\u2010-\u32ff\U0001f000-\U0001faff])[\ufe0e\ufe0f]")
"""A selector that only asks for the emoji or the text form of the symbol before it. Terminals disagree about the
width it gives, and it carries no meaning, so it is left out."""


def _symbol(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return f"⟨{_NAMES.get(code, f'U+{code:04X}')}⟩"


def visible(text: str, *, lines: bool = False) -> str:
    """`text` with every control, bidirectional, zero-width and other hidden character as a visible symbol.

    Tabs become spaces. Line feeds become `␊`, or with `lines` stay what they are (and `\\r\\n` counts as one).
    Letters of right-to-left scripts are kept; what could reorder the text around them is not.
    """
    if text.isascii() and text.isprintable():
        return text
    if "\ufe0f" in text or "\ufe0e" in text:
        text = _presentation.sub("", text)
    text = text.replace("\r\n", "\n") if lines else text.replace("\n", "␊")
    text = _hidden_but_breaks.sub(_symbol, text)
    return text.expandtabs(TAB) if "\t" in text else text


def one_for_one(text: str) -> str:
    """`text` with every hidden character but tabs as one visible character, so that places in it stay places."""
    return _hidden_but_breaks.sub(lambda match: chr(0x2400 + ord(match[0])) if match[0] < " " else "\ufffd", text)


def clip(text: str, width: int) -> str:
    """`text` in at most `width` cells, with an ellipsis where it was cut."""
    if width <= 0:
        return ""
    start = text[: width * 8]
    if len(start) == len(text) and cell_len(text) <= width:
        return text
    return set_cell_size(start, width - 1).rstrip(" ") + ELLIPSIS


def fit(text: str, width: int, right: bool = False) -> str:
    """`text` clipped and filled with spaces to exactly `width` cells, flush left or `right`."""
    text = clip(text, width)
    fill = " " * (width - cell_len(text))
    return fill + text if right else text + fill


@lru_cache(maxsize=64)
def _ascii_lines(width: int) -> re.Pattern[str]:
    return re.compile(rf".{{1,{width}}}(?: |\Z)|.{{1,{width}}}", re.DOTALL)


@lru_cache(maxsize=64)
def _cell_lines(width: int, zero: str, filler: str) -> re.Pattern[str]:
    """Lines of text in which `filler` stands after every wide character; characters of `zero` take no cell."""
    none = f"[{re.escape(zero)}]"
    cell = f"(?:(?!{none}).{none}*+|{none}++)" if zero else "."
    line = f"{cell}{{1,{width}}}(?!{filler})"
    return re.compile(rf"{line}(?: |\Z)|{line}", re.DOTALL)


def _wrap_cells(lines: list[str], width: int, characters: set[str]) -> list[str]:
    sizes = {character: get_character_cell_size(character) for character in characters}
    zero = "".join(sorted(character for character, size in sizes.items() if size == 0))
    wide = "".join(sorted(character for character, size in sizes.items() if size == 2))
    filler = next(chr(code) for code in range(0xE000, 0xF900) if chr(code) not in characters)
    find_wide = re.compile(f"([{re.escape(wide)}])") if wide else None
    pattern = _cell_lines(width, zero, filler)
    wrapped: list[str] = []
    for line in lines:
        if len(line) * 2 <= width or cell_len(line) <= width:
            wrapped.append(line)
            continue
        filled = find_wide.sub(rf"\1{filler}", line) if find_wide else line
        wrapped += [part.replace(filler, "") for part in pattern.findall(filled)]
    return wrapped


def wrap(text: str, width: int) -> list[str]:
    """`text` as lines of at most `width` cells, broken after spaces where there are any.

    No character is lost: the lines of one paragraph joined give the paragraph. One space may hang over the
    width at the end of a line. `width` is taken as at least 2, so that a wide character finds room.
    """
    width = max(2, width)
    lines = text.split("\n")
    if not text.isascii():
        return _wrap_cells(lines, width, set(text))
    pattern = _ascii_lines(width)
    wrapped: list[str] = []
    for line in lines:
        if len(line) <= width:
            wrapped.append(line)
        else:
            wrapped += pattern.findall(line)
    return wrapped
