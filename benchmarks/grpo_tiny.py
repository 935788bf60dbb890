"""Reinforcement from random weights on a CPU: does the mean reward of held-out errands rise, and not under noise?

    OMP_NUM_THREADS=1 python benchmarks/grpo_tiny.py [--seeds 0 1 2] [--steps 16] [--noise]

For each seed: a model of random weights learns to repeat numbers (a random model learns nothing from rewards); LoRA SFT
on the visits of an imperfect teacher, of which about a sixth serve the member, is the warm start; then GRPO plays
errands of the demo's library in the simulated environment, with the offline demo model as tools, user and judge. The
teacher's visits, the errands trained on and those held out have no errand in common.

Measured is the mean reward of the held-out errands before and after, each errand played once, sampled at the
temperature of the training, and once more with the likeliest token each time (greedy). With `--noise` a second GRPO run
starts from the same warm start, and every verdict is the throw of a coin.

All of it runs through the workspace: the same processes that `simia train sft` and `simia train grpo` start.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simia_tui.demo.errands import Errand, errands
from simia_tui.demo.tools import TOOLS
from simia_tui.evaluation.interval import wilson
from simia_tui.formats import write_trl
from simia_tui.model import RunStatus, ToolCall, TrainSpec, Trajectory, Turn
from simia_tui.services import arena
from simia_tui.store import Workspace, exports, runs
from simia_tui.training import grpo, merging, process, sft, tiny
from simia_tui.training.practice import Practice
from simia_tui.training.record import RunRecord
from simia_tui.training.rollout import Played
from simia_tui.training.tasks import Task

POLICY = "You are the desk of a library."
LOAN = {"type": "object", "properties": {"loan_id": {"type": "string"}}, "required": ["loan_id"]}
RENEW = tuple(
    tool.replace(parameters=LOAN, description="Renew one loan.") for tool in TOOLS if tool.name == "renew_loan"
)
WORDINGS = ("Please renew {}.", "Can I keep {} longer?", "Renew {} for me.")
CLOSING, CURT = "It is renewed. Is there anything else?", "It is renewed."
TAUGHT, TRAINED, HELD_OUT = 300, 200, 200
RIGHT_KEY, RIGHT_CLOSING = 0.42, 0.42
"""How often the teacher names the argument as the tool wants it, and asks whether there is anything else."""

SETTINGS: dict[str, Any] = {
    "groups": 8,
    "group_size": 16,
    "batch_size": 128,
    "max_turns": 4,
    "turn_tokens": 32,
    "conversation_tokens": 360,
    "learning_rate": 1e-3,
    "temperature": 0.7,
    "kl": 0.01,
}


def visits(random_seed: int) -> list[Task]:
    """Errands of one renewal, in few words: the loan's number is named at once, and one tool is there."""
    wanted = TAUGHT + TRAINED + HELD_OUT
    found = [errand for errand in errands(3 * wanted, random_seed, ("renew",)) if len(errand.calls) == 1]
    assert len(found) >= wanted
    return [_short(errand, number) for number, errand in enumerate(found[:wanted])]


def _short(errand: Errand, number: int) -> Task:
    words = WORDINGS[number % len(WORDINGS)].format(errand.calls[0][1]["loan_id"])
    return arena.as_task(errand, policy=POLICY, tools=RENEW, turns=(Turn(role="user", content=words),))


def split(random_seed: int) -> tuple[list[Task], list[Task], list[Task]]:
    """The errands of the teacher, of the training and of the measurement."""
    found = visits(random_seed)
    return found[:TAUGHT], found[TAUGHT : TAUGHT + TRAINED], found[TAUGHT + TRAINED :]


