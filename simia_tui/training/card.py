"""The model card beside the adapter: what it was made of and how."""

import json
import shlex
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

from simia_tui import resources
from simia_tui.model import Export, Run, TrainSpec
from simia_tui.training.data import Census
from simia_tui.training.practice import Practice
from simia_tui.training.profiles import Profile

PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")

_OPTIONS = {"random_seed": "seed"}
_FROM_SETTINGS = ("base_url", "key_env")
"""What the workspace's settings say of the endpoint; the command names the endpoint alone."""

DEMO = (
    "**Demo data.** This export holds episodes from the offline demo model. The adapter shows that the loop works;"
    " it is not meant for use."
)


def versions() -> dict[str, str]:
    """The versions of the packages that trained."""
    return {name: version(name) for name in PACKAGES}


SFT_NOTE = (
    "The loss covers {what} only. Everything else is read, not learnt. The loss says how well the adapter repeats its"
    " training set; it is no measure of how well it acts."
)
_TARGETS = {
    "assistant": "the assistant's turns (text, tool calls and the token that ends the turn)",
    "observations": "what the tools answered: this adapter is a simulator of tools, not an assistant",
}
GRPO_NOTE = (
    "The reward was given by a judge on episodes in a simulated environment, on the tasks that were trained on. It is"
    " no measure of how well the adapter acts elsewhere. Rollouts that a fault of simulator, judge or infrastructure"
    " spoilt were left out of their group."
)


def render(run: Run, export: Export, profile: Profile, base: str, census: Census, result: dict[str, Any]) -> str:
    """The card of an SFT run: Markdown with YAML front matter. Names are quoted, and nothing in them is interpreted."""
    facts = {
        "rows": f"{census.rows}, of which {census.used} trained",
        f"rows cut at {profile.max_length} tokens": census.cut,
        "rows with nothing left to train": census.empty,
        "rows whose data hold special tokens": census.special,
        "tokens a pass": f"{census.tokens}, of which {census.trained_tokens} trained",
        "steps": result["steps"],
        "loss, first and last": f"{_figure(result['first_loss'])}, {_figure(result['last_loss'])}",
        "seconds": round(result["seconds"]),
    }
    settings = {key: value for key, value in profile.dump().items() if key not in ("name", "title")}
    return _filled(run, export, base, facts, SFT_NOTE.format(what=_TARGETS[run.spec.target]), settings)


def render_grpo(run: Run, export: Export, settled: Practice, base: str, result: dict[str, Any]) -> str:
    """The card of a GRPO run."""
    facts = {
        "tasks": f"{result['tasks']}, and {result['tasks_left_out']} left out as too long",
        "steps": result["steps"],
        "rollouts": f"{result['rollouts']}, of which {result['invalid_rollouts']} invalid",
        "reward, first and last five steps": f"{_figure(result['first_reward'])}, {_figure(result['last_reward'])}",
        "environment": run.spec.arena or "simulated",
        "simulator and judge": "offline demo" if run.spec.endpoint == "demo" else run.spec.simulator or "unknown",
        "seconds": round(result["seconds"]),
    }
    return _filled(run, export, base, facts, GRPO_NOTE, settled.dump())


def _filled(run: Run, export: Export, base: str, facts: dict[str, Any], note: str, settings: dict[str, Any]) -> str:
    template = Template((resources.templates() / "model_card.md").read_text(encoding="utf-8"))
    return template.substitute(
        base_yaml=json.dumps(base),
        base=base,
        method=run.spec.method,
        demo=DEMO if export.demo else "No demo data is in this export.",
        export=export.name,
        sha256=export.sha256,
        run=run.id,
        profile=run.spec.profile,
        random_seed=run.spec.random_seed,
        facts="\n".join(f"| {name} | {value} |" for name, value in facts.items()),
        note=note,
        settings=json.dumps(settings, indent=2),
        versions="\n".join(f"- {name} {number}" for name, number in versions().items()),
        command=command(run, export),
    )


def command(run: Run, export: Export) -> str:
    """The command that trains the same again."""
    given = run.spec.model_dump(exclude_none=True, exclude={"method"})
    usual = {**TrainSpec().model_dump(), "profile": None}
    options = [
        f"--{_OPTIONS.get(name, name).replace('_', '-')} {shlex.quote(str(value))}"
        for name, value in given.items()
        if value != usual[name] and name not in _FROM_SETTINGS
    ]
    return " ".join([f"simia train {run.spec.method}", export.name, *options])


def write(folder: Path, text: str) -> None:
    """Puts the card beside the adapter."""
    (folder / "README.md").write_text(text, encoding="utf-8")


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"
