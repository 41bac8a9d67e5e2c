"""Predict schedules that were not fitted: several exposures, and intervals between two, with the presets as they are.

python studies/howard2022/predict.py [--wells 96] [--threads 2] [--out predictions]

Writes predictions.json, the share of wells that recover by line, experiment and condition, and predictions.csv with intervals
and delays. Schedules as in Howard 2022, doi 10.1371/journal.pcbi.1009104: exposures of 24 h to doxorubicin at one concentration
a line.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import senescape as sn
from scipy.stats import beta
from senescape.biology.observed import ONSET
from senescape.experiments.recovery import score

DAY = 24.0
EVERY = 8.0
"""Hours between images."""

CAPPED = 40_000
"""A well with so many cells has regrown."""


@dataclass(frozen=True, slots=True)
class Line:
    """How a line's wells were treated.

    Attributes
    ----------
    concentration : float
        uM.
    founders : tuple of int
        Cells at the first image; wells take turns.
    first : float
        Start of the first of several exposures (h).
    gap : float
        From the start of one exposure to that of the next (h).
    horizon : dict of int to float
        Last image (h) by number of exposures; that of 0 holds for all others.
    days : int
        The longest interval between two exposures (d).
    """

    concentration: float
    founders: tuple[int, ...]
    first: float
    gap: float
    horizon: dict[int, float]
    days: int


LINES = {
    "mcf7": Line(0.075, (1500,), 40.0, 72.0, {0: 1000.0}, 16),
    "bt474": Line(0.035, (900,), 41.0, 24.0, {0: 1310.0}, 16),
    "mda-mb-231": Line(0.2, (1100, 1600, 2100, 2600), 25.0, 72.0, {0: 1000.0, 1: 600.0}, 10),
}
SECOND = 44.0
"""Start of the first of two exposures (h)."""
LAST = 1000.0
"""Last image after two exposures (h); between 910 and 1,070 in the experiments."""


def conditions(line: Line) -> Iterator[tuple[str, str, list[float], float]]:
    """Each condition of a line: experiment, name, starts of the exposures (h), last image (h)."""
    for n in range(1, 6):
        yield "pulses", str(n), [line.first + i * line.gap for i in range(n)], line.horizon.get(n, line.horizon[0])
    for days in range(0, line.days + 1, 2):
        yield "interval", str(days), [SECOND, SECOND + DAY + days * DAY], LAST


def wells_of(
    name: str, line: Line, starts: list[float], until: float, wells: int, seed: int, threads: int
) -> list[float]:
    """Simulate wells: the delay of each that recovers (h), NaN of the others."""
    scenario = sn.load(f"{name}-doxorubicin")
    time = np.append(np.arange(0.0, until, EVERY), until)
    delays = []
    for i, cells in enumerate(line.founders):
        result = sn.simulate(
            scenario,
            initial={"cycling": cells},
            doses=[sn.Pulse("doxorubicin", line.concentration, start=start, duration=DAY) for start in starts],
            until=until,
            observe=time,
            replicates=len(range(i, wells, len(line.founders))),
            first_replicate=i * wells,
            seed=seed,
            threads=threads,
            relapse=sn.Relapse(above=CAPPED, after=starts[-1] + 7 * DAY),
            max_cells=1_000_000,
        )
        counts = result.counts.sum(axis=2, dtype=np.float64)
        counts[result.counts[:, :, 0] < 0] = np.nan
        scores = [score(time, well, starts[-1], onset=ONSET[name]) for well in counts]
        delays += [found.delay if found.recovered else float("nan") for found in scores]
    return delays


def main() -> None:
    """Predict all conditions and write both files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wells", type=int, default=96, help="simulated wells a condition")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent / "predictions")
    arguments = parser.parse_args()
    found: dict[str, dict[str, dict[str, float]]] = {}
    rows = []
    for name, line in LINES.items():
        for experiment, condition, starts, until in conditions(line):
            delays = np.array(wells_of(name, line, starts, until, arguments.wells, arguments.seed, arguments.threads))
            back = delays[~np.isnan(delays)]
            n, k = len(delays), len(back)
            found.setdefault(name, {}).setdefault(experiment, {})[condition] = round(k / n, 4)
            # Of the share itself, as far as so many simulated wells tell (Jeffreys).
            low, high = beta.ppf([0.025, 0.975], k + 0.5, n - k + 0.5)
            quartiles = np.quantile(back, [0.25, 0.5, 0.75]) if k else [np.nan] * 3
            rows.append(
                {
                    "line": name,
                    "experiment": experiment,
                    "condition": condition,
                    "wells": n,
                    "recovered": f"{k / n:.4f}",
                    "low": f"{low:.4f}",
                    "high": f"{high:.4f}",
                    **{f"delay_{q}_h": f"{x:.1f}" for q, x in zip(("q25", "median", "q75"), quartiles, strict=True)},
                }
            )
            print(", ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "predictions.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    with (arguments.out / "predictions.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    print(f"written: {arguments.out / 'predictions.json'}, {arguments.out / 'predictions.csv'}")


if __name__ == "__main__":
    main()
