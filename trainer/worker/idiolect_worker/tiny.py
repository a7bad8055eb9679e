"""`python -m idiolect_worker.tiny FAMILY OUTDIR [--seed N]`: a tiny base for tests, random but decided: its greedy text neither repeats nor dithers."""

import argparse
import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from .import_base import TOKENIZER_FILES, write_model

MARKS = ["<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"]
# Pairs of byte-level symbols; Ġ is a space.
MERGES = ["Ġ Ġ", "ĠĠ ĠĠ", "i n", "r e", "o n", "e r", "t h", "a t", "in t", "re t", "u r", "ur n", "ret urn", "f i", "fi n", "a l", "fin al", "( )"]


# How much the blocks add to the token's own embedding: enough to be tuned, little enough that int8 rounding rarely decides a token.
CONTEXT_WEIGHTS = {"qwen2": 0.7, "llama": 0.8}


def tiny_base(family: str, folder: Path, seed: int) -> None:
    """Writes a base as `import` would."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tiny_tokenizer()
    tokenizer.save(str(folder / TOKENIZER_FILES[0]))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": MARKS[0], "pad_token": MARKS[0]}
    (folder / TOKENIZER_FILES[1]).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    write_model(tiny_model(family, tokenizer.get_vocab_size(), tokenizer.token_to_id(MARKS[0]), seed), folder)


def tiny_tokenizer() -> Tokenizer:
    symbols = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [tuple(pair.split()) for pair in MERGES]
    vocabulary = {symbol: index for index, symbol in enumerate([*symbols, *(first + second for first, second in merges)])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(MARKS)
    return tokenizer


def tiny_model(family: str, vocabulary: int, end: int, seed: int) -> PreTrainedModel:
    shape = {
        "vocab_size": vocabulary,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": end,
    }
    model = Qwen2ForCausalLM(Qwen2Config(**shape)) if family == "qwen2" else LlamaForCausalLM(LlamaConfig(**shape))
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=random)
            parameter.copy_(noise * _deviation(name, parameter, CONTEXT_WEIGHTS[family]) + (1 if "norm" in name else 0))
        # Every token has a favourite successor, and its context may overrule it: so the most probable token leads by more than
        # what quantization changes. Marks are nobody's.
        embeddings = model.model.embed_tokens.weight
        model.lm_head.weight.copy_(embeddings[torch.randperm(vocabulary, generator=random)])
        model.lm_head.weight[-len(MARKS) :] *= 0.2
    return model


def _deviation(name: str, parameter: torch.Tensor, context_weight: float) -> float:
    if "embed_tokens" in name or "lm_head" in name:
        return 0.5
    if parameter.dim() == 1:
        return 0.1
    return parameter.shape[1] ** -0.5 * (context_weight if "o_proj" in name or "down_proj" in name else 1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m idiolect_worker.tiny", description="Writes a tiny random base for tests.")
    parser.add_argument("family", choices=["qwen2", "llama"])
    parser.add_argument("outdir", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    tiny_base(arguments.family, arguments.outdir, arguments.seed)


if __name__ == "__main__":
    main()
