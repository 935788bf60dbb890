"""What the Line API widgets share: inks (named styles from the theme) and the painting of one line."""

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

Part = tuple[str, str]
"""A piece of text and the name of its ink; the empty name is the widget's own style."""

INKS = (
    "plain",
    "muted",
    "strong",
    "primary",
    "error",
    "warning",
    "success",
    "accent",
    "cursor",
    "header",
    "match",
    "key",
)

INK_CSS = """
    & > .ink--muted { color: $text-muted; }
    & > .ink--strong { text-style: bold; }
    & > .ink--primary { color: $text-primary; text-style: bold; }
    & > .ink--error { color: $text-error; }
    & > .ink--warning { color: $text-warning; }
    & > .ink--success { color: $text-success; }
    & > .ink--accent { color: $text-accent; }
    & > .ink--header { color: $text-muted; text-style: bold; }
    & > .ink--key { color: $text-primary; }
    & > .ink--match { text-style: bold underline reverse; }
    & > .ink--cursor {
        color: $block-cursor-blurred-foreground;
        background: $block-cursor-blurred-background;
        text-style: $block-cursor-blurred-text-style;
    }
    &:focus > .ink--cursor {
        color: $block-cursor-foreground;
        background: $block-cursor-background;
        text-style: $block-cursor-text-style;
    }
    &:ansi > .ink--muted { text-style: dim; }
"""


def ink(widget: Widget, name: str) -> Style:
    """The style of the ink `name` on `widget`; one of `INKS`, or empty for the widget's own.

    That is an ink without rules, not `widget.rich_style`: Textual keeps the styles of components until the CSS changes,
    but works out a widget's own from all its ancestors each time, which made up half of the time of a frame.
    """
    return widget.get_component_rich_style(f"ink--{name or 'plain'}")


def paint(widget: Widget, parts: Iterable[Part], width: int, over: Style | None = None) -> Strip:
    """One line of exactly `width` cells. With `over` every part takes that style instead of its own ink.

    The text must have passed `simia_tui.tui.text.visible`.
    """
    base = ink(widget, "") if over is None else over
    segments = [Segment(text, base if over is not None else ink(widget, name)) for text, name in parts if text]
    return Strip(segments).adjust_cell_length(width, base)


class LineView(ScrollView, can_focus=True, inherit_bindings=False):
    """Base of the widgets that paint their own lines."""

    COMPONENT_CLASSES = {f"ink--{name}" for name in INKS}

    DEFAULT_CSS = (
        """
LineView {
    background: $surface;
    color: $foreground;
    overflow-x: hidden;
    overflow-y: auto;
    scrollbar-size-vertical: 1;
"""
        + INK_CSS
        + "}"
    )

    def line(self, parts: Sequence[Part], over: Style | None = None) -> Strip:
        """`parts` as one line of the widget's width."""
        return paint(self, parts, self.scrollable_content_region.width, over)

    def set_height(self, lines: int) -> None:
        """Make the content `lines` high and paint it anew; the screen is laid out only if a scrollbar comes or goes."""
        if self.show_vertical_scrollbar and lines > self.scrollable_content_region.height:
            self.set_reactive(LineView.virtual_size, Size(0, lines))
            self.vertical_scrollbar.window_virtual_size = lines
            self.jump(self.scroll_offset.y)
        else:
            self.virtual_size = Size(0, lines)
        self.refresh()

    def jump(self, y: int) -> None:
        """Scroll at once so that line `y` is the first one shown (or as near to it as the end allows)."""
        self.scroll_to(y=y, animate=False, force=True)


class LineWidget(Widget):
    """Base of the small widgets that paint their own lines and take no focus: override `parts`."""

    COMPONENT_CLASSES = {f"ink--{name}" for name in INKS}

    DEFAULT_CSS = "LineWidget { height: auto; color: $foreground;" + INK_CSS + "}"

    def parts(self, y: int) -> Sequence[Part]:
        """The line `y` of the content."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        return paint(self, self.parts(y), self.content_size.width)
