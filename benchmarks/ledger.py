"""How well the state ledger catches a simulator that forgets: precision and recall over the replies of tools.

    python benchmarks/ledger.py [--errands N] [--rate R ...] [--real FILE ...]

An LLM stand-in plays the library's tools, goes wrong at a set rate and leaves a record of it. Two conditions:

- `whole`: the ledger holds the library from the start, every write says all that it changed (through the demo server);
- `bare`: the ledger starts empty, and a write often leaves out what it changes on the side, as language models do. What
  a wrong reply tells first becomes the truth of the episode, so it counts only if something told before speaks against
  it.

A reply is caught if it has a firm contradiction. Recall: caught of the wrong ones. Precision: wrong of the caught ones;
right replies that were caught after a wrong one had been taken into the ledger do contradict it and are counted apart.

With `--real`, recorded trajectories of real tools are read as well: whatever is caught there is a false alarm.
"""

import argparse
import asyncio
import copy
import json
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from simia_tui import formats, resources
from simia_tui.checks import Hints
from simia_tui.checks.world import is_read
from simia_tui.demo import DemoServer, roles, truth
from simia_tui.demo.errands import Errand, errands, served_by
from simia_tui.demo.ledgers import load
from simia_tui.domains import Pack
from simia_tui.domains import load as load_pack
from simia_tui.evaluation import wilson
from simia_tui.llm import Client, Endpoint, Reply
from simia_tui.model import Outcome, Trajectory, Turn, content_hash
from simia_tui.simulate.ask import Ask, Asking, Messages
from simia_tui.simulate.consistency import Answer, examine, learned
from simia_tui.simulate.controls import Task
from simia_tui.simulate.entities import parsed, records
from simia_tui.simulate.environment import Cast, Environment
from simia_tui.simulate.episode import Rollout, play
from simia_tui.simulate.judge import Judge
from simia_tui.simulate.ledger import Ledger
from simia_tui.simulate.tools import SimulatedTools
from simia_tui.simulate.user import SimulatedUser

SIDE_EFFECTS_UNSAID = 0.5
"""How often the bare condition leaves a record out of a patch that a write changes on the side."""


class Reading(NamedTuple):
    """One reply of a tool: what was wrong with it (empty: nothing) and whether the ledger caught it.

    `follows`: an earlier wrong reply of the same episode was taken, so that a right one may contradict what is held.
    """

    slip: str
    caught: bool
    follows: bool = False


class BareDesk:
    """The library of one episode, hidden from the ledger: the stand-in with patches that touch only what is known."""

    def __init__(self, errand: Errand, rate: float, seed: str) -> None:
        self._rng = random.Random(seed)
        self._world = self._before = load(errand.ledger, random.Random(seed))
        self._rate = rate
        self.slips: dict[str, str] = {}
        self.told: set[tuple[tuple[str, str], str]] = set()

    async def ask(self, messages: Messages) -> Reply:
        text = str(messages[0]["content"])
        parts = roles.blocks(text, "ledger", "exchanges", "call")
        assert parts is not None
        call = next(roles.objects(parts["call"]))
        if len(messages) == 1:
            self._before = copy.deepcopy(self._world)
        world = copy.deepcopy(self._before)
        name, arguments, past = call["name"], call["arguments"], list(roles.objects(parts["exchanges"]))
        played = roles.answer(world, name, arguments, past, self._rng, self._rate)
        self._world = world
        known = {(kind, own) for kind, held in roles.document(parts["ledger"]).items() for own in held}
        value = next(roles.objects([played.text]))
        value["patch"] = self._said(value["patch"], arguments, known)
        own = f"bare-{len(self.slips)}-{content_hash([dict(m) for m in messages])[:16]}"
        detail = played.defects[0].detail if played.defects else ""
        self.slips[own] = detail if not detail or self._checkable(detail) else f"first {detail}"
        if not detail:
            self.told |= {(r.key, name) for r in records(parsed(value["observation"])) for name in r.fields}
        return Reply(outcome=Outcome.OK, text=json.dumps(value, ensure_ascii=False), response_id=own)

    def _checkable(self, detail: str) -> bool:
        """Whether anything told before speaks against a wrong reply."""
        kind, rest = detail.split(": ", 1)
        if kind == "altered":
            name, _, id_name, own = rest.split(" ", 3)
            return ((id_name.removesuffix("_id"), own), name) in self.told
        if kind == "denied":
            return any(" ".join(key) == rest for key, _ in self.told)
        return True

    def _said(self, patch: list[dict[str, Any]], arguments: dict[str, Any], known: set[tuple[str, str]]) -> list[Any]:
        """The operations on known records, without some of those that the call is not about."""
        said: dict[tuple[str, str], bool] = {}
        kept = []
        for op in patch:
            kind, own, *rest = op["path"].split("/")[1:]
            about = own in str(arguments) or (op["op"] == "add" and not rest)
            if (kind, own) not in said:
                said[kind, own] = about or self._rng.random() >= SIDE_EFFECTS_UNSAID
            if said[kind, own] and ((kind, own) in known or not rest):
                kept.append({**op, "op": "add"} if op["op"] == "replace" else op)
        return kept


