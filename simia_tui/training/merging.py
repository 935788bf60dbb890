"""An adapter and its base model, and the two as one: in memory, or as a folder that needs no PEFT."""

import json
import shutil
from pathlib import Path
from typing import Any

from simia_tui.errors import UsageError

MERGED = "merged"


def merge(model: Any) -> Any:
    """The PEFT model with its adapter worked into the weights; plain Transformers from then on."""
    return model.merge_and_unload()


def write(model: Any, tokenizer: Any, folder: Path) -> Path:
    """A plain model folder. It appears whole or not at all."""
    half = folder.with_name(folder.name + ".part")
    shutil.rmtree(half, ignore_errors=True)
    model.save_pretrained(half)
    tokenizer.save_pretrained(half)
    shutil.rmtree(folder, ignore_errors=True)
    half.rename(folder)
    return folder


def write_or_note(trainer: Any, run: Path) -> str | None:
    """The merged model in a run's folder. Where it cannot be written, a note says so: the adapter is what counts."""
    try:
        return str(write(merge(trainer.model), trainer.processing_class, run / MERGED))
    except OSError as error:
        shutil.rmtree(run / f"{MERGED}.part", ignore_errors=True)
        print(f"note: the merged model could not be written ({error.strerror or error}); the adapter is whole")
        return None


def write_from(base: Path, adapter: Path, folder: Path, dtype: Any = None) -> Path:
    """Loads a base model and an adapter from disk and writes them as one; `folder` if it is there already."""
    if folder.is_dir():
        return folder
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    plain = AutoModelForCausalLM.from_pretrained(base, dtype=dtype or "auto", local_files_only=True)
    model = PeftModel.from_pretrained(plain, str(adapter))
    return write(merge(model), AutoTokenizer.from_pretrained(base, local_files_only=True), folder)


def adapter_of(result: dict[str, Any], run: int) -> Path:
    """The adapter of a finished run.

    Raises:
        UsageError: the run has none, or its folder is gone.
    """
    path = result.get("adapter")
    if not path:
        raise UsageError(f"Run {run} has no adapter yet; wait until it is done, or resume it.")
    if not (Path(path) / "adapter_config.json").is_file():
        raise UsageError(f"The adapter of run {run} is not in {path} any more; train it again.")
    return Path(path)


def base_of(adapter: Path) -> Path:
    """The base model that an adapter belongs to.

    Raises:
        UsageError: its folder is gone.
    """
    named = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))["base_model_name_or_path"]
    if not Path(named).is_dir():
        raise UsageError(f"The base model of the adapter in {adapter} is not in {named} any more; put it back.")
    return Path(named)
