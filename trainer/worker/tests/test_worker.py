"""The process as the trainer sees it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import random_prompts, write_token_file

from idiolect_worker import contract
from idiolect_worker.failure import Failure, failure_of
from idiolect_worker.messages import PROTOCOL, parse, serialize

WORKER = Path(__file__).parent.parent


class Worker:
    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process

    def send(self, message: dict[str, Any] | str) -> None:
        assert self.process.stdin is not None
        text = message if isinstance(message, str) else json.dumps(message)
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def result(self) -> dict[str, Any]:
        """The next message that is no progress."""
        while (message := self.receive())["type"] == "progress":
            pass
        return message

    def end_input(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(30)


@contextmanager
def started(prologue: str = "") -> Iterator[Worker]:
    """Runs `prologue` in the worker's process once the protocol has its descriptor."""
    code = f"""
import sys
from idiolect_worker import __main__ as main, channel
class Channel(channel.Channel):
    def __init__(self):
        super().__init__()
        {prologue or "pass"}
main.Channel = Channel
main.main()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=WORKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    with process:
        try:
            yield Worker(process)
        finally:
            process.kill()


def tune_message(base: Path, folder: Path, **recipe: float) -> dict[str, Any]:
    train = write_token_file(folder / "train.safetensors", random_prompts(40), [10] * 40)
    defaults = {
        "rank": 2,
        "alpha": 4,
        "dropout": 0,
        "learningRate": 1e-3,
        "warmup": 0,
        "epochs": 500,
        "batch": 4,
        "microBatch": 4,
        "checkpointSeconds": 60,
        "seed": 1,
    }
    paths = {"base": str(base), "parent": None, "train": str(train), "validation": None, "run": str(folder / "run"), "output": str(folder / "adapter")}
    return {"type": "tune", "recipe": defaults | recipe, **paths}


def test_conversation(base: Path, tmp_path: Path) -> None:
    """One process: hello, nonsense survived, cancel, the same run resumed to its end, input ended."""
    with started() as worker:
        hello = worker.receive()
        assert (hello["type"], hello["protocol"]) == ("hello", PROTOCOL)
        assert hello["device"].startswith(("cpu", "cuda"))
        worker.send({"type": "cancel"})  # with nothing to cancel: no answer
        worker.send("{ not json")
        assert worker.result()["code"] == "bad-input"
        worker.send({"type": "import", "source": "/nowhere", "gguf": None, "output": str(tmp_path / "x")})
        failed = worker.result()
        assert failed == {"type": "failed", "code": "bad-input", "message": failed["message"]}
        assert "/nowhere" in failed["message"]

        endless = tune_message(base, tmp_path)
        worker.send(endless)
        progress = worker.receive()
        assert (progress["type"], progress["done"], progress["total"]) == ("progress", 4, 20000)
        os.kill(worker.process.pid, signal.SIGINT)  # Ctrl-C in a terminal reaches the worker too
        worker.send({"type": "cancel"})
        assert worker.result() == {"type": "cancelled"}
        assert (tmp_path / "run" / "checkpoint.pt").exists()

        (tmp_path / "second").mkdir()
        worker.send(tune_message(base, tmp_path / "second", epochs=1))
        tuned = worker.result()
        assert (tuned["type"], tuned["steps"], tuned["validationLoss"]) == ("tuned", 10, None)
        assert worker.end_input() == 0


def test_end_of_input_stops_the_task_after_a_checkpoint(base: Path, tmp_path: Path) -> None:
    with started() as worker:
        worker.receive()
        worker.send(tune_message(base, tmp_path))
        worker.receive()
        assert worker.end_input() == 0
        assert (tmp_path / "run" / "checkpoint.pt").exists()
        assert not (tmp_path / "adapter").exists()


def test_stray_output_cannot_corrupt_the_protocol() -> None:
    stray = "import os; print('from Python', flush=True); os.write(1, b'from native code'); os.system('echo from a child')"
    with started(stray) as worker:
        assert worker.receive()["type"] == "hello"
        worker.send({"type": "unknown"})
        assert worker.receive()["type"] == "failed"
        assert worker.end_input() == 0
        assert worker.process.stdout is not None
        assert worker.process.stdout.read() == b""


CONVERT = {"type": "convert", "base": "b", "quantization": "fp32", "positions": 1}


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ([], "no message of type None"),
        ({"type": "hello"}, "no message of type 'hello'"),
        ({"type": ["convert"]}, "no message of type"),
        ({name: value for name, value in CONVERT.items() if name != "base"}, "convert lacks base"),
        (CONVERT | {"extra": 1}, "convert has the unknown field extra"),
        (CONVERT | {"positions": "1"}, r'convert.positions is "1"'),
        (CONVERT | {"positions": True}, "convert.positions is true"),
        (CONVERT | {"positions": 1.5}, "convert.positions is 1.5"),
        (CONVERT | {"quantization": "int4"}, r'convert.quantization is "int4"'),
        (CONVERT | {"base": None}, "convert.base is null"),
        ({"type": "parity", "base": "b", "prompts": "p", "maxTokens": 1, "endTokens": [1, "2"], "lineBreakTokens": []}, r'parity.endTokens\[1\] is "2"'),
        ({"type": "parity", "base": "b", "prompts": "p", "maxTokens": 1, "endTokens": 1, "lineBreakTokens": []}, "parity.endTokens is 1"),
        ({"type": "tune", "base": "b", "parent": 3, "train": "t", "validation": None, "recipe": {}, "run": "r", "output": "o"}, "tune.parent is 3"),
        ({"type": "tune", "base": "b", "parent": None, "train": "t", "validation": None, "recipe": {}, "run": "r", "output": "o"}, "tune.recipe lacks alpha"),
        ({"type": "tune", "base": "b", "parent": None, "train": "t", "validation": None, "recipe": 1, "run": "r", "output": "o"}, "tune.recipe is 1"),
    ],
)
def test_messages_are_closed(message: object, problem: str) -> None:
    with pytest.raises(Failure, match=problem) as raised:
        parse(json.dumps(message))
    assert raised.value.code == "bad-input"


def test_sound_messages_are_read(base: Path, tmp_path: Path) -> None:
    assert parse(json.dumps(CONVERT)) == contract.ConvertTask(**CONVERT)
    tune = parse(json.dumps(tune_message(base, tmp_path)))
    assert isinstance(tune, contract.TuneTask)
    assert (tune.recipe.learningRate, tune.recipe.dropout, type(tune.recipe.dropout)) == (1e-3, 0.0, float)


def test_numbers_that_are_none_are_not_sent() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        serialize(contract.Progress(type="progress", done=1, total=2, loss=float("nan")))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(28, "No space left on device"), "no-space"),
        (RuntimeError('Error while serializing: IoError(Os { code: 28, message: "No space left on device" })'), "no-space"),
        (MemoryError(), "out-of-memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"), "out-of-memory"),
        (RuntimeError("anything\nelse"), "internal"),
        (Failure("not-finite", "one sentence"), "not-finite"),
    ],
)
def test_every_failure_has_a_name_and_one_line(error: Exception, code: str) -> None:
    failure = failure_of(error)
    assert failure.code == code
    assert "\n" not in str(failure)
