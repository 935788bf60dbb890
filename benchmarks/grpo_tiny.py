"""Reinforcement from random weights on a CPU: does the mean reward of held-out errands rise, and not under noise?

    python benchmarks/grpo_tiny.py [--seeds 0 1 2] [--steps 40] [--noise]

For each seed: a tiny model of random weights learns to copy numbers (a random model learns nothing from rewards); an
imperfect teacher, right in one visit of four, warms it up by LoRA SFT; then GRPO plays errands of the demo's library in
the simulated environment, tools, user and judge being the offline demo model. Measured is the mean reward of errands
that were never trained on, before and after. With `--noise` a second GRPO run starts from the same warm start with a
judge that throws a coin.

All of it runs through the workspace: the same processes that `simia train sft` and `simia train grpo` start.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from simia_tui.demo.errands import Errand, errands
from simia_tui.demo.tools import TOOLS
from simia_tui.formats import write_trl
from simia_tui.model import RunStatus, ToolCall, TrainSpec, Trajectory, Turn
from simia_tui.services import arena
from simia_tui.store import Workspace, exports, runs
from simia_tui.training import grpo, merging, process, sft, tiny
from simia_tui.training.practice import Practice
from simia_tui.training.record import RunRecord
from simia_tui.training.tasks import Task

POLICY = "You are the desk of a library. Renew what is asked for, then ask for more."
LOAN = {"type": "object", "properties": {"loan_id": {"type": "string"}}, "required": ["loan_id"]}
RENEW = tuple(tool.model_copy(update={"parameters": LOAN}) for tool in TOOLS if tool.name == "renew_loan")
WORDINGS = ("Please renew {}.", "Can I keep {} longer?", "Renew {} for me.")
CLOSING = "It is renewed. Is there anything else?"
TRAINED, HELD_OUT = 96, 48
RIGHT = 0.25
"""Share of the teacher's visits that serve the member."""

SETTINGS: dict[str, Any] = {
    "groups": 4,
    "group_size": 8,
    "max_turns": 4,
    "turn_tokens": 48,
    "conversation_tokens": 280,
    "learning_rate": 1e-3,
    "kl": 0.01,
}


def visits(random_seed: int) -> list[Task]:
    """Errands of one renewal, in few words: the loan's number is named at once, and one tool is there."""
    found = [errand for errand in errands(400, random_seed, ("renew",)) if len(errand.calls) == 1]
    assert len(found) >= TRAINED + HELD_OUT
    return [_short(errand, number) for number, errand in enumerate(found[: TRAINED + HELD_OUT])]


def _short(errand: Errand, number: int) -> Task:
    words = WORDINGS[number % len(WORDINGS)].format(loan_of(errand))
    return arena.as_task(errand, policy=POLICY, tools=RENEW, turns=(Turn(role="user", content=words),))


def loan_of(errand: Errand) -> str:
    return str(errand.calls[0][1]["loan_id"])


def number(rng: random.Random) -> str:
    return f"L-{rng.randrange(100_000, 1_000_000)}"


def copies(rng: random.Random) -> dict[str, Any]:
    """A conversation about nothing but repeating numbers, also into calls; what the base model is made of."""
    turns: list[Turn] = []
    for _ in range(2):
        loan = number(rng)
        asked = rng.choice(("Say {}.", "Repeat {} for me.", "Note {}, please.", "What is {}?")).format(loan)
        if asked.startswith("Note"):
            called = ToolCall(name="note_loan", arguments={"loan_id": loan})
            turns += [Turn(role="user", content=asked), Turn(role="assistant", tool_calls=(called,))]
            continue
        said = rng.choice(("{}", "It is {}.", "{} is it.")).format(loan)
        turns += [Turn(role="user", content=asked), Turn(role="assistant", content=said)]
    tools = rng.choice(((), RENEW))
    return write_trl(Trajectory(policy=POLICY if tools else None, tools=tools, turns=tuple(turns)))


def taught(rng: random.Random) -> dict[str, Any]:
    """One visit of the imperfect teacher: right, or with a wrong argument, no call at all, or no closing."""
    loan = number(rng)
    slip = "none" if rng.random() < RIGHT else rng.choice(("key", "no call", "no closing"))
    called = "" if slip == "no call" else loan
    key = "loan" if slip == "key" else "loan_id"
    closing = "It is renewed." if slip == "no closing" else CLOSING
    turns: list[Turn] = [Turn(role="user", content=rng.choice(WORDINGS).format(loan))]
    if called:
        seen = _seen(rng, called, refused=key != "loan_id")
        call = ToolCall(name="renew_loan", arguments={key: called})
        turns += [Turn(role="assistant", tool_calls=(call,)), Turn(role="tool", name="renew_loan", content=seen)]
    turns.append(Turn(role="assistant", content=closing))
    return write_trl(Trajectory(policy=POLICY, tools=RENEW, turns=tuple(turns)))


