"""Claims about the tumour as a whole: founders, clones, and what the relapse is made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from senescape.claims.framework import Finding, Lab, claim
from senescape.run import Relapse
from senescape.scenario import Scenario, load

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
        replicates=lab.replicates(8),
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
