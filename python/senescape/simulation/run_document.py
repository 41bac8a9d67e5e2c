"""Write what a run is asked for as the document that the engine reads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from senescape._support.suggest import did_you_mean
from senescape._support.validate import (
    at_most,
    is_number,
    moments,
    positive,
    thread_count,
    whole_number,
)
from senescape.errors import ModelError
from senescape.model.drugs import Dose, Drug, Pulse
from senescape.model.stopping import Relapse

if TYPE_CHECKING:
    from senescape.model.model import Model

__all__ = ["dose_document", "dose_of", "doses_given", "doses_past", "observation_times", "run_document"]

MAX_OBSERVATIONS = 500_000
"""Times of observation in one run; more would only fill memory."""

MAX_DOSES = 500_000
"""Doses in one run: each cuts the time into epochs, of which the engine takes as many."""


def run_document(
    model: Model,
    settings: Mapping[str, Any],
    replicates: int,
    first_replicate: int,
    seed: int,
    threads: int | None,
    rtol: float,
) -> dict[str, Any]:
    """Write a run.

    Parameters
    ----------
    model : Model
        What runs.
    settings : mapping
        ``initial``, ``until``, ``every``, ``observe``, ``sync``, ``doses``, ``max_cells``, ``relapse`` and ``visits``, as for
        :func:`senescape.simulate`; None where not given.
    replicates, first_replicate, seed, threads, rtol
        As there.

    Returns
    -------
    dict
        Numbers, texts, lists and dicts.

    Raises
    ------
    ModelError
        If something is not valid.
    """
    until = positive(settings["until"], "until", "the horizon in hours, for example sn.days(60)")
    stop, most = settings["relapse"], settings["max_cells"]
    replicates = whole_number(replicates, "replicates", 1, 2**31 - 1)
    return {
        "initial": _initial(model, settings["initial"]),
        **_order_of_founders(model, settings["initial"]),
        "until": until,
        "observe": observation_times(until, settings["every"], settings["observe"]),
        "sync": positive(24.0 if settings["sync"] is None else settings["sync"], "sync", "a time in hours"),
        "seed": whole_number(seed, "seed", 0, 2**64 - 1),
        "first_replicate": whole_number(first_replicate, "first_replicate", 0, 2**63 - replicates),
        "replicates": replicates,
        "threads": thread_count(threads),
        "rtol": positive(rtol, "rtol", "a relative tolerance, such as 1e-4"),
        "visits": _visits(model, until, settings["visits"]),
        "doses": [dose_document(model.drugs, dose) for dose in doses_given(settings["doses"])],
        "stop": {
            "eradicated": True,
            "max_cells": whole_number(10_000_000 if most is None else most, "max_cells", 1, 2**32 - 1),
            "relapse": None if stop is None else _relapse(model, stop),
        },
        "params": list(model.parameter_values()),
    }


def _initial(model: Model, initial: Mapping[str, int] | None) -> list[int]:
    example = f"give the number of cells in each fate: initial={{{model.fates[0]!r}: 1000}}"
    if initial is None:
        raise ModelError(f"initial is missing; {example}")
    if not isinstance(initial, Mapping):
        convert = " (a pandas Series by .to_dict())" if hasattr(initial, "to_dict") else ""
        raise ModelError(f"initial = {initial!r:.60} is not a mapping; {example}{convert}")
    if not initial:
        raise ModelError(f"initial is empty; {example}")
    for fate in initial:
        if fate not in model.fates:
            raise ModelError(
                f"initial names the fate {fate!r}, which the model does not have{did_you_mean(fate, model.fates)}"
            )
    return [whole_number(initial.get(fate, 0), f"initial[{fate!r}]", 0, 2**32 - 1) for fate in model.fates]


def _order_of_founders(model: Model, initial: Mapping[str, int]) -> dict[str, list[int]]:
    """Write the order of fates in which arrays hold founders, where it is not that of the model."""
    order = [model.fates.index(fate) for fate in dict.fromkeys([*initial, *model.fates])]
    return {} if order == sorted(order) or not model.columns else {"given_order": order}


def observation_times(until: float, every: float | None, observe: Any = None) -> list[float]:
    """Give the times at which a run is looked at (h): those given, or every so many hours, or a hundredth of it.

    Raises
    ------
    ModelError
        If a time is not valid, or there are too many.
    """
    if observe is not None:
        given = moments(observe, "observe", until, end=True)
        at_most(len(given), MAX_OBSERVATIONS, "the number of times in observe", "observe less often")
        return given
    step = until / 100 if every is None else positive(every, "every", "a time in hours")
    if not step > 0:
        raise ModelError(f"until = {until:g} h is too short to be divided by 100; give every or observe")
    wanted = until / step
    if not wanted <= MAX_OBSERVATIONS:
        raise ModelError(
            f"every = {step:g} h gives {wanted:,.6g} observations; at most {MAX_OBSERVATIONS:,} are possible"
        )
    whole = math.floor(wanted * (1 + 1e-12))
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
    if is_number(visits):
        step = positive(visits, "visits", "the hours from one to the next, or their times")
        return [t for t in observation_times(until, step, None) if t < until]
    return moments(visits, "visits", until)


def doses_given(doses: Any) -> tuple[Any, ...]:
    """Return doses as they were given, in whatever holds them; none for None.

    Raises
    ------
    ModelError
        If they are nothing that holds doses.
    """
    if doses is None:
        return ()
    if not isinstance(doses, Iterable) or isinstance(doses, str | bytes | Mapping):
        raise ModelError(f"doses = {doses!r} is no list of doses; give doses=[sn.Dose(...), ...]")
    given = tuple(islice(doses, MAX_DOSES + 1))
    at_most(len(given), MAX_DOSES, "the number of doses", "one dose may stand for many: an infusion, or a longer pulse")
    return given


def doses_past(run: Mapping[str, Any]) -> str:
    """Say that all doses of a run are planned for after its horizon; nothing where some are not, or there are no such."""
    times = [dose["at"] for dose in run["doses"]]
    if not times or min(times) <= run["until"]:
        return ""
    return (
        f"all doses are planned for after until = {run['until']:g} h, the first for {min(times):g} h, so none is given; "
        f"times are in hours: sn.days({run['until']:g}) is {24 * run['until']:g} h"
    )


def dose_document(drugs: Sequence[Drug], dose: Dose | Pulse) -> dict[str, Any]:
    """Write a dose or a pulse of one of some drugs."""
    if not isinstance(dose, Dose | Pulse):
        raise ModelError(f"doses must hold sn.Dose or sn.Pulse, not {type(dose).__name__}")
    names = [drug.name for drug in drugs]
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
    drug = drugs[index]
    route = drug.route_of(dose)
    if not math.isfinite(dose.amount / drug.fields["volume"].value):
        raise ModelError(
            f"a dose of {dose.drug!r} at {dose.at:g} h is {dose.amount:g} in a volume of {drug.fields['volume'].value:g}, "
            "too much to be counted"
        )
    return {"drug": index, "at": dose.at, "amount": dose.amount, "route": route, "duration": dose.duration}


def dose_of(drugs: Sequence[Drug], data: Mapping[str, Any]) -> Dose | Pulse:
    """Make a dose of what :func:`dose_document` wrote."""
    name = drugs[data["drug"]].name
    if data["route"] == "pulse":
        return Pulse(name, data["amount"], start=data["at"], duration=data["duration"])
    return Dose(name, data["amount"], data["at"], data["route"], data["duration"])


def _relapse(model: Model, rule: Relapse) -> dict[str, Any]:
    if not isinstance(rule, Relapse):
        raise ModelError(f"relapse = {rule!r} is no rule; give relapse=sn.Relapse(above=...)")
    fates = model.fates if rule.fates is None else rule.fates
    for fate in fates:
        if fate not in model.fates:
            raise ModelError(f"the relapse rule names the fate {fate!r}{did_you_mean(fate, model.fates)}")
    return {"fates": [model.fates.index(fate) for fate in fates], "above": rule.above, "after": rule.after}
