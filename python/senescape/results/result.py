"""What a simulation gives back."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from senescape._support.archive import DamagedError, read_json, regular, unpack
from senescape._support.atomic import pack, path_of, write_whole
from senescape._support.optional import require
from senescape.errors import ResultError
from senescape.results.axes import Layout, layout_from_json, layout_to_json
from senescape.results.ledger import Ledger
from senescape.results.profile import Profile
from senescape.results.table import Table

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["Orders", "Result", "check_arrays", "doses_from_json", "open_result", "result_path"]

Orders = Mapping[int, list[dict[str, Any]]]
"""Doses as the engine reads them, by replicate."""

STOPS = ("horizon", "eradicated", "relapsed", "cell_cap")
"""Why a replicate ended, by the engine's code."""

FORMAT = 1
"""Version of the file format of :meth:`Result.save`."""

_ARRAYS = {
    "counts": ("replicate", "time", "fate"),
    "events": ("replicate", "time", "transition"),
    "pools": ("replicate", "time", "pool"),
    "observables": ("replicate", "time", "observable"),
    "drugs": ("time", "drug"),
    "first_event": ("replicate", "transition"),
    "total_events": ("replicate", "transition"),
    "total_counts": ("replicate", "fate"),
    "last_death": ("replicate",),
    "end_time": ("replicate",),
    "stop": ("replicate",),
}

_COUNTED = frozenset({"counts", "events", "total_events", "total_counts", "stop"})
"""Those of whole numbers; the others hold hours or amounts."""


