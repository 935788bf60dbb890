"""Serving a trained model behind an OpenAI-compatible endpoint, by whatever server is installed."""

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from simia_tui.errors import SimiaError, UsageError
from simia_tui.model import Run

Installed = Callable[[str], object | None]
"""Says whether a package is there: its spec, or None."""


class Serving(NamedTuple):
    """The command that serves a run's model, and the name under which clients ask for it."""

    server: str
    arguments: list[str]
    model: str


def plan(run: Run, host: str = "127.0.0.1", port: int = 8000, installed: Installed = find_spec) -> Serving:
    """How a run's model would be served: by vLLM, else by `transformers serve`.

    Raises:
        UsageError: the run has nothing to serve yet.
        SimiaError: neither server is installed; the sentence says what to install.
    """
    adapter, merged = run.result.get("adapter"), run.result.get("merged")
    if not adapter:
        raise UsageError(f"Run {run.id} has no adapter yet; wait until it is done, or resume it.")
    whole = merged if merged and Path(merged).is_dir() else None
    name = f"run-{run.id}"
    at = ["--host", host, "--port", str(port)]
    if installed("vllm") is not None:
        start = ["-m", "vllm.entrypoints.openai.api_server", *at]
        if whole:
            return Serving("vLLM", [*start, "--model", whole, "--served-model-name", name], name)
        from simia_tui.training import merging

        base = str(merging.base_of(Path(adapter)))
        return Serving("vLLM", [*start, "--model", base, "--enable-lora", "--lora-modules", f"{name}={adapter}"], name)
    if all(installed(package) is not None for package in ("transformers", "fastapi", "uvicorn")):
        if not whole:
            raise SimiaError(f"transformers serves whole models only, and run {run.id} has none; install vLLM.")
        return Serving(
            "transformers", [str(Path(sys.executable).with_name("transformers")), "serve", whole, *at], whole
        )
    raise SimiaError(
        "No server is installed here: pip install vllm (on a GPU), or pip install 'transformers[serving]'."
    )