def _seen(rng: random.Random, loan: str, refused: bool) -> str:
    if refused:
        return json.dumps({"error": "loan_not_found", "message": f"There is no loan {loan}."})
    due = f"2026-04-{rng.randint(1, 28):02}"
    return json.dumps({"loan_id": loan, "due_date": due, "renewals_used": 1, "renewals_allowed": 2})


def base_model(folder: Path, random_seed: int, steps: int = 1200) -> tuple[Path, int, float]:
    """A model that copies: its folder, the steps it took, and the share of right copies on fresh conversations."""
    import torch

    rng = random.Random(f"base:{random_seed}")
    rows = [taught(rng) if i % 2 else copies(rng) for i in range(400)]
    tokenizer = tiny.learn_tokenizer(rows, single_digits=True)
    model = tiny.random_model(tokenizer, random_seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    share = step = 0
    for step in range(1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * min(1.0, step / 50)
        ids, labels = batch(tokenizer, [copies(rng) for _ in range(32)])
        model(input_ids=ids, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 100 == 0:
            share = right(model, tokenizer, [copies(rng) for _ in range(64)])
            print(f"  base step {step}: digits right {share:.2f}", flush=True)
            if share > 0.985:
                break
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder, step, share


def batch(tokenizer: Any, rows: Sequence[dict[str, Any]]) -> tuple[Any, Any]:
    import torch

    from simia_tui.training.data import IGNORED, encode

    found = [encode(tokenizer, row) for row in rows]
    longest = max(len(one.input_ids) for one in found)
    ids = [one.input_ids + [tokenizer.pad_token_id] * (longest - len(one.input_ids)) for one in found]
    labels = [one.labels + [IGNORED] * (longest - len(one.labels)) for one in found]
    return torch.tensor(ids), torch.tensor(labels)


def right(model: Any, tokenizer: Any, rows: Sequence[dict[str, Any]]) -> float:
    """The share of digits in the answers that the model would write itself, given what stands before them."""
    import torch

    ids, labels = batch(tokenizer, rows)
    digits = torch.tensor([token for text, token in tokenizer.get_vocab().items() if text.isdigit()])
    with torch.no_grad():
        guessed = model(input_ids=ids).logits[:, :-1].argmax(-1)
    counted = torch.isin(labels[:, 1:], digits)
    return float((guessed == labels[:, 1:])[counted].float().mean())


class Noise(arena.SimulatedArena):
    """The same errands, and a judge that throws a coin."""

    async def group(self, task: int, members: int) -> Any:
        return [_Coin(episode, self.coin) for episode in await super().group(task, members)]

    coin = random.Random(0)


class _Coin:
    def __init__(self, episode: arena.SimulatedEpisode, coin: random.Random) -> None:
        self._episode, self._coin, self.start = episode, coin, episode.start
        self.step, self.cut = episode.step, episode.cut

    async def finish(self) -> Any:
        return (await self._episode.finish())._replace(reward=float(self._coin.random() < 0.5))


def open_arena(workspace: Workspace, spec: TrainSpec, settled: Practice, found: Sequence[Task]) -> Any:
    model = arena.demo_model(spec.random_seed)
    return arena.SimulatedArena(workspace, spec, settled, visits(spec.random_seed)[:TRAINED], model)


def open_noise(workspace: Workspace, spec: TrainSpec, settled: Practice, found: Sequence[Task]) -> Any:
    model = arena.demo_model(spec.random_seed)
    return Noise(workspace, spec, settled, visits(spec.random_seed)[:TRAINED], model)


def held_out(record: RunRecord, folder: Path, adapter: Path | None, members: int = 4) -> float:
    """The mean reward of the errands that were not trained on, sampled at temperature 1."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from simia_tui.training.conversation import Codec
    from simia_tui.training.play import caps
    from simia_tui.training.rollout import Generated, Loop, Rollouts

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    model = PeftModel.from_pretrained(model, adapter).eval() if adapter else model.eval()
    limits = caps(tokenizer, model, SETTINGS["turn_tokens"], SETTINGS["conversation_tokens"])
    settled = Practice(**{**SETTINGS, "micro": 1})
    tasks = visits(record.run.spec.random_seed)[TRAINED:]
    made = arena.SimulatedArena(record.workspace, record.run.spec, settled, tasks, arena.demo_model(0))

    def generate(prompts: list[list[int]]) -> Generated:
        inputs = tokenizer.pad({"input_ids": prompts}, padding_side="left", return_tensors="pt")
        with torch.no_grad():
            whole = model.generate(**inputs, do_sample=True, top_k=0, max_new_tokens=limits.turn)
        return Generated([_ended(ids, limits.ends) for ids in whole[:, inputs["input_ids"].shape[1] :].tolist()])

    torch.manual_seed(0)
    with Loop() as loop, grpo.entered(made, loop) as opened:
        played = Rollouts(opened, loop, Codec(tokenizer), limits, lambda: None).play(
            list(range(len(tasks))), members, generate
        )
    rewards = [one.result.reward for one in played if one.result.reward is not None]
    return sum(rewards) / len(rewards)


def _ended(ids: list[int], ends: frozenset[int]) -> list[int]:
    at = next((index for index, token in enumerate(ids) if token in ends), len(ids) - 1)
    return ids[: at + 1]


def train(workspace: Workspace, module: Any, **spec: Any) -> RunRecord:
    db = workspace.connect()
    key = runs.add(db, 1, TrainSpec(**spec), f"exports/runs/{len(runs.runs(db)) + 1}")
    module.carry_out(RunRecord(workspace, key))
    record = RunRecord(workspace, key)
    if record.run.status is not RunStatus.DONE:
        raise SystemExit(f"{spec['method']} failed: {record.run.reason}")
    return record


def one(root: Path, random_seed: int, steps: int, noise: bool) -> dict[str, Any]:
    """One seed from random weights to the end; all figures."""
    began = time.monotonic()
    workspace = Workspace.create(root)
    folder, base_steps, share = base_model(root / "base", random_seed)
    based = time.monotonic()
    warm = warm_start(workspace, folder, random_seed)
    before = held_out(warm, folder, warm.folder / "adapter")
    warmed = time.monotonic()
    print(f"  warm start: loss {warm.run.result['last_loss']:.3f}, held-out reward {before:.3f}", flush=True)
    found = {"seed": random_seed, "before": round(before, 3), **reinforced(workspace, warm, steps, "arena")}
    ended = time.monotonic()
    found["base"] = {"steps": base_steps, "digits_right": round(share, 3)}
    found["seconds"] = {"base": round(based - began), "sft": round(warmed - based), "grpo": round(ended - warmed)}
    if noise:
        found["coin"] = reinforced(workspace, warm, steps, "noise")
    return found


def warm_start(workspace: Workspace, folder: Path, random_seed: int) -> RunRecord:
    """LoRA SFT on the imperfect teacher's visits."""
    bundle = workspace.exports / "teacher"
    bundle.mkdir(parents=True)
    (bundle / "trl.jsonl").write_text("".join(json.dumps(row) + "\n" for row in _lessons(random_seed)))
    exports.add(workspace.connect(), "teacher", str(bundle), "0" * 64, [], True, {})
    given = {"max_steps": 130, "batch_size": 16, "learning_rate": 3e-3}
    return train(workspace, sft, method="sft", model=str(folder), random_seed=random_seed, **given)


def reinforced(workspace: Workspace, warm: RunRecord, steps: int, judge: str) -> dict[str, Any]:
    """GRPO from the warm start: held-out reward after it, and the curve of the training reward."""
    given = {**SETTINGS, "max_steps": steps, "random_seed": warm.run.spec.random_seed}
    learnt = train(workspace, grpo, method="grpo", adapter=warm.id, arena=f"grpo_tiny:open_{judge}", **given)
    metrics, adapter = learnt.metrics(), learnt.folder / "adapter"
    return {
        "after": round(held_out(learnt, merging.base_of(adapter), adapter), 3),
        "waiting": round(sum(metric.values["waiting"] for metric in metrics) / len(metrics), 3),
        "rewards": [round(metric.values["reward"], 2) for metric in metrics],
    }


def _lessons(random_seed: int) -> Iterator[dict[str, Any]]:
    rng = random.Random(f"teacher:{random_seed}")
    return (taught(rng) for _ in range(1200))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--noise", action="store_true")
    given = parser.parse_args()
    process.calm_the_machine()
    sys.path.insert(0, str(Path(__file__).parent))
    for seed in given.seeds:
        with tempfile.TemporaryDirectory() as folder:
            found = one(Path(folder) / "work", seed, given.steps, given.noise)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
