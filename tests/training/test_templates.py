"""What the preflight says of chat templates, against the templates that come with TRL, on rows as they are exported."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from samples import make_trajectory

from simia_tui import formats
from simia_tui.formats import traps
from simia_tui.model import ToolCall, ToolSpec, Trajectory, Turn

WHOLE = make_trajectory()
USER = Turn(role="user", content="question")
CALL = ToolCall(name="f", arguments={"key": "value"}, call_id="1")
RESULT = Turn(role="tool", content="result", call_id="1")
DONE = Turn(role="assistant", content="answer")
TOOLS = (ToolSpec(name="f", description="d", parameters={"type": "object", "properties": {"key": {"type": "string"}}}),)
KEEPS = "qwen3_training"


def exported(*turns: Turn, tools: tuple[ToolSpec, ...] = TOOLS) -> Trajectory:
    return Trajectory(policy="policy", tools=tools, turns=turns)


def rendered(template: str, trajectory: Trajectory) -> str:
    """The TRL row as the trainer's library renders it."""
    import trl
    from transformers.utils.chat_template_utils import render_jinja_template

    text = (Path(trl.__file__).parent / "chat_templates" / f"{template}.jinja").read_text()
    row = json.loads(json.dumps(formats.write_trl(trajectory)))
    (done,), _ = render_jinja_template(
        conversations=[row["messages"]], tools=row["tools"], chat_template=text, bos_token="<s>", eos_token="</s>"
    )
    return str(done)


def lacks(word: str) -> Callable[[str, Trajectory], bool]:
    return lambda template, trajectory: word not in rendered(template, trajectory)


def refuses(template: str, trajectory: Trajectory) -> bool:
    try:
        rendered(template, trajectory)
    except Exception:  # noqa: BLE001  # what a template raises is its own affair
        return True
    return False


THOUGHT = Turn(role="assistant", content="answer", reasoning="thought")
BESIDE = Turn(role="assistant", content="beside", tool_calls=(CALL,))
TWO = Turn(role="assistant", tool_calls=(CALL, ToolCall(name="f", arguments={"key": "other"}, call_id="2")))
SILENT = Turn(role="assistant", tool_calls=(CALL,))
BAD = Turn(role="assistant", tool_calls=(ToolCall(name="f", raw="{bad", call_id="1"),))
BARE = (ToolSpec(name="f", parameters={"type": "object", "properties": {}}),)


@pytest.mark.parametrize(
    ("kind", "trajectory", "templates", "trips"),
    [
        (traps.THOUGHTS, exported(USER, THOUGHT, USER, DONE), ("qwen3", "gptoss", "glm4moe"), lacks("thought")),
        (traps.BESIDE, exported(USER, BESIDE, RESULT, DONE), ("llama3_1", "llama3_2", "gptoss"), lacks("beside")),
        (traps.PARALLEL, exported(USER, TWO, RESULT, DONE), ("llama3_1", "llama3_2"), refuses),
        (traps.IN_A_ROW, exported(USER, USER, DONE), ("gemma3_training", "cohere2"), refuses),
        (traps.UNDESCRIBED, exported(USER, DONE, tools=BARE), ("gptoss",), refuses),
        (traps.INNER_SYSTEM, exported(USER, DONE, Turn(role="system", content="s"), USER, DONE), ("qwen3_6",), refuses),
        (traps.TEXT_ARGUMENTS, exported(USER, BAD, RESULT, DONE), ("qwen3_6", "glm4moe"), refuses),
        (
            traps.ORPHAN,
            exported(USER, RESULT, DONE),
            ("gemma4", "gptoss"),
            lambda *a: refuses(*a) or lacks("result")(*a),
        ),
    ],
)
def test_what_is_said_of_templates_is_so(
    kind: traps.Kind, trajectory: Trajectory, templates: tuple[str, ...], trips: Callable[[str, Trajectory], bool]
) -> None:
    assert kind.reason in [issue.reason for issue in formats.preflight([trajectory], "trl").issues]
    assert all(trips(template, trajectory) for template in templates)
    kept = rendered(KEEPS, trajectory)
    assert all(turn.content in kept for turn in trajectory.turns if turn.content)
    assert all(turn.reasoning in kept for turn in trajectory.turns if turn.reasoning)


@pytest.mark.parametrize("template", [KEEPS, "qwen2_5", "llama3_1", "gptoss", "glm4moe", "nemotron_3_nano"])
def test_a_row_of_which_nothing_is_said_is_rendered_whole(template: str) -> None:
    trajectory = exported(USER, SILENT, RESULT, DONE)
    assert formats.preflight([trajectory], "trl").issues == ()
    text = rendered(template, trajectory)
    assert all(word in text for word in ("policy", "question", "key", "value", "result", "answer"))


def test_the_trainers_own_loader_gives_rows_as_they_were_written(tmp_path: Path) -> None:
    import datasets

    other = (
        ToolSpec(name="g", description="d", parameters={"type": "object", "properties": {"n": {"type": "integer"}}}),
    )
    number = Turn(role="assistant", tool_calls=(ToolCall(name="g", arguments={"n": 1}, call_id="1"),))
    rows = [
        formats.write_trl(trajectory)
        for trajectory in (
            WHOLE,
            exported(USER, BESIDE, RESULT, DONE),
            exported(USER, number, RESULT, DONE, tools=other),
            exported(USER, BAD, RESULT, DONE.replace(loss=False)),
        )
    ]
    with formats.open_sink(tmp_path / "trl.jsonl", "trl") as sink:
        for row in rows:
            sink.add(row)
    loaded: Any = datasets.load_dataset(
        "json", data_files=str(tmp_path / "trl.jsonl"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert list(loaded) == rows


def test_a_long_row_is_told_of_as_long_as_the_trainer_cuts_by_itself() -> None:
    from trl import SFTConfig

    fields = SFTConfig.__dataclass_fields__
    assert (fields["max_length"].default, fields["truncation_mode"].default) == (traps.TRL_TOKENS, "keep_start")
    for length, told in ((traps.TRL_TOKENS * traps.CHARACTERS, False), (traps.CUTOFF_TOKENS * traps.CHARACTERS, True)):
        trajectory = Trajectory(
            tools=TOOLS, turns=(USER.replace(content="u" * (length - 1)), DONE.replace(content="a"))
        )
        assert (traps.LONG_TRL.reason in [i.reason for i in formats.preflight([trajectory], "trl").issues]) is told
        other = trajectory.replace(policy="p")
        found = [issue.reason for issue in formats.preflight([other], "sharegpt-hermes").issues]
        assert (traps.LONG_LLAMAFACTORY.reason in found) is told
