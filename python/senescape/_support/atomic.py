"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import shutil
import threading
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senescape._support.archive import RATIO, TEXT_RATIO, TEXT_UNSUSPECTED, UNSUSPECTED, characters
from senescape.errors import ModelError

__all__ = ["pack", "path_of", "try_to_write", "write_whole"]


def path_of(value: Any, what: str) -> Path:
    """Make a path of what was given; `what` names it in messages."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise ModelError(f"{what}: {value!r} is no path; give a text or a pathlib.Path")
    try:
        os.lstat(text)
    except UnicodeEncodeError:
        raise ModelError(f"{what}: {value!r} is not a path: it holds a character that file names cannot have") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise ModelError(f"{what}: {text[:40]!r}... is longer than names of files can be") from None
    return Path(text)


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Make a compressed NumPy archive (``.npz``) of arrays, in memory.

    As :func:`numpy.savez_compressed`, but what :func:`senescape._support.archive.unpack` would take for a bomb is stored as
    it is, so far as that is needed.
    """
    plain: set[str] = set()
    sizes = {name: array.nbytes for name, array in arrays.items()}
    if "header" in arrays:
        header = _packed({"header": arrays["header"]}, set())
        if characters(arrays["header"]) > max(TEXT_UNSUSPECTED, TEXT_RATIO * len(header)):
            plain.add("header")
    packed = _packed(arrays, plain)
    total = sum(sizes.values())
    if total > max(UNSUSPECTED, RATIO * len(packed)):
        plain.add(min((name for name in sizes if sizes[name] * RATIO >= total), key=sizes.__getitem__))
        packed = _packed(arrays, plain)
    return packed


def _packed(arrays: Mapping[str, NDArray[Any]], plain: set[str]) -> bytes:
    packed = io.BytesIO()
    archive = zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED)
    try:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asanyarray(array), allow_pickle=False)
            archive.writestr(f"{name}.npy", content.getbuffer(), zipfile.ZIP_STORED if name in plain else None)
        archive.close()
    except BaseException:
        # Ctrl-C comes through: to close the archive would fail and make a ValueError of it. What was packed is thrown away.
        archive.fp = None
        raise
    return packed.getvalue()


def try_to_write(path: Path) -> None:
    """Try that a file can be written, leaving one that is there as it is.

    Raises
    ------
    OSError
        If it cannot.
    """
    path, part = _places(path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "it is there, and may not be written")
    try:
        part.open("wb").close()
    finally:
        part.unlink(missing_ok=True)


def _places(path: Path) -> tuple[Path, Path]:
    """Return the file itself, at the end of links, and where it is written first: a place of this thread's own."""
    real = Path(os.path.realpath(path))
    return real, real.with_name(f".{real.name}.{os.getpid()}.{threading.get_native_id()}.part")


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
    path, part = _places(path)
    try:
        with part.open("wb") as file:
            for each in parts:
                file.write(each)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, part)
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
