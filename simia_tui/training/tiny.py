"""A model of random weights, small enough for a CPU, and a tokenizer learnt from the export itself.

It proves the loop from export to adapter; it learns the shape of the data and nothing one would use.
"""

import re
import shutil
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from simia_tui.training.data import message_for_template

VOCABULARY = 2048
TOKENIZER_ROWS = 1000
"""Rows that the tokenizer learns from; more would only take longer."""
PHRASE = 16
"""Characters of a token that may span words, at most."""

PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIAL = (PAD, START, END, "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
_MARKS = re.compile("|".join(map(re.escape, SPECIAL)))
TEMPLATE = Path(__file__).with_name("tiny_template.jinja")


def build(folder: Path, rows: Iterable[dict[str, Any]], random_seed: int) -> Path:
    """Makes the base model in `folder`, a plain Hugging Face model folder, unless an earlier start already did.

    Returns:
        `folder`. It appears whole or not at all.
    """
    if folder.is_dir():
        return folder
    half = folder.with_name(folder.name + ".part")
    shutil.rmtree(half, ignore_errors=True)
    tokenizer = learn_tokenizer(rows)
    tokenizer.save_pretrained(half)
    random_model(tokenizer, random_seed).save_pretrained(half)
    half.rename(folder)
    return folder


def learn_tokenizer(rows: Iterable[dict[str, Any]], phrases: bool = False) -> Any:
    """A byte-level BPE tokenizer of at most VOCABULARY tokens with the ChatML template of this room.

    With `phrases` a token may span words (up to PHRASE characters) and every digit is one, as large models have it:
    where the same words come again and again, rows get much shorter, and numbers are copied digit by digit.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bytewise = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not phrases)
    # A line break stays by itself: the header of a turn, which ends in one, must not grow together with its words.
    alone = pre_tokenizers.Split(Regex(r"\d|\n"), "isolated")
    bpe.pre_tokenizer = pre_tokenizers.Sequence([alone, bytewise]) if phrases else bytewise
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        max_token_length=PHRASE if phrases else None,
    )
    template = TEMPLATE.read_text(encoding="utf-8")
    plain = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), chat_template=template)
    bpe.train_from_iterator(_texts(plain, islice(rows, TOKENIZER_ROWS)), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=END, pad_token=PAD, chat_template=template)


def random_model(tokenizer: Any, random_seed: int) -> Any:
    """A Qwen3-shaped causal language model of about 0.4 M random weights; same seed, same weights."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(random_seed)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=192,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        max_position_embeddings=32_768,
        tie_word_embeddings=False,
        # Wider than the usual 0.02: so small a model would otherwise start with almost no signal.
        initializer_range=0.05,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen3ForCausalLM(config)


def _texts(renderer: Any, rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """What stands between the special tokens of each row, as the template renders it."""
    for row in rows:
        messages = [message_for_template(message) for message in row["messages"]]
        yield from _MARKS.split(renderer.apply_chat_template(messages, tools=row.get("tools") or None, tokenize=False))
