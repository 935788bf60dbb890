"""The model card beside the adapter: what it was made of and how."""

import json
import shlex
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

from simia_tui import resources
from simia_tui.model import Export, Run
from simia_tui.training.data import Census
from simia_tui.training.profiles import Profile

PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")

DEMO = (
    "**Demo data.** This export holds episodes from the offline demo model. The adapter shows that the loop works;"
    " it is not meant for use."
)


def versions() -> dict[str, str]:
    """The versions of the packages that trained."""
    return {name: version(name) for name in PACKAGES}


def render(run: Run, export: Export, profile: Profile, base: str, census: Census, result: dict[str, Any]) -> str:
    """The card as Markdown with YAML front matter; names are quoted, and nothing in them is interpreted."""
    settings = {key: value for key, value in profile.dump().items() if key not in ("name", "title")}
    template = Template((resources.templates() / "model_card.md").read_text(encoding="utf-8"))
    return template.substitute(
        base_yaml=json.dumps(base),
        base=base,
        demo=DEMO if export.demo else "No demo data is in this export.",
        export=export.name,
        sha256=export.sha256,
        run=run.id,
        profile=profile.name,
        rows=census.rows,
        used=census.used,
        cut=census.cut,
        empty=census.empty,
        max_length=profile.max_length,
        tokens=census.tokens,
        trained_tokens=census.trained_tokens,
        first_loss=_figure(result["first_loss"]),
        last_loss=_figure(result["last_loss"]),
        steps=result["steps"],
        seconds=round(result["seconds"]),
        random_seed=run.spec.random_seed,
        settings=json.dumps(settings, indent=2),
        versions="\n".join(f"- {name} {number}" for name, number in versions().items()),
        command=command(run, export),
    )


def command(run: Run, export: Export) -> str:
    """The command that trains the same again."""
    given = run.spec.model_dump(exclude_none=True, exclude={"method", "random_seed"})
    options = [f"--{name.replace('_', '-')} {shlex.quote(str(value))}" for name, value in given.items()]
    return " ".join(["simia train sft", export.name, *options])


def write(folder: Path, text: str) -> None:
    """Puts the card beside the adapter."""
    (folder / "README.md").write_text(text, encoding="utf-8")


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"
