"""The tokens of a rollout: what the policy generated stays as it was generated, the world's words come in between.

A policy turn is never tokenised again: other tokens than the sampled ones would be trained on. What stands between two
policy turns (tool and user turns, with the template's own words round them) is rendered against a dummy conversation.
"""

import copy
import json
import re
from collections.abc import Sequence
from typing import Any

from simia_tui.errors import SimiaError
from simia_tui.formats import write_trl
from simia_tui.model import ToolCall, Trajectory, Turn
from simia_tui.training import base, data

_CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_THOUGHT = re.compile(r"\A\s*<think>(.*?)</think>\s*", re.DOTALL)


class Codec:
    """Turns into tokens and back, for one tokenizer.

    Raises:
        SimiaError: the template is not one whose turns can be put side by side, or whose calls can be read.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self._template = base.training_template(tokenizer) or tokenizer.chat_template
        plain = "<tool_call>" in self._template and "<function=" not in self._template
        self._parser = None if plain else _response_parser(tokenizer)
        if self._parser is None and not plain:
            raise SimiaError("How this model's chat template writes tool calls is not known here; take another model.")
        self._check_prefix()

    def opening(self, trajectory: Trajectory) -> list[int]:
        """The tokens before the first policy turn: policy, tools, first turns and the assistant's header."""
        row = write_trl(trajectory)
        return self._render(row["messages"], row["tools"] or None, True)

    def between(self, turns: Sequence[Turn]) -> list[int]:
        """The tokens from the end token of a policy turn (not included) to where the next one begins."""
        calls = tuple(ToolCall(name=turn.name or "tool", arguments={}) for turn in turns if turn.role == "tool")
        start = (Turn(role="user", content="x"), Turn(role="assistant", content="" if calls else "x", tool_calls=calls))
        before = self._render(_messages(start), None, False)
        whole = self._render(_messages((*start, *turns)), None, True)
        # Templates put a line break after the end token; the policy stops generating at the token itself.
        ends = [index for index, token in enumerate(before) if token == self.tokenizer.eos_token_id]
        before = before[: ends[-1] + 1] if ends else before
        if whole[: len(before)] != before:
            raise SimiaError("This model's chat template changes earlier turns when later ones come; take another.")
        return whole[len(before) :]

    def turn(self, ids: Sequence[int]) -> Turn:
        """The assistant turn that the policy wrote; a call that cannot be parsed stays in the text."""
        if self._parser is not None:
            from trl.chat_template_utils import parse_response

            return _from_message(parse_response(self._parser, list(ids), prefix=[]))
        ids = [token for token in ids if token not in (self.tokenizer.eos_token_id, self.tokenizer.pad_token_id)]
        return read_turn(self.tokenizer.decode(ids))

    def _render(self, messages: Sequence[dict[str, Any]], tools: Any, answer: bool) -> list[int]:
        found: list[int] = self.tokenizer.apply_chat_template(
            [data.message_for_template(message) for message in messages],
            tools=tools,
            chat_template=self._template,
            add_generation_prompt=answer,
            tokenize=True,
            return_dict=False,
        )
        return found

    def _check_prefix(self) -> None:
        for turn in (Turn(role="tool", name="look", content="x"), Turn(role="user", content="x")):
            self.between((turn,))


class Conversation:
    """One rollout's tokens. `mask` is 1 for the policy's own; the completion always ends with a policy turn.

    `logprobs` are those of the sampling, 0 for the world's tokens; None where the generator measures none.
    """

    def __init__(self, codec: Codec, opening: Sequence[int]) -> None:
        self._codec = codec
        self.prompt_ids = list(opening)
        self.completion_ids: list[int] = []
        self.mask: list[int] = []
        self.logprobs: list[float] | None = None
        self.last: list[int] = []
        self._pending: list[int] = []

    @property
    def ids(self) -> list[int]:
        """All tokens so far; what the policy is to continue."""
        return self.prompt_ids + self.completion_ids + self._pending

    @property
    def used(self) -> int:
        """Tokens after the prompt so far, those that wait for the next policy turn included."""
        return len(self.completion_ids) + len(self._pending)

    @property
    def written(self) -> int:
        """Tokens that the policy wrote."""
        return sum(self.mask)

    def said(self, ids: Sequence[int], logprobs: Sequence[float] | None = None) -> None:
        """The policy has generated `ids`."""
        if logprobs is not None:
            self.logprobs = [*(self.logprobs or ()), *[0.0] * len(self._pending), *logprobs]
        self.completion_ids += [*self._pending, *ids]
        self.mask += [0] * len(self._pending) + [1] * len(ids)
        self.last, self._pending = list(ids), []

    def heard(self, turns: Sequence[Turn]) -> None:
        """The world has answered; the tokens count once the policy speaks again."""
        self._pending = self._codec.between(turns)


def read_turn(text: str) -> Turn:
    """A turn from its text with `<tool_call>` blocks. Where one block cannot be parsed all stay in the text."""
    thought = _THOUGHT.match(text)
    reasoning = thought[1].strip() or None if thought else None
    text = text[thought.end() :] if thought else text
    calls = [_call(block) for block in _CALL.findall(text)]
    spoken = _CALL.sub("", text)
    if None in calls or "<tool_call>" in spoken:
        return Turn(role="assistant", content=text.strip(), reasoning=reasoning)
    found = tuple(call for call in calls if call is not None)
    return Turn(role="assistant", content=spoken.strip() or None, reasoning=reasoning, tool_calls=found)


def _call(block: str) -> ToolCall | None:
    try:
        value = json.loads(block)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None
    return _tool_call(value["name"], value.get("arguments"))


def _tool_call(name: str, arguments: Any) -> ToolCall:
    if isinstance(arguments, dict):
        return ToolCall(name=name, arguments=arguments)
    return ToolCall(name=name, raw=arguments if isinstance(arguments, str) else json.dumps(arguments))


def _from_message(message: dict[str, Any]) -> Turn:
    calls = [call["function"] for call in message.get("tool_calls") or ()]
    return Turn(
        role="assistant",
        content=(message.get("content") or "").strip() or None,
        reasoning=(message.get("reasoning_content") or message.get("thinking") or "").strip() or None,
        tool_calls=tuple(_tool_call(call["name"], call.get("arguments")) for call in calls),
    )


def _response_parser(tokenizer: Any) -> Any | None:
    """A copy of the tokenizer that can read its own template's turns, or None where TRL does not know the template.

    A copy, because the trainer would read whole conversations as one turn if its own tokenizer could.
    """
    from trl.chat_template_utils import add_response_schema

    try:
        return add_response_schema(copy.copy(tokenizer))
    except ValueError:
        return None


def _messages(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = write_trl(Trajectory(turns=tuple(turns)))["messages"]
    return messages