def scripted(turns: list[Turn]) -> Any:
    async def policy(trajectory: Trajectory) -> Turn:
        return turns[sum(turn.role == "assistant" for turn in trajectory.turns)]

    return policy


def read(rollouts: Sequence[Rollout], slips: dict[str, str]) -> list[Reading]:
    """Every reply of a tool that could be parsed, with what was wrong with it and whether that was seen."""
    readings = []
    for rollout in rollouts:
        taken = False
        for entry in rollout.log:
            for number in entry.asked:
                asked = rollout.asked[number]
                last = number == entry.asked[-1]
                slip = slips.get(asked.response_id or "", "")
                caught = any(item.firm for item in entry.kept) if last else asked.problem is not None
                readings.append(Reading(slip, caught, taken))
                taken = taken or (last and bool(slip) and not entry.mended)
    return readings


async def whole(todo: list[Errand], rate: float, pack: Pack, folder: Path) -> list[Reading]:
    record = folder / f"truth-{rate}.jsonl"
    with DemoServer(record, random_seed=1, defect_rate=rate) as server:
        async with Client(Endpoint(name="demo", base_url=server.base_url, model="simia-demo"), 64) as client:
            rollouts = await run(todo, pack, [Asking(client)] * len(todo), Asking(client), bare=False)
    slips = {line.response_id: line.defects[0].detail for line in truth.read(record) if line.defects}
    return read(rollouts, slips)


async def bare(todo: list[Errand], rate: float, pack: Pack) -> list[Reading]:
    desks = [BareDesk(errand, rate, f"{rate}:{index}") for index, errand in enumerate(todo)]

    async def others(messages: Messages) -> Reply:
        played = roles.play(str(messages[0]["content"]), "bare", 0, 0.0)
        return Reply(outcome=Outcome.OK, text=played.text if played else "")

    rollouts = await run(todo, pack, [desk.ask for desk in desks], others, bare=True)
    return read(rollouts, {own: slip for desk in desks for own, slip in desk.slips.items()})


async def run(todo: list[Errand], pack: Pack, tools: Sequence[Ask], others: Ask, bare: bool) -> list[Rollout]:
    plays = []
    for errand, ask in zip(todo, tools, strict=True):
        cast = Cast(
            SimulatedTools(ask, pack), SimulatedUser(others, pack), Judge(others, pack), hints=Hints.of(pack.data)
        )
        task = Task(seed=errand.seed, goal=errand.goal, ledger={} if bare else errand.ledger)
        plays.append(play(scripted(served_by(errand, looks=3)), Environment(cast), task))
    return list(await asyncio.gather(*plays))


def show(name: str, rate: float, readings: list[Reading]) -> None:
    first = sum(r.slip.startswith("first ") for r in readings)
    wrong = [r for r in readings if r.slip and not r.slip.startswith("first ")]
    caught = [r for r in readings if r.caught]
    after = sum(not r.slip and r.follows for r in caught)
    print(f"{name:6} rate {rate:.2f}: replies {len(readings)}, wrong {len(wrong)}, wrong but told first {first}")
    wrongly = sum(bool(r.slip) for r in caught)
    print(f"         precision {share(wrongly, len(caught) - after)}, and {after} right after wrong")
    print(f"         recall    {share(sum(r.caught for r in wrong), len(wrong))}")
    kinds = Counter(r.slip.split(":")[0] for r in wrong)
    hits = Counter(r.slip.split(":")[0] for r in wrong if r.caught)
    for kind in sorted(kinds):
        print(f"           {kind:12} {share(hits[kind], kinds[kind])}")


def real(path: Path) -> None:
    """Holds what real tools have answered against a ledger that learns from them alone."""
    alarms = reads = 0
    for row in formats.read(path):
        ledger = Ledger.start({})
        turns = row.trajectory.turns if row.trajectory else ()
        answers = {turn.call_id: turn for turn in turns if turn.role == "tool" and turn.requestor == "assistant"}
        for call in (call for turn in turns for call in turn.tool_calls if call.arguments is not None):
            if (seen := answers.get(call.call_id)) is None:
                continue
            answer, only_reads = Answer(seen.content or "", seen.is_error), is_read(call.name, Hints())
            if only_reads:
                reads += 1
                alarms += any(item.firm for item in examine(ledger, call, answer, True).contradictions)
            ledger = learned(ledger, call, answer, only_reads)
    print(f"real   {path.name}: false alarms {alarms} of {reads} reads, {share(alarms, reads)}")


def share(k: int, n: int) -> str:
    found = wilson(k, n)
    return f"{k / n if n else 0:.3f} (n {n}, 95 % {found.low:.3f} to {found.high:.3f})"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--errands", type=int, default=210)
    parser.add_argument("--rate", type=float, nargs="*", default=[0.0, 0.1, 0.3])
    parser.add_argument("--real", type=Path, nargs="*", default=[])
    given = parser.parse_args()
    for path in given.real:
        real(path)
    pack, todo = load_pack("library", [resources.prompts()]), errands(given.errands, 0)
    with tempfile.TemporaryDirectory() as folder:
        for rate in given.rate:
            show("whole", rate, await whole(todo, rate, pack, Path(folder)))
            show("bare", rate, await bare(todo, rate, pack))


if __name__ == "__main__":
    asyncio.run(main())
