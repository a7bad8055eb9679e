"""The protocol's own descriptor. Nothing here imports a library: it is taken before any of them can print."""

import os
import threading


class Channel:
    """Takes standard output for the protocol, and puts standard error in its place for everyone else."""

    def __init__(self) -> None:
        self._output = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._lock = threading.Lock()

    def send(self, line: bytes) -> None:
        with self._lock:
            try:
                self._output.write(line)
                self._output.flush()
            except BrokenPipeError:
                pass  # the trainer is gone: standard input ends too, which ends the worker
