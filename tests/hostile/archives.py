"""Archives that are not meant well: results, and what checkpoints hold."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from senescape.simulation.checkpoint import MAGIC

Parts = dict[str, Any]


class Opens:
    """What runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, ("marker", "w"))


def npz(parts: Parts, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of arrays, or of bytes as they are."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, part in parts.items():
            content = io.BytesIO()
            if isinstance(part, bytes):
                content.write(part)
            else:
                np.lib.format.write_array(content, np.asanyarray(part), allow_pickle=True)
            archive.writestr(name if "." in name else f"{name}.npy", content.getvalue())
    return packed.getvalue()


def npy(header: str, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    """An array with such a header."""
    text = header.encode() + b"\n"
    length = struct.pack("<H", len(text)) if version[0] == 1 else struct.pack("<I", len(text))
    return b"\x93NUMPY" + version + length + text + data


def says(shape: str, dtype: str = "'<f8'") -> str:
    """A header."""
    return f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}"


def wrong_archives(good: Parts) -> Iterator[tuple[str, bytes]]:
    """Archives that are none, that claim too much, or that hold code."""
    whole = npz(good)
    yield "empty", b""
    yield "zeros", bytes(1 << 20)
    yield "half", whole[: len(whole) // 2]
    yield "without its directory", whole[:-30]
    yield "directory points nowhere", whole[:-6] + b"\xff\xff\xff\x7f" + whole[-2:]
    yield "a pickle", pickle.dumps(Opens())
    yield "an array", npy(says("(1,)"), bytes(8))
    yield "packed with bzip2", npz(good, zipfile.ZIP_BZIP2)
    yield "packed with lzma", npz(good, zipfile.ZIP_LZMA)
    one = next(name for name in good if name not in ("header", "time", "replicate"))
    yield "objects", npz({**good, one: np.array([Opens()], dtype=object)})
    yield "objects in a header", npz({**good, "header": np.array(Opens(), dtype=object)})
    yield "many objects", npz({**good, **{f"x{i}": np.array([Opens()], dtype=object) for i in range(9)}})
    yield "bomb", npz({**good, one: bytes(2**28)})
    yield "bomb of an array", npz({**good, one: np.zeros(2**25)})
    yield "bomb beside", npz({**good, "beside": np.zeros(2**25)})
    yield "bomb of text", npz({**good, "header": np.frombuffer(b"[]," * 2**23, dtype=np.uint8)})
    yield "wide text", npz({**good, "header": np.array("[" + "[]," * 2**21)})
    yield "many parts", npz({**good, **{f"p{i}": b"" for i in range(20_000)}})
    yield "parts outside", npz({**good, "../../marker.npy": np.zeros(1), "/tmp/marker.npy": np.zeros(1)})
    yield "other parts", npz({**good, "marker.py": b"raise SystemExit"})
    for shape in (
        "(1 << 60,)",
        f"({2**60},)",
        f"({2**31}, {2**31}, {2**31})",
        "(-1,)",
        "(0, 99999999999999999999)",
        "(1.5,)",
    ):
        yield f"shape {shape}", npz({**good, one: npy(says(shape), bytes(80))})
    for dtype in (
        "'|O'",
        "[('a', '|O')]",
        "'<U0'",
        "'|V0'",
        "'<U999999999'",
        "'<M8[s]'",
        "[('a', '<f8')] * 99999999",
        "'<c16'",
    ):
        yield f"type {dtype}", npz({**good, one: npy(says("(1,)", dtype), bytes(80))})
    yield "code in a header", npz({**good, one: npy("__import__('os').system('touch marker')", bytes(80))})
    yield "deep header", npz({**good, one: npy("(" * 9000 + ")" * 9000, bytes(80))})
    yield "long header", npz({**good, one: npy(says("(" + "1," * 2**20 + ")"), bytes(8), b"\x02\x00")})
    yield "header of version 9", npz({**good, one: npy(says("(1,)"), bytes(8), b"\x09\x00")})
    yield "cut array", npz({**good, one: npy(says("(100,)"), bytes(80))})
    yield "long array", npz({**good, one: npy(says("(1,)"), bytes(2**20))})
    twice = io.BytesIO(whole)
    with zipfile.ZipFile(twice, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("time.npy", b"other")
        archive.writestr("time.npy", b"again")
    yield "twice a part", twice.getvalue()
    lied = bytearray(npz(good, zipfile.ZIP_STORED))
    at = lied.find(b"PK\x01\x02")
    lied[at + 24 : at + 28] = b"\xff\xff\xff\x7e"
    yield "a directory that lies", bytes(lied)
    flagged = bytearray(npz(good))
    at = flagged.find(b"PK\x01\x02")
    flagged[at + 8] |= 1
    yield "locked with a password", bytes(flagged)


def wrong_texts() -> Iterator[tuple[str, str]]:
    """Headers that are no proper JSON, or are something else."""
    yield "not JSON", "import os"
    yield "deep", "[" * 10**6
    yield "deep and closed", "[" * 20_000 + "]" * 20_000
    yield "a list", "[1, 2]"
    yield "a number", "1"
    yield "nothing", "null"
    yield "long number", '{"format": ' + "9" * 10**6 + "}"
    yield "NaN", '{"format": NaN}'


def changed(header: Parts, *path: Any, to: Any) -> Parts:
    """A header with one thing changed; Ellipsis takes it away."""
    out = copy.deepcopy(header)
    place: Any = out
    for key in path[:-1]:
        place = place[key]
    if to is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return out


def results(good: Parts) -> Iterator[tuple[str, bytes]]:
    """Results."""
    header = json.loads(str(good["header"]))

    def with_header(text: str) -> bytes:
        return npz({**good, "header": np.array(text)})

    yield from wrong_archives(good)
    for name, text in wrong_texts():
        yield f"header {name}", with_header(text)
    for name in list(header):
        for value in (None, [], 1, "x", {"a": {"b": [None]}}, ...):
            yield f"{name} {value}", with_header(json.dumps(changed(header, name, to=value)))
    for name in ("fates", "transitions", "units", "initial"):
        for value in (None, [[1]], "x", ["a"] * 10_000, ...):
            yield f"{name} {str(value)[:20]}", with_header(json.dumps(changed(header, "layout", name, to=value)))
    for name in ("counts", "time", "replicate", "stop", "drugs"):
        for value in (np.zeros((3, 3, 3, 3)), np.array("text"), np.zeros(0), good[name].astype(complex)):
            yield f"{name} {value.dtype} {value.shape}", npz({**good, name: value})


def checkpoints(good: Parts) -> Iterator[tuple[str, bytes]]:
    """Checkpoints, with right checksums; `good` is whole."""
    header = json.loads(good["header"].tobytes())
    document = json.loads(header["document"])

    def sealed(content: bytes) -> bytes:
        return MAGIC + hashlib.sha256(content).digest() + content

    def with_header(text: str) -> bytes:
        return sealed(npz({**good, "header": np.frombuffer(text.encode(), dtype=np.uint8)}))

    def with_run(**values: Any) -> bytes:
        return with_header(json.dumps({**header, "run": {**header["run"], **values}}))

    def with_document(change: Callable[[Any], object] | str) -> bytes:
        if isinstance(change, str):
            return with_header(json.dumps({**header, "document": change}))
        other = copy.deepcopy(document)
        change(other)
        return with_header(json.dumps({**header, "document": json.dumps(other)}))

    yield "another version", MAGIC.replace(b"1\n", b"2\n") + bytes(100)
    yield "without a checksum", MAGIC
    for name, content in wrong_archives(good):
        yield name, sealed(content)
    for name, text in wrong_texts():
        yield f"header {name}", with_header(text)
        yield f"document {name}", with_document(text)
    for name in list(header):
        for value in (None, [], 1, "x", ...):
            yield f"{name} {value}", with_header(json.dumps(changed(header, name, to=value)))
    large = 2**62
    for name, values in {
        "replicates": (-1, 0, 2**31, large, 1e300, None),
        "first_replicate": (large * 3, -1),
        "threads": (0, 10**9, large),
        "block": (0, large),
        "initial": ([], [large] * 9, [-1], [2**32 - 1, 2**32 - 1]),
        "until": (0, -1, 1e308, None),
        "sync": (0, 1e-300, None),
        "observe": ([], [1e308], [0, 0], [-1.0], "x", [0.0] * 100_000),
        "begin": (1e300, -1),
        "done": ([0] * 100_000, [large], None),
        "params": ([], [1e308] * 1000, [None]),
        "visits": ([1.0, 2.0], [-1]),
        "doses": ([{}], [{"drug": 10**9, "at": 0, "amount": 1, "route": "bolus", "duration": None}]),
        "stop": ({}, {"eradicated": True, "max_cells": 2**64, "relapse": None}),
        "rtol": (0, 1e-300),
        "max_memory": (0, -1),
        "unknown": (1,),
        "cuts": ([1e308],),
        "split": (-1e300,),
        "keep": (True,),
    }.items():
        for value in values:
            yield f"run {name} {str(value)[:30]}", with_run(**{name: value})

    def set_node(**values: Any) -> bytes:
        return with_document(lambda d: d["nodes"][-1].update(values))

    n = len(document["nodes"])
    yield "node in a circle", set_node(x=n - 1)
    yield "node beyond", set_node(x=10**9)
    yield "node unknown", set_node(op="system")
    yield "many nodes", with_document(lambda d: d["nodes"].extend([d["nodes"][0]] * 150_000))
    yield (
        "many traits",
        with_document(lambda d: d["traits"].extend({**d["traits"][0], "name": f"t{i}"} for i in range(9000))),
    )
    yield (
        "many transitions",
        with_document(lambda d: d["transitions"].extend({**d["transitions"][0], "name": f"t{i}"} for i in range(9000))),
    )
    yield "many fates", with_document(lambda d: d["fates"].extend(f"f{i}" for i in range(9000)))
    yield (
        "many pools",
        with_document(
            lambda d: d["pools"].extend(
                {**(d["pools"] or [{"initial": 0, "rate": 0}])[0], "name": f"p{i}"} for i in range(9000)
            )
        ),
    )
    yield "transition from nowhere", with_document(lambda d: d["transitions"][0].update(source=10**6))
    yield "mark 64", with_document(lambda d: d["transitions"][0].update(mark=[64]))
    yield "column beyond", with_document(lambda d: d["traits"][0].update(initial={"kind": "column", "index": 10**9}))
    for value in ([[0, 10**9]], [[0, -1]], [["a", 1]], [[0, 1]] * 10_000, [[large * 4, 1]]):
        yield f"states {str(value)[:30]}", with_header(json.dumps({**header, "states": value}))
    size = len(good["state_bytes"])
    for content in (b"", b"\xff" * size, bytes(size), b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f" + bytes(64)):
        other = {**good, "state_bytes": np.frombuffer(content, dtype=np.uint8)}
        states = json.dumps({**header, "states": [[0, len(content)]], "counted": None})
        other["header"] = np.frombuffer(states.encode(), dtype=np.uint8)
        yield f"state of {content[:9]!r} {len(content)}", sealed(npz(other))
