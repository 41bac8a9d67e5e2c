"""Runs that are kept on their way: pause and resume, and one tumour with several futures.

A checkpoint is one file: a line that says what it is, a SHA-256 of all that follows, and a NumPy archive (no pickle) with the
model as the engine reads it, the run, the replicates that are finished, and the states of the others. It holds no code, so that
resuming runs none, and needs no plugin.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from senescape import _core
from senescape.drugs import Dose, Drug, Pulse
from senescape.engine import COUNTED, RECORDED, Engine, as_states, joined, run_engine
from senescape.errors import CheckpointError, ModelError
from senescape.reading import DamagedError, read_json, regular, unpack
from senescape.results import Layout, Result, layout_from_json, layout_to_json
from senescape.run import dose_document, observation_times, positive
from senescape.writing import pack, try_to_write, write_whole

if TYPE_CHECKING:
    from senescape.model import Model
    from senescape.scenario import Scenario

__all__ = ["Checkpoint", "resume"]

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

    def keeper(self, engine: Engine, run: Mapping[str, Any], made_by: Mapping[str, Any]) -> Writer:
        """Give what writes the file, having tried that it can be written.

        Raises
        ------
        ModelError
            If a number is not one that it can be, or cells are to be kept of tumours with visits.
        CheckpointError
            If the file cannot be written, or holds a run that is not finished.
        """
        positive(self.every, "checkpoint_every", "a time in seconds")
        if self.keep_cells and run["visits"]:
            raise ModelError(
                "keep_cells=True cannot keep tumours with visits: what their plugins remember is not theirs to keep; "
                "leave it out"
            )
        path = Path(self.path)
        _refuse_to_lose(path)
        # Now, not after ten minutes: a place that cannot be written to is told before a cell has moved.
        try:
            try_to_write(path)
        except OSError as error:
            raise CheckpointError(f"no checkpoint can be written to {path}: {error.strerror or error}") from error
        return Writer(path, self.every, engine, dict(run), dict(made_by))


def _refuse_to_lose(path: Path) -> None:
    if not path.exists():
        return
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
        earlier: Mapping[str, Any] | None = None,
        states: Mapping[int, bytes] | None = None,
    ) -> None:
        self.path, self.every, self.engine, self.run, self.made_by = path, every, engine, run, made_by
        self.earlier, self.states = earlier, dict(states or {})

    def __call__(self, raw: dict[str, Any]) -> None:
        """Keep what the engine gave."""
        self.states |= as_states(raw)
        if not self.run["keep"]:
            for number in raw["replicate"].tolist():
                self.states.pop(number, None)
        self.write(raw if self.earlier is None else {**raw, **joined(self.earlier, raw)}, self.states)

    def write(self, raw: Mapping[str, Any], states: Mapping[int, bytes]) -> None:
        """Write the file: the former one stays whole until the new one is."""
        engine = self.engine
        header = {
            "document": engine.document,
            "columns": len(engine.columns),
            "drugs": [_drug_to_json(drug) for drug in engine.drugs],
            "layout": layout_to_json(engine.layout),
            "shares": engine.shares,
            "calls": engine.calls,
            "run": self.run,
            "made_by": self.made_by,
            "states": [[number, len(state)] for number, state in sorted(states.items())],
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
    earlier: dict[str, Any] | None
    states: dict[int, bytes]

    @property
    def finished(self) -> list[int]:
        """Replicates that are finished."""
        return [] if self.earlier is None else self.earlier["replicate"].tolist()

    @property
    def complete(self) -> bool:
        """Whether all replicates are."""
        return len(self.finished) == int(self.run["replicates"])


def read_checkpoint(path: str | PathLike[str]) -> Kept:
    """Read a checkpoint. No code in the file is run.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged or of another version.
    """
    path = Path(path)
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
    document = str(header["document"])
    # The engine says what is wrong with a model or a run; from here on both are what they should be.
    _core.check(document, json.dumps(run), columns)
    _fits(layout, read_json(document))
    shares = [float(each) for each in header["shares"]]
    if len(shares) != len(layout.transitions):
        raise ValueError("the shares of work are of another model")
    earlier: dict[str, Any] | None = None
    if header["counted"] is not None:
        earlier = {name: arrays[name] for name in (*RECORDED, "replicate", "drugs")}
        n, times = len(earlier["replicate"]), len(run["observe"])
        widths = {"counts": layout.fates, "events": layout.transitions, "pools": layout.pools}
        widths["observables"] = layout.observables
        for name, along in widths.items():
            if earlier[name].shape != (n, times, len(along)):
                raise ValueError(f"{name} has shape {earlier[name].shape}")
        wanted = (*((n,) if run["visits"] else ()), times, len(layout.drugs))
        if earlier["drugs"].shape != wanted:
            raise ValueError(f"drugs has shape {earlier['drugs'].shape}, not {wanted}")
        if any(len(earlier[name]) != n for name in RECORDED) or len(set(earlier["replicate"].tolist())) != n:
            raise ValueError("finished replicates do not match")
        earlier |= {name: int(header["counted"][name]) for name in COUNTED}
    states, begin, every = {}, 0, arrays["state_bytes"].tobytes()
    for number, length in header["states"]:
        states[int(number)] = every[begin : begin + int(length)]
        begin += int(length)
    if begin != len(every):
        raise ValueError("states are of another length")
    made_by = header["made_by"]
    if not isinstance(made_by["run"], dict):
        raise ValueError("its provenance is none")
    drugs = tuple(_drug_from_json(each) for each in header["drugs"])
    engine = Engine(document, columns, drugs, layout, shares, bool(header["calls"]))
    return Kept(engine, run, made_by, earlier, states)


def _fits(layout: Layout, document: Mapping[str, Any]) -> None:
    """Check that names along axes are those of a model."""
    for name in ("drugs", "pools", "observables"):
        if getattr(layout, name) != tuple(each["name"] for each in document[name]):
            raise ValueError(f"the names of {name} are of another model")
    if layout.fates != tuple(document["fates"]):
        raise ValueError("the names of fates are of another model")
    if [each.name for each in layout.transitions] != [each["name"] for each in document["transitions"]]:
        raise ValueError("the names of transitions are of another model")


def _drug_to_json(drug: Drug) -> dict[str, Any]:
    fields = {name: param.value for name, param in drug.fields.items()}
    return {"name": drug.name, "route": drug.route, "unit": drug.unit, "fields": fields}


def _drug_from_json(data: Mapping[str, Any]) -> Drug:
    return Drug(data["name"], route=data["route"], unit=data["unit"], **data["fields"])


def resume(
    path: str | PathLike[str],
    *,
    until: float | None = None,
    every: float | None = None,
    doses: Sequence[Dose | Pulse] | None = None,
    model: Model | Scenario | None = None,
    threads: int | None = None,
    progress: bool | Callable[[int], object] | None = None,
    call_limit: float = 10.0,
    checkpoint: str | PathLike[str] | None = None,
    checkpoint_every: float = 600.0,
    keep_cells: bool = False,
) -> Result:
    """Go on with a run that was kept.

    A run that was stopped on its way is finished: the result is the same to the bit as if it had never stopped, on any number of
    threads. A run that was finished with ``keep_cells=True`` goes on past its horizon, to `until`, with other doses if they are
    given: from one file as many futures of the same tumours as are wanted, which share their luck as far as treatment lets them.

    Parameters
    ----------
    path : path-like
        The checkpoint.
    until : float, optional
        A later horizon (h), for a run that is finished.
    every : float, optional
        Hours between observations past the old horizon; by default a hundredth of what is added.
    doses : sequence of Dose or Pulse, optional
        What is given from the old horizon on, instead of what had been planned for then. Times count from the start of all.
    model : Model or Scenario, optional
        Needed where rules with ``traced=False`` or visits take part, whose code no file holds; the same that was run. Tumours
        with visits that were on their way begin again.
    threads, progress, call_limit
        As for :func:`simulate`.
    checkpoint : path-like, optional
        Where the run is kept from now on: by default, for a run that was stopped, where it was kept before.
    checkpoint_every, keep_cells
        As for :func:`simulate`.

    Returns
    -------
    Result
        Of all replicates from the start, those finished before among them.

    Raises
    ------
    CheckpointError
        If the file is not there, is damaged or of another version; or what is asked cannot be had from it.
    ModelError
        If doses or times are not valid, or `model` is not the one that was run.
    SimulationError, KeyboardInterrupt
        As for :func:`simulate`.

    Examples
    --------
    >>> import senescape as sn, tempfile
    >>> model = sn.Model(
    ...     fates=["cell"],
    ...     drugs=[sn.Drug("drug", half_life=12.0)],
    ...     transitions=[
    ...         sn.Division("cell", hazard=0.03),
    ...         sn.Death("cell", lambda cell, env, p: 0.2 * sn.hill(env.drug["drug"], 1.0), cause="drug"),
    ...     ],
    ... )
    >>> path = tempfile.mkdtemp() + "/tumours.checkpoint"
    >>> _ = sn.simulate(
    ...     model, initial={"cell": 100}, until=24.0, replicates=2, seed=1, checkpoint=path, keep_cells=True
    ... )
    >>> untreated = sn.resume(path, until=72.0)
    >>> treated = sn.resume(path, until=72.0, doses=[sn.Dose("drug", amount=5.0, at=24.0)])
    >>> bool((untreated.counts[:, :100] == treated.counts[:, :100]).all())
    True
    >>> bool((untreated.counts[:, -1] > treated.counts[:, -1]).all())
    True
    """
    kept = read_checkpoint(path)
    run = dict(kept.run)
    outside, place_of = None, None
    if kept.engine.calls:
        outside, place_of = _outside(kept, model, call_limit, str(path))
    extended = until is not None
    if extended:
        kept, run = _beyond(kept, path, float(positive(until, "until", "a horizon in hours")), every, doses)
    elif doses is not None or every is not None:
        raise CheckpointError(
            f"{path}: other doses need a later horizon: run with keep_cells=True to the time at which treatments part, then "
            "resume with until=... and doses=..."
        )
    run = {**run, "done": kept.finished, "keep": keep_cells or (run["keep"] and not extended)}
    if threads is not None:
        run["threads"] = threads
    if keep_cells and run["visits"]:
        raise ModelError("keep_cells=True cannot keep tumours with visits; leave it out")
    where = checkpoint if checkpoint is not None or extended else path
    # States of finished replicates are those at the horizon: they are for later, not to go on from now.
    going = {number: state for number, state in kept.states.items() if number not in set(kept.finished)}
    keeper = None
    if where is not None:
        held = {} if extended else kept.states
        keeper = Writer(Path(where), checkpoint_every, kept.engine, run, kept.made_by, kept.earlier, held)
        positive(checkpoint_every, "checkpoint_every", "a time in seconds")
    result = run_engine(
        kept.engine,
        run,
        kept.made_by,
        outside=outside,
        progress=progress,
        keeper=keeper,
        states=going,
        earlier=kept.earlier,
        place_of=place_of or (lambda rule: ""),
    )
    return result


def _outside(kept: Kept, given: Model | Scenario | None, limit: float, path: str) -> Any:
    """What answers for code that the checkpoint does not hold."""
    from senescape.model import Model
    from senescape.simulate import outside_of

    if given is None:
        raise CheckpointError(
            f"{path}: rules with traced=False or visits take part, whose code no file holds; give resume(..., model=...), the "
            "model or scenario that was run"
        )
    model = given if isinstance(given, Model) else given.model
    if model.to_json() != kept.engine.document:
        values = dict(zip(model.parameters, kept.run["params"], strict=False))
        model = model.with_params(values) if len(values) == len(kept.run["params"]) else model
    if model.to_json() != kept.engine.document:
        raise ModelError(f"the model given is not the one that {path} was made with")
    doses = [_dose(kept.engine.drugs, dose) for dose in kept.run["doses"]]
    return outside_of(model, kept.run, doses, limit), model.place_of


def _dose(drugs: Sequence[Drug], data: Mapping[str, Any]) -> Dose | Pulse:
    name = drugs[data["drug"]].name
    if data["route"] == "pulse":
        return Pulse(name, data["amount"], start=data["at"], duration=data["duration"])
    return Dose(name, data["amount"], data["at"], data["route"], data["duration"])


def _beyond(
    kept: Kept, path: str | PathLike[str], until: float, every: float | None, doses: Sequence[Dose | Pulse] | None
) -> tuple[Kept, dict[str, Any]]:
    """Prepare to go on past the horizon: the run from there, and what is finished for good."""
    old = kept.run["until"]
    if not kept.complete:
        raise CheckpointError(f"{path}: the run is not finished yet; resume it first, without until")
    if not kept.run["keep"]:
        raise CheckpointError(f"{path} holds no tumours at the horizon; run with keep_cells=True")
    if until <= old:
        raise CheckpointError(f"{path}: until = {until:g} h is not after the old horizon, {old:g} h")
    planned = [dose for dose in kept.run["doses"] if dose["at"] < old or doses is None]
    given = [dose_document(kept.engine.drugs, dose) for dose in doses or ()]
    for dose in given:
        if dose["at"] < old:
            raise CheckpointError(
                f"{path}: a dose of {kept.engine.drugs[dose['drug']].name!r} is at {dose['at']:g} h, which is past; the "
                f"tumours stand at {old:g} h"
            )
    added = [t + old for t in observation_times(until - old, every)[1:]]
    added[-1] = until
    observe = [*kept.run["observe"], *added]
    run = {**kept.run, "begin": old, "until": until, "observe": observe, "doses": [*planned, *given]}
    made_by = {**kept.made_by, "run": {**kept.made_by["run"], "until": until, "begin": old, "doses": run["doses"]}}
    # Tumours without a state ended before the horizon, for good.
    ended = np.array([number not in kept.states for number in kept.finished], dtype=bool)
    earlier = None if kept.earlier is None else _padded(kept.earlier, ended, len(added))
    return replace(kept, made_by=made_by, earlier=earlier), run


def _padded(earlier: Mapping[str, Any], rows: NDArray[np.bool_], times: int) -> dict[str, Any]:
    """What was recorded of some replicates, with rows for times at which they were no more."""
    out = {name: earlier[name][rows] for name in (*RECORDED, "replicate")}
    for name, nothing in {"counts": -1, "events": -1, "pools": math.nan, "observables": math.nan}.items():
        shape = (out[name].shape[0], times, out[name].shape[2])
        out[name] = np.concatenate([out[name], np.full(shape, nothing, dtype=out[name].dtype)], axis=1)
    drugs = earlier["drugs"]
    return {**out, "drugs": drugs[rows] if drugs.ndim == 3 else drugs, **dict.fromkeys(COUNTED, 0)}
