"""Files that are complete or absent, whatever dies when."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def complete_files(folder: Path, last: str) -> Iterator[Path]:
    """Yields an empty staging folder; what stands in it afterwards moves into `folder`, the file named `last` at the end.

    While `last` exists, the others do too and belong to it: readers wait for `last`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    staging = folder / f".{last}.partial"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    try:
        yield staging
        names = sorted(path.name for path in staging.iterdir())
        for name in names:
            (staging / name).chmod(0o644)  # some libraries write for their owner only
            _sync(staging / name)
        (folder / last).unlink(missing_ok=True)
        for name in sorted(names, key=lambda name: name == last):
            os.replace(staging / name, folder / name)
        _sync(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file so that a reader sees the old content or the new one."""
    temporary = path.with_name(f".{path.name}.partial")
    try:
        temporary.write_bytes(content)
        _sync(temporary)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
