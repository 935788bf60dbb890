"""Whole visits to the library desk, written by running the world: the demo's `real` traces."""

import random

from simia_tui.demo.goals import GOALS, Facts, Goal
from simia_tui.demo.policy import POLICY
from simia_tui.demo.scene import Scene
from simia_tui.demo.tools import TOOLS
from simia_tui.demo.world import draw
from simia_tui.model import Trajectory, Turn

TURNS = (8, 24)
"""Least and most turns of a visit."""

AIMS = 100
"""Visits that are drawn to find one that shows what a prompt asks for."""


def seeds(n: int, random_seed: int) -> list[Trajectory]:
    """`n` clean visits of domain `library`. The first `k` are the same for every `n >= k`."""
    return [_trajectory(f"seed:{random_seed}:{index}", index) for index in range(n)]


def _trajectory(key: str, index: int) -> Trajectory:
    turns, goals = visit(random.Random(key))
    meta = {"task_id": f"desk-{index}", "goals": list(goals)}
    return Trajectory(domain="library", policy=POLICY, tools=TOOLS, turns=turns, meta=meta)


def visit(rng: random.Random) -> tuple[tuple[Turn, ...], tuple[str, ...]]:
    """One visit of 8 to 24 turns and the names of the goals it serves; worlds whose visit is shorter or longer are
    drawn again."""
    while True:
        turns, goals = _attempt(rng)
        if TURNS[0] <= len(turns) <= TURNS[1]:
            return tuple(turns), goals


def aimed(rng: random.Random, tool: str, refused: bool | None) -> tuple[Turn, ...]:
    """A visit in which `tool` is called and answers, refuses (`refused` True) or does not; after some tries any."""
    turns: tuple[Turn, ...] = ()
    for _ in range(AIMS):
        turns, _ = visit(rng)
        came = {turn.is_error for turn in turns if turn.role == "tool" and turn.name == tool}
        if came and refused in (None, *came):
            break
    return turns


def _choose(rng: random.Random) -> list[Goal]:
    chosen: list[Goal] = []
    for _ in range(rng.choices((1, 2, 3), (5, 4, 1))[0]):
        taken = {goal.play for goal in chosen}
        rest = [goal for goal in GOALS if goal.play not in taken]
        chosen.append(rng.choices(rest, [goal.share for goal in rest])[0])
    return chosen


def _attempt(rng: random.Random) -> tuple[list[Turn], tuple[str, ...]]:
    world = draw(rng)
    member = world.add_member(rng.choices(("adult", "student", "child"), (6, 2, 1))[0], rng.choice((0, 0, 0, 150, 400)))
    scene = Scene(world, member, rng)
    goals = _choose(rng)
    facts = [goal.arrange(scene) for goal in goals]
    identified = False
    for goal, known in zip(goals, facts, strict=True):
        identified = _serve(scene, goal, known, identified)
    scene.ask("thanks")
    scene.say("bye")
    return scene.turns, tuple(goal.name for goal in goals)


def _serve(scene: Scene, goal: Goal, facts: Facts, identified: bool) -> bool:
    """Play one goal, identifying the member first where it is private; returns whether the member is known now."""
    scene.ask(goal.ask, **facts)
    if goal.private and not identified:
        _identify(scene)
        identified = True
    goal.play(scene, facts)
    return identified


def _identify(scene: Scene) -> None:
    """The assistant asks who is there: card, a mistyped card first, or name and date of birth."""
    member, way = scene.member, scene.rng.choices(("card", "mistyped", "name"), (6, 2, 2))[0]
    scene.say("ask card")
    if way == "mistyped":
        wrong = scene.world.number("LC", 6, {m.card_number for m in scene.world.members.values()})
        scene.ask("card", card=wrong)
        scene.act(("find_member", {"card_number": wrong}))
        scene.say("not found")
    if way == "card":
        scene.ask("card", card=member.card_number)
        scene.act(("find_member", {"card_number": member.card_number}))
    else:
        scene.ask("name", name=member.name, birth=scene.day(member.birth_date))
        who = {"full_name": member.name, "birth_date": member.birth_date.isoformat()}
        scene.act(("find_member_by_name", who))
