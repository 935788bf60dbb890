import re
import subprocess
import sys
from pathlib import Path

import pytest
from textual.binding import Binding

import simia_tui.tui.widgets
from simia_tui.tui.widgets.bar import ProgressText
from simia_tui.tui.widgets.curve import Curve
from simia_tui.tui.widgets.funnel import Funnel
from simia_tui.tui.widgets.key_bar import KeyBar
from simia_tui.tui.widgets.line_view import INK_CSS
from simia_tui.tui.widgets.record_table import RecordTable
from simia_tui.tui.widgets.transcript import Transcript

WIDGETS = [ProgressText, Curve, Funnel, KeyBar, RecordTable, Transcript]
FOLDER = Path(str(simia_tui.tui.widgets.__file__)).parent


@pytest.mark.parametrize("widget", [RecordTable, Transcript])
def test_every_binding_can_be_remapped_and_explained(widget: type[RecordTable[object]] | type[Transcript]) -> None:
    bindings = [binding for binding in widget.BINDINGS if isinstance(binding, Binding)]
    assert len(bindings) == len(widget.BINDINGS) >= 8
    assert all(binding.id and binding.description and binding.tooltip for binding in bindings)
    assert len({binding.id for binding in bindings}) == len(bindings)


@pytest.mark.parametrize("widget", WIDGETS)
def test_styles_name_theme_variables_and_no_colour(widget: type[Curve]) -> None:
    css = INK_CSS + widget.DEFAULT_CSS
    colours = re.findall(r"(?:color|background):\s*([^;]+);", css)
    assert colours and all(colour.startswith("$") for colour in colours)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_widgets_never_read_markup_from_text(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert "from_markup" not in source and "markup=True" not in source


def test_the_state_needs_no_textual() -> None:
    code = "import sys, simia_tui.tui.state.review; sys.exit('textual' in sys.modules or 'openai' in sys.modules)"
    root = FOLDER.parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
