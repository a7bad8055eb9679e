"""Task `tune`: fine-tunes a LoRA adapter to write what stands in the holes, and nothing else."""

import math
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from peft import PeftModel
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from .adapter import adapted_model, save_adapter, trainable
from .architecture import read_architecture
from .contract import Recipe, Tuned, TuneTask
from .control import TaskControl
from .device import training_device, training_type
from .failure import Failure, TaskCancelled
from .run_folder import RunFolder, RunState, fingerprint_of
from .schedule import batch_at, learning_rate, sequences_done, steps_per_epoch
from .token_file import Sequence, read_token_file


def tune(task: TuneTask, control: TaskControl) -> Tuned:
    check_recipe(task.recipe)
    run, output = RunFolder(Path(task.run), fingerprint_of(task)), Path(task.output)
    if (result := run.finished(output)) is not None:
        return result
    vocabulary = read_architecture(Path(task.base)).vocabulary
    train = _read_examples(task.train, vocabulary)
    validation = _read_examples(task.validation, vocabulary) if task.validation is not None else []
    device = training_device()
    dtype = training_type(device)
    model = adapted_model(Path(task.base), Path(task.parent) if task.parent is not None else None, task.recipe, device, dtype)
    loop = TuningLoop(model, device, dtype, task.recipe, run, control)
    result = loop.run(train, validation)
    save_adapter(model, output)
    run.finish(result, output)
    return result


