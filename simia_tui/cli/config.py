"""`simia config`: what stands to choose from for `simia.toml`."""

import click

from simia_tui.cli.common import json_option, print_json
from simia_tui.errors import UsageError
from simia_tui.presets import PRESETS


@click.group("config", help="Endpoints to begin with.")
def config_command() -> None: ...


@config_command.command("presets")
@click.argument("names", nargs=-1)
@json_option
def presets(names: tuple[str, ...], as_json: bool) -> None:
    """Print endpoints as they are written into simia.toml: `simia config presets vllm >> simia.toml`."""
    unknown = [name for name in names if name not in PRESETS]
    if unknown:
        raise UsageError(f"There is no preset {unknown[0]}; choose from {', '.join(PRESETS)}.")
    chosen = names or tuple(PRESETS)
    if as_json:
        print_json([{"name": name, "toml": PRESETS[name]} for name in chosen])
    else:
        click.echo("\n".join(PRESETS[name] for name in chosen), nl=False)
