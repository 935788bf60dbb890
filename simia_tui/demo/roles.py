"""The demo model as tool simulator, user and judge of the library. It runs the library that the prompt's ledger holds.

It forgets at a set rate, as a language model does: a value changes, a record drops out of a list, a change goes unsaid,
an earlier answer is repeated although it is out of date. What it forgot goes into the record of truth, never into the
reply.
"""

import json
import random
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from simia_tui.demo import contradictions
from simia_tui.demo.errands import FACTS, served
from simia_tui.demo.ledgers import Document, dump, load
from simia_tui.demo.screening import screen
from simia_tui.demo.tools import NAMES, READS
from simia_tui.demo.truth import Defect
from simia_tui.demo.world import World

Exchange = dict[str, Any]


class Played(NamedTuple):
    """A reply and what is wrong with it."""

    text: str
    defects: tuple[Defect, ...] = ()


class Slip(NamedTuple):
    """A reply gone wrong: another observation, refusal or patch, and what a record of truth says of it."""

    observation: str
    is_error: bool
    patch: list[dict[str, Any]]
    detail: str


def play(text: str, key: str, random_seed: int, rate: float) -> Played | None:
    """The reply to a prompt of one of the three roles, None for any other prompt.

    `key` and `random_seed` settle everything that is drawn; `rate` (0 to 1) is the share of replies that are wrong.
    """
    rng = random.Random(f"role:{random_seed}:{key}")
    if (parts := blocks(text, "ledger", "exchanges", "call")) is not None:
        return _tool(parts, rng, rate)
    if (parts := blocks(text, "goal", "dialogue")) is not None:
        return _user(parts)
    if (parts := blocks(text, "goal", "ledger", "writes", "transcript")) is not None:
        return _judge(parts, rng, rate)
    if (parts := blocks(text, "goal", "ledger", "sessions")) is not None:
        return _rank(parts)
    if (parts := blocks(text, "findings", "transcript")) is not None:
        return Played(screen(list(objects(parts["findings"])), list(objects(parts["transcript"]))))
    return None


def blocks(text: str, *names: str) -> dict[str, list[str]] | None:
    """The lines of each block, in this order, read from the end; None where one is missing."""
    rows, found = text.split("\n"), {}
    end = len(rows)
    for name in reversed(names):
        close = next((at for at in range(end - 1, -1, -1) if rows[at] == f"</{name}>"), -1)
        start = next((at for at in range(close - 1, -1, -1) if rows[at] == f"<{name}>"), -1)
        if start < 0:
            return None
        found[name], end = rows[start + 1 : close], start
    return found


def objects(rows: list[str]) -> Iterator[dict[str, Any]]:
    """The JSON objects among the lines of a block."""
    for row in rows:
        try:
            value = json.loads(row)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def document(rows: list[str]) -> Document:
    """The ledger in its block: one record a line, each with its path."""
    held: Document = {}
    for row in objects(rows):
        parts = [part.replace("~1", "/").replace("~0", "~") for part in str(row.get("path", "")).split("/")[1:]]
        if len(parts) == 2:
            held.setdefault(parts[0], {})[parts[1]] = row.get("value")
        elif parts:
            held[parts[0]] = row.get("value")
    return held


def _tool(parts: dict[str, list[str]], rng: random.Random, rate: float) -> Played | None:
    call = next(objects(parts["call"]), {})
    name, arguments = call.get("name"), call.get("arguments")
    world = load(document(parts["ledger"]), rng)
    if name not in NAMES or not isinstance(arguments, dict) or not world.members:
        return None
    return answer(world, name, arguments, list(objects(parts["exchanges"])), rng, rate)


def answer(
    world: World, name: str, arguments: dict[str, Any], exchanges: list[Exchange], rng: random.Random, rate: float
) -> Played:
    """Run a call in `world` and write the reply, wrong with probability `rate` where anything can be forgotten."""
    import jsonpatch

    before = dump(world)
    seen = world.call(name, arguments)
    after = dump(world)
    patch = [] if after == before else list(jsonpatch.make_patch(before, after).patch)
    right = Slip(seen.text, seen.is_error, patch, "")
    if rng.random() >= rate:
        return _reply(right)
    made = (slip(right, name, arguments, exchanges, rng) for slip in rng.sample(SLIPS, len(SLIPS)))
    return _reply(next((slip for slip in made if slip is not None), right))


def _reply(slip: Slip) -> Played:
    value = {"observation": slip.observation, "is_error": slip.is_error, "patch": slip.patch}
    defects = (Defect(kind="contradiction", turn=0, detail=slip.detail),) if slip.detail else ()
    return Played(json.dumps(value, ensure_ascii=False), defects)


def altered(
    right: Slip, name: str, arguments: dict[str, Any], exchanges: list[Exchange], rng: random.Random
) -> Slip | None:
    """One value of one record comes out otherwise."""
    value = contradictions.parsed(right.observation)
    facts = {} if right.is_error else contradictions.facts(value)
    if not facts:
        return None
    fact = rng.choice(sorted(facts, key=str))
    text = contradictions.changed(right.observation, fact, contradictions.other_value(facts[fact], rng))
    return right._replace(observation=text, detail=f"altered: {fact[1]} of {' '.join(fact[0][-1])}")


