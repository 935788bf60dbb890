"""Judges a group of episodes of one task in one call: a ranking in which several may share a place.

It tells members apart where a verdict of 0 or 1 would be the same for all (after RULER, landscape.md §4). A member's
reward is the share of the other valid members that are worse: the last place earns exactly 0, and where all share one
place nothing is learnt. What the rules say of an episode stands: an invalid one leaves the group before it is ranked,
and one that the policy ended too early is worse than all that were ranked.
"""

import asyncio
from collections.abc import Sequence

from simia_tui.domains import Pack
from simia_tui.llm import Schema
from simia_tui.model import Fault, canonical_json
from simia_tui.simulate.ask import (
    Ask,
    AskedCall,
    Patience,
    Request,
    SimulatorFault,
    Unreadable,
    converse,
    find_object,
    lines,
)
from simia_tui.simulate.judge import Case, Judging, Verdict, ruled, writes
from simia_tui.simulate.synthesize import tool_line
from simia_tui.simulate.user import goal_of, numbered
from simia_tui.simulate.world import World

_PLACES = {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}
RANKING = Schema(
    "ranking",
    {
        "type": "object",
        "properties": {"reasoning": {"type": "string"}, "ranking": _PLACES},
        "required": ["reasoning", "ranking"],
        "additionalProperties": False,
    },
)


class GroupJudge:
    """The judge of the `members` episodes of one group; each waits for its verdict until the last one is over.

    `pack` brings the template `judge_group`. `alone` is asked instead where fewer than two episodes differ.
    """

    def __init__(self, ask: Ask, pack: Pack, members: int, alone: Judging, patience: Patience | None = None) -> None:
        self._ask, self._template, self._members, self._alone = ask, pack.template("judge_group"), members, alone
        self._patience = patience or Patience()
        self._cases: list[Case] = []
        self._verdicts: asyncio.Future[list[Verdict]] | None = None

    async def verdict(self, case: Case, record: list[AskedCall]) -> Verdict:
        """The verdict on one member. The request stands on the record of the member that was the last to finish."""
        if self._verdicts is None:
            self._verdicts = asyncio.get_running_loop().create_future()
        place = len(self._cases)
        self._cases.append(case)
        if len(self._cases) == self._members:
            try:
                self._verdicts.set_result(await self._judged(record))
            except BaseException as error:
                self._verdicts.set_exception(error)
                raise
        return (await self._verdicts)[place]

    async def _judged(self, record: list[AskedCall]) -> list[Verdict]:
        verdicts = [ruled(case.ending) for case in self._cases]
        # Equal sessions are shown once: a judge that saw them twice could put them in two places.
        alike: dict[str, list[int]] = {}
        for place, known in enumerate(verdicts):
            if known is None:
                alike.setdefault(_told(self._cases[place]), []).append(place)
        shown = list(alike.values())
        found = await self._ranked(shown, record) if len(shown) > 1 else await self._single(shown, record)
        for places, verdict in zip(shown, found, strict=True):
            for place in places:
                verdicts[place] = verdict
        return [verdict for verdict in verdicts if verdict is not None]

    async def _single(self, shown: Sequence[list[int]], record: list[AskedCall]) -> list[Verdict]:
        return [await self._alone.verdict(self._cases[places[0]], record) for places in shown]

    async def _ranked(self, shown: Sequence[list[int]], record: list[AskedCall]) -> list[Verdict]:
        first = [self._cases[places[0]] for places in shown]
        request = Request("judge", Fault.JUDGE, self.prompt(first), self._template.version, RANKING)
        try:
            reasoning, ranking = await converse(
                self._ask, request, lambda text: read_ranking(text, len(shown)), record, self._patience
            )
        except SimulatorFault as fault:
            return [Verdict(reward=None, fault=fault.fault, reason=fault.reason)] * len(shown)
        ended = sum(case.ending.termination.by_policy for case in self._cases)
        sizes = [len(places) for places in shown]
        return [Verdict(reward=reward, reasoning=reasoning) for reward in shares(ranking, sizes, ended)]

    def prompt(self, cases: Sequence[Case]) -> str:
        """The request: what the sessions have in common first, then one line for each."""
        task, world = cases[0].task, World.of(cases[0].task, cases[0].hints)
        sessions = [
            {"number": number, "writes": writes(case), "turns": numbered(case.trajectory)}
            for number, case in enumerate(cases, 1)
        ]
        return self._template.fill(
            {
                "policy": task.seed.policy or "(none)",
                "tools": lines([tool_line(tool) for tool in task.seed.tools]),
                "goal": goal_of(task),
                "ledger": world.current(world.start.state).text(),
                "sessions": lines(sessions),
            }
        )


def _told(case: Case) -> str:
    return canonical_json([writes(case), list(numbered(case.trajectory))])


def shares(ranking: Sequence[Sequence[int]], sizes: Sequence[int], below: int) -> list[float]:
    """Each candidate's share of the other members that are worse.

    Args:
        ranking: places, best first, each with the numbers of its candidates (from 1).
        sizes: how many members each candidate stands for.
        below: members that are worse than all candidates.
    """
    others = sum(sizes) + below - 1
    found, worse = [0.0] * len(sizes), below
    for place in reversed(ranking):
        for number in place:
            found[number - 1] = worse / others
        worse += sum(sizes[number - 1] for number in place)
    return found


def read_ranking(text: str, count: int) -> tuple[str, list[list[int]]]:
    """The reasoning and the places in a reply; a bare number is a place of its own.

    Raises:
        Unreadable: there is no ranking, or it does not hold every number from 1 to `count` exactly once.
    """
    value = find_object(text, "ranking")
    given, reasoning = value["ranking"], value.get("reasoning")
    if not isinstance(given, list):
        raise Unreadable('"ranking" must be a list of places, each a list of numbers.')
    places = [place if isinstance(place, list) else [place] for place in given]
    if sorted(str(number) for place in places for number in place) != sorted(str(n) for n in range(1, count + 1)):
        raise Unreadable(f'"ranking" must hold every number from 1 to {count} exactly once.')
    found = [[int(number) for number in place] for place in places if place]
    return (reasoning if isinstance(reasoning, str) else ""), found
