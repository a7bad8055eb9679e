"""The conversation with the trainer: tasks one after another, each answered by one result, `cancelled` or `failed`."""

import gc
import platform
import queue
import threading
import traceback
from collections.abc import Callable, Iterable

import torch

from . import contract
from .control import TaskControl
from .device import device_name
from .failure import Failure, TaskCancelled, failure_of
from .messages import PROTOCOL, FromWorker, Task, parse, serialize
from .tasks import run_task

Entry = tuple[Task | Failure, threading.Event]


def converse(lines: Iterable[bytes], send_line: Callable[[bytes], None]) -> None:
    """Returns when `lines` end and the task at hand has stopped."""

    def send(message: FromWorker) -> None:
        send_line(serialize(message))

    inbox: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(lines, inbox), daemon=True).start()
    send(contract.Hello(type="hello", protocol=PROTOCOL, device=device_name(), python=platform.python_version(), torch=torch.__version__))
    while (entry := inbox.get()) is not None:
        send(_answer(*entry, send))
        gc.collect()  # a model holds itself in cycles; the next task may need its memory


def _read(lines: Iterable[bytes], inbox: queue.SimpleQueue[Entry | None]) -> None:
    """A cancel stops the newest task; the end of input stops all of them."""
    stops = [threading.Event()]
    for line in lines:
        stop = threading.Event()
        try:
            message = parse(line)
        except Failure as failure:
            inbox.put((failure, stop))
            continue
        if isinstance(message, contract.CancelTask):
            stops[-1].set()
        else:
            stops.append(stop)
            inbox.put((message, stop))
    for stop in stops:
        stop.set()
    inbox.put(None)


def _answer(request: Task | Failure, stop: threading.Event, send: Callable[[FromWorker], None]) -> FromWorker:
    def report(done: int, total: int, loss: float | None) -> None:
        send(contract.Progress(type="progress", done=done, total=total, loss=loss))

    try:
        if isinstance(request, Failure):
            raise request
        return run_task(request, TaskControl(report, stop))
    except TaskCancelled:
        return contract.Cancelled(type="cancelled")
    except Exception as error:
        failure = failure_of(error)
        if failure is not error:
            traceback.print_exc()
        return contract.Failed(type="failed", code=failure.code, message=str(failure))
