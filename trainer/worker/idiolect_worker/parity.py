"""Task `parity`: does the serving graph answer as PyTorch does in float32, from the same stored weights?"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM

from .architecture import read_architecture
from .contract import Parity, ParityTask
from .control import TaskControl
from .device import training_device
from .failure import Failure
from .served_graph import ServedGraph
from .token_file import read_token_file


def parity(task: ParityTask, control: TaskControl) -> Parity:
    base = Path(task.base)
    if task.maxTokens < 1:
        raise Failure("bad-input", f"texts of {task.maxTokens} tokens cannot be compared; ask for at least 1")
    prompts = [sequence.tokens.tolist() for sequence in read_token_file(Path(task.prompts), read_architecture(base).vocabulary)]
    graph = ServedGraph(base / "model.onnx", max(map(len, prompts)) + task.maxTokens)
    reference = ReferenceModel(base)
    stops = {*task.endTokens, *task.lineBreakTokens}
    identical, divergences = 0, []
    for done, prompt in enumerate(prompts):
        control.stop_if_cancelled()
        control.report(done, len(prompts))
        first = graph.start(prompt)
        text = greedy(first, graph.step, task.maxTokens, stops)
        # One pass over the graph's text: PyTorch would have written the same if it prefers every token of it where it stands.
        expected = reference.logits(prompt + text[:-1], len(text))
        divergences.append(divergence(expected[0], first))
        identical += expected.argmax(axis=1).tolist() == text
    control.report(len(prompts), len(prompts))
    mean = float(np.mean(divergences))
    if not np.isfinite(mean):
        raise Failure("not-finite", f"the graph of {base} computes values that are no numbers; convert the base again, or from another source")
    return Parity(type="parity", prompts=len(prompts), identical=identical, divergence=mean)


class ReferenceModel:
    """PyTorch in float32."""

    def __init__(self, base: Path) -> None:
        self._device = training_device()
        self._model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, local_files_only=True, use_safetensors=True).to(self._device).eval()

    @torch.inference_mode()
    def logits(self, tokens: Sequence[int], last: int) -> np.ndarray:
        """Logits float32 [last, V] after each of the last tokens."""
        ids = torch.tensor([tokens], device=self._device)
        return self._model(ids, logits_to_keep=last).logits[0].cpu().numpy()


def greedy(logits: np.ndarray, step: Callable[[int], np.ndarray], max_tokens: int, stops: set[int]) -> list[int]:
    """The most probable text, up to and including the first token of `stops`."""
    tokens = [int(logits.argmax())]
    while len(tokens) < max_tokens and tokens[-1] not in stops:
        tokens.append(int(step(tokens[-1]).argmax()))
    return tokens


def divergence(expected: np.ndarray, actual: np.ndarray) -> float:
    """Kullback-Leibler divergence of two logit vectors' distributions, in nats."""
    p, q = _log_softmax(expected), _log_softmax(actual)
    return float((np.exp(p) * (p - q)).sum())


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max()
    return shifted - np.log(np.exp(shifted).sum())
