"""Run a model or a scenario."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from senescape import _core
from senescape._support.validate import positive, whole_number
from senescape.errors import ModelError
from senescape.model.drugs import Dose, Pulse
from senescape.model.model import Model
from senescape.model.stopping import Relapse
from senescape.results.result import Orders, Result
from senescape.simulation.callbacks import Callbacks
from senescape.simulation.engine import Engine, run_engine
from senescape.simulation.provenance import provenance
from senescape.simulation.run_document import dose_document, dose_of, doses_past, run_document

if TYPE_CHECKING:
    from senescape.scenarios.scenario import Scenario
    from senescape.simulation.checkpoint import Checkpoint

__all__ = ["check", "execute", "load_hint", "model_of", "callbacks_of", "simulate"]


def simulate(
    model: Model | Scenario,
    *,
    initial: Mapping[str, int] | None = None,
    until: float | None = None,
    every: float | None = None,
    observe: Sequence[float] | NDArray[Any] | None = None,
    doses: Iterable[Dose | Pulse] | None = None,
    replicates: int = 1,
    first_replicate: int = 0,
    seed: int | None = None,
    threads: int | None = None,
    sync: float | None = None,
    rtol: float = 1e-4,
    max_cells: int | None = None,
    relapse: Relapse | None = None,
    visits: float | Sequence[float] | None = None,
    params: Mapping[str, float] | None = None,
    progress: bool | Callable[[int], object] | None = None,
    call_limit: float = 10.0,
    checkpoint: str | PathLike[str] | None = None,
    checkpoint_every: float = 600.0,
    keep_cells: bool = False,
    max_memory: int | None = None,
) -> Result:
    """Simulate replicates of a model, or of a scenario.

    A scenario brings `initial`, `until`, `every`, `doses`, `relapse`, `visits` and `max_cells`; what is given here wins.

    Parameters
    ----------
    model : Model or Scenario
        What to run.
    initial : mapping of str to int
        Founders in each fate; fates left out start empty.
    until : float
        The horizon (h).
    every : float, optional
        Observe every so many hours, from 0 to `until`. By default a hundredth of `until`.
    observe : array-like of float, shape (time,), optional
        Times of observation (h) instead of `every`.
    doses : sequence of Dose or Pulse
        The treatment.
    replicates : int
        How many.
    first_replicate : int
        Number of the first. Runs over ranges of numbers give the same replicates as one run over all of them.
    seed : int, optional
        The seed, from 0 to 2**64 - 1. The same seed gives the same cells, whatever the number of threads. By default a
        fresh one, which the result's provenance tells.
    threads : int, optional
        Threads to run replicates on; by default one for each processor.
    sync : float
        The longest time (h) between exchanges of cells and environment (24 by default). The law of the result depends on
        it only where a rule reads a pool or an aggregate, and then with an error that falls as its square; faster changes and
        thresholds need a shorter one, which a second run with half of it tells.
    rtol : float
        Relative tolerance of trait flows with varying targets and of pools.
    max_cells : int
        A replicate with more cells at an epoch's end ends there, with ``stop == "cell_cap"`` (10 million by default). Half as
        many again, before an epoch is finished, end it too; the replicate then stands as of that epoch's start.
    relapse : Relapse, optional
        A stop rule.
    visits : float or sequence of float, optional
        Visits to the clinic every so many hours from 0 on, or their times (h): the model's visit rules are called there, and
        may order, change and stop doses.
    params : mapping of str to float, optional
        Parameter values instead of the model's, by full name (``"escape.h0"``).
    progress : bool or callable, optional
        Show a bar on standard error; by default on a terminal, for runs that take over a second. A callable is called
        with the number of finished replicates.
    call_limit : float
        Seconds that one call of a visit rule, or of a rule with ``traced=False``, may take before it is ended.
    checkpoint : path-like, optional
        A file in which the run is kept on its way and at its end, so that :func:`senescape.resume` can go on with it.
    checkpoint_every : float
        Seconds between two writings of it.
    keep_cells : bool
        Keep in it the tumours as they stand at the horizon, so that they can go on past it, under one treatment or several.
    max_memory : int, optional
        Bytes that cells may take, those of all replicates that run at once together; the rest of the process, what a
        checkpoint copies and what called rules and visits compute come on top. Beyond it the run ends, with what had finished.
        A cell takes about 100 bytes. By default three quarters of what the machine, its container and the process's own limit
        leave at the start.

    Returns
    -------
    Result

    Raises
    ------
    ModelError
        If the model or an argument is not valid.
    SimulationError
        If a rate is not one, or the engine fails; ``error.partial`` is the Result of the replicates finished before.
    MemoryLimitError
        If cells take more than `max_memory`; likewise.
    KeyboardInterrupt
        On Ctrl-C, within 200 ms; its ``partial`` is the Result of the finished replicates, if the run had begun.
    """
    given: dict[str, Any] = {
        "initial": initial,
        "until": until,
        "every": every,
        "observe": observe,
        "doses": doses,
        "sync": sync,
        "max_cells": max_cells,
        "relapse": relapse,
        "visits": visits,
    }
    scenario: Scenario | None = None
    runs = model_of(model, "simulate(model)")
    if not isinstance(model, Model):
        scenario = model
        given = scenario.settings(**{name: value for name, value in given.items() if value is not None})
    if params is not None:
        runs = runs.with_params(params)
    if seed is None:
        seed = secrets.randbits(63)
    run = run_document(runs, given, replicates, first_replicate, seed, threads, rtol)
    if doses is not None and (late := doses_past(run)):
        raise ModelError(late)
    if max_memory is not None:
        run["max_memory"] = whole_number(max_memory, "max_memory", 1, 2**63 - 1)
    kept = None
    if checkpoint is not None:
        from senescape.simulation.checkpoint import Checkpoint

        kept = Checkpoint(checkpoint, checkpoint_every, keep_cells)
    elif keep_cells:
        raise ModelError("keep_cells=True keeps tumours in a checkpoint: give checkpoint=path too")
    return execute(runs, run, scenario, progress, call_limit, kept)


def execute(
    model: Model,
    run: Mapping[str, Any],
    scenario: Scenario | None = None,
    progress: bool | Callable[[int], object] | None = None,
    call_limit: float = 10.0,
    checkpoint: Checkpoint | None = None,
) -> Result:
    """Run a model as a run document says.

    Parameters
    ----------
    model : Model
        What runs.
    run : mapping
        See :func:`senescape.simulation.run_document.run_document`.
    scenario : Scenario, optional
        Where it comes from, for provenance.
    progress, call_limit
        As for :func:`simulate`.
    checkpoint : Checkpoint, optional
        Where the run is kept on its way.
    """
    text = model.to_json()
    made_by = provenance(model, run, scenario, text)
    engine = Engine.of(model, run, text)
    outside = callbacks_of(model, run, call_limit)
    keeper = None
    if checkpoint is not None:
        run = {**run, "pausable": True, "keep": checkpoint.keep_cells}
        keeper = checkpoint.keeper(engine, run, made_by, orders=dict if outside is None else outside.orders)
    return run_engine(
        engine,
        run,
        made_by,
        outside=outside,
        progress=progress,
        keeper=keeper,
        place_of=model.place_of,
    )


def check(scenario: Scenario) -> list[str]:
    """Check a scenario as far as can be without running it: names, times, doses, and that its rules compile.

    Returns
    -------
    list of str
        What is valid but can hardly be meant.

    Raises
    ------
    ModelError
        If something is not valid.
    """
    model = scenario.model
    run = run_document(model, scenario.settings(), 1, 0, 0, 1, 1e-4)
    try:
        _core.check(model.to_json(), json.dumps(run), model.columns)
    except _core.CoreError as error:
        raise ModelError(str(error)) from error
    return [note for note in (doses_past(run),) if note]


def model_of(given: Any, what: str) -> Model:
    """Give the model of what was given to be run; `what` is for the message if it is nothing that can be.

    Raises
    ------
    ModelError
        If it is neither a model nor a scenario.
    """
    if isinstance(given, Model):
        return given
    if not isinstance(given, str) and isinstance(model := getattr(given, "model", None), Model):
        return model
    raise ModelError(f"{what} is {given!r}, neither a sn.Model nor a sn.Scenario{load_hint(given)}")


def load_hint(given: Any) -> str:
    """Say how a text becomes a scenario, for the end of a message; nothing of what is no text."""
    return f"; a preset or a file is read by sn.load({given!r})" if isinstance(given, str) else ""


def callbacks_of(
    model: Model,
    run: Mapping[str, Any],
    limit: float,
    earlier: Orders | None = None,
) -> Callbacks | None:
    """Give what answers for rules that are not compiled and at visits, if there are any; `earlier` as for Callbacks."""
    if not (model.slow_rules or run["visits"]):
        return None
    limit = positive(limit, "call_limit", "a time in seconds")
    # As the run document has them, whether it comes from the user's objects or from a file: a visit sees the same.
    planned = [dose_of(model.drugs, dose) for dose in run["doses"]]
    return Callbacks(model, planned, lambda dose: dose_document(model.drugs, dose), limit, earlier)
