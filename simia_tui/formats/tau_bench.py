"""tau-bench historical trajectories: a list of `{task_id, trial, reward, info, traj}`."""

from typing import Any

from simia_tui.formats.base import Format, messages_of
from simia_tui.formats.openai_chat import Messages
from simia_tui.model import Trajectory


class TauBench(Format):
    """Reads `traj`, OpenAI chat messages whose call ids repeat; an observation that starts with "Error" is one.

    The file holds no tool schemas. `task_id`, `trial`, `reward` and `info` go to `meta` as they are, and
    `info.task` also to `meta["task"]`.
    """

    name = "tau-bench"
    title = "tau-bench historical trajectories"

    def detect(self, sample: dict[str, Any]) -> bool:
        traj = sample.get("traj")
        return isinstance(traj, list) and all(isinstance(turn, dict) and "role" in turn for turn in traj[:4])

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        messages = Messages(messages_of(record, "traj"), error_prefix="Error")
        meta = {key: value for key, value in record.items() if key != "traj"}
        info = record.get("info")
        if isinstance(info, dict) and "task" in info:
            meta.setdefault("task", info["task"])
        return messages.trajectory(domain, (), meta)
