"""Hand a model and a run to the engine, and make a result of what it gives."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from senescape import _core
from senescape._support.memory import available
from senescape._support.progress import Progress
from senescape.errors import MemoryLimitError, ModelError, SimulationError
from senescape.model.drugs import Drug
from senescape.results.axes import Layout, layout_of
from senescape.results.profile import profile_of
from senescape.results.result import Result

if TYPE_CHECKING:
    from senescape.model.model import Model
    from senescape.simulation.callbacks import Callbacks

__all__ = ["RECORDED", "Engine", "Keeper", "run_engine"]

RECORDED = (
    *("counts", "events", "pools", "observables", "first_event", "total_events", "total_counts"),
    *("last_death", "end_time", "stop"),
)
"""Arrays with a row for each replicate; concentrations have one only where there are visits."""

COUNTED = ("epochs", "bounds", "candidates", "accepted")
"""Counts of the engine's work."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A model as the engine takes it: texts, numbers and arrays, and no code.

    Attributes
    ----------
    text : str
        The model's document as text.
    document : mapping
        The same as data, but for the values of parameters.
    columns : list of ndarray of float32
        Measured initial values.
    drugs : tuple of Drug
        The drugs, for doses that are given later.
    layout : Layout
        Names along the axes of results.
    shares : list of float
        What :func:`senescape.results.profile.shares` gives.
    calls : bool
        Whether code outside of the engine takes part: rules with ``traced=False``, and visits.
    """

    text: str
    document: Mapping[str, Any]
    columns: list[NDArray[np.float32]]
    drugs: tuple[Drug, ...]
    layout: Layout
    shares: list[float]
    calls: bool

    @classmethod
    def of(cls, model: Model, run: Mapping[str, Any], text: str) -> Engine:
        """Take what the engine needs of a model whose document is `text`, for runs of so many founders."""
        columns = [np.ascontiguousarray(column, dtype=np.float32) for column in model.columns]
        calls = bool(model.slow_rules or run["visits"])
        units = {drug.name: drug.unit for drug in model.drugs}
        layout = layout_of(model.document, run["initial"], units)
        return cls(text, model.document, columns, model.drugs, layout, model.rule_shares, calls)


class Keeper(Protocol):
    """Who keeps runs on their way, for :func:`run_engine`."""

    every: float
    """Seconds between calls."""

    def __call__(self, raw: dict[str, Any]) -> None:
        """Keep what there is: arrays of finished replicates and states of the others."""
        ...


def run_engine(
    engine: Engine,
    run: Mapping[str, Any],
    made_by: dict[str, Any],
    *,
    outside: Callbacks | None = None,
    progress: bool | Callable[[int], object] | None = None,
    keeper: Keeper | None = None,
    states: Mapping[int, bytes] | None = None,
    earlier: Mapping[str, Any] | None = None,
    place_of: Callable[[str, str], str] | None = None,
) -> Result:
    """Run and make a result.

    Parameters
    ----------
    engine : Engine
        What runs.
    run : mapping
        See :func:`senescape.simulation.run_document.run_document`.
    made_by : dict
        The result's provenance.
    outside : Callbacks, optional
        What answers for rules that are not compiled, and at visits.
    progress : bool or callable, optional
        As for :func:`senescape.simulate`.
    keeper : Keeper, optional
        Is called on the way and at the end.
    states : mapping of int to bytes, optional
        Tumours to go on from, by replicate.
    earlier : mapping, optional
        What the engine gave for replicates that were done before; they become part of the result.
    place_of : callable, optional
        Says where a rule of a fate stands, for messages.

    Raises
    ------
    ModelError, SimulationError, KeyboardInterrupt
        As for :func:`senescape.simulate`.
    """
    done = len(run.get("done", ()))
    free = available()
    _refuse_too_much(engine.layout, run, free)
    with Progress(progress, run["replicates"]) as bar, nullcontext() if outside is None else outside.watchdog:
        update = None if bar.update is None else _shifted(bar.update, done)
        try:
            raw = _core.simulate(
                engine.text,
                json.dumps({"max_memory": free // 4 * 3, **run}),
                engine.columns,
                update,
                outside,
                keeper,
                0.0 if keeper is None else keeper.every,
                None if states is None else list(states.values()),
            )
        except _core.RateError as error:
            raise SimulationError(str(error)) from error
        except _core.CoreError as error:
            kind = SimulationError if isinstance(error, _core.InternalError) else ModelError
            raise kind(str(error)) from error
    if update is not None and raw["error"] is None:
        try:
            # Replicates may have finished since the last call, all of them in a short run.
            update(len(raw["replicate"]))
        except BaseException as error:  # what the caller's own code raises ends the run, as on the way
            raw["error"] = error
    profile = profile_of(engine.document, engine.shares, raw["profile"])
    given, raw = raw, raw if earlier is None else {**raw, **joined(earlier, raw)}
    orders = None if outside is None or not run["visits"] else outside.orders()
    arrays = {name: raw[name] for name in (*RECORDED, "drugs")}
    counted = {name: int(raw[name]) for name in COUNTED}
    time = np.asarray(run["observe"], dtype=np.float64)
    result = Result(arrays, time, raw["replicate"], engine.layout, made_by, counted, orders, profile)
    if keeper is not None:
        try:
            keeper(given)
        except BaseException as error:
            # What was computed is not lost with the file that could not hold it.
            error.partial = result  # type: ignore[attr-defined]
            raise
    raised = raw["error"]
    if raised is None:
        return result
    if isinstance(raised, _core.CoreError):
        place = place_of(raised.rule, raised.fate) if place_of and isinstance(raised, _core.RateError) else ""
        finished = f"({len(result.replicate)} of {run['replicates']} replicates had finished)"
        if isinstance(raised, _core.RunError):
            raise ModelError(str(raised)) from raised
        kind = MemoryLimitError if isinstance(raised, _core.MemoryLimitError) else SimulationError
        failure = kind(f"{raised} {finished}{place}")
        failure.partial = result
        raise failure from raised
    # Ctrl-C, or an exception of the caller's own code: raised as it is, with what had finished.
    raised.partial = result
    if isinstance(raised, KeyboardInterrupt) and sys.stderr is not None:
        sys.stderr.flush()
    raise raised


def _refuse_too_much(layout: Layout, run: Mapping[str, Any], free: int) -> None:
    """Refuse a run whose result would not fit into memory."""
    along = (layout.fates, layout.transitions, layout.pools, layout.observables, layout.drugs if run["visits"] else ())
    row, ends = sum(map(len, along)), len(layout.fates) + 2 * len(layout.transitions) + 40
    # In the engine's records, and then in arrays.
    needed = 2 * 8 * run["replicates"] * (len(run["observe"]) * row + ends)
    if needed > free:
        raise ModelError(
            f"the result of {run['replicates']:,} replicates at {len(run['observe']):,} times would take "
            f"{needed / 2**30:,.1f} GiB, but {free / 2**30:,.1f} GiB are left; observe less often, or run fewer "
            "replicates at a time (first_replicate=...)"
        )


def _shifted(update: Callable[[int], None], done: int) -> Callable[[int], None]:
    return lambda finished: update(done + finished)


def joined(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Join what the engine gave for different replicates, in their order."""
    numbers = np.concatenate([earlier["replicate"], later["replicate"]])
    order = np.argsort(numbers, kind="stable")
    drugs, known = later["drugs"], earlier["drugs"]
    names = [*RECORDED, *(["drugs"] if drugs.ndim == 3 else [])]
    if drugs.ndim == 2:
        # A run that goes on past a horizon does not look at what was before it.
        drugs = drugs.copy()
        before = drugs[: len(known)]
        np.copyto(before, known, where=np.isnan(before))
    out: dict[str, Any] = {name: np.concatenate([earlier[name], later[name]])[order] for name in names}
    out |= {name: int(earlier[name]) + int(later[name]) for name in COUNTED}
    return {**out, "replicate": numbers[order], "drugs": out.get("drugs", drugs)}


def as_states(raw: Mapping[str, Any]) -> dict[int, bytes]:
    """Give the states that the engine gave, by replicate."""
    pairs: Sequence[tuple[int, bytes]] = raw["states"]
    return dict(pairs)