class Result:
    """Replicates of one simulation.

    Attributes
    ----------
    time : ndarray of float64, shape (time,)
        Times of observation (h).
    replicate : ndarray of int64, shape (replicate,)
        Numbers of the replicates.
    counts : ndarray of int64, shape (replicate, time, fate)
        Cells alive. -1 after a replicate that ended early at its cell cap or relapse.
    events : ndarray of int64, shape (replicate, time, transition)
        Events since the start, -1 likewise.
    deaths : ndarray of int64, shape (replicate, time, cause)
        Deaths since the start, -1 likewise.
    pools, observables : ndarray of float64, shape (replicate, time, ...)
        Pools and read-outs, NaN likewise.
    drugs : ndarray of float64, shape (time, drug) or (replicate, time, drug)
        Concentrations; by replicate where there were visits, which may change doses.
    first_event : ndarray of float64, shape (replicate, transition)
        Time (h) of each transition's first event, NaN if it never happened.
    provenance : dict
        What made this result: scenario or model, seed, versions, rule hashes, settings.
    engine : dict of str to int
        Counts of the engine's work: epochs, bounds, candidates, accepted.
    profile : Profile
        Where time went, rule by rule, with what ran on the slow path: ``print(result.profile)``.
    """

    def __init__(
        self,
        arrays: dict[str, NDArray[Any]],
        time: NDArray[np.float64],
        replicate: NDArray[np.int64],
        layout: Layout,
        provenance: dict[str, Any],
        engine: dict[str, int],
        orders: Orders | None = None,
        profile: Profile | None = None,
    ) -> None:
        self._arrays = arrays
        self.time = time
        self.replicate = replicate
        self.layout = layout
        self.provenance = provenance
        self.engine = engine
        self._orders = orders
        self.profile = profile or Profile((), 0.0)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Return cells alive, shape (replicate, time, fate)."""
        return self._arrays["counts"]

    @property
    def events(self) -> NDArray[np.int64]:
        """Return events since the start, shape (replicate, time, transition)."""
        return self._arrays["events"]

    @property
    def pools(self) -> NDArray[np.float64]:
        """Return pools, shape (replicate, time, pool)."""
        return self._arrays["pools"]

    @property
    def observables(self) -> NDArray[np.float64]:
        """Read-outs, shape (replicate, time, observable)."""
        return self._arrays["observables"]

    @property
    def drugs(self) -> NDArray[np.float64]:
        """Return concentrations, shape (time, drug), or (replicate, time, drug) where there were visits."""
        return self._arrays["drugs"]

    @property
    def first_event(self) -> NDArray[np.float64]:
        """Return time (h) of each transition's first event, shape (replicate, transition); NaN if it never happened."""
        return self._arrays["first_event"]

    @cached_property
    def deaths(self) -> NDArray[np.int64]:
        """Return deaths since the start, shape (replicate, time, cause)."""
        out = np.zeros((*self.events.shape[:2], len(self.layout.causes)), dtype=np.int64)
        for k, transition in enumerate(self.layout.transitions):
            if transition.kind == "death" and transition.cause is not None:
                out[:, :, self.layout.causes.index(transition.cause)] += self.events[:, :, k]
        out[self.counts[:, :, 0] < 0] = -1
        return out

    @property
    def sha256(self) -> str:
        """Return SHA-256 of all arrays with their times and replicates: equal for results that are the same to the bit."""
        digest = hashlib.sha256()
        for name, array in (("time", self.time), ("replicate", self.replicate), *sorted(self._arrays.items())):
            digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    @cached_property
    def ledger(self) -> Ledger:
        """Return the barrier ledger, summed over replicates."""
        return self.ledger_of(slice(None))

    def ledger_of(self, replicates: slice | Sequence[int] | NDArray[Any]) -> Ledger:
        """Return the barrier ledger of some replicates (by position)."""
        layout = self.layout
        events = self._arrays["total_events"][replicates].sum(axis=0)
        final = self._arrays["total_counts"][replicates]
        initial = np.asarray(layout.initial, dtype=np.int64) * len(final)
        names = (layout.transitions, layout.fates, layout.barriers, layout.causes)
        return Ledger.from_counts(*names, initial, events, final.sum(axis=0))

    @cached_property
    def outcomes(self) -> Table:
        """Return one row a replicate.

        Columns: ``replicate``; ``stop`` (``horizon``, ``eradicated``, ``relapsed`` or ``cell_cap``); ``end_time`` (h);
        ``eradicated`` and ``eradication_time`` (h, exact; NaN if not); ``relapsed`` and ``relapse_time`` (h; NaN if not);
        ``final`` (cells alive at the end); ``nadir`` (fewest cells alive at any observation) and ``nadir_time`` (h): -1 and
        NaN if the replicate ended before all observations, and no such columns in a run without observations.
        """
        total = self.counts.sum(axis=2)
        seen = self.counts[:, :, 0] >= 0 if self.counts.shape[2] else np.zeros(total.shape, dtype=bool)
        lowest = np.where(seen, total, np.iinfo(np.int64).max)
        stop = self._arrays["stop"]
        final = self._arrays["total_counts"].sum(axis=1)
        eradicated = final == 0
        relapsed = stop == STOPS.index("relapsed")
        columns: dict[str, NDArray[Any]] = {
            "replicate": self.replicate,
            "stop": np.asarray(STOPS)[stop],
            "end_time": self._arrays["end_time"],
            "eradicated": eradicated,
            # A tumour without cells at the start was eradicated at the start.
            "eradication_time": np.where(eradicated, np.nan_to_num(self._arrays["last_death"], nan=0.0), np.nan),
            "relapsed": relapsed,
            "relapse_time": np.where(relapsed, self._arrays["end_time"], np.nan),
            "final": final,
        }
        if self.time.size:
            ever = seen.any(axis=1)
            columns["nadir"] = np.where(ever, lowest.min(axis=1), -1)
            columns["nadir_time"] = np.where(ever, self.time[lowest.argmin(axis=1)], np.nan)
        return Table(columns)

    @cached_property
    def doses(self) -> Table:
        """Return the doses given, one row for each replicate and dose.

        Columns: ``replicate``; ``drug``; ``at`` (h); ``amount`` (the concentration of a pulse); ``route`` (``bolus``,
        ``infusion``, ``oral`` or ``pulse``); ``duration`` (h; NaN if given at once). Doses planned for the
        replicate's end or later are left out: they act on no cell. (Concentrations at the end count those of that time.)
        """
        planned = self.provenance["run"]["doses"]
        rows = []
        for number, end in zip(self.replicate.tolist(), self._arrays["end_time"].tolist(), strict=True):
            doses = planned if self._orders is None else self._orders.get(number, planned)
            rows += [(number, dose) for dose in sorted(doses, key=lambda dose: dose["at"]) if dose["at"] < end]
        durations = [np.nan if dose["duration"] is None else dose["duration"] for _, dose in rows]
        return Table(
            {
                "replicate": np.array([number for number, _ in rows], dtype=np.int64),
                "drug": np.array([self.layout.drugs[dose["drug"]] for _, dose in rows], dtype=np.str_),
                "at": np.array([dose["at"] for _, dose in rows], dtype=np.float64),
                "amount": np.array([dose["amount"] for _, dose in rows], dtype=np.float64),
                "route": np.array([dose["route"] for _, dose in rows], dtype=np.str_),
                "duration": np.array(durations, dtype=np.float64),
            }
        )

    def to_xarray(self) -> xr.Dataset:
        """Return all arrays with named dimensions, coordinates and units (extra ``xarray``).

        Returns
        -------
        xarray.Dataset
            ``counts`` (replicate, time, fate), ``deaths`` (replicate, time, cause), ``events`` (replicate, time,
            transition), ``pools``, ``observables``, ``drugs``, ``first_event`` and one variable for each column
            of :attr:`outcomes`. Counts are integers, or floats with NaN where a replicate ended before the time.

        Raises
        ------
        MissingExtraError
            If xarray is not installed.
        """
        xarray = require("xarray", "xarray")
        layout = self.layout
        coords: dict[str, Any] = {
            "replicate": self.replicate,
            "time": ("time", self.time, {"units": "h", "long_name": "time since the start"}),
            "fate": list(layout.fates),
            "cause": list(layout.causes),
            "transition": [t.name for t in layout.transitions],
            "pool": list(layout.pools),
            "observable": list(layout.observables),
            "drug": list(layout.drugs),
        }
        variables: dict[str, Any] = {}
        for name in ("counts", "deaths", "events"):
            dims = (*_ARRAYS["counts"][:2], {"counts": "fate", "deaths": "cause", "events": "transition"}[name])
            variables[name] = (dims, _masked(getattr(self, name), self.counts), {"units": "1"})
        for name in ("pools", "observables", "drugs"):
            dims = _dims(name, self._arrays[name])
            # Only drugs have units in a layout; a pool may have a drug's name.
            units = json.dumps({key: layout.units.get(key, "") if name == "drugs" else "" for key in coords[dims[-1]]})
            variables[name] = (dims, self._arrays[name], {"units": units})
        variables["first_event"] = (_ARRAYS["first_event"], self.first_event, {"units": "h"})
        for name, column in self.outcomes.items():
            if name != "replicate":
                unit = "h" if name.endswith("_time") else "1"
                variables[name] = (("replicate",), column, {"units": unit})
        data = xarray.Dataset(variables, coords, {"provenance": json.dumps(self.provenance, sort_keys=True)})
        return data.drop_dims([name for name, size in data.sizes.items() if size == 0])  # type: ignore[no-any-return]

    def to_pandas(self) -> pd.DataFrame:
        """Return counts and deaths as a table, one row for each replicate and time (extra ``pandas``).

        Columns: ``replicate``, ``time`` (h), one a fate, and ``deaths_<cause>`` for each cause. A fate that is named
        ``replicate`` or ``time``, or whose name begins with ``deaths_`` or ``fate_``, has the column ``fate_<name>``.
        See :attr:`outcomes` for one row a replicate.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        pandas = require("pandas", "pandas")
        n, rows = self.counts.shape[:2]
        columns: dict[str, Any] = {
            "replicate": np.repeat(self.replicate, rows),
            "time": np.tile(self.time, n),
        }
        counts, deaths = _masked(self.counts, self.counts), _masked(self.deaths, self.counts)
        columns.update({_fate_column(fate): counts[:, :, i].ravel() for i, fate in enumerate(self.layout.fates)})
        columns.update({f"deaths_{c}": deaths[:, :, i].ravel() for i, c in enumerate(self.layout.causes)})
        return pandas.DataFrame(columns)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the result to a NumPy archive (``.npz``), readable without this package and without pickle.

        The file is written beside its place and then moved there, so that an old file is never left half overwritten.

        Parameters
        ----------
        path : path-like
            Where to; ``.npz`` is added if it has no such ending.

        Returns
        -------
        pathlib.Path
            The file written.

        Raises
        ------
        ResultError
            If it cannot be written.
        """
        path = result_path(path)
        header = {
            "format": FORMAT,
            "layout": layout_to_json(self.layout),
            "provenance": self.provenance,
            "engine": self.engine,
            "orders": self._orders,
            "profile": self.profile.to_json(),
        }
        named = {"header": np.asarray(json.dumps(header)), "time": self.time, "replicate": self.replicate}
        content = pack({**named, **self._arrays})
        try:
            write_whole(path, [content])
        except OSError as error:
            raise ResultError(f"the result cannot be written to {path}: {error.strerror or error}") from error
        return path

    def __repr__(self) -> str:
        n, rows, _ = self.counts.shape
        return f"<Result: {n} replicates, {rows} times, fates {', '.join(self.layout.fates)}>"


