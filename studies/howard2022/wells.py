"""The wells of the dose series, and simulated wells beside them."""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import senescape as sn
from numpy.typing import NDArray
from scipy.stats import beta
from senescape.biology.observed import DOSE_SERIES, ONSET, DoseCondition
from senescape.experiments.recovery import Recovery, score

Array = NDArray[np.float64]

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "howard2022"
"""Where the data are looked for unless `--data` says otherwise."""

MISSING = """The wells' counts are not in {folder}.

They are those of Howard, Jost, Yankeelov, Brock 2022, PLoS Comput Biol 18(3):e1009104, doi 10.1371/journal.pcbi.1009104, which
says where its data are. They are not part of this project. The folder must hold
  wells_dose.csv   cell_line, condition (such as 100nM, or UTCtrl), well, n0
  counts_dose.csv  cell_line, condition, well, time_h, count
Say where it is: --data FOLDER, or make fit DATA=FOLDER."""


@dataclass(frozen=True)
class Dose:
    """One dose: its published figures and its wells.

    Attributes
    ----------
    condition : DoseCondition
        Dose, times and published figures.
    time : ndarray of float, shape (image,)
        Hours.
    counts : ndarray of float, shape (well, image)
        Cells; NaN where an image is missing.
    founders : tuple of int
        Cells in the first image of each well.
    """

    condition: DoseCondition
    time: Array
    counts: Array
    founders: tuple[int, ...]

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of the share that recovers, after Clopper and Pearson."""
        k, n = self.condition.recovered, self.condition.wells
        low = beta.ppf(0.025, k, n - k + 1) if k else 0.0
        high = beta.ppf(0.975, k + 1, n - k) if k < n else 1.0
        return float(low), float(high)

    def delay(self, line: str) -> float | None:
        """The median delay that a fit aims at: the published one, or where there is none that of the wells as scored."""
        if self.condition.delay is not None or not self.condition.recovered:
            return self.condition.delay
        delays = [found.delay for found in self.scores(line) if found.recovered]
        return float(np.median(delays)) if delays else None

    def scores(self, line: str) -> list[Recovery]:
        """Score the wells by the rule that scores simulations."""
        return [score(self.time, well, self.condition.treated, onset=ONSET[line]) for well in self.counts]


def read(folder: Path, line: str) -> list[Dose]:
    """Read the wells of a line, by dose; the program ends with an explanation if the folder is not there."""
    wanted = [folder / "wells_dose.csv", folder / "counts_dose.csv"]
    if not all(path.exists() for path in wanted):
        sys.exit(MISSING.format(folder=folder))
    founders: dict[float, dict[str, int]] = defaultdict(dict)
    images: dict[float, dict[str, dict[float, float]]] = defaultdict(lambda: defaultdict(dict))
    for path in wanted:
        with path.open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["cell_line"].lower() != line:
                    continue
                dose = 0.0 if row["condition"] == "UTCtrl" else float(row["condition"].removesuffix("nM"))
                if "n0" in row:
                    founders[dose][row["well"]] = round(float(row["n0"]))
                else:
                    images[dose][row["well"]][float(row["time_h"])] = float(row["count"])
    doses = []
    for condition in DOSE_SERIES[line]:
        wells = images[condition.dose]
        time = np.array(sorted({t for well in wells.values() for t in well}))
        counts = np.array([[well.get(t, np.nan) for t in time] for well in wells.values()])
        doses.append(Dose(condition, time, counts, tuple(founders[condition.dose][well] for well in wells)))
    return doses


def simulate(
    scenario: sn.Scenario,
    dose: Dose,
    params: Mapping[str, float],
    wells: int,
    seed: int,
    above: float = 40_000.0,
    scale: float = 1.0,
    threads: int = 1,
) -> Array:
    """Simulate wells at a dose with the engine.

    Parameters
    ----------
    scenario : Scenario
        The line's preset.
    dose : Dose
        What to simulate: the exposure, the times of the images, the founders.
    params : mapping of str to float
        Parameter values instead of the preset's.
    wells : int
        How many; the wells' numbers of founders take turns.
    seed : int
        The seed.
    above : float
        A well with so many cells has regrown and ends.
    scale : float
        Founders, capacity and `above` are multiplied by this and counts divided by it: for doses at which every well recovers,
        a part of a well says what the whole would.
    threads : int
        Threads.

    Returns
    -------
    ndarray of float, shape (well, image)
        Cells; NaN after the end.
    """
    condition = dose.condition
    capacity = params.get("cycle.capacity", scenario.model.parameters["cycle.capacity"].value)
    changed = {**params, "cycle.capacity": scale * capacity}
    pulse = sn.Pulse("doxorubicin", condition.dose / 1000, start=condition.treated, duration=24.0)
    # A week after treatment even the wells that hardly stop have passed their lowest point, or never had one.
    relapse = sn.Relapse(above=scale * above, after=condition.treated + 168.0)
    founders = dose.founders[: min(wells, len(dose.founders))]
    model = scenario.model.with_params(changed)
    counts = []
    for i, cells in enumerate(founders):
        result = sn.simulate(
            model,
            initial={"cycling": max(1, round(scale * cells))},
            doses=[pulse],
            until=float(dose.time[-1]),
            observe=dose.time,
            replicates=len(range(i, wells, len(founders))),
            first_replicate=i * wells,
            sync=scenario.sync,
            seed=seed,
            threads=threads,
            relapse=relapse,
            max_cells=1_000_000,
        )
        total = result.counts.sum(axis=2, dtype=np.float64)
        total[result.counts[:, :, 0] < 0] = np.nan
        # A well that died out stays empty.
        empty = result.outcomes["stop"] == "eradicated"
        total[np.asarray(empty)[:, None] & np.isnan(total)] = 0.0
        counts.append(total / scale)
    return np.concatenate(counts)
