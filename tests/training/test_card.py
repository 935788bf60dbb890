"""The model card tells what the adapter was made of, and says plainly when that was demo data."""

from collections.abc import Callable

import pytest

from simia_tui.training import card, profiles
from simia_tui.training.data import Census
from simia_tui.training.record import RunRecord

RESULT = {"first_loss": 7.5, "last_loss": 3.25, "steps": 20, "seconds": 61.4}


def _card(record: RunRecord, monkeypatch: pytest.MonkeyPatch, *, demo: bool, base: str = "/models/base") -> str:
    monkeypatch.setattr(card, "versions", lambda: {"torch": "9.9"})
    export = record.export.replace(demo=demo)
    census = Census(rows=24, used=23, cut=4, empty=1, tokens=5000, trained_tokens=900)
    return card.render(record.run, export, profiles.settle(record.run.spec), base, census, RESULT)


def test_it_names_the_export_the_losses_and_the_command(
    new_run: Callable[..., RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = _card(new_run(max_steps=20), monkeypatch, demo=False)
    for part in ("`shed`", "ab" * 32, "24, of which 23", "7.5000, 3.2500", "torch 9.9", "--max-steps 20", "61"):
        assert part in text
    assert "Demo data" not in text


def test_demo_data_is_named_as_such(new_run: Callable[..., RunRecord], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "**Demo data.**" in _card(new_run(), monkeypatch, demo=True)


def test_a_strange_path_is_neither_template_nor_yaml(
    new_run: Callable[..., RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = _card(new_run(), monkeypatch, demo=False, base='/m/$rows: "x"\n- y')
    assert 'base_model: "/m/$rows: \\"x\\"\\n- y"' in text
