"""Cells taken out of a tumour: sorted and followed, or treated again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from senescape._support.suggest import did_you_mean
from senescape._support.validate import positive, whole_number
from senescape.errors import ModelError
from senescape.experiments.observe import scenario_given, watch
from senescape.results.table import Table
from senescape.scenarios.cell_tables import assemble_measured
from senescape.simulation.simulate import simulate

if TYPE_CHECKING:
    from senescape.model.visits import Visit
    from senescape.scenarios.scenario import Scenario

__all__ = ["rechallenge", "sort_cells"]


def sort_cells(
    scenario: Scenario,
    at: float,
    until: float,
    *,
    by: str = "depth",
    fate: str = "senescent",
    target: str = "cycling",
    fractions: int = 3,
    every: float = 24.0,
    **settings: Any,
) -> Table:
    """Sort cells by intensity, plate the fractions apart without drug, and follow their return.

    Sorting by SA-bGal intensity at one time, and asking later who re-entered the cycle, tells whether depth foretells return;
    intensity read at the return itself would count the time in arrest.

    Parameters
    ----------
    scenario : Scenario
        The treated tumour.
    at : float
        When cells are sorted (h).
    until : float
        How long fractions are followed (h from plating).
    by : str
        The trait that is sorted by.
    fate, target : str
        The cells that are sorted, and where their return leads.
    fractions : int
        How many, of equal size, from the dimmest.
    every : float
        Hours between looks.
    **settings
        As for :func:`senescape.simulate`: ``replicates`` tumours, each sorted on its own; ``seed``; ...

    Returns
    -------
    Table
        One row for each replicate, fraction (0 is the dimmest) and time: ``low`` and ``high`` (range of the trait), ``cells``
        plated, ``time`` (h from plating), ``returned`` (share that re-entered so far), ``alive`` (of those plated, with their
        descendants).

    Raises
    ------
    ModelError
        If the model lacks the trait or a fate, or a tumour holds fewer such cells than fractions.
    """
    model = scenario_given(scenario, "sort_cells").model
    names = [trait.name for trait in model.traits]
    if by not in names:
        raise ModelError(f"the model has no trait {by!r} to sort by{did_you_mean(by, names)}")
    for each in (fate, target):
        if each not in model.fates:
            raise ModelError(f"the model has no fate {each!r}{did_you_mean(each, model.fates)}")
    fractions = whole_number(fractions, "fractions", 1, 2**32 - 1)
    until = positive(until, "until", "the hours that fractions are followed for")

    def look(visit: Visit) -> dict[str, NDArray[np.float32]]:
        return {name: np.array(getattr(visit.cells[fate], name), dtype=np.float32) for name in names}

    seed = settings.pop("seed", None)
    if seed is not None:
        seed = whole_number(seed, "seed", 0, 2**64 - 1)
    seeds = np.random.SeedSequence(seed)
    collected = watch(scenario, [at], look, **settings, seed=seed)
    plating = {name: value for name, value in settings.items() if name in ("threads", "sync", "rtol")}
    rows: list[dict[str, Any]] = []
    for number, (cells,) in enumerate(collected):
        n = 0 if cells is None else len(cells[by])
        if cells is None or n < fractions:
            raise ModelError(
                f"replicate {number} has {n} {fate} cells at {at:g} h; {fractions} fractions need more: sort earlier, or "
                "start with more cells"
            )
        for fraction, members in enumerate(np.array_split(np.argsort(cells[by], kind="stable"), fractions)):
            drawn = int(seeds.spawn(1)[0].generate_state(1, np.uint64)[0] >> np.uint64(1))
            plated = {name: column[members] for name, column in cells.items()}
            rows += _follow(scenario, plated, fate, target, until, every, drawn, plating, number, fraction, by)
    return Table({name: np.array([row[name] for row in rows]) for name in rows[0]})


def _follow(
    scenario: Scenario,
    plated: dict[str, NDArray[np.float32]],
    fate: str,
    target: str,
    until: float,
    every: float,
    seed: int,
    settings: dict[str, Any],
    replicate: int,
    fraction: int,
    by: str,
) -> list[dict[str, Any]]:
    model, replaced = assemble_measured(scenario.plugins, plated)
    model = model.with_params({name: value for name, value in scenario.parameters.items() if name not in replaced})
    n = len(plated[by])
    result = simulate(model, initial={fate: n}, until=until, every=every, seed=seed, progress=False, **settings)
    back = [i for i, t in enumerate(result.layout.transitions) if t.source == fate and t.target == target]
    returned = result.events[0][:, back].sum(axis=1) / n
    alive = result.counts[0].sum(axis=1) / n
    low, high = float(plated[by].min()), float(plated[by].max())
    return [
        {
            "replicate": replicate,
            "fraction": fraction,
            "low": low,
            "high": high,
            "cells": n,
            "time": float(time),
            "returned": float(each),
            "alive": float(left),
        }
        for time, each, left in zip(result.time, returned, alive, strict=True)
    ]


def rechallenge(
    scenario: Scenario,
    at: float,
    *,
    after: float = 96.0,
    traits: Sequence[str] | None = None,
    mark: str = "ever_senescent",
    fate: str = "cycling",
    **settings: Any,
) -> Table:
    """Give the scenario's treatment again to the cells that came back, and for the first time to untreated ones.

    Parameters
    ----------
    scenario : Scenario
        The treated tumour.
    at : float
        When its course is given again (h), counted to the course's first dose.
    after : float
        Hours from then to the look at who still cycles.
    traits : sequence of str, optional
        Traits whose means are compared; all by default.
    mark : str
        What repopulating cells carry.
    fate : str
        The cells that are asked.
    **settings
        As for :func:`senescape.simulate`.

    Returns
    -------
    Table
        One row for each group (``"repopulating"``, ``"untreated"``) and replicate: ``cells`` (cycling at `at`),
        ``of_which_marked``, ``response`` (cycling after the course, as a share of those before), and for each trait its
        ``mean_<trait>`` at `at`: over the marked cells of the repopulating tumour, and over all of the untreated one. NaN where
        no such cells are there.

    Raises
    ------
    ModelError
        If nothing is given in the scenario, or its course is not over at `at`.
    """
    model = scenario_given(scenario, "rechallenge").model
    at = positive(at, "at", "the hour at which the course is given again")
    after = positive(after, "after", "the hours from then to the last look")
    names = [trait.name for trait in model.traits]
    for name in traits or ():
        if name not in names:
            raise ModelError(f"the model has no trait {name!r}{did_you_mean(name, names)}")
    chosen = tuple(names if traits is None else traits)
    starts = [dose.at for dose in scenario.doses] + [pulse.start for pulse in scenario.pulses]
    if not starts:
        raise ModelError("the scenario gives no drug, so there is nothing to give again")
    shift = at - min(starts)
    if shift <= 0:
        raise ModelError(f"at is {at:g} h, and the course begins at {min(starts):g} h; give it again later")
    doses = tuple(dose.model_copy(update={"at": dose.at + shift}) for dose in scenario.doses)
    pulses = tuple(pulse.model_copy(update={"start": pulse.start + shift}) for pulse in scenario.pulses)
    settings = {"until": at + after + 1.0, **settings}
    groups = {
        "repopulating": {"doses": (*scenario.doses, *doses), "pulses": (*scenario.pulses, *pulses)},
        "untreated": {"doses": doses, "pulses": pulses},
    }

    def look(visit: Visit) -> dict[str, Any]:
        cells = visit.cells[fate]
        marked = np.asarray(cells.mark[mark], dtype=bool)
        return {
            "cells": len(cells),
            "marked": int(marked.sum()),
            "columns": {name: (np.array(getattr(cells, name)), marked) for name in chosen} if visit.number == 0 else {},
        }

    rows: list[dict[str, Any]] = []
    for group, given in groups.items():
        # Regrown tumours must live to be treated again.
        tumour = scenario.model_copy(update={**given, "relapse": None, "until": float(settings["until"])})
        for number, (before, later) in enumerate(watch(tumour, [at, at + after], look, **settings)):
            cells = 0 if before is None else before["cells"]
            row: dict[str, Any] = {
                "group": group,
                "replicate": number,
                "cells": cells,
                "of_which_marked": 0 if before is None else before["marked"],
                "response": (0 if later is None else later["cells"]) / cells if cells else np.nan,
            }
            for name in chosen:
                values = np.zeros(0)
                if before is not None:
                    column, marked = before["columns"][name]
                    values = column[marked] if group == "repopulating" else column
                row[f"mean_{name}"] = float(values.mean()) if len(values) else np.nan
            rows.append(row)
    return Table({name: np.array([row[name] for row in rows]) for name in rows[0]})
