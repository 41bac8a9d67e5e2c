"""Files from strangers: read no further than they are what they say."""

from __future__ import annotations

import json
import math
import os
import stat
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from senescape._support.memory import available

__all__ = [
    "RATIO",
    "TEXT_RATIO",
    "TEXT_UNSUSPECTED",
    "UNSUSPECTED",
    "DamagedError",
    "characters",
    "read_json",
    "regular",
    "unpack",
]

MEMBERS = 10_000
"""Arrays that an archive may hold: a model has at most a few hundred columns."""

RATIO, UNSUSPECTED = 100, 64 * 2**20
"""An archive may unpack to so many times its size, or to so many bytes."""

TEXT_RATIO, TEXT_UNSUSPECTED = 20, 4 * 2**20
"""Its header may have so many characters for each byte that it is packed in, or so many. Read, one takes up to 25 bytes."""

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class DamagedError(ValueError):
    """A file is not what it should be; the text says why, to stand after "the file is no ...:"."""


@contextmanager
def regular(path: str | PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a file that is one: a device or a pipe may never begin or end.

    Parameters
    ----------
    path : path-like
        The file.

    Raises
    ------
    DamagedError
        If it is no regular file.
    OSError
        If it is not there or may not be read.
    """
    try:
        # Opening a pipe without a writer would wait for ever.
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError as error:
        raise DamagedError(f"its path is not valid ({error})") from None
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise DamagedError("it is a folder, a device or a pipe")
    except BaseException:
        os.close(number)
        raise
    with os.fdopen(number, "rb") as file:
        yield file


def read_json(text: str | bytes) -> Any:
    """Read JSON that is not deep.

    Raises
    ------
    DamagedError
        If it is deeper, or no JSON.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise DamagedError("its text is too deep") from None
    except ValueError as error:
        raise DamagedError(f"its text is no JSON: {error}") from None


def unpack(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    """Read the arrays of a NumPy archive (``.npz``), without pickle, and without more memory than they say they need.

    As :func:`numpy.load`, but what claims to be larger than it can be is refused before memory is taken.

    Parameters
    ----------
    file : file
        The archive.

    Raises
    ------
    DamagedError
        If it is not an archive, holds something else than arrays of numbers and texts, or unpacks to more than 64 MiB and
        100 times its size: :func:`senescape._support.atomic.pack` never makes such an archive.
    """
    arrays: dict[str, NDArray[Any]] = {}
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if len(members) > MEMBERS:
                raise DamagedError(f"it has {len(members):,} parts")
            size, packed = sum(member.file_size for member in members), file.seek(0, os.SEEK_END)
            if size > max(UNSUSPECTED, RATIO * packed) or size > available():
                raise DamagedError(f"it claims to unpack from {packed:,} to {size:,} bytes")
            for member in members:
                name, dot, kind = member.filename.rpartition(".")
                if not dot or kind != "npy" or name in arrays:
                    raise DamagedError(f"its part {member.filename[:80]!r} is no array, or is there twice")
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise DamagedError(f"its part {name[:80]!r} is packed in another way")
                with archive.open(member) as part:
                    array = _array(part, member.file_size, name[:80])
                if name == "header" and characters(array) > max(TEXT_UNSUSPECTED, TEXT_RATIO * member.compress_size):
                    raise DamagedError(f"its header claims to unpack to {characters(array):,} characters")
                arrays[name] = array
    except DamagedError:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        struct.error,
    ) as error:
        raise DamagedError(f"it is no NumPy archive, or is damaged ({error})") from error
    except (
        SyntaxError,
        tokenize.TokenError,
        TypeError,
        LookupError,
        AttributeError,
        OverflowError,
        MemoryError,
    ) as error:
        # What Python's own readers of archives and headers raise for damaged ones.
        raise DamagedError(f"a part of it is damaged ({type(error).__name__}: {error})") from error
    return arrays


def characters(text: NDArray[Any]) -> int:
    """Return how long a text is that an array holds, as characters or as bytes in UTF-8."""
    return text.nbytes // 4 if text.dtype.kind == "U" else text.nbytes


def _array(file: IO[bytes], size: int, name: str) -> NDArray[Any]:
    """Return one array, of a part of so many bytes."""
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise DamagedError(f"its part {name!r} has version {version}")
    shape, by_column, dtype = _HEADERS[version](file)
    if dtype.hasobject or dtype.kind not in "biufU" or (dtype.kind != "U" and not dtype.itemsize):
        raise DamagedError(f"its part {name!r} holds {dtype}, neither numbers nor texts")
    if any(length < 0 for length in shape):
        raise DamagedError(f"its part {name!r} has shape {shape}")
    count, rest = math.prod(shape), size - file.tell()
    if count * dtype.itemsize != rest or count > size:
        raise DamagedError(f"its part {name!r} has shape {shape} of {dtype}, but {rest:,} bytes")
    data = bytearray()
    while len(data) < rest:
        chunk = file.read(min(rest - len(data), 1 << 24))
        if not chunk:
            raise DamagedError(f"its part {name!r} is cut")
        data += chunk
    # Bytes that follow do not belong to it; reading on checks the sum of what was read.
    file.read(1)
    array = np.frombuffer(data, dtype=dtype, count=count)
    return array.reshape(shape, order="F" if by_column else "C")
