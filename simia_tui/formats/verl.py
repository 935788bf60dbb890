"""verl's Parquet files: SFT rows for its multi-turn data set, RL rows with a prompt and a ground truth.

The SFT data set renders message by message and hands `tools` to the template as it stands (source:
verl/utils/dataset/multiturn_sft_dataset.py): a JSON text is refused, and a struct gains null keys. So the schemas
and calls stand in the text, as in the mapping for LLaMA-Factory, and a message is a role and a content.
"""

from typing import Any

from simia_tui.formats.base import Format, Writer, json_text, messages_of, read_tools, write_tool
from simia_tui.formats.openai_chat import Messages, OpenAIChat
from simia_tui.formats.parquet import arrow
from simia_tui.formats.sharegpt_hermes import HERMES, ShareGPTHermes, write_llamafactory
from simia_tui.formats.trl import write_trl
from simia_tui.model import Trajectory

_ROLES = {"human": "user", "gpt": "assistant"}
_SOURCES = {role: source for source, role in _ROLES.items()}


class VerlSFT(Format):
    """Reads rows with `enable_thinking`; messages with calls of their own are read as OpenAI's."""

    name = "verl-sft"
    title = "verl SFT (Parquet)"
    loses = ("white space around a block",)

    def detect(self, sample: dict[str, Any]) -> bool:
        return "enable_thinking" in sample and OpenAIChat().detect(sample)

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        messages = messages_of(record, "messages")
        if any("tool_calls" in message or message.get("role") == "tool" for message in messages):
            return OpenAIChat().read_record(record, domain)
        turns = [{"from": _source(m.get("role")), "value": m.get("content")} for m in messages]
        rest = {key: value for key, value in record.items() if key not in ("messages", "tool_schemas")}
        return ShareGPTHermes().read_record({**rest, "conversations": turns}, domain)


def _source(role: Any) -> str:
    return _SOURCES.get(str(role), str(role))


def write_verl_sft(trajectory: Trajectory) -> dict[str, Any]:
    """A row `{messages, enable_thinking, tool_schemas}`: sides take turns, the assistant ends.

    `tool_schemas` is JSON text for other readers; it is not named `tools`, which verl would hand to the template.
    """
    row = write_llamafactory(trajectory)
    head = [{"role": "system", "content": row["system"]}] if row["system"] else []
    turns = [{"role": _ROLES[turn["from"]], "content": turn["value"]} for turn in row["conversations"]]
    return {
        "messages": head + turns,
        "enable_thinking": any(turn.reasoning for turn in trajectory.turns),
        "tool_schemas": json_text([write_tool(tool) for tool in trajectory.tools]),
    }


class VerlRL(Format):
    """Reads the prompt of an RL row; the ground truth and the other columns go to `meta`."""

    name = "verl-rl"
    title = "verl RL (Parquet)"

    def detect(self, sample: dict[str, Any]) -> bool:
        prompt = sample.get("prompt")
        return "reward_model" in sample and isinstance(prompt, list) and all(isinstance(m, dict) for m in prompt)

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        extra = record.get("extra_info")
        tools = read_tools(extra.get("tools")) if isinstance(extra, dict) else ()
        meta = {key: value for key, value in record.items() if key != "prompt"}
        return Messages(messages_of(record, "prompt")).trajectory(domain, tools, meta)


def prompt_length(trajectory: Trajectory) -> int:
    """How many turns stand before the assistant's first: what a rollout starts from."""
    turns = trajectory.turns
    return next((index for index, turn in enumerate(turns) if turn.role == "assistant"), len(turns))


def write_verl_rl(trajectory: Trajectory) -> dict[str, Any]:
    """A row with `data_source, prompt, ability, reward_model, extra_info`.

    The ground truth is the list of the trajectory's calls as JSON text; the whole of it stands in `extra_info` as
    `answer`. `index` is made from the trajectory's id, so it does not depend on the other rows.
    """
    start = trajectory.with_turns(trajectory.turns[: prompt_length(trajectory)])
    calls = [{"name": call.name, "arguments": call.arguments} for _, _, call in trajectory.calls()]
    question = next((turn.content for turn in start.turns if turn.role == "user" and turn.content), "")
    whole = write_trl(trajectory)["messages"]
    prompt = [{"role": m["role"], "content": m["content"]} for m in write_trl(start)["messages"]]
    origin = trajectory.origin
    return {
        "data_source": f"simia/{trajectory.domain}",
        "prompt": prompt,
        "ability": "tool use",
        "reward_model": {"style": "rule", "ground_truth": json_text(calls)},
        "extra_info": {
            "split": "train",
            "index": int(trajectory.id[:8], 16),
            "question": question,
            "answer": json_text(whole),
            "need_tools_kwargs": False,
            "tools": json_text([write_tool(tool) for tool in trajectory.tools]),
            "id": trajectory.id,
            "seed": (origin.seed if origin else None) or "",
        },
    }


def sft_schema() -> Any:
    """The Arrow schema of `write_verl_sft`."""
    pa = arrow()
    return pa.schema([("messages", _messages(pa)), ("enable_thinking", pa.bool_()), ("tool_schemas", pa.string())])


def rl_schema() -> Any:
    """The Arrow schema of `write_verl_rl`."""
    pa = arrow()
    text = pa.string()
    names = ("question", "answer", "tools", "id", "seed")
    extra = [("split", text), ("index", pa.int64()), ("need_tools_kwargs", pa.bool_()), *((n, text) for n in names)]
    return pa.schema(
        [
            ("data_source", text),
            ("prompt", _messages(pa)),
            ("ability", text),
            ("reward_model", pa.struct([("style", text), ("ground_truth", text)])),
            ("extra_info", pa.struct(extra)),
        ]
    )


def _messages(pa: Any) -> Any:
    return pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))


VERL_SFT = Writer(name="verl-sft", title="verl SFT (Parquet)", write=write_verl_sft, loses=HERMES.loses)

VERL_RL = Writer(
    name="verl-rl",
    title="verl RL (Parquet)",
    write=write_verl_rl,
    loses=(
        "the turns from the assistant's first on: the file is read back as its prompts (they stand in `answer`)",
        "call ids, error marks, null content and masks",
        "meta, domain and origin, besides the seed",
    ),
)
