"""Claims about the tumour as a whole: founders, clones, and what the relapse is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from senescape.claims.framework import Finding, Lab, claim, index
from senescape.experiments import tumour_volume
from senescape.model.stopping import Relapse
from senescape.results.result import Result
from senescape.scenarios.scenario import Scenario, load

ALIKE: dict[str, float] = {
    # Every spread that cells of the built-in biology have, taken away.
    "efflux.sigma": 1e-6,
    "bcl_xl.initial.sigma": 1e-6,
    "mcl1.initial.sigma": 1e-6,
    "chromatin_lock.initial.a": 4e6,
    "chromatin_lock.initial.b": 2e6,
}


def well(dose: float, until: float = 900.0, **parameters: float) -> Scenario:
    """An MCF7 well under one 24 h exposure to doxorubicin (nM)."""
    scenario = load("mcf7-doxorubicin").with_params(parameters)
    pulse = scenario.pulses[0].model_copy(update={"concentration": dose / 1000})
    changed = scenario.model_copy(update={"pulses": (pulse,), "until": until, "every": 24.0})
    changed.__dict__.pop("model", None)
    return changed


@claim(
    16, "A few founders suffice, and selection chooses them", references="2,31,32", control="differences between cells"
)
def few_founders_suffice(lab: Lab, mechanism: bool) -> Finding:
    """Which founders regrow a well, and how the share of those that get through depends on dose.

    A few cells of a treated tumour regrow all of it. Because cells differ, the share of founders that get through falls gradually
    with dose, and those that do are not a fair sample: selection has chosen them. If all cells were alike the outcome would be
    all or none.
    """
    alike = {} if mechanism else ALIKE
    doses = np.array([20.0, 30.0, 40.0, 50.0, 60.0, 75.0, 90.0, 110.0])
    day = 24.0

    def look(visit: Any) -> dict[str, Any]:
        cell = visit.cells["cycling"]
        return {"clone": cell.clone.copy(), "efflux": cell.efflux.astype(np.float64)}

    # Twelve days after treatment: who cycles then will regrow, and few cells have died of crowding.
    begin, read = 45.0, 45.0 + 12 * day
    through = []
    for dose in doses:
        seen = lab.watch(
            well(float(dose), read + 1.0, **alike),
            [0.0, read],
            look,
            replicates=lab.replicates(4),
            initial={"cycling": 600},
        )
        through.append([len(np.unique(replicate[1]["clone"])) / 600 for replicate in seen])
    share = np.array([np.mean(each) for each in through])
    graded = int(((share > 0.03) & (share < 0.9)).sum())
    found = Finding(x="doxorubicin (nM)", y="share of founders with cycling descendants 12 days later", log="x")
    found.check_value("doses at which part of the founders get through, of 8", "gradual: above 3.5", graded, above=3.5)
    found.draw("founders", doses, share, style="points")

    seen = lab.watch(
        well(90.0, begin + 35 * day, **alike),
        [0.0, begin + 34 * day],
        look,
        replicates=lab.replicates(20),
        relapse=Relapse(1e9),
    )
    founders, selected = [], []
    for first, last in seen:
        cells = last["clone"]
        if not len(cells):
            continue
        counts = np.sort(np.unique(cells, return_counts=True)[1])[::-1]
        # The founders that make up nine tenths of the regrowth.
        founders.append(1 + int(np.searchsorted(np.cumsum(counts) / counts.sum(), 0.9)))
        start = np.log(first["efflux"][np.argsort(first["clone"])])
        spread = max(float(start.std()), 1e-3)
        selected.append((start[cells].mean() - start.mean()) / spread)
    found.check(
        "founders of nine tenths of the regrowth, of 1,500",
        "few: 0.5 to 75",
        founders or [0.0, 0.0],
        above=0.5,
        below=75.0,
    )
    found.check(
        "efflux of those founders above the mean (SD)", "selected: above 0.5", selected or [0.0, 0.0], above=0.5
    )
    return found


CLEARANCE = 0.012
"""Dead mass that a tumour clears (1/h): half of it in two and a half days, assumed."""


def _volume(result: Result) -> NDArray[np.float64]:
    """Tumour volume by replicate and time, of that at the start: with the larger size of stopped cells, and the dead."""
    volume = tumour_volume(result, clearance=CLEARANCE)
    return np.asarray(volume / volume[:, :1], dtype=np.float64)


DEEPER = {"return.k": 0.02, "escape.h0": 0.1, "escape.ae": 0.8}
"""An arrest that more cells stay in, as after regimens that hold tumours for weeks."""


def mouse(tp53: float, **changed: Any) -> Scenario:
    """A mouse mammary tumour on five days of doxorubicin, with TP53 that works in a share of its clones."""
    scenario = load("mouse-mammary-doxorubicin")
    parameters = {**scenario.parameters, "tp53.initial.p": tp53, **changed.pop("parameters", {})}
    return Scenario.model_validate({**scenario.model_dump(), "relapse": None, "parameters": parameters, **changed})


@claim(
    1,
    "TP53 wild-type tumours senesce and return, mutant ones run into mitotic catastrophe",
    references="12,38-44",
    control="p53",
)
def mutant_tumours_respond_better(lab: Lab, mechanism: bool) -> Finding:
    """The same tumours with and without p53 that works, on the same doses.

    Wild-type tumours senesce and are not eradicated; most treated deaths of mutant ones are mitotic catastrophe. Wild-type
    tumours shrink less (to about 0.65 of their volume) and return earlier than mutant ones (to about 0.3), and mutant ones are
    eradicated more often. In the control p53 stops no cell, so both are the same.
    """
    # Without arrest by p53 the wild type differs in nothing.
    blind = {} if mechanism else {"arrest.k": 0.025, "arrest.independent": 1.0, "apoptosis.induced": 0.0}
    found = Finding(x="time (d)", y="volume, of that at the start")
    volumes, early = {}, {}
    for name, tp53 in (("wild type", 1.0), ("mutant", 0.0)):
        scenario = mouse(tp53, until=22 * 24.0, parameters=blind)
        result = lab.simulate(scenario, replicates=lab.replicates(8))
        volumes[name] = _volume(result)
        at = int(np.searchsorted(result.time, 10 * 24.0))
        deaths = result.deaths[:, at].astype(np.float64)
        early[name] = deaths[:, index(result.layout.causes, "mitotic_catastrophe")] / deaths.sum(axis=1)
        if name == "wild type":
            senescent = result.counts[:, at, index(result.layout.fates, "senescent")] / result.counts[:, at].sum(axis=1)
        found.draw(name, result.time / 24.0, volumes[name].mean(axis=0))
        times = result.time / 24.0
    lowest = {name: volume.min(axis=1) for name, volume in volumes.items()}
    found.check(
        "lowest volume of wild-type tumours", "about 0.65: 0.5 to 0.8", lowest["wild type"], above=0.5, below=0.8
    )
    found.check("lowest volume of mutant tumours", "about 0.3: 0.2 to 0.4", lowest["mutant"], above=0.2, below=0.4)
    found.check(
        "share of mutant deaths by day 10 that are mitotic catastrophe", "most: above 0.5", early["mutant"], above=0.5
    )
    found.check("share of wild-type cells senescent at day 10", "many: above 0.3", senescent, above=0.3)

    def back(volume: NDArray[np.float64]) -> NDArray[np.float64]:
        grown = (volume > 1.0) & (np.arange(len(times)) > volume.argmin(axis=1)[:, None])
        return np.asarray(np.where(grown.any(axis=1), times[grown.argmax(axis=1)], times[-1]))

    later = back(volumes["mutant"]) - back(volumes["wild type"]).mean()
    found.check("return of mutant tumours after that of wild-type ones (d)", "later: above 1", later, above=1.0)
    gone = {}
    n = lab.replicates(1000)
    for name, tp53 in (("wild type", 1.0), ("mutant", 0.0)):
        # Small tumours and higher doses, at which some are eradicated.
        small = mouse(
            tp53,
            until=45 * 24.0,
            initial={"cycling": 25},
            doses=[{"drug": "doxorubicin", "amount": 0.4, "at": 0.0, "repeat": 5, "interval": 24.0}],
            max_cells=5000,
            parameters={**blind, "cycle.capacity": 250.0},
        )
        gone[name] = int(lab.simulate(small, replicates=n).outcomes["eradicated"].sum())
    found.check_share("wild-type tumours eradicated", "rarely: below 0.06", gone["wild type"], n, below=0.06)
    found.check_share("mutant tumours eradicated", "more often: above 0.07", gone["mutant"], n, above=0.07)
    return found


@claim(
    2,
    "Most live cells a week after treatment are senescent, and cells fall more than volume",
    references="45-47",
    control="senescence",
)
def residual_disease_is_senescent(lab: Lab, mechanism: bool) -> Finding:
    """Wild-type tumours a week after the last dose.

    In wild-type tumours most live cells a week after treatment are senescent, not rare persisters; the number of cells falls more
    than the volume; residual disease is extensive. In the control arrested cells never become senescent.
    """
    off = {} if mechanism else {"senescence.k": 0.0, "arrest.k": 0.0}
    scenario = mouse(1.0, until=14 * 24.0, parameters={**DEEPER, **off})
    result = lab.simulate(scenario, replicates=lab.replicates(8))
    fates = result.layout.fates
    # The last of five daily doses is given on day 4, and has acted by day 5.
    at = int(np.searchsorted(result.time, 11 * 24.0))
    cells = result.counts[:, at].astype(np.float64)
    found = Finding(x="time (d)", y="of what there was at the start")
    senescent = cells[:, index(fates, "senescent")] / np.maximum(cells.sum(axis=1), 1)
    found.check("share of live cells senescent a week after treatment", "most: above 0.5", senescent, above=0.5)
    left = cells.sum(axis=1) / result.counts[:, 0].sum(axis=1)
    found.check("cells left, of those at the start", "extensive: above 0.3", left, above=0.3)
    volume = _volume(result)
    found.check("fall of cell number beyond that of volume", "more: above 0.03", volume[:, at] - left, above=0.03)
    found.draw("volume", result.time / 24.0, volume.mean(axis=0))
    found.draw("cells", result.time / 24.0, (result.counts.sum(axis=2) / result.counts[:, :1].sum(axis=2)).mean(axis=0))
    return found
