"""The trainer's rollout function: a batch of prompts in; tokens, masks and rewards of the played episodes out."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from simia_tui.errors import SimiaError
from simia_tui.training import advantages
from simia_tui.training.advantages import Group
from simia_tui.training.overruling import Recent
from simia_tui.training.rollout import Caps, Generated, Rollout, Rollouts

HOPELESS = 3
"""Batches in a row without one valid rollout after which the run gives up."""

Keep = Callable[[int, Sequence[Rollout], Sequence[Group]], None]
"""Stores a batch: step (from 1), rollouts, groups."""


class Player:
    """Called by TRL with the prompts of a batch, each task `num_generations` times in a row.

    Rollouts that say nothing (invalid ones, and groups without a difference) get an empty mask: so they weigh neither
    in the loss nor in its KL term nor in the number of tokens it is divided by. Groups that a reviewer has overruled
    are learnt again in the place of the batch's first tasks.
    """

    def __init__(self, rollouts: Rollouts, keep: Keep, recent: Recent) -> None:
        self._rollouts, self._keep, self._recent = rollouts, keep, recent
        self._waited = 0.0
        self._hopeless = 0
        self.latest: dict[str, float] = {}

    def __call__(self, prompts: list[list[dict[str, Any]]], trainer: Any) -> dict[str, list[Any] | None]:
        size = trainer.num_generations if trainer.model.training else trainer.num_generations_eval
        numbers = [int(prompt[0]["task"]) for prompt in prompts]
        tasks = numbers[::size]
        if numbers != [task for task in tasks for _ in range(size)]:
            raise ValueError("the trainer's batch does not hold whole groups")
        again = self._recent.overruled(len(tasks))
        fresh = self._rollouts.play(tasks[len(again) :], size, generator(trainer))
        fresh = [replace(rollout, group=rollout.group + len(again)) for rollout in fresh]
        played = [replace(rollout, group=place) for place, group in enumerate(again) for rollout in group] + fresh
        groups = advantages.groups([rollout.result.reward for rollout in played], size)
        step = trainer.state.global_step + 1
        if fresh:
            self._tell(fresh, groups[len(again) :])
            self._keep(step, fresh, groups)
            self._recent.add(step, fresh)
        self.latest["overruled_groups"] = float(len(again))
        return _columns(played, groups)

    def more(self, passed: float) -> dict[str, float]:
        """The figures of the latest batch; `waiting` is the share of the `passed` seconds in which the world worked."""
        waited, self._waited = self._rollouts.waited - self._waited, self._rollouts.waited
        return {**self.latest, "waiting": min(1.0, waited / passed) if passed > 0 else 0.0}

    def _tell(self, played: Sequence[Rollout], groups: Sequence[Group]) -> None:
        self.latest = {
            **advantages.figures(groups),
            "completion_tokens": fmean(rollout.conversation.written for rollout in played),
            "policy_turns": fmean(rollout.turns for rollout in played),
            "truncated": fmean(rollout.result.termination == "token budget" for rollout in played),
        }
        spoilt = [rollout.result for rollout in played if rollout.result.reward is None]
        if spoilt:
            print(f"{len(spoilt)} of {len(played)} rollouts are invalid, e.g.: {spoilt[0].reason}", flush=True)
        self._hopeless = self._hopeless + 1 if len(spoilt) == len(played) else 0
        if self._hopeless >= HOPELESS:
            raise SimiaError(f"No rollout of {HOPELESS} batches was of use: {spoilt[0].reason}")


def generator(trainer: Any) -> Callable[[list[list[int]]], Generated]:
    """One turn for each prompt by the trainer's own way of generating (plain or vLLM), capped as it was set up.

    The trainer's method is private; this is the one place that calls it, and a test holds it to its word.
    """

    def generate(prompts: list[list[int]]) -> Generated:
        ids, logprobs = trainer._generate_single_turn(prompts, None, {}, num_generations=1)
        return Generated([list(one) for one in ids], logprobs)

    return generate


def rewards(prompts: Sequence[Any], reward: Sequence[float | None], **_: Any) -> list[float | None]:
    """TRL's reward function: the verdicts that came with the rollouts. None leaves the group before its mean."""
    return list(reward)


def caps(tokenizer: Any, model: Any, turn: int, conversation: int) -> Caps:
    """The caps of a run, with every token that the model takes as the end of a turn."""
    ends = model.generation_config.eos_token_id
    listed = ends if isinstance(ends, list) else [ends]
    found = {token for token in (*listed, tokenizer.eos_token_id) if token is not None}
    return Caps(turn, conversation, frozenset(found))


def _columns(played: Sequence[Rollout], groups: Sequence[Group]) -> dict[str, list[Any] | None]:
    measured = all(rollout.conversation.logprobs is not None for rollout in played)
    return {
        "prompt_ids": [rollout.conversation.prompt_ids for rollout in played],
        "completion_ids": [rollout.conversation.completion_ids for rollout in played],
        "logprobs": [rollout.conversation.logprobs for rollout in played] if measured else None,
        "env_mask": [_mask(rollout, groups[rollout.group]) for rollout in played],
        "reward": [rollout.result.reward for rollout in played],
    }


def _mask(rollout: Rollout, group: Group) -> list[int]:
    counts = group.teaches and rollout.result.reward is not None
    return rollout.conversation.mask if counts else [0] * len(rollout.conversation.mask)
