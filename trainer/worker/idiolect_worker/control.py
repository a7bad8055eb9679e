"""What a running task may say and hear."""

import threading
from collections.abc import Callable

from .failure import TaskCancelled


class TaskControl:
    """Reports to the trainer, and listens for its cancel."""

    def __init__(self, send: Callable[[int, int, float | None], None], cancelled: threading.Event) -> None:
        self._send = send
        self._cancelled = cancelled

    def report(self, done: int, total: int, loss: float | None = None) -> None:
        self._send(done, total, loss)

    @property
    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()

    def stop_if_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise TaskCancelled
