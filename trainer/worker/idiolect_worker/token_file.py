"""Token files: safetensors with all sequences end to end, as the trainer writes them.

tokens  int32 [N]    sequences, concatenated: prompt, target, end token
starts  int64 [n+1]  where each sequence starts; the last entry is N
targets int64 [n]    index within its sequence where the target starts; the sequence's length when it is a prompt only
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from .failure import Failure


@dataclass(frozen=True)
class Sequence:
    """tokens int64 [S]; tokens[target:] are to be learned."""

    tokens: torch.Tensor
    target: int

    @property
    def is_prompt_only(self) -> bool:
        return self.target == len(self.tokens)


def read_token_file(path: Path, vocabulary: int) -> list[Sequence]:
    try:
        tensors = load_file(path)
        tokens, starts, targets = tensors["tokens"], tensors["starts"], tensors["targets"]
    except FileNotFoundError:
        raise _bad(path, "does not exist") from None
    except (SafetensorError, KeyError) as error:
        raise _bad(path, f"is not a token file ({error})") from None
    if (tokens.dtype, starts.dtype, targets.dtype) != (torch.int32, torch.int64, torch.int64):
        raise _bad(path, f"has columns of other types ({tokens.dtype}, {starts.dtype}, {targets.dtype})")
    lengths = starts.diff()
    if len(targets) == 0 or len(starts) != len(targets) + 1 or starts[0] != 0 or starts[-1] != len(tokens) or bool((lengths <= 0).any()):
        raise _bad(path, "has no sequences, or bounds that do not fit its tokens")
    if bool((targets < 1).any()) or bool((targets > lengths).any()):
        raise _bad(path, "has a target outside its sequence")
    if int(tokens.min()) < 0 or int(tokens.max()) >= vocabulary:
        raise _bad(path, f"has token ids outside the base's vocabulary of {vocabulary}")
    pieces = tokens.long().split(lengths.tolist())
    return [Sequence(piece, target) for piece, target in zip(pieces, targets.tolist(), strict=True)]


def _bad(path: Path, problem: str) -> Failure:
    return Failure("bad-input", f"the token file {path} {problem}; prepare the dataset again with this base")
