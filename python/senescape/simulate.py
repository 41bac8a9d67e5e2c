"""Run a model or a scenario."""

from __future__ import annotations

import json
import math
import operator
import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from senescape import _core
from senescape.drugs import Dose, Pulse
from senescape.errors import ModelError, SimulationError
from senescape.ledger import TransitionInfo
from senescape.model import Model
from senescape.outside import Outside
from senescape.profile import profile_of
from senescape.progress import Progress
from senescape.provenance import provenance
from senescape.results import Layout, Result
from senescape.suggest import did_you_mean

if TYPE_CHECKING:
    from senescape.scenario import Scenario

__all__ = ["Relapse", "check", "simulate"]

MAX_OBSERVATIONS = 10_000_000


class Relapse:
    """Stop a replicate when the cells of some fates exceed a number.

    Looked at whenever cells and environment are exchanged: at observations, doses and at least every ``sync`` hours.

    Parameters
    ----------
    above : float
        The number of cells above which the tumour has relapsed.
    fates : str or sequence of str, optional
        The fates whose cells count; all by default.
    after : float
        No relapse before this time (h), for example the end of treatment.
    """

    def __init__(self, above: float, fates: str | Sequence[str] | None = None, after: float = 0.0) -> None:
        if not above >= 0 or not math.isfinite(above):
            raise ModelError(f"Relapse(above={above!r}) needs a finite number >= 0")
        if not after >= 0:
            raise ModelError(f"Relapse(after={after!r}) needs a time >= 0 h")
        self.above = float(above)
        self.fates = (fates,) if isinstance(fates, str) else None if fates is None else tuple(fates)
        self.after = float(after)


