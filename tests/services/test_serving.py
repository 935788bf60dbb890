"""How a trained model is served: by what is installed, or one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from simia_tui.errors import SimiaError, UsageError
from simia_tui.model import Run, RunStatus, TrainSpec
from simia_tui.services import serving


def _run(folder: Path, merged: bool) -> Run:
    adapter = folder / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(folder)}))
    result: dict[str, Any] = {"adapter": str(adapter)}
    if merged:
        (folder / "merged").mkdir()
        result["merged"] = str(folder / "merged")
    return Run(id=3, export=1, status=RunStatus.DONE, spec=TrainSpec(), path="", result=result)


def _only(*names: str) -> serving.Installed:
    return lambda name: name if name in names else None


def test_vllm_comes_first_with_the_merged_model(tmp_path: Path) -> None:
    found = serving.plan(_run(tmp_path, True), port=9000, installed=_only("vllm", "transformers", "fastapi", "uvicorn"))
    assert found.server == "vLLM" and found.model == "run-3"
    assert found.arguments[-4:] == ["--model", str(tmp_path / "merged"), "--served-model-name", "run-3"]
    assert "9000" in found.arguments


def test_vllm_takes_the_adapter_beside_its_base_where_nothing_is_merged(tmp_path: Path) -> None:
    found = serving.plan(_run(tmp_path, False), installed=_only("vllm"))
    assert f"run-3={tmp_path / 'adapter'}" in found.arguments and str(tmp_path) in found.arguments


def test_transformers_serves_the_merged_model_only(tmp_path: Path) -> None:
    there = _only("transformers", "fastapi", "uvicorn")
    found = serving.plan(_run(tmp_path, True), installed=there)
    assert found.server == "transformers" and found.arguments[1:3] == ["serve", str(tmp_path / "merged")]
    with pytest.raises(SimiaError, match="whole models only"):
        serving.plan(found_without(tmp_path), installed=there)


def found_without(folder: Path) -> Run:
    (folder / "other").mkdir()
    return _run(folder / "other", False)


def test_without_a_server_or_an_adapter_one_sentence(tmp_path: Path) -> None:
    run = _run(tmp_path, True)
    with pytest.raises(SimiaError, match="No server is installed"):
        serving.plan(run, installed=_only("transformers"))
    with pytest.raises(UsageError, match="no adapter yet"):
        serving.plan(run.replace(result={}), installed=_only("vllm"))
