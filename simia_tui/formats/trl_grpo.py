"""Prompts for TRL's GRPOTrainer: what a rollout starts from, with the columns that reach the environment's `reset`."""

from typing import Any

from simia_tui.formats.base import Writer, json_text, write_tool
from simia_tui.formats.trl import write_trl
from simia_tui.formats.verl import prompt_length
from simia_tui.model import Trajectory


def write_grpo(trajectory: Trajectory) -> dict[str, Any]:
    """A row `{prompt, seed, tools, domain}`: the messages before the assistant's first, tools as JSON text.

    `seed` is the id of the trajectory the rollouts are grouped by: the seed an episode was made from, else itself.
    """
    start = trajectory.with_turns(trajectory.turns[: prompt_length(trajectory)])
    origin = trajectory.origin
    return {
        "prompt": write_trl(start)["messages"],
        "seed": (origin.seed if origin else None) or trajectory.id,
        "tools": json_text([write_tool(tool) for tool in trajectory.tools]),
        "domain": trajectory.domain,
    }


TRL_GRPO = Writer(
    name="trl-grpo",
    title="TRL GRPO prompts",
    write=write_grpo,
    loses=("the turns from the assistant's first on", "call ids, error marks and null content", "meta and origin"),
)
