"""What a tuning run leaves on disk: checkpoint.pt, metrics.jsonl and, once it is finished, finished.json."""

import hashlib
import io
import json
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from .adapter import FILES
from .contract import Tuned, TuneTask
from .failure import Failure
from .files import replace_file


@dataclass
class RunState:
    """Where a run stands between two optimizer steps."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    # Over the epoch at hand.
    loss_sum: float = 0.0
    target_tokens: int = 0
    # The newest validation, and the step after which it was made.
    validation_loss: float | None = None
    validated_step: int = 0


def fingerprint_of(task: TuneTask) -> dict[str, Any]:
    """All that determines a run's result. A run folder belongs to one fingerprint."""
    files = {
        "base": Path(task.base) / "model.safetensors",
        "train": Path(task.train),
        "validation": Path(task.validation) if task.validation is not None else None,
        "parent": Path(task.parent) / FILES[1] if task.parent is not None else None,
    }
    return {**asdict(task.recipe), **{name: path and _digest(path) for name, path in files.items()}}


class RunFolder:
    def __init__(self, path: Path, fingerprint: dict[str, Any]) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._checkpoint = path / "checkpoint.pt"
        self._metrics = path / "metrics.jsonl"
        self._finished = path / "finished.json"
        self._fingerprint = fingerprint

    def finished(self, output: Path) -> Tuned | None:
        """The result of this very run, if its adapter still stands in `output`."""
        if not self._finished.exists():
            return None
        record = json.loads(self._finished.read_text(encoding="utf-8"))
        self._require_same(record["fingerprint"])
        adapter = output / FILES[1]
        return Tuned(**record["result"]) if adapter.exists() and _digest(adapter) == record["adapter"] else None

    def finish(self, result: Tuned, output: Path) -> None:
        record = {"fingerprint": self._fingerprint, "adapter": _digest(output / FILES[1]), "result": asdict(result)}
        replace_file(self._finished, json.dumps(record, indent=2).encode())

    def save(self, state: RunState, parameters: dict[str, torch.nn.Parameter], optimizer: torch.optim.Optimizer) -> None:
        buffer = io.BytesIO()  # a full disk is then an OSError with a number, not PyTorch's own error
        weights = {name: parameter.detach() for name, parameter in parameters.items()}
        torch.save({"fingerprint": self._fingerprint, "state": asdict(state), "weights": weights, "optimizer": optimizer.state_dict()}, buffer)
        replace_file(self._checkpoint, buffer.getvalue())

    @torch.no_grad()
    def restore(self, parameters: dict[str, torch.nn.Parameter], optimizer: torch.optim.Optimizer) -> RunState:
        """Puts weights and optimizer where the checkpoint left them; without a checkpoint the run starts anew."""
        state = RunState()
        if self._checkpoint.exists():
            try:
                saved = torch.load(self._checkpoint, map_location="cpu", weights_only=True)
            except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
                raise Failure("bad-input", f"the checkpoint {self._checkpoint} is damaged; delete it to start the run again") from error
            self._require_same(saved["fingerprint"])
            for name, parameter in parameters.items():
                parameter.copy_(saved["weights"][name])
            optimizer.load_state_dict(saved["optimizer"])
            state = RunState(**saved["state"])
        self._drop_metrics_after(state.step)
        return state

    def add_metrics(self, metrics: dict[str, Any]) -> None:
        with self._metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(metrics) + "\n")

    def _drop_metrics_after(self, step: int) -> None:
        """Steps after the checkpoint are done again."""
        if self._metrics.exists():
            lines = self._metrics.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
            replace_file(self._metrics, "".join(kept).encode())

    def _require_same(self, fingerprint: dict[str, Any]) -> None:
        changed = [name for name, value in self._fingerprint.items() if fingerprint.get(name) != value]
        if changed:
            folder = self._checkpoint.parent
            raise Failure("bad-input", f"the run folder {folder} belongs to a run with another {', '.join(changed)}; delete it or name a new one")


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise Failure("bad-input", f"there is no file {path}; prepare it again") from None