def simulate(
    model: Model | Scenario,
    *,
    initial: Mapping[str, int] | None = None,
    until: float | None = None,
    every: float | None = None,
    observe: Sequence[float] | NDArray[Any] | None = None,
    doses: Sequence[Dose | Pulse] | None = None,
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
        it only where a rule reads a pool or an aggregate, and then with an error that falls as its square.
    rtol : float
        Relative tolerance of trait flows with varying targets and of pools.
    max_cells : int
        A replicate with more cells ends with ``stop == "cell_cap"`` (10 million by default).
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

    Returns
    -------
    Result

    Raises
    ------
    ModelError
        If the model or an argument is not valid.
    SimulationError
        If a rate is not one, or the engine fails; ``error.partial`` is the Result of the replicates finished before.
    KeyboardInterrupt
        On Ctrl-C, within 200 ms; its ``partial`` is the Result of the finished replicates.
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
    if not isinstance(model, Model):
        scenario = model
        given = scenario.settings(**{name: value for name, value in given.items() if value is not None})
        model = scenario.model
    if params:
        model = model.with_params(params)
    if seed is None:
        seed = secrets.randbits(63)
    run = _run_document(model, given, replicates, first_replicate, seed, threads, rtol)
    columns = [np.ascontiguousarray(column, dtype=np.float32) for column in model.columns]
    outside = _outside(model, run, given["doses"] or (), call_limit)
    with Progress(progress, replicates) as bar, nullcontext() if outside is None else outside.watchdog:
        try:
            raw = _core.simulate(model.to_json(), json.dumps(run), columns, bar.update, outside)
        except _core.RateError as error:
            raise SimulationError(str(error)) from error
        except _core.CoreError as error:
            kind = SimulationError if isinstance(error, _core.InternalError) else ModelError
            raise kind(str(error)) from error
    orders = None if outside is None or not run["visits"] else outside.doses
    return _result(model, run, raw, provenance(model, run, scenario), orders)


def check(scenario: Scenario) -> None:
    """Check a scenario as far as can be without running it: names, times, doses, and that its rules compile.

    Raises
    ------
    ModelError
        If something is not valid.
    """
    model = scenario.model
    run = _run_document(model, scenario.settings(), 1, 0, 0, 1, 1e-4)
    try:
        _core.check(model.to_json(), json.dumps(run), model.columns)
    except _core.CoreError as error:
        raise ModelError(str(error)) from error


def _run_document(
    model: Model,
    settings: Mapping[str, Any],
    replicates: int,
    first_replicate: int,
    seed: int,
    threads: int | None,
    rtol: float,
) -> dict[str, Any]:
    until = _positive(settings["until"], "until", "the horizon in hours, for example sn.days(60)")
    stop = settings["relapse"]
    return {
        "initial": _initial(model, settings["initial"]),
        "until": until,
        "observe": _observations(until, settings["every"], settings["observe"]),
        "sync": _positive(24.0 if settings["sync"] is None else settings["sync"], "sync", "a time in hours"),
        "seed": _integer(seed, "seed", 0, 2**64 - 1),
        "first_replicate": _integer(first_replicate, "first_replicate", 0, 2**63 - 1),
        "replicates": _integer(replicates, "replicates", 1, 2**31 - 1),
        "threads": _integer(threads or os.cpu_count() or 1, "threads", 1, 1024),
        "rtol": float(rtol),
        "visits": _visits(model, until, settings["visits"]),
        "doses": [_dose(model, dose) for dose in settings["doses"] or ()],
        "stop": {
            "eradicated": True,
            "max_cells": _integer(settings["max_cells"] or 10_000_000, "max_cells", 1, 2**32 - 1),
            "relapse": None if stop is None else _relapse(model, stop),
        },
        "params": list(model.parameter_values()),
    }


def _initial(model: Model, initial: Mapping[str, int] | None) -> list[int]:
    if not initial:
        raise ModelError(
            f"initial is missing: give the number of cells in each fate, e.g. initial={{{model.fates[0]!r}: 1000}}"
        )
    for fate in initial:
        if fate not in model.fates:
            raise ModelError(
                f"initial names the fate {fate!r}, which the model does not have{did_you_mean(fate, model.fates)}"
            )
    return [_integer(initial.get(fate, 0), f"initial[{fate!r}]", 0, 2**32 - 1) for fate in model.fates]


def _observations(until: float, every: float | None, observe: Any) -> list[float]:
    if observe is not None:
        given = np.asarray(observe, dtype=np.float64).ravel()
        if not np.isfinite(given).all() or (given < 0).any() or (given > until).any():
            raise ModelError(f"observe must hold times from 0 to until = {until:g} h")
        return [float(t) for t in np.unique(given)]
    step = until / 100 if every is None else _positive(every, "every", "a time in hours")
    whole = math.floor(until / step * (1 + 1e-12))
    if whole > MAX_OBSERVATIONS:
        raise ModelError(f"every = {step:g} h gives {whole:,} observations; at most {MAX_OBSERVATIONS:,} are possible")
    times = [min(i * step, until) for i in range(whole + 1)]
    # A horizon that is no multiple of `every` is observed too, so that the end of a run is always seen.
    if times[-1] < until * (1 - 1e-12):
        times.append(until)
    else:
        times[-1] = until
    return times


def _visits(model: Model, until: float, visits: float | Sequence[float] | None) -> list[float]:
    if visits is None:
        if model.visits:
            raise ModelError(
                f"{model.visits[0].name!r} acts at visits, but none are planned; give visits=sn.days(7), or their times"
                f"{model.plugin_of(model.visits[0].name)}"
            )
        return []
    if not model.visits:
        raise ModelError(
            "visits are planned, but nothing acts at them: add a sn.VisitRule, or a plugin with senescape_visit"
        )
    if isinstance(visits, Real):
        return [t for t in _observations(until, float(visits), None) if t < until]
    times = np.unique(np.asarray(visits, dtype=np.float64).ravel())
    if not times.size or not np.isfinite(times).all() or times[0] < 0 or times[-1] >= until:
        raise ModelError(f"visits must hold times from 0 to before until = {until:g} h")
    return [float(t) for t in times]


def _outside(model: Model, run: Mapping[str, Any], doses: Sequence[Dose | Pulse], limit: float) -> Outside | None:
    """What answers for rules that are not compiled and at visits, if there are any."""
    if not (model.slow_rules or run["visits"]):
        return None
    return Outside(model, doses, lambda dose: _dose(model, dose), _positive(limit, "call_limit", "a time in seconds"))


def _dose(model: Model, dose: Dose | Pulse) -> dict[str, Any]:
    if not isinstance(dose, Dose | Pulse):
        raise ModelError(f"doses must hold sn.Dose or sn.Pulse, not {type(dose).__name__}")
    names = [drug.name for drug in model.drugs]
    if dose.drug not in names:
        raise ModelError(
            f"a dose names the drug {dose.drug!r}, which the model does not have{did_you_mean(dose.drug, names)}; "
            f"add sn.Drug({dose.drug!r}, ...) to the model's drugs"
        )
    index = names.index(dose.drug)
    if isinstance(dose, Pulse):
        return {
            "drug": index,
            "at": dose.start,
            "amount": dose.concentration,
            "route": "pulse",
            "duration": dose.duration,
        }
    route = model.drugs[index].route_of(dose)
    return {"drug": index, "at": dose.at, "amount": dose.amount, "route": route, "duration": dose.duration}


def _relapse(model: Model, rule: Relapse) -> dict[str, Any]:
    fates = model.fates if rule.fates is None else rule.fates
    for fate in fates:
        if fate not in model.fates:
            raise ModelError(f"the relapse rule names the fate {fate!r}{did_you_mean(fate, model.fates)}")
    return {"fates": [model.fates.index(fate) for fate in fates], "above": rule.above, "after": rule.after}


def _positive(value: Any, name: str, what: str) -> float:
    if value is None:
        raise ModelError(f"{name} is missing: give {what}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ModelError(f"{name} = {value!r} is not a number; give {what}") from None
    if not (number > 0 and math.isfinite(number)):
        raise ModelError(f"{name} = {value!r} must be positive and finite; give {what}")
    return number


def _integer(value: Any, name: str, low: int, high: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        if not (isinstance(value, float) and value.is_integer()):
            raise ModelError(f"{name} = {value!r} must be a whole number") from None
        number = int(value)
    if not low <= number <= high:
        raise ModelError(f"{name} = {number} must lie between {low} and {high}")
    return number


def _result(
    model: Model,
    run: Mapping[str, Any],
    raw: dict[str, Any],
    made_by: dict[str, Any],
    orders: Mapping[int, Sequence[Dose | Pulse]] | None,
) -> Result:
    document = model.to_document()
    fates, causes, barriers = document["fates"], document["causes"], document["barriers"]
    transitions = []
    for t in document["transitions"]:
        # A division without a target keeps the mother's fate.
        target = t["target"] if t["kind"] != "division" or t["target"] is not None else t["source"]
        transitions.append(
            TransitionInfo(
                name=t["name"],
                source=fates[t["source"]],
                kind=t["kind"],
                target=None if target is None else fates[target],
                cause=None if t["cause"] is None else causes[t["cause"]],
                barrier=None if t["barrier"] is None else barriers[t["barrier"]],
            )
        )
    layout = Layout(
        fates=tuple(fates),
        barriers=tuple(barriers),
        causes=tuple(causes),
        drugs=tuple(d["name"] for d in document["drugs"]),
        pools=tuple(p["name"] for p in document["pools"]),
        observables=tuple(o["name"] for o in document["observables"]),
        transitions=tuple(transitions),
        units={drug.name: drug.unit for drug in model.drugs},
        initial=tuple(run["initial"]),
    )
    names = ("counts", "events", "pools", "observables", "drugs", "first_event", "total_events", "total_counts")
    arrays = {name: raw[name] for name in (*names, "last_death", "end_time", "stop")}
    engine = {name: int(raw[name]) for name in ("epochs", "bounds", "candidates", "accepted")}
    time = np.asarray(run["observe"], dtype=np.float64)
    given = (
        None if orders is None else {number: [_dose(model, dose) for dose in doses] for number, doses in orders.items()}
    )
    profile = profile_of(document, model.rule_shares, raw["profile"])
    result = Result(arrays, time, raw["replicate"], layout, made_by, engine, given, profile)
    error = raw["error"]
    if error is None:
        return result
    if isinstance(error, _core.CoreError):
        place = model.place_of(error.rule) if isinstance(error, _core.RateError) else ""
        done = f"({len(result.replicate)} of {run['replicates']} replicates had finished)"
        failure = SimulationError(f"{error} {done}{place}")
        failure.partial = result
        raise failure from error
    # Ctrl-C, or an exception of the caller's own code: raised as it is, with what had finished.
    error.partial = result
    if isinstance(error, KeyboardInterrupt):
        sys.stderr.flush()
    raise error
