"""What is trained when: pure functions of the recipe, so that a resumed run needs nothing but its step."""

import math

import torch

from .contract import Recipe


def steps_per_epoch(sequences: int, recipe: Recipe) -> int:
    return math.ceil(sequences / recipe.batch)


def sequences_done(step: int, sequences: int, recipe: Recipe) -> int:
    """How many sequences `step` optimizer steps have seen, over all epochs: an epoch's last batch may be short."""
    epochs, steps = divmod(step, steps_per_epoch(sequences, recipe))
    return epochs * sequences + steps * recipe.batch


def batch_at(step: int, lengths: list[int], recipe: Recipe) -> list[list[int]]:
    """Sequence indices of one optimizer step, in micro-batches of similar length, which need little padding."""
    epoch, position = divmod(step, steps_per_epoch(len(lengths), recipe))
    order = torch.randperm(len(lengths), generator=torch.Generator().manual_seed(recipe.seed + epoch)).tolist()
    batch = order[position * recipe.batch : (position + 1) * recipe.batch]
    batch.sort(key=lambda index: lengths[index])
    return [batch[start : start + recipe.microBatch] for start in range(0, len(batch), recipe.microBatch)]


def learning_rate(step: int, total: int, recipe: Recipe) -> float:
    """Rises linearly over the warm-up's share of all steps, then falls linearly towards zero."""
    warmup = math.ceil(recipe.warmup * total)
    if step < warmup:
        return recipe.learningRate * (step + 1) / warmup
    return recipe.learningRate * (total - step) / (total - warmup)
