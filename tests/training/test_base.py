"""The base model: a local folder or one sentence; its template marks the assistant or gets markers."""

from pathlib import Path
from typing import Any

import pytest

from simia_tui.errors import SimiaError, UsageError
from simia_tui.training import base


def _folder(path: Path, *names: str) -> Path:
    path.mkdir()
    for name in names:
        (path / name).write_text("{}")
    return path


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "no config.json"),
        (("adapter_config.json",), "an adapter, not a model"),
        (("config.json",), "no tokenizer"),
        (("config.json", "tokenizer.json"), "no weights"),
    ],
)
def test_a_folder_that_is_no_model(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        base.find(str(_folder(tmp_path / "model", *names)))


@pytest.mark.parametrize("name", ["/no/such/folder", "Qwen/Qwen3-8B"])
def test_a_missing_folder_or_a_hub_name(name: str) -> None:
    with pytest.raises(UsageError, match=r"There is no model folder .*hub names are not fetched"):
        base.find(name)


def test_a_whole_model_folder_is_found(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "model", "config.json", "tokenizer.json", "model.safetensors")
    assert base.find(str(folder)) == folder


def test_our_template_marks_the_assistant_and_the_end(tokenizer: Any) -> None:
    from trl.chat_template_utils import is_chat_template_prefix_preserving

    assert base.training_template(tokenizer) is None
    assert base.trains_the_end(tokenizer, None)
    assert is_chat_template_prefix_preserving(tokenizer)


def test_a_known_template_gets_markers(tokenizer: Any, rows: list[dict[str, Any]]) -> None:
    from trl.chat_template_utils import qwen3_chat_template

    from simia_tui.training.mask import trained_spans

    tokenizer.chat_template = qwen3_chat_template
    template = base.training_template(tokenizer)
    spans = trained_spans(tokenizer, rows[6], template)
    assert len(spans) == 3 and all(span.endswith("<|im_end|>\n") for span in spans)
    assert '{"name": "extend_loan", "arguments": {"number": 6}}' in spans[1]
    assert "Hello" not in "".join(spans)


@pytest.mark.parametrize(
    ("template", "said"),
    [("{% for m in messages %}{{ m.content }}{% endfor %}", r"\{% generation %\}"), (None, "no chat template")],
)
def test_an_unknown_template_is_explained(tokenizer: Any, template: str | None, said: str) -> None:
    tokenizer.chat_template = template
    with pytest.raises(SimiaError, match=said):
        base.training_template(tokenizer)
