"""What can go wrong in a task, as the one sentence that a user reads."""

import errno
from typing import Literal

Code = Literal["bad-input", "out-of-memory", "no-space", "not-finite", "internal"]


class Failure(Exception):
    """A task failed for a reason that has a name; the message is one sentence with cause and remedy."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code: Code = code


class TaskCancelled(Exception):
    """The task was told to stop, and did so at a point from which it can continue."""


def failure_of(error: Exception) -> Failure:
    """Names an exception; libraries report a full disk and exhausted memory in several ways."""
    if isinstance(error, Failure):
        return error
    text = str(error)
    if (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)) or "No space left on device" in text:
        return Failure("no-space", f"the disk is full ({_first_line(text)}); free some space and run again, finished steps are kept")
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in text:
        return Failure("out-of-memory", f"memory ran out ({_first_line(text)}); choose a smaller microBatch or a smaller base")
    return Failure("internal", f"the worker failed with {type(error).__name__}: {_first_line(text)}; the log on stderr has the details")


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0][:300] or "no message"
