"""Runs a serving graph the way the server does: chunked prefill, then token by token, keys and values in buffers of fixed capacity."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

from .failure import Failure

# int8 results depend on how a prompt is cut; the server cuts it at the same size (server/engine/onnx-model.ts).
CHUNK = 64
THREADS = 2
Feeds = dict[str, np.ndarray]


class ServedGraph:
    """One session and the state of one text. `adapters` maps every LoRA input to its matrix; by default all of rank 0."""

    def __init__(self, path: Path, capacity: int, adapters: Feeds | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises many unrelated types here
            raise Failure("bad-input", f"the graph {path} cannot be opened ({error}); convert the base again") from error
        shapes = {value.name: value.shape for value in self._session.get_inputs()}
        self._layers = sum(name.startswith("past_key_") for name in shapes)
        _, heads, _, width = shapes["past_key_0"]
        self._state = {f"past_{part}_{layer}": np.zeros((1, heads, capacity, width), np.float32) for layer in range(self._layers) for part in ("key", "value")}
        self._adapters = without_adapters(shapes) if adapters is None else adapters
        self._length = 0

    def start(self, prompt: Sequence[int]) -> np.ndarray:
        """Logits float32 [V] after the prompt."""
        self._length = 0
        for first in range(0, len(prompt), CHUNK):
            chunk = prompt[first : first + CHUNK]
            is_last = first + CHUNK >= len(prompt)
            logits = self._run(chunk, [len(chunk) - 1] if is_last else [])
        return logits[0]

    def step(self, token: int) -> np.ndarray:
        """Logits float32 [V] after one more token."""
        return self._run([token], [0])[0]

    def _run(self, tokens: Sequence[int], logits_at: list[int]) -> np.ndarray:
        start, end = self._length, self._length + len(tokens)
        feeds: Feeds = {
            "ids": np.array([tokens], np.int64),
            "positions": np.arange(start, end, dtype=np.int64)[None],
            "past_length": np.array([start], np.int64),
            "logits_at": np.array(logits_at, np.int64),
        }
        names = ["logits", *(name.removeprefix("past_") for name in self._state)]
        logits, *fresh = self._session.run(names, feeds | self._state | self._adapters)
        for state, new in zip(self._state.values(), fresh, strict=True):
            state[:, :, start:end] = new
        self._length = end
        return logits[0]


def without_adapters(shapes: dict[str, list[int | str]]) -> Feeds:
    """LoRA inputs of rank 0, which switch adapters off."""
    feeds: Feeds = {}
    for name, shape in shapes.items():
        if name.startswith("lora_"):
            feeds[name] = np.zeros([size if isinstance(size, int) else 0 for size in shape], np.float32)
    return feeds