def copies(rng: random.Random) -> dict[str, Any]:
    """A conversation about nothing but repeating numbers, also into calls; what the base model is made of."""
    turns: list[Turn] = []
    for _ in range(rng.randint(1, 3)):
        loan = f"L-{rng.randrange(100_000, 1_000_000)}"
        asked = rng.choice(("Say {}.", "Repeat {} for me.", "Note {}, please.", "What is {}?", "Note {}."))
        turns.append(Turn(role="user", content=asked.format(loan)))
        if asked.startswith("Note"):
            called = ToolCall(name="note_loan", arguments={"loan_id": loan})
            seen = Turn(role="tool", name="note_loan", content=json.dumps({"loan_id": loan, "noted": True}))
            turns += [Turn(role="assistant", tool_calls=(called,)), seen, Turn(role="assistant", content="Noted.")]
        else:
            said = rng.choice(("{}", "It is {}.", "{} is it.")).format(loan)
            turns.append(Turn(role="assistant", content=said))
    tools = rng.choice(((), (), RENEW))
    return write_trl(Trajectory(policy=POLICY if tools else None, tools=tools, turns=tuple(turns)))


def lessons(workspace: Workspace, random_seed: int) -> tuple[list[dict[str, Any]], float]:
    """The imperfect teacher's visits, played in the environment like any episode, and the share that was right."""
    rng = random.Random(f"teacher:{random_seed}")
    spec = TrainSpec(method="grpo", random_seed=random_seed)
    made = _arena(workspace, spec, Practice(max_turns=3), split(random_seed)[0])

    async def all_visits() -> list[Played]:
        async with made as opened:
            return [await _taught((await opened.group(number, 1))[0], rng) for number in range(len(made.tasks))]

    played = asyncio.run(all_visits())
    rewards = [one.reward for one in played if one.reward is not None]
    return [write_trl(one.trajectory) for one in played], sum(rewards) / len(rewards)


async def _taught(episode: arena.SimulatedEpisode, rng: random.Random) -> Played:
    """One visit of the teacher, who may name the argument wrongly or forget to ask for more."""
    said = (episode.start.turns[-1].content or "").replace("?", "").replace(".", "")
    loan = next(word for word in said.split() if word.startswith("L-"))
    key = "loan_id" if rng.random() < RIGHT_KEY else "loan"
    closing = CLOSING if rng.random() < RIGHT_CLOSING else CURT
    call = ToolCall(name="renew_loan", arguments={key: loan})
    reaction = await episode.step(Turn(role="assistant", tool_calls=(call,)))
    while not reaction.done:
        reaction = await episode.step(Turn(role="assistant", content=closing))
    return await episode.finish()