def _fate_column(fate: str) -> str:
    """Return the column of a fate in a table that has columns of the library too; no two names have one column."""
    taken = fate in ("replicate", "time") or fate.startswith(("deaths_", "fate_"))
    return f"fate_{fate}" if taken else fate


def result_path(path: str | os.PathLike[str]) -> Path:
    """Return where a result is written that is to be saved so.

    Raises
    ------
    ResultError
        If that is a folder.
    """
    made = path_of(path, "a result's file")
    if not made.name or made.is_dir():
        raise ResultError(f"the result cannot be written to {path}, which is a folder; give the name of a file")
    return made if made.suffix == ".npz" else made.with_name(made.name + ".npz")


def open_result(path: str | os.PathLike[str]) -> Result:
    """Read a result that :meth:`Result.save` wrote. No code in the file is run.

    Parameters
    ----------
    path : path-like
        The file, as it was given to :meth:`Result.save`: where there is no such file, ``.npz`` is added as there.

    Returns
    -------
    Result

    Raises
    ------
    ResultError
        If the file is not there, is damaged, or is of another kind or a newer version.
    """
    path = given = path_of(path, "a result's file")
    if not os.path.lexists(given) and given.name and given.suffix != ".npz":
        path = given.with_name(given.name + ".npz")
    try:
        with regular(path) as file:
            content = unpack(file)
        if "header" not in content:
            raise DamagedError("it has no header")
        header = read_json(str(content.pop("header")))
    except FileNotFoundError as error:
        also = "" if path == given else f", nor {path.name} beside it"
        raise ResultError(f"there is no file {given}{also}") from error
    except OSError as error:
        raise ResultError(f"{path} cannot be read: {error.strerror}") from error
    except DamagedError as error:
        raise ResultError(f"{path} is not a result of senescape, or is damaged: {error}") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        found = header.get("format") if isinstance(header, dict) else None
        raise ResultError(f"{path} has format {found!r}; this version reads format {FORMAT}")
    try:
        layout = layout_from_json(header["layout"])
        time, replicate = content.pop("time"), content.pop("replicate")
        if (time.ndim, time.dtype.kind) != (1, "f"):
            raise ValueError("times are not ascending numbers")
        arrays = {name: content[name] for name in _ARRAYS}
        check_arrays({**arrays, "replicate": replicate}, layout, len(time))
        profile = Profile.from_json(header.get("profile", {"costs": [], "seconds": 0.0}))
        made_by = dict(header["provenance"])
        found = header.get("orders")
        orders = doses_from_json(made_by, found or {}, layout)
        engine = {name: int(n) for name, n in header["engine"].items()}
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise ResultError(f"{path} lacks a part or holds one that cannot be: {error}") from error
    return Result(arrays, time, replicate, layout, made_by, engine, None if found is None else orders, profile)


