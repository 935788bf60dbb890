"""How the rules on the world and on where ids come from do on real traces: alarms, and recall of planted faults.

    python benchmarks/planted.py DIR [--least N] [--seed S] [--alarms]

DIR holds traces of the real tools of tau-bench and tau2-bench: tau_airline_gpt4o.json, and tau2_exec_airline, _retail
and _telecom.jsonl.gz, whose look-ups (`context_calls`) are put before the actions. The faults, one to a trace:

- `changed`: a question is asked again at once, and one field of the answer is another;
- `forgotten`: after a write, a look gives what such a look gave before the write;
- `late`: the same, but only after another write, of some other thing;
- `back`: a later look shows a status that the thing had left behind;
- `denied`: a thing that was shown is said not to exist;
- `sum`: the calculator is wrong by a little;
- `id`: an id in a call is one of the same form that no one gave.

A fault is caught if a rule reports its turn. Precision takes every alarm that the trace gives as it is for a false
one; with `--alarms` these are listed, for reading.
"""

import argparse
import gzip
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from simia_tui import checks, domains, formats, resources
from simia_tui.checks import ledger, provenance, state
from simia_tui.checks.context import Context
from simia_tui.checks.world import Exchange, exchanges, things
from simia_tui.domains import Pack
from simia_tui.evaluation import wilson
from simia_tui.formats.executed import Executed
from simia_tui.model import Finding, ToolCall, Trajectory, Turn

RULES = frozenset(rule.id for rule in (*state.RULES, *ledger.RULES, *provenance.RULES))


class Trace(NamedTuple):
    """A real trace, with what its tools showed."""

    name: str
    pack: Pack
    trajectory: Trajectory
    answered: list[Exchange]

    def things(self, exchange: Exchange) -> list[Any]:
        """The things that the observation of `exchange` shows."""
        return things(exchange, self.trajectory, Context(self.tools, checks.Hints.of(self.pack.data)))

    @property
    def tools(self) -> Any:
        """The tools that the agent has."""
        return self.trajectory.tools or self.pack.tools

    def alarms(self, trajectory: Trajectory) -> list[Finding]:
        """What the rules in question find."""
        found = checks.run(trajectory, self.tools, checks.Hints.of(self.pack.data))[1]
        return [finding for finding in found if finding.rule in RULES]


class Planted(NamedTuple):
    """A trace with one fault, and the turn at which it shows."""

    trajectory: Trajectory
    turn: int


Plant = Callable[[Trace, random.Random], Iterator[Planted]]