class TuningLoop:
    """Steps through the schedule, from wherever the run folder stands."""

    def __init__(self, model: PeftModel, device: torch.device, dtype: torch.dtype, recipe: Recipe, folder: RunFolder, control: TaskControl) -> None:
        self._model = model
        self._device = device
        self._dtype = dtype
        self._recipe = recipe
        self._folder = folder
        self._control = control
        self._parameters = trainable(model)
        self._optimizer = torch.optim.AdamW(self._parameters.values(), lr=recipe.learningRate, weight_decay=0.0, fused=True)

    def run(self, train: list[Sequence], validation: list[Sequence]) -> Tuned:
        epoch_steps = steps_per_epoch(len(train), self._recipe)
        total = epoch_steps * self._recipe.epochs
        state = self._folder.restore(self._parameters, self._optimizer)
        saved = time.monotonic()
        try:
            while True:
                if validation and state.step % epoch_steps == 0 and state.validated_step < state.step:
                    self._validate(state, validation)
                if state.step == total:
                    break
                self._train_step(state, train, total)
                if time.monotonic() - saved >= self._recipe.checkpointSeconds:
                    self._folder.save(state, self._parameters, self._optimizer)
                    saved = time.monotonic()
        except TaskCancelled:
            self._folder.save(state, self._parameters, self._optimizer)
            raise
        self._folder.save(state, self._parameters, self._optimizer)
        loss = state.loss_sum / state.target_tokens
        return Tuned(type="tuned", steps=total, tokens=state.tokens, seconds=state.seconds, loss=loss, validationLoss=state.validation_loss)

    def _train_step(self, state: RunState, train: list[Sequence], total: int) -> None:
        """One optimizer step; nothing changes when it is cancelled half-way."""
        started = time.monotonic()
        torch.manual_seed(self._recipe.seed + state.step)  # dropout: the same in a run that was resumed here
        micro_batches = [[train[index] for index in indices] for indices in batch_at(state.step, [len(one.tokens) for one in train], self._recipe)]
        target_tokens = sum(len(one.tokens) - one.target for micro_batch in micro_batches for one in micro_batch)
        loss_sum = 0.0
        self._model.train()
        self._optimizer.zero_grad()
        for micro_batch in micro_batches:
            self._control.stop_if_cancelled()
            loss = self._loss_sum(micro_batch)
            (loss / target_tokens).backward()
            loss_sum += loss.item()
        norm = torch.nn.utils.clip_grad_norm_(self._parameters.values(), 1.0)
        if not math.isfinite(loss_sum) or not math.isfinite(norm):
            raise Failure(
                "not-finite", f"the loss or its gradient was not a number at step {state.step + 1}; choose a lower learning rate and a new run folder"
            )
        rate = learning_rate(state.step, total, self._recipe)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()

        tokens = sum(len(one.tokens) for micro_batch in micro_batches for one in micro_batch)
        if state.step % steps_per_epoch(len(train), self._recipe) == 0:
            state.loss_sum, state.target_tokens = 0.0, 0
        state.step += 1
        state.tokens += tokens
        state.seconds += time.monotonic() - started
        state.loss_sum += loss_sum
        state.target_tokens += target_tokens
        loss = loss_sum / target_tokens
        metrics = {"step": state.step, "loss": loss, "tokens": state.tokens, "seconds": round(state.seconds, 3), "learningRate": rate}
        self._folder.add_metrics(metrics)
        done = sequences_done(state.step, len(train), self._recipe)
        self._control.report(done, self._recipe.epochs * len(train), loss)

    @torch.no_grad()
    def _validate(self, state: RunState, validation: list[Sequence]) -> None:
        self._model.eval()
        by_length = sorted(validation, key=lambda one: len(one.tokens))
        loss_sum, target_tokens = 0.0, 0
        for start in range(0, len(by_length), self._recipe.microBatch):
            self._control.stop_if_cancelled()
            micro_batch = by_length[start : start + self._recipe.microBatch]
            loss_sum += self._loss_sum(micro_batch).item()
            target_tokens += sum(len(one.tokens) - one.target for one in micro_batch)
        state.validation_loss = loss_sum / target_tokens
        state.validated_step = state.step

    def _loss_sum(self, sequences: list[Sequence]) -> torch.Tensor:
        """Cross entropy summed over all target tokens; only their positions reach the output layer.

        No attention mask: padding stands on the right, and no token looks to its right.
        """
        tokens = pad_sequence([one.tokens for one in sequences], batch_first=True).to(self._device)
        rows = torch.cat([torch.full((len(one.tokens) - one.target,), row) for row, one in enumerate(sequences)])
        positions = torch.cat([torch.arange(one.target, len(one.tokens)) for one in sequences])
        causal = self._model.base_model.model
        with self._autocast():
            hidden = causal.model(input_ids=tokens, use_cache=False).last_hidden_state
            logits = causal.lm_head(hidden[rows, positions - 1])
        return cross_entropy(logits.float(), tokens[rows, positions], reduction="sum")

    def _autocast(self) -> AbstractContextManager[None]:
        """The adapter's float32 weights multiply in the base's format, which spares casting every activation to float32 and back."""
        return torch.autocast(self._device.type, self._dtype) if self._dtype != torch.float32 else nullcontext()


def check_recipe(recipe: Recipe) -> None:
    """Raises Failure for a recipe that cannot mean anything."""
    bounds = {
        "rank": recipe.rank >= 1,
        "alpha": recipe.alpha >= 1,
        "dropout": 0 <= recipe.dropout < 1,
        "learningRate": recipe.learningRate > 0,
        "warmup": 0 <= recipe.warmup <= 1,
        "epochs": recipe.epochs >= 1,
        "batch": recipe.batch >= 1,
        "microBatch": 1 <= recipe.microBatch <= recipe.batch,
        "checkpointSeconds": recipe.checkpointSeconds >= 0,
        "seed": recipe.seed >= 0,
    }
    for name, is_sound in bounds.items():
        if not is_sound:
            raise Failure("bad-input", f"the recipe's {name} cannot be {getattr(recipe, name)}; correct the recipe")


def _read_examples(path: str, vocabulary: int) -> list[Sequence]:
    sequences = read_token_file(Path(path), vocabulary)
    empty = sum(one.is_prompt_only for one in sequences)
    if empty:
        raise Failure("bad-input", f"{empty} sequences of the token file {path} have no target to learn; prepare the dataset again")
    return sequences