def check_arrays(arrays: Mapping[str, Any], layout: Layout, times: int) -> None:
    """Check that arrays from a file are such as a result has.

    Raises
    ------
    ValueError
        Naming the array.
    """
    replicate = arrays["replicate"]
    if (replicate.ndim, replicate.dtype.kind) != (1, "i"):
        raise ValueError("numbers of replicates are not valid")
    sizes = {
        "replicate": len(replicate),
        "time": times,
        "fate": len(layout.fates),
        "transition": len(layout.transitions),
        "pool": len(layout.pools),
        "observable": len(layout.observables),
        "drug": len(layout.drugs),
    }
    for name in _ARRAYS:
        wanted = tuple(sizes[dim] for dim in _dims(name, arrays[name]))
        kind = "iu" if name in _COUNTED else "f"
        if arrays[name].shape != wanted or arrays[name].dtype.kind not in kind:
            raise ValueError(f"{name} has shape {arrays[name].shape} of {arrays[name].dtype}, not {wanted}")
    for name in ("counts", "events", "total_counts", "total_events"):
        # -1 stands for what was not seen; totals are of all that was.
        if arrays[name].size and int(arrays[name].min()) < (0 if name.startswith("total") else -1):
            raise ValueError(f"{name} has {arrays[name].min()}, which is no number of cells or events")
    if not np.isin(arrays["stop"], range(len(STOPS))).all():
        raise ValueError("stop has a code that stands for nothing")


def doses_from_json(made_by: Mapping[str, Any], orders: Mapping[str, Any], layout: Layout) -> Orders:
    """Read what visits ordered off a file, and check that doses, planned ones too, are such as the engine reads.

    Raises
    ------
    ValueError
        Showing the dose.
    """
    found = {int(number): list(doses) for number, doses in orders.items()}
    for dose in itertools.chain(made_by["run"]["doses"], *found.values()):
        numbers = [dose["at"], dose["amount"], 0.0 if dose["duration"] is None else dose["duration"]]
        sound = dose["drug"] in range(len(layout.drugs)) and isinstance(dose["route"], str)
        if not sound or not all(isinstance(x, int | float) and math.isfinite(x) for x in numbers):
            raise ValueError(f"a dose is not valid: {dose!r:.200}")
    return found


def _dims(name: str, array: NDArray[Any]) -> tuple[str, ...]:
    """Return the dimensions of an array; concentrations are those of each replicate where there were visits."""
    return ("replicate", *_ARRAYS[name]) if name == "drugs" and array.ndim == 3 else _ARRAYS[name]


def _masked(values: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[Any]:
    """Return integers as they are, or floats with NaN where a replicate had ended."""
    ended = counts[:, :, 0] < 0 if counts.shape[2] else np.zeros(counts.shape[:2], dtype=bool)
    if not ended.any():
        return values
    return np.where(ended[:, :, None], np.nan, values)