def traces(folder: Path) -> Iterator[Trace]:
    pack = domains.load("tau-airline", [resources.prompts()])
    for row in formats.read(folder / "tau_airline_gpt4o.json", domain="tau-airline"):
        assert row.trajectory is not None
        yield trace(f"tau_airline_gpt4o #{row.number}", pack, row.trajectory)
    for domain in ("airline", "retail", "telecom"):
        pack = domains.load(f"tau-{domain}", [resources.prompts()])
        with gzip.open(folder / f"tau2_exec_{domain}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                row = json.loads(line)
                row["calls"] = row["context_calls"] + row["calls"]
                read = Executed().read_record(row, f"tau-{domain}")
                yield trace(f"tau2_exec_{domain} #{number}", pack, read)


def trace(name: str, pack: Pack, trajectory: Trajectory) -> Trace:
    context = Context(trajectory.tools or pack.tools, checks.Hints.of(pack.data))
    return Trace(name, pack, trajectory, exchanges(trajectory, context))


def asked_again(trace: Trace, exchange: Exchange, at: int, content: str, error: bool = False) -> Planted:
    """The trace with the call of `exchange` made once more before turn `at`, and with `content` for an answer."""
    call = ToolCall(name=exchange.call.name, arguments=exchange.call.arguments, call_id="planted")
    answer = exchange.observation
    made = (
        Turn(role="assistant", tool_calls=(call,)),
        Turn(
            role="tool", content=content, call_id="planted", name=call.name, is_error=error, requestor=answer.requestor
        ),
    )
    turns = trace.trajectory.turns
    return Planted(trace.trajectory.with_turns((*turns[:at], *made, *turns[at:])), at + 1)


def altered(trace: Trace, turn: int, content: str) -> Planted:
    """The trace with another text in one turn."""
    turns = list(trace.trajectory.turns)
    old = turns[turn]
    turns[turn] = Turn(
        role=old.role, content=content, call_id=old.call_id, name=old.name, is_error=False, requestor=old.requestor
    )
    return Planted(trace.trajectory.with_turns(tuple(turns)), turn)


def looks(trace: Trace) -> list[Exchange]:
    """The questions of the agent that were answered with a thing, alone in their turns."""
    return [e for e in trace.answered if is_look(e) and trace.things(e)]


def is_look(exchange: Exchange) -> bool:
    told = exchange.observation
    return exchange.tool.reads and not told.is_error and not exchange.tool.moves and told.requestor == "assistant"


def changed(trace: Trace, rng: random.Random) -> Iterator[Planted]:
    for look in looks(trace):
        value = json.loads(look.observation.content or "")
        places = list(fields(value))
        if places:
            box, key = rng.choice(places)
            box[key] = other(box[key])
            yield asked_again(trace, look, look.turn + 1, json.dumps(value))


def fields(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """The plain values of things, but for their ids."""
    if isinstance(value, dict):
        if any(name.endswith("id") for name in value):
            for key, inner in value.items():
                if isinstance(inner, str | int | float) and "id" not in key:
                    yield value, key
        for inner in value.values():
            yield from fields(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from fields(inner)


def other(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    return f"{value} II" if isinstance(value, str) else value + 7


def forgotten(trace: Trace, rng: random.Random) -> Iterator[Planted]:
    for place, look in stale(trace):
        for later in trace.answered[place:]:
            if not later.tool.reads and later is not trace.answered[place]:
                break
            yield asked_again(trace, look, later.turn + 1, look.observation.content or "")


def late(trace: Trace, rng: random.Random) -> Iterator[Planted]:
    for place, look in stale(trace):
        own = trace.things(look)[0].owner.partition(" ")[2]
        for later in trace.answered[place + 1 :]:
            if not later.tool.reads and own in f"{later.call.arguments}{later.observation.content}":
                break
            if not later.tool.reads:
                yield asked_again(trace, look, later.turn + 1, look.observation.content or "")


def stale(trace: Trace) -> Iterator[tuple[int, Exchange]]:
    """Places of writes that show what they changed, each with a look from before that shows it otherwise."""
    for place, write in enumerate(trace.answered):
        if write.tool.reads or write.observation.is_error:
            continue
        told = {thing.owner: thing.members for thing in trace.things(write)[:1]}
        for look in looks(trace):
            shown = [thing for thing in trace.things(look)[:1] if thing.owner in told]
            # What the write did not change cannot be forgotten.
            if look.turn < write.turn and any(told[thing.owner] != thing.members for thing in shown):
                yield place, look


def back(trace: Trace, rng: random.Random) -> Iterator[Planted]:
    orders = {order.of: order for order in checks.Hints.of(trace.pack.data).orders}
    for place, seen in enumerate(trace.answered):
        # With a write in between, only the order of a status tells.
        later = next((e for e in trace.answered[place + 1 :] if not e.tool.reads and e.before >= seen.after), None)
        for thing in trace.things(seen)[:1] if later is not None and not seen.observation.is_error else ():
            order = orders.get(thing.owner.partition(" ")[0])
            status = thing.members.get(order.field) if order else None
            lower = earlier(order.rank, status) if order else []
            known = [look for look in looks(trace) if trace.things(look)[0].owner == thing.owner]
            if order and later and lower and known:
                shown = {**thing.members, order.field: rng.choice(lower)}
                yield asked_again(trace, known[0], later.turn + 1, json.dumps(shown))


def earlier(rank: Any, status: Any) -> list[Any]:
    own = rank.get("" if status is None else str(status).casefold())
    return [] if own is None else [name or None for name, level in rank.items() if level < own]


def denied(trace: Trace, rng: random.Random) -> Iterator[Planted]:
    for look in looks(trace):
        if len(look.call.arguments or {}) == 1:
            yield asked_again(trace, look, look.turn + 1, "Error: not found", error=True)


def wrong_sum(trace: Trace, rng: random.Random) -> Iterator[Planted]:
    for exchange in trace.answered:
        text = exchange.observation.content or ""
        if exchange.tool.calculates and re.fullmatch(r"-?\d+(?:\.\d+)?", text):
            yield altered(trace, exchange.turn, str(round(float(text) + rng.choice([-10, -1, 0.5, 9]), 2)))


def unknown_id(trace: Trace, rng: random.Random) -> Iterator[Planted]:
    hints = checks.Hints.of(trace.pack.data)
    turns = trace.trajectory.turns
    for index, position, call in trace.trajectory.calls():
        for name, value in (call.arguments or {}).items() if turns[index].role == "assistant" else ():
            if not isinstance(value, str) or hints.ids is None or hints.ids.fullmatch(value) is None:
                continue
            fresh = re.sub(r"\d", lambda digit: str((int(digit.group()) + rng.randint(1, 9)) % 10), value)
            calls = list(turns[index].tool_calls)
            calls[position] = ToolCall(
                name=call.name, arguments={**(call.arguments or {}), name: fresh}, call_id=call.call_id
            )
            turn = Turn(role="assistant", content=turns[index].content, tool_calls=tuple(calls))
            made = (*turns[:index], turn, *turns[index + 1 :])
            if fresh not in str(made[:index]):
                yield Planted(trace.trajectory.with_turns(made), index)


PLANTS: dict[str, Plant] = {
    "changed": changed,
    "forgotten": forgotten,
    "late": late,
    "back": back,
    "denied": denied,
    "sum": wrong_sum,
    "id": unknown_id,
}


def measure(kind: str, pool: list[Trace], seed: int, least: int) -> None:
    """Plants one fault after the other, in other places with every round, until there are `least` different ones."""
    caught = made = others = 0
    by: Counter[str] = Counter()
    seen: set[str] = set()
    own = [len(trace.alarms(trace.trajectory)) for trace in pool]
    for round_ in range(10):
        rng = random.Random(f"{kind}:{seed}:{round_}")
        for trace, alarms in zip(pool, own, strict=True):
            for plant in PLANTS[kind](trace, rng):
                if plant.trajectory.id not in seen:
                    seen.add(plant.trajectory.id)
                    rules = {finding.rule for finding in trace.alarms(plant.trajectory) if finding.turn == plant.turn}
                    made, caught, others = made + 1, caught + bool(rules), others + alarms
                    by.update(rules)
        if made >= least:
            break
    told = ", ".join(f"{rule} {count}" for rule, count in by.most_common())
    print(f"{kind:10} recall {share(caught, made)}, precision {share(caught, caught + others)}\n{'':10} {told}")


def share(k: int, n: int) -> str:
    found = wilson(k, n)
    return f"{k / n if n else 0:.3f} (n {n}, 95 % {found.low:.3f} to {found.high:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--least", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--alarms", action="store_true")
    given = parser.parse_args()
    pool = list(traces(given.folder))
    told: Counter[str] = Counter()
    for trace in pool:
        for finding in trace.alarms(trace.trajectory):
            told[finding.rule] += 1
            if given.alarms:
                print(f"{trace.name} turn {finding.turn}  {finding.rule}: {finding.message}")
    answers = sum(len(trace.answered) for trace in pool)
    listed = ", ".join(f"{rule} {count}" for rule, count in told.most_common())
    print(f"as they are: {len(pool)} traces, {answers:,} answers, {told.total()} alarms: {listed}")
    for kind in PLANTS:
        measure(kind, pool, given.seed, given.least)


if __name__ == "__main__":
    main()
