"""`simia train`: LoRA SFT and GRPO on an export, in a process of its own."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from simia_tui.cli.common import (
    json_option,
    load_settings,
    open_workspace,
    print_json,
    second_option,
    workspace_option,
)
from simia_tui.errors import SimiaError
from simia_tui.model import Export, Metric, Run, RunStatus, TrainSpec
from simia_tui.services import training
from simia_tui.services.waiting import wait_for_run
from simia_tui.store import Workspace, exports

F = TypeVar("F", bound=Callable[..., Any])
TRACKERS = ("trackio", "wandb", "tensorboard", "mlflow")


@click.group("train", help="Train on an export.")
def train_command() -> None: ...


def _shared(function: F) -> F:
    """The options of both methods."""
    for option in reversed(
        (
            click.argument("export_name"),
            click.option("--profile", default="tiny", show_default=True, help="A preset."),
            click.option("--model", help="The folder of a local Hugging Face model; without it random weights."),
            click.option("--max-steps", type=int),
            click.option("--learning-rate", type=float),
            click.option("--batch-size", type=int, help="Rows of one forward pass."),
            click.option("--max-length", type=int, help="Tokens of a row, or of prompt and conversation, at most."),
            click.option("--lora-rank", type=int),
            click.option("--report-to", type=click.Choice(TRACKERS), help="A tracker to write to as well."),
            click.option("--seed", "random_seed", type=int, default=0, show_default=True),
            click.option("--dry-run", is_flag=True, help="Say what the run would need; start nothing."),
            click.option("--wait", is_flag=True, help="Wait until the run is over."),
            json_option,
            workspace_option,
        )
    ):
        function = option(function)
    return function


@train_command.command("sft")
@_shared
@click.option("--epochs", type=float)
@click.option("--quantize", type=click.Choice(["4bit"]), help="Hold the base model in 4 bits (QLoRA).")
@click.option(
    "--target",
    type=click.Choice(["assistant", "observations"]),
    default="assistant",
    show_default=True,
    help="What is learnt: the assistant's turns, or the tools' answers (a world model).",
)
def train_sft(export_name: str, dry_run: bool, wait: bool, as_json: bool, workspace: str, **options: Any) -> None:
    """LoRA SFT on an export."""
    opened = open_workspace(workspace)
    _go(opened, find_export(opened, export_name), TrainSpec(**options), dry_run, wait, as_json)


@train_command.command("grpo")
@_shared
@click.option("--adapter", type=int, metavar="RUN", help="Go on from the adapter of this run.")
@click.option("--groups", type=int, help="Tasks of one step.")
@click.option("--group-size", type=int, help="Rollouts of each task.")
@click.option("--kl", type=float, help="How much the distance from the start weighs.")
@click.option("--temperature", type=float)
@click.option("--max-turns", type=int, help="Turns of the assistant in an episode.")
@click.option("--turn-tokens", type=int, help="Tokens of one turn at most.")
@click.option("--conversation-tokens", type=int, help="Tokens of a conversation after its prompt at most.")
@click.option("--loss-type", help="One of TRL's losses: dapo, grpo, dr_grpo ...")
@click.option("--vllm", type=click.Choice(["colocate", "server"]), help="Generate by vLLM.")
@click.option("--simulator", metavar="MODEL", help="The model that plays tools, user and judge.")
@click.option("--judge-samples", type=int, default=1, show_default=True, help="Verdicts asked for an episode (odd).")
@second_option
@click.option(
    "--judging",
    type=click.Choice(["each", "group"]),
    default="each",
    show_default=True,
    help="A verdict on each episode, or one ranking of each group.",
)
@click.option("--concurrency", type=int, default=64, show_default=True, help="Requests at a time.")
@click.option("--single-turn", is_flag=True, help="Play single turns of the export, judged by rule; no simulator.")
@click.option("--mcp", metavar="COMMAND", help="An MCP server; the tools that it has are executed, not simulated.")
@click.option("--arena", metavar="MODULE:FUNCTION", help="An environment of your own.")
def train_grpo(
    export_name: str,
    dry_run: bool,
    wait: bool,
    as_json: bool,
    workspace: str,
    simulator: str | None,
    share: float | None,
    **options: Any,
) -> None:
    """GRPO on the tasks of an export: the policy plays them in the simulated environment and is judged."""
    opened = open_workspace(workspace)
    spec = training.simulated(load_settings(opened), TrainSpec(method="grpo", **options), simulator, share)
    _go(opened, find_export(opened, export_name), spec, dry_run, wait, as_json)


def _go(workspace: Workspace, export: Export, spec: TrainSpec, dry_run: bool, wait: bool, as_json: bool) -> None:
    if dry_run:
        found = training.estimate(workspace, export, spec)
        if as_json:
            print_json({**found.model_dump(mode="json"), "fits": found.fits})
        else:
            click.echo(found.sentence())
        return
    db = workspace.connect()
    run = training.start_run(workspace, db, export, spec)
    if not as_json:
        click.echo(f"run {run.id}: {run.spec.profile} on {export.name}, in {run.path}")
    if wait:
        run = wait_for_run(workspace, db, run.id, _quiet if as_json else _tell)
    if as_json:
        print_json(run.model_dump(mode="json"))
    if wait and run.status is not RunStatus.DONE:
        raise SimiaError(f"Run {run.id} is {run.status}: {run.reason or f'see {run.path}/train.log'}")


def find_export(workspace: Workspace, name: str) -> Export:
    """An export by number or name."""
    return exports.export(workspace.connect(), int(name) if name.isdigit() else name)


def _tell(run: Run, metric: Metric) -> None:
    if metric.loss is not None:
        reward = f", reward {metric.values['reward']:.3f}" if "reward" in metric.values else ""
        click.echo(f"  step {metric.step} of {run.max_steps or '?'}, loss {metric.loss:.4f}{reward}", err=True)


def _quiet(_run: Run, _metric: Metric) -> None:
    return
