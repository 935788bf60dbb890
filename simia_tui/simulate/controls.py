"""What a person sets for simulated episodes, what an episode is about, and how it can end."""

import hashlib
import random
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from simia_tui.errors import UsageError
from simia_tui.model import Fault, Origin, Record, Trajectory, Turn, canonical_json, content_hash

Feedback = Literal["rich", "terse", "binary"]
ErrorKind = Literal["timeout", "unavailable", "rate_limited", "internal_error"]


class Termination(StrEnum):
    """How an episode ended. What the policy causes earns 0; `invalid` has no reward and leaves its GRPO group."""

    USER_DONE = "user done"
    STEP_LIMIT = "step limit"
    TOKEN_BUDGET = "token budget"
    NO_ACTION = "no action"
    INVALID = "invalid"

    @property
    def by_policy(self) -> bool:
        """Whether the policy itself brought the end about before the user was done."""
        return self in (Termination.STEP_LIMIT, Termination.TOKEN_BUDGET, Termination.NO_ACTION)


class Ending(Record):
    """Why an episode is over; `fault` says who spoilt an invalid one, `reason` is one sentence."""

    termination: Termination
    fault: Fault | None = None
    reason: str = ""


class ErrorProfile(Record):
    """Failures that have nothing to do with the call, at a set `rate` (0 to 1) of the well-formed calls.

    `weaknesses` are sentences on how these tools misbehave; they are shown to the tool simulator.
    """

    rate: float = Field(default=0.0, ge=0.0, le=1.0)
    kinds: tuple[ErrorKind, ...] = ("timeout", "unavailable", "rate_limited", "internal_error")
    weaknesses: tuple[str, ...] = ()


class Controls(Record):
    """The knobs of the simulated environment.

    `max_steps` counts assistant turns. `token_budget` is for the whole conversation in tokens of the policy's own
    tokenizer (None: no limit). `strict_calls` False accepts calls whose punctuation the rules could put right.
    `observation_chars` bounds what a simulated tool may answer.
    """

    feedback: Feedback = "rich"
    errors: ErrorProfile = ErrorProfile()
    max_steps: int = Field(default=30, ge=1)
    token_budget: int | None = Field(default=None, ge=1)
    strict_calls: bool = True
    observation_chars: int = Field(default=20_000, ge=200)


class Task(Record):
    """One thing to be done in the simulated world.

    `seed` brings the policy, the tools and the first words of the user; what comes after those is shown to the
    simulators only as an example of form and as records of the world, never as a plot to follow. `goal`: what the user
    wants and knows; None: it is taken from what the user says in the seed. `ledger` is the hidden state at the start.
    """

    seed: Trajectory
    goal: str | None = None
    ledger: dict[str, Any] = {}
    controls: Controls = Controls()
    random_seed: int = 0
    origin: Origin | None = None

    @property
    def key(self) -> str:
        """The same for all rollouts of one task: a content hash without the origin."""
        return content_hash(self.model_dump(exclude_defaults=True, exclude={"origin"}) | {"seed": self.seed.id})

    def opening(self) -> tuple[Turn, ...]:
        """The seed's turns up to the first of the user, without system turns.

        Raises:
            UsageError: the seed has no user turn, or calls tools before it.
        """
        turns: list[Turn] = []
        for turn in self.seed.turns:
            if turn.role == "tool" or turn.tool_calls:
                break
            if turn.role != "system":
                turns.append(turn)
            if turn.role == "user":
                return tuple(turns)
        raise UsageError(f"The seed {self.seed.id[:12]} does not begin with a user turn; choose another seed.")

    def drawn_error(self, key: str, occurrence: int) -> ErrorKind | None:
        """The failure that strikes the call `key` when it is made for the `occurrence`-th time, or None.

        Drawn from the task's seed alone, so that all members of a group meet the same failures.
        """
        profile = self.controls.errors
        if not profile.rate or not profile.kinds:
            return None
        digest = hashlib.sha256(canonical_json([self.random_seed, self.seed.id, key, occurrence]).encode()).hexdigest()
        rng = random.Random(digest)
        return rng.choice(profile.kinds) if rng.random() < profile.rate else None