def out_of_date(
    right: Slip, name: str, arguments: dict[str, Any], exchanges: list[Exchange], rng: random.Random
) -> Slip | None:
    """The answer that the same read got before something was changed."""
    past = [e for e in exchanges if e.get("name") == name and e.get("arguments") == arguments and not e.get("is_error")]
    if name not in READS or not past or past[-1]["observation"] == right.observation:
        return None
    return right._replace(observation=past[-1]["observation"], detail="out of date: a write is forgotten")


def unsaid(
    right: Slip, name: str, arguments: dict[str, Any], exchanges: list[Exchange], rng: random.Random
) -> Slip | None:
    """A write that says nothing of what it changed."""
    return right._replace(patch=[], detail="unsaid: the patch is left out") if right.patch else None


def denied(
    right: Slip, name: str, arguments: dict[str, Any], exchanges: list[Exchange], rng: random.Random
) -> Slip | None:
    """The refusal of an id that exists."""
    ids = [(key, own) for key, own in arguments.items() if key.endswith("_id")]
    if right.is_error or not ids:
        return None
    kind, own = ids[0][0].removesuffix("_id"), ids[0][1]
    refusal = {"error": f"{kind}_not_found", "message": f"There is no {kind} {own}."}
    return Slip(json.dumps(refusal), True, [], f"denied: {kind} {own}")


def dropped(
    right: Slip, name: str, arguments: dict[str, Any], exchanges: list[Exchange], rng: random.Random
) -> Slip | None:
    """A record that is missing from a list."""
    value = contradictions.parsed(right.observation)
    lists = [held for held in value.values() if isinstance(held, list) and held] if isinstance(value, dict) else []
    if right.is_error or right.patch or not lists:
        return None
    gone = lists[0].pop(rng.randrange(len(lists[0])))
    return right._replace(observation=json.dumps(value), detail=f"dropped: {json.dumps(gone)[:80]}")


SLIPS: tuple[Callable[..., Slip | None], ...] = (altered, out_of_date, unsaid, denied, dropped)
"""The ways of forgetting; each returns None where it has nothing to forget."""

_CLOSING = re.compile(r"\b(?:any|some)thing else\b|\bwhat else\b|\bgood ?bye\b", re.IGNORECASE)
_ANSWERS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\bcard\b.*(?:\?|\.)|\bidentify\b", re.IGNORECASE), "My card number is {card}."),
    (re.compile(r"\bcondition\b", re.IGNORECASE), "Yes, please. It is in {condition} condition."),
    (re.compile(r"\bname\b|\bbirth\b", re.IGNORECASE), "I am {name}, born {birth}."),
    (
        re.compile(r"\bcash\b|\bvoucher\b|\bhow would you like to pay\b", re.IGNORECASE),
        "All of it, by {method}, please.",
    ),
)


def _facts(rows: list[str]) -> dict[str, Any]:
    line = next((row for row in rows if row.startswith(FACTS)), "")
    return next(objects([line.removeprefix(FACTS)]), {})


def _user(parts: dict[str, list[str]]) -> Played | None:
    """Answers what is asked, agrees to what is proposed, and leaves when asked whether there is anything else."""
    facts, said = _facts(parts["goal"]), list(objects(parts["dialogue"]))
    if not facts or not said:
        return None
    last = str(said[-1].get("content", ""))
    told = " ".join(str(turn.get("content")) for turn in said if turn.get("role") == "user")
    if _CLOSING.search(last):
        return Played(json.dumps({"message": "No, that is all. Thank you, goodbye.", "done": True}))
    for asked, wording in _ANSWERS:
        message = wording.format(**{name: facts.get(name) for name in ("card", "condition", "name", "birth", "method")})
        if asked.search(last) and message not in told:
            return Played(json.dumps({"message": message, "done": False}))
    message = "Yes, please." if "?" in last else "All right, I am waiting."
    return Played(json.dumps({"message": message, "done": False}))


def _judge(parts: dict[str, list[str]], rng: random.Random, rate: float) -> Played | None:
    """Compares the library with what the errand wants; the verdict is turned round with probability `rate`."""
    facts = _facts(parts["goal"])
    if not facts:
        return None
    done = [row for row in objects(parts["writes"]) if row.get("succeeded")]
    right = int(served(facts, document(parts["ledger"]), len(done)))
    turned = rng.random() < rate
    verdict = {
        "reasoning": "The library is as the member wants it." if right != turned else "The goal is not served.",
        "evidence_turns": [row["turn"] for row in done if isinstance(row.get("turn"), int)],
        "reward": 1 - right if turned else right,
    }
    defects = (Defect(kind="contradiction", turn=0, detail=f"turned: the reward is {right}"),) if turned else ()
    return Played(json.dumps(verdict), defects)


def _rank(parts: dict[str, list[str]]) -> Played | None:
    """Puts the sessions that left the library as the errand wants it into one place, and the others into the next."""
    facts, start = _facts(parts["goal"]), document(parts["ledger"])
    if not facts:
        return None
    right: list[int] = []
    wrong: list[int] = []
    for row in objects(parts["sessions"]):
        done = [write for write in row.get("writes", ()) if write.get("succeeded")]
        (right if served(facts, _changed(start, done), len(done)) else wrong).append(row["number"])
    ranking = [place for place in (right, wrong) if place]
    return Played(json.dumps({"reasoning": "Compared with what the member wants.", "ranking": ranking}))


def _changed(start: Document, done: list[dict[str, Any]]) -> Document:
    import jsonpatch

    try:
        changed: Document = jsonpatch.apply_patch(start, [op for write in done for op in write.get("changes", ())])
    except jsonpatch.JsonPatchException:
        return {}
    return changed