def base_model(folder: Path, taught: Sequence[dict[str, Any]], random_seed: int, steps: int = 120) -> dict[str, Any]:
    """Makes a model that copies in `folder`; the share of right digits on fresh conversations."""
    import torch

    rng = random.Random(f"base:{random_seed}")
    tokenizer = tiny.learn_tokenizer([*taught[:200], *(copies(rng) for _ in range(200))], phrases=True)
    model = tiny.random_model(tokenizer, random_seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    for step in range(1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * min(1.0, step / 30, (steps - step + 1) / (0.5 * steps))
        ids, labels = batch(tokenizer, [copies(rng) for _ in range(32)])
        model(input_ids=ids, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    share = right(model, tokenizer, [copies(rng) for _ in range(64)])
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return {"steps": steps, "digits_right": round(share, 4)}


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


def _arena(
    workspace: Workspace, spec: TrainSpec, settled: Practice, found: Sequence[Task], kind: Any = arena.SimulatedArena
) -> Any:
    return kind(workspace, spec, settled, found, arena.demo_model(spec.random_seed))


def open_arena(workspace: Workspace, spec: TrainSpec, settled: Practice, found: Sequence[Task]) -> Any:
    return _arena(workspace, spec, settled, split(spec.random_seed)[1])


def open_noise(workspace: Workspace, spec: TrainSpec, settled: Practice, found: Sequence[Task]) -> Any:
    return _arena(workspace, spec, settled, split(spec.random_seed)[1], Noise)


def held_out(record: RunRecord, folder: Path, adapter: Path | None) -> dict[str, str]:
    """The mean reward of the errands that were not trained on, sampled and greedy, each with n and its interval."""
    return {kind: _measured(record, folder, adapter, kind == "sampled") for kind in ("sampled", "greedy")}


def _measured(record: RunRecord, folder: Path, adapter: Path | None, sample: bool) -> str:
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
    settled = Practice(max_turns=SETTINGS["max_turns"])
    spec = record.run.spec
    made = _arena(record.workspace, spec, settled, split(spec.random_seed)[2])

    def generate(prompts: list[list[int]]) -> Generated:
        inputs = tokenizer.pad({"input_ids": prompts}, padding_side="left", return_tensors="pt")
        drawing = {"top_k": 0, "temperature": SETTINGS["temperature"]} if sample else {}
        with torch.no_grad():
            whole = model.generate(**inputs, do_sample=sample, max_new_tokens=limits.turn, **drawing)
        return Generated([_ended(ids, limits.ends) for ids in whole[:, inputs["input_ids"].shape[1] :].tolist()])

    torch.manual_seed(0)
    with Loop() as loop, grpo.entered(made, loop) as opened:
        played = Rollouts(opened, loop, Codec(tokenizer), limits, lambda: None).play(
            list(range(len(made.tasks))), 1, generate
        )
    rewards = [one.result.reward for one in played if one.result.reward is not None]
    share = wilson(int(sum(rewards)), len(rewards))
    return f"{share.value:.3f} ({share.low:.3f} to {share.high:.3f}, n {share.n})"


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
    """One seed from random weights to the end; all figures, and the processor seconds that they took."""
    clock = Clock()
    workspace = Workspace.create(root)
    taught, share = lessons(workspace, random_seed)
    found: dict[str, Any] = {"seed": random_seed, "teacher": round(share, 3)}
    found["base"] = base_model(root / "base", taught, random_seed)
    seconds = {"base": clock.passed()}
    warm = warm_start(workspace, root / "base", taught, random_seed)
    found["warm_loss"] = round(warm.run.result["last_loss"], 3)
    seconds["sft"] = clock.passed()
    found["before"] = held_out(warm, root / "base", warm.folder / "adapter")
    seconds["measuring"] = clock.passed()
    print(json.dumps(found), flush=True)
    found["grpo"] = reinforced(workspace, warm, steps, "arena")
    seconds["grpo"] = clock.passed()
    if noise:
        found["coin"] = reinforced(workspace, warm, steps, "noise")
    return {**found, "processor_seconds": seconds}


class Clock:
    """Processor seconds of this process from one question to the next."""

    def __init__(self) -> None:
        self._before = time.process_time()

    def passed(self) -> int:
        before, self._before = self._before, time.process_time()
        return round(self._before - before)


def warm_start(workspace: Workspace, folder: Path, taught: Sequence[dict[str, Any]], random_seed: int) -> RunRecord:
    """LoRA SFT on the imperfect teacher's visits."""
    bundle = workspace.exports / "teacher"
    bundle.mkdir(parents=True)
    (bundle / "trl.jsonl").write_text("".join(json.dumps(row) + "\n" for row in taught))
    exports.add(workspace.connect(), "teacher", str(bundle), "0" * 64, [], True, {})
    given = {"max_steps": 60, "batch_size": 16, "learning_rate": 3e-3}
    return train(workspace, sft, method="sft", model=str(folder), random_seed=random_seed, **given)


def reinforced(workspace: Workspace, warm: RunRecord, steps: int, judge: str) -> dict[str, Any]:
    """GRPO from the warm start: held-out reward after it, and the curve of the training reward."""
    given = {**SETTINGS, "max_steps": steps, "random_seed": warm.run.spec.random_seed}
    name = f"{Path(__file__).stem}:open_{judge}"
    learnt = train(workspace, grpo, method="grpo", adapter=warm.id, arena=name, **given)
    metrics, adapter = learnt.metrics(), learnt.folder / "adapter"
    return {
        "after": held_out(learnt, merging.base_of(adapter), adapter),
        "waiting": round(sum(metric.values["waiting"] for metric in metrics) / len(metrics), 3),
        "rewards": [round(metric.values["reward"], 2) for metric in metrics],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=16)
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
