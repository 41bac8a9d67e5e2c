"""The file in which a run is kept on its way.

A checkpoint is one file: a line that says what it is, a SHA-256 of all that follows, and a NumPy archive (no pickle) with the
model as the engine reads it, the run, the replicates that are finished, and the states of the others. It holds no code, so that
resuming runs none, and needs no plugin.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from senescape import _core
from senescape._support.archive import DamagedError, read_json, regular, unpack
from senescape._support.atomic import pack, path_of, try_to_write, write_whole
from senescape._support.validate import positive
from senescape.errors import CheckpointError, ModelError
from senescape.model.drugs import Drug
from senescape.results.axes import Layout, layout_from_json, layout_of, layout_to_json
from senescape.results.result import Orders, check_arrays, doses_from_json
from senescape.simulation.engine import COUNTED, RECORDED, Engine, as_states, joined

__all__ = ["Checkpoint", "Kept", "Writer", "read_checkpoint"]

MAGIC = b"senescape checkpoint 1\n"
"""The first line; its number is the version of the format."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where and how often a run is kept.

    Attributes
    ----------
    path : path-like
        The file.
    every : float
        Seconds between two writings.
    keep_cells : bool
        Whether tumours are kept as they stand at the horizon.
    """

    path: str | PathLike[str]
    every: float = 600.0
    keep_cells: bool = False

    def keeper(
        self,
        engine: Engine,
        run: Mapping[str, Any],
        made_by: Mapping[str, Any],
        orders: Callable[[], Orders] = dict,
        earlier: Mapping[str, Any] | None = None,
        states: Mapping[int, bytes] | None = None,
        instead_of: Path | None = None,
    ) -> Writer:
        """Give what writes the file, having tried that it can be written.

        Parameters
        ----------
        engine, run, made_by, orders, earlier, states
            As for :class:`Writer`.
        instead_of : Path, optional
            The file that the run comes from, which may be written over.

        Raises
        ------
        ModelError
            If a number is not one that it can be, or cells are to be kept of tumours with visits.
        CheckpointError
            If the file cannot be written, or holds another run that is not finished.
        """
        every = positive(self.every, "checkpoint_every", "a time in seconds")
        if self.keep_cells and run["visits"]:
            raise ModelError(
                "keep_cells=True cannot keep tumours with visits: what their plugins remember is not theirs to keep; "
                "leave it out"
            )
        # Whoever changes the folder later does not move the file.
        path = path_of(self.path, "checkpoint").absolute()
        if path.exists() and not (instead_of and path.samefile(instead_of)):
            _refuse_to_lose(path)
        # Now, not after ten minutes: a place that cannot be written to is refused before a cell has moved.
        try:
            try_to_write(path)
        except OSError as error:
            raise CheckpointError(f"no checkpoint can be written to {path}: {error.strerror or error}") from error
        return Writer(path, every, engine, dict(run), dict(made_by), orders, earlier, states)


def _refuse_to_lose(path: Path) -> None:
    """Refuse to write over a file that is no checkpoint, or holds a run that is not finished."""
    try:
        kept = read_checkpoint(path)
    except CheckpointError as error:
        raise CheckpointError(
            f"{path} is there already and is no whole checkpoint; give another path ({error})"
        ) from None
    if not kept.complete:
        raise CheckpointError(
            f"{path} holds a run of which {len(kept.finished)} of {kept.run['replicates']} replicates are finished: go on with "
            f"it, sn.resume({str(path)!r}), or remove the file"
        )


class Writer:
    """Writes a run's checkpoint, again and again.

    Parameters
    ----------
    path : Path
        The file.
    every : float
        Seconds between two writings.
    engine : Engine
        What runs.
    run : dict
        The run.
    made_by : dict
        The provenance of its result.
    orders : callable
        Gives the doses that visits ordered, by replicate.
    earlier : mapping, optional
        What the engine gave for replicates that were finished before.
    states : mapping of int to bytes, optional
        States of tumours that have not been taken up yet.
    """

    def __init__(
        self,
        path: Path,
        every: float,
        engine: Engine,
        run: dict[str, Any],
        made_by: dict[str, Any],
        orders: Callable[[], Orders] = dict,
        earlier: Mapping[str, Any] | None = None,
        states: Mapping[int, bytes] | None = None,
    ) -> None:
        self.path, self.every, self.engine, self.run, self.made_by = path, every, engine, run, made_by
        self.orders, self.earlier, self.states = orders, earlier, dict(states or {})

    def __call__(self, raw: dict[str, Any]) -> None:
        """Keep what the engine gave."""
        # The engine tells of each tumour that it took up; of the others there is what there was.
        finished = set(raw["replicate"].tolist())
        waiting = {number: state for number, state in self.states.items() if number not in finished}
        self.write(raw if self.earlier is None else {**raw, **joined(self.earlier, raw)}, waiting | as_states(raw))

    def write(self, raw: Mapping[str, Any], states: Mapping[int, bytes]) -> None:
        """Write the file: the former one stays whole until the new one is."""
        engine = self.engine
        finished = set(raw["replicate"].tolist()) if raw else set()
        header = {
            "document": engine.text,
            "columns": len(engine.columns),
            "drugs": [_drug_to_json(drug) for drug in engine.drugs],
            "layout": layout_to_json(engine.layout),
            "shares": engine.shares,
            "calls": engine.calls,
            "run": self.run,
            "made_by": self.made_by,
            "states": [[number, len(state)] for number, state in sorted(states.items())],
            # Tumours with visits that are on their way begin again.
            "orders": {number: doses for number, doses in self.orders().items() if number in finished},
            "counted": {name: int(raw[name]) for name in COUNTED} if raw else None,
        }
        arrays: dict[str, NDArray[Any]] = {f"column_{i}": column for i, column in enumerate(engine.columns)}
        if raw:
            arrays |= {name: raw[name] for name in (*RECORDED, "replicate", "drugs")}
        arrays["state_bytes"] = np.frombuffer(b"".join(states[number] for number in sorted(states)), dtype=np.uint8)
        content = pack({"header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8), **arrays})
        try:
            write_whole(self.path, [MAGIC, hashlib.sha256(content).digest(), content])
        except OSError as error:
            raise CheckpointError(
                f"the checkpoint cannot be written to {self.path}: {error.strerror or error}"
            ) from error


@dataclass(frozen=True, slots=True)
class Kept:
    """What a checkpoint holds."""

    engine: Engine
    run: dict[str, Any]
    made_by: dict[str, Any]
    orders: Orders
    earlier: dict[str, Any] | None
    states: dict[int, bytes]

    @property
    def finished(self) -> list[int]:
        """Return replicates that are finished."""
        return [] if self.earlier is None else self.earlier["replicate"].tolist()

    @property
    def complete(self) -> bool:
        """Return whether all replicates are."""
        return len(self.finished) == int(self.run["replicates"])


def read_checkpoint(path: str | PathLike[str]) -> Kept:
    """Read a checkpoint. No code in the file is run.

    Raises
    ------
    CheckpointError
        If there is no such file, or it is damaged or of another version.
    """
    path = path_of(path, "a checkpoint")
    try:
        with regular(path) as file:
            return _read(file, path)
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {path}") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    except DamagedError as error:
        raise CheckpointError(f"{path} is no checkpoint: {error}") from error


def _read(file: IO[bytes], path: Path) -> Kept:
    line = file.read(len(MAGIC))
    if line != MAGIC:
        first = line.partition(b"\n")[0]
        if first.startswith(MAGIC[:-3]):
            raise CheckpointError(f"{path} is a checkpoint of another version ({first.decode(errors='replace')!r})")
        raise CheckpointError(f"{path} is no checkpoint of senescape, or its beginning is damaged")
    given, digest = file.read(hashlib.sha256().digest_size), hashlib.sha256()
    while part := file.read(1 << 20):
        digest.update(part)
    if digest.digest() != given:
        raise CheckpointError(f"{path} is damaged: its checksum is not that of its content; use an older copy")
    # The checksum holds, so it was written so: what is wrong from here on was made by another program, or by hand.
    arrays = unpack(file)
    try:
        return _kept(read_json(arrays.pop("header").tobytes()), arrays)
    except (
        _core.CoreError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        RecursionError,
        ModelError,
    ) as error:
        raise CheckpointError(f"{path} lacks a part or holds one that cannot be: {error}") from error


def _kept(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Kept:
    run, layout = header["run"], layout_from_json(header["layout"])
    columns = [np.ascontiguousarray(arrays[f"column_{i}"], dtype=np.float32) for i in range(int(header["columns"]))]
    text = str(header["document"])
    # The engine says what is wrong with a model or a run; from here on both are what they should be.
    _core.check(text, json.dumps(run), columns)
    document = read_json(text)
    _fits(layout, document, run["initial"])
    shares = [float(each) for each in header["shares"]]
    if len(shares) != len(layout.transitions):
        raise ValueError("the shares of work are of another model")
    earlier: dict[str, Any] | None = None
    numbers = range(run["first_replicate"], run["first_replicate"] + run["replicates"])
    if header["counted"] is not None:
        earlier = {name: arrays[name] for name in (*RECORDED, "replicate", "drugs")}
        check_arrays(earlier, layout, len(run["observe"]))
        if (earlier["drugs"].ndim == 3) != bool(run["visits"]):
            raise ValueError(f"drugs has shape {earlier['drugs'].shape}")
        finished = earlier["replicate"].tolist()
        if len(set(finished)) != len(finished) or not all(number in numbers for number in finished):
            raise ValueError("finished replicates are not those of the run")
        earlier |= {name: int(header["counted"][name]) for name in COUNTED}
    states, begin, every = {}, 0, arrays["state_bytes"].tobytes()
    for number, length in header["states"]:
        if number not in numbers or not isinstance(length, int) or length < 0:
            raise ValueError(f"there is no state of {length!r} bytes of a replicate {number!r}")
        states[number] = every[begin : begin + length]
        begin += length
    if begin != len(every):
        raise ValueError("states are of another length")
    made_by = header["made_by"]
    if not isinstance(made_by["run"], dict):
        raise ValueError("its provenance is not valid")
    drugs = tuple(_drug_from_json(each) for each in header["drugs"])
    orders = doses_from_json(made_by, header["orders"], layout)
    engine = Engine(text, document, columns, drugs, layout, shares, bool(header["calls"]))
    return Kept(engine, run, made_by, orders, earlier, states)


def _fits(layout: Layout, document: Mapping[str, Any], initial: Sequence[int]) -> None:
    """Check that what lies along the axes is what the model has."""
    own = layout_of(document, initial, layout.units)
    for part in fields(Layout):
        if getattr(layout, part.name) != getattr(own, part.name):
            raise ValueError(f"the layout's {part.name} is not its model's")


def _drug_to_json(drug: Drug) -> dict[str, Any]:
    values = {name: param.value for name, param in drug.fields.items()}
    return {"name": drug.name, "route": drug.route, "unit": drug.unit, "fields": values}


def _drug_from_json(data: Mapping[str, Any]) -> Drug:
    return Drug(data["name"], route=data["route"], unit=data["unit"], **data["fields"])
