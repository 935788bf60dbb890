"""The base model of a run: a local Hugging Face folder, never the hub."""

from pathlib import Path
from typing import Any

from simia_tui.errors import SimiaError, UsageError
from simia_tui.training.profiles import Profile


def find(path: str) -> Path:
    """The folder of a local model; looks at names only, loads nothing.

    Raises:
        UsageError: no such folder (a hub's name is not looked up), or it holds no whole model.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise UsageError(
            f"There is no model folder {path}; give that of a downloaded model (hub names are not fetched)."
        )
    if (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
        raise UsageError(f"{path} holds an adapter, not a model; merge it into its base model and give that folder.")
    if not (folder / "config.json").is_file():
        raise UsageError(f"{path} has no config.json, so it is no Hugging Face model folder; give another.")
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json")):
        raise UsageError(f"{path} has no tokenizer beside the model; copy its tokenizer files there.")
    if not (any(folder.glob("*.safetensors")) or any(folder.glob("*.bin"))):
        raise UsageError(f"{path} has no weights (*.safetensors); finish the download first.")
    return folder


def load_tokenizer(folder: Path) -> Any:
    """The folder's tokenizer.

    Raises:
        SimiaError: it cannot be read.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, ImportError) as error:
        raise SimiaError(f"The tokenizer in {folder} cannot be loaded ({_first_line(error)}).") from error


def training_template(tokenizer: Any) -> str | None:
    """A chat template that marks the assistant's words: None if the tokenizer's own does, else TRL's variant of it.

    Raises:
        SimiaError: the template has no markers and TRL does not know it.
    """
    from trl.chat_template_utils import get_training_chat_template, has_generation_markers

    if not tokenizer.chat_template:
        raise SimiaError("The model's tokenizer has no chat template; take the instruct variant of the model.")
    if has_generation_markers(tokenizer.chat_template):
        return None
    try:
        template: str | None = get_training_chat_template(tokenizer)
    except (ValueError, TypeError, KeyError) as error:
        raise SimiaError(
            "The model's chat template does not mark the assistant's words and is not one TRL can replace; put"
            " {% generation %} ... {% endgeneration %} round the assistant's part of its chat_template.jinja."
        ) from error
    return template


def trains_the_end(tokenizer: Any, template: str | None) -> bool:
    """Whether the token that ends an assistant turn is trained too; if not, the model may not learn to stop."""
    from trl.chat_template_utils import is_chat_template_stop_token_trained

    return bool(is_chat_template_stop_token_trained(tokenizer, chat_template=template))


def load_model(folder: Path, profile: Profile) -> Any:
    """The folder's causal language model: bfloat16 on a GPU where the profile says so, else float32.

    Where the profile says so the weights are held in 4 bits (QLoRA), which needs a GPU and bitsandbytes.

    Raises:
        SimiaError: it cannot be read, is no causal language model, or cannot be held in 4 bits here.
    """
    import torch
    from transformers import AutoModelForCausalLM

    on_gpu = uses_gpu(profile)
    options: dict[str, Any] = {"attn_implementation": "flash_attention_2"} if packs(profile) else {}
    if profile.quantize is not None:
        options["quantization_config"] = _four_bits(profile)
    try:
        return AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.bfloat16 if on_gpu and profile.bf16 else torch.float32,
            local_files_only=True,
            trust_remote_code=False,
            **options,
        )
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise SimiaError(f"The model in {folder} cannot be loaded ({_first_line(error)}).") from error


def _four_bits(profile: Profile) -> Any:
    from importlib.util import find_spec

    if find_spec("bitsandbytes") is None:
        raise SimiaError("QLoRA needs bitsandbytes, not installed here: pip install bitsandbytes, or leave --quantize.")
    if not uses_gpu(profile):
        raise SimiaError("QLoRA needs a GPU, and there is none for this profile; leave --quantize out.")
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def uses_gpu(profile: Profile) -> bool:
    """Whether this run will be on a GPU."""
    import torch

    return profile.device == "auto" and torch.cuda.is_available()


def packs(profile: Profile) -> bool:
    """Whether rows are packed: only with FlashAttention on a GPU, which keeps packed rows from seeing each other."""
    from importlib.util import find_spec

    return profile.packing and uses_gpu(profile) and find_spec("flash_attn") is not None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
