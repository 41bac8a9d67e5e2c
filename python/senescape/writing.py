"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ["try_to_write", "write_whole"]


def try_to_write(path: Path) -> None:
    """Try that a file can be written, leaving one that is there as it is.

    Raises
    ------
    OSError
        If it cannot.
    """
    part = _beside(path)
    with part.open("wb"):
        pass
    part.unlink()


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def write_whole(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file beside its place, make sure that it is on the disk, and move it there.

    A file that was there stays whole until then; a crash leaves the old one or the new one.

    Parameters
    ----------
    path : Path
        The file.
    parts : iterable of bytes
        Its content.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left behind.
    """
    part = _beside(path)
    try:
        with part.open("wb") as file:
            for each in parts:
                file.write(each)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    # The move is on the disk once its folder is.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
