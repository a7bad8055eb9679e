import os
import random
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from idiolect_worker.contract import ConvertTask, ImportTask
from idiolect_worker.control import TaskControl
from idiolect_worker.graph import convert
from idiolect_worker.import_base import import_base
from idiolect_worker.tiny import MARKS, tiny_base, tiny_tokenizer

os.environ["HF_HUB_OFFLINE"] = "1"
torch.set_num_threads(1)  # tiny models gain nothing from more, and lose much on a busy machine
FAMILIES = ("qwen2", "llama")
QUANTIZATIONS = ("fp32", "rowmix")


def quiet_control(report: Callable[[int, int, float | None], None] = lambda done, total, loss: None) -> TaskControl:
    return TaskControl(report, threading.Event())


def write_token_file(path: Path, sequences: list[list[int]], targets: list[int]) -> Path:
    starts = [sum(len(one) for one in sequences[:count]) for count in range(len(sequences) + 1)]
    tokens = [token for one in sequences for token in one]
    save_file({"tokens": torch.tensor(tokens, dtype=torch.int32), "starts": torch.tensor(starts), "targets": torch.tensor(targets)}, path)
    return path


def random_prompts(count: int, seed: int = 7, shortest: int = 20, longest: int = 150) -> list[list[int]]:
    """Long ones span several chunks of the engine's prefill."""
    rng = random.Random(seed)
    return [[rng.randrange(270) for _ in range(rng.randint(shortest, longest))] for _ in range(count)]


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """Tiny bases, imported and converted, by family and quantization."""
    found = {}
    for family in FAMILIES:
        source = tmp_path_factory.mktemp(family)
        tiny_base(family, source, seed=3)
        for quantization in QUANTIZATIONS:
            base = source / quantization
            import_base(ImportTask(type="import", source=str(source), gguf=None, output=str(base)), quiet_control())
            convert(ConvertTask(type="convert", base=str(base), quantization=quantization, positions=256), quiet_control())
            found[family, quantization] = base
    return found


@pytest.fixture
def base(bases: dict[tuple[str, str], Path]) -> Path:
    """For tests that ask PyTorch only: family and quantization do not matter."""
    return bases["qwen2", "fp32"]


@pytest.fixture
def own_base(bases: dict[tuple[str, str], Path], tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(bases["qwen2", "rowmix"], tmp_path / "base"))


@pytest.fixture(scope="session")
def line_of_code() -> list[list[int]]:
    """Sequences with something to learn: always the same target after a random prompt, then the end mark."""
    tokenizer = tiny_tokenizer()
    target = [*tokenizer.encode("return final;").ids, tokenizer.token_to_id(MARKS[0])]
    return [[*prompt, *target] for prompt in random_prompts(12, seed=5, shortest=8, longest=24)]
