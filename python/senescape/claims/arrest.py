"""Claims about the third barrier: how deep the arrest is, and who gets out of it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senescape.claims.framework import Finding, Lab, claim
from senescape.scenarios.scenario import Scenario

DAY = 24.0

ARRESTED: dict[str, float] = {
    # A week after chemotherapy in vivo: damage that is left holds every cell until it is repaired; then depth alone does.
    "damage.initial": 6.0,
    "damage.repair": 72.0,
    "escape.h0": 0.1,
    "escape.gamma": 10.0,
    "apoptosis.k": 0.0,
    "turnover.hazard": 0.0,
}


def culture(until: float, **parameters: float) -> Scenario:
    """Senescent cells that only ever escape."""
    return Scenario(
        initial={"senescent": 2000},
        until=until,
        every=until / 50,
        parameters={**ARRESTED, **parameters},
        max_cells=1_000_000,
    )


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.argsort(np.argsort(values)).astype(np.float64)


@claim(
    11,
    "The depth of the arrest is graded and tells who returns",
    references="74",
    control="spread of the chromatin lock",
)
def depth_is_graded(lab: Lab, mechanism: bool) -> Finding:
    """Read depth at a landmark, then wait.

    Senescence is no switch: SA-bGal intensity, read at a fixed day after treatment, is graded and has one mode, and the dimmer
    a cell is at that day the sooner it re-enters the cycle. Read at a landmark, so that intensity does not count the time in
    arrest: cells that leave earlier are not part of it.
    """
    landmark, end = 7 * DAY, 35 * DAY
    # Without the spread all cells are as deep as each other at the landmark, and depth can tell nothing.
    lock = {} if mechanism else {"chromatin_lock.initial.a": 4e6, "chromatin_lock.initial.b": 2e6}

    def look(visit: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        cell = visit.cells["senescent"]
        return cell.clone.copy(), cell.depth.astype(np.float64)

    times = [landmark, *np.arange(landmark + DAY, end, DAY)]
    seen = lab.watch(culture(end, **lock), times, look, replicates=lab.replicates(12))
    correlations, spreads, modes, pooled = [], [], [], []
    for replicate in seen:
        clones, depth = replicate[0]
        left = np.full(len(clones), len(times), dtype=np.float64)
        for number, later in enumerate(replicate[1:], 1):
            left[(left == len(times)) & ~np.isin(clones, later[0])] = number
        # Constant depth has no ranks, and tells nothing.
        tied = depth.std() < 1e-4
        correlations.append(0.0 if tied else np.corrcoef(_ranks(depth), _ranks(left + 1e-6 * depth * 0))[0, 1])
        spreads.append(depth.std() / depth.mean())
        counts = np.histogram(depth, bins=12, range=(0.0, float(depth.max()) + 1e-9))[0].astype(np.float64)
        smooth = np.convolve(counts, [0.25, 0.5, 0.25], mode="same")
        inner = (smooth[1:-1] > smooth[:-2]) & (smooth[1:-1] >= smooth[2:]) & (smooth[1:-1] > 0.1 * smooth.max())
        modes.append(float(inner.sum()))
        pooled.append(depth)
    found = Finding(x="SA-bGal intensity at day 7 (depth)", y="cells")
    found.check("coefficient of variation of intensity at day 7", "graded: above 0.15", spreads, above=0.15)
    found.check("modes of the distribution of intensity", "one: below 1.5", modes, below=1.5)
    found.check(
        "rank correlation of intensity at day 7 with time to re-entry",
        "clearly positive: above 0.25",
        correlations,
        above=0.25,
    )
    every = np.concatenate(pooled)
    heights, edges = np.histogram(every, bins=24, range=(0.0, 1.0))
    found.draw("cells", 0.5 * (edges[1:] + edges[:-1]), heights)
    return found


@claim(
    12,
    "Rigid arrest gives stable disease, shallow arrest a brief stall",
    references="37",
    control="depth of the arrest",
)
def rigid_arrest_is_stable_disease(lab: Lab, mechanism: bool) -> Finding:
    """Time from arrest to regrowth, by the mean depth.

    Where the arrest is rigid the tumour is stable, whatever the number of survivors; where it is shallow it stalls briefly and
    regrows. The plateau is the longer the deeper the arrest is on average. Depth is set by the mean of the chromatin lock.
    """
    means = [0.3, 0.5, 0.7, 0.9]
    # Steeper than in the other claims: a rigid arrest is one that no cell leaves in months.
    gamma = 20.0 if mechanism else 0.0
    horizon = 60 * DAY

    def plateau(mean: float, cells: int, replicates: int) -> NDArray[np.float64]:
        # Twenty units of information: a spread of about 0.1 at every mean.
        lock = {"chromatin_lock.initial.a": 20 * mean, "chromatin_lock.initial.b": 20 * (1 - mean)}
        scenario = culture(horizon, **{**lock, "escape.gamma": gamma, "cycle.capacity": 1e7}).model_copy(
            update={"initial": {"senescent": cells}}
        )
        result = lab.simulate(
            Scenario.model_validate({**scenario.model_dump(), "relapse": {"above": 1.5 * cells}}), replicates=replicates
        )
        times = result.outcomes["relapse_time"]
        return np.where(np.isnan(times), horizon, times) / DAY

    found = Finding(x="mean chromatin lock", y="plateau (d)")
    lengths = {mean: plateau(mean, 1000, lab.replicates(40)) for mean in means}
    found.check("plateau of the shallowest arrest (d)", "a brief stall: below 20", lengths[0.3], below=20.0)
    found.check("plateau of the most rigid arrest (d)", "stable to the horizon: above 40", lengths[0.9], above=40.0)
    for below, above in itertools.pairwise(means):
        if above < 0.9:
            gain = lengths[above] - lengths[below].mean()
            found.check(f"longer at a lock of {above} than of {below} (d)", "longer: above 1", gain, above=1.0)
    few, many = (plateau(0.9, cells, lab.replicates(40)) for cells in (300, 3000))
    found.check("rigid arrest of 300 survivors (d)", "stable too: above 40", few, above=40.0)
    found.check("rigid arrest of 3,000 survivors (d)", "stable too: above 40", many, above=40.0)
    found.draw("1,000 survivors", means, [lengths[mean].mean() for mean in means], style="points")
    return found


@claim(
    13,
    "Escape times have a heavy tail and a remainder that never leaves",
    references="37,71-73,74",
    control="spread of the chromatin lock",
)
def escape_times_are_heavy_tailed(lab: Lab, mechanism: bool) -> Finding:
    """Count who is still arrested.

    Times to escape do not follow one rate: the hazard of those still arrested falls, and some cells never leave. It is a
    continuum, set by the spread of the chromatin lock: without the spread, once the depth is reached, one rate fits all.
    """
    horizon = 240 * DAY
    lock = {} if mechanism else {"chromatin_lock.initial.a": 4e6, "chromatin_lock.initial.b": 2e6}
    # Cells that have escaped must not count: they are made to stand still.
    scenario = culture(horizon, **lock, **{"cycle.length": 1e9})
    result = lab.simulate(scenario, replicates=lab.replicates(12), every=2 * DAY)
    left = result.counts[:, :, result.layout.fates.index("senescent")].astype(np.float64)
    days = result.time / DAY

    def at(day: float) -> int:
        return int(np.searchsorted(days, day))

    # From day 25 on every cell has come up to its own depth.
    early = np.log(left[:, at(25)] / left[:, at(45)]) / 20
    late = np.log(left[:, at(120)] / left[:, at(240)]) / 120
    found = Finding(x="time (d)", y="share still arrested", log="y")
    found.check("escape rate from day 120 on, of that from day 25 to 45", "falling: below 0.5", late / early, below=0.5)
    found.check("share still arrested after 240 days", "a remainder: above 0.03", left[:, -1] / left[:, 0], above=0.03)
    found.check("share that escaped within 45 days", "many: above 0.2", 1 - left[:, at(45)] / left[:, 0], above=0.2)
    found.draw("still arrested", days, (left / left[:, :1]).mean(axis=0))
    return found
