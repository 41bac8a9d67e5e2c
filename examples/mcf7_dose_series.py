"""The main job: treated wells, cell by cell, over a dose series, held against the real ones.

Runs the preset of a cell line at every dose of the series of Howard et al. 2022 (doi 10.1371/journal.pcbi.1009104), prints the
barrier ledger and a table of predicted against observed recovery and delay, and writes a plot of counts in time. The line's
preset was fitted to this very series; docs/fit.md says how well, with more wells.

    python examples/mcf7_dose_series.py [--line mcf7] [--replicates 12] [--seed 1] [--out dose-series.png]
"""

import argparse
import csv
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import senescape as sn
from scipy.stats import beta
from senescape.biology.observed import DOSE_SERIES, ONSET
from senescape.experiments.recovery import score

WELLS = Path(__file__).resolve().parents[2] / "shared" / "data" / "howard2022" / "counts_dose.csv"
"""The wells' counts, drawn where the folder is there; the figures of the table are typed in with their citation."""


def run_dose(scenario, condition, replicates, seed):
    """Simulate wells at one dose."""
    pulse = sn.Pulse("doxorubicin", condition.dose / 1000, start=condition.treated, duration=24.0)
    return sn.simulate(
        scenario,
        doses=[pulse],
        until=condition.last,
        every=12.0,
        replicates=replicates,
        seed=seed,
        # A well this full has grown back; what it does afterwards says nothing new.
        relapse=sn.Relapse(above=30_000, after=condition.treated + 168),
    )


def interval(recovered, wells):
    """Give the 95% interval of a share, after Clopper and Pearson."""
    low = beta.ppf(0.025, recovered, wells - recovered + 1) if recovered else 0.0
    high = beta.ppf(0.975, recovered + 1, wells - recovered) if recovered < wells else 1.0
    return low, high


def read_wells(line):
    """Read the wells' counts by dose."""
    wells = defaultdict(list)
    if WELLS.exists():
        with WELLS.open() as file:
            for row in csv.DictReader(file):
                dose = 0.0 if row["condition"] == "UTCtrl" else float(row["condition"].removesuffix("nM"))
                if row["cell_line"].lower() == line:
                    wells[dose].append((float(row["time_h"]), float(row["count"])))
    return wells


def print_table(rows):
    """Print predicted against observed recovery and delay, and how many agree."""
    print(f"{'':>10} {'wells that recover':^43} {'median delay (h)':^30}")
    print(f"{'dose (nM)':>10} {'predicted':>9} {'observed':>8} {'95% interval':>13} {'':>9} ", end="")
    print(f"{'predicted':>9} {'observed':>8} {'ratio':>5}")
    inside, timely, known = 0, 0, 0
    for condition, share, delay in rows:
        low, high = interval(condition.recovered, condition.wells)
        fits = low <= share <= high
        inside += fits
        line = (
            f"{condition.dose:>10g} {share:>9.2f} {condition.recovered:>6}/{condition.wells} {low:>5.2f} to {high:.2f} "
        )
        line += f"{'inside' if fits else 'OUTSIDE':>9} {_hours(delay):>9} {_hours(condition.delay):>8} "
        if condition.delay is not None and condition.recovered:
            known += 1
            same = delay == condition.delay == 0
            ratio = 1.0 if same else delay / condition.delay if condition.delay else np.inf
            near = abs(ratio - 1) <= 0.25
            timely += near
            line += f"{'' if same else f'{ratio:.2f}':>5}{'' if near else '  MISSES'}"
        print(line.rstrip())
    print(f"\nrecovery within the interval: {inside} of {len(rows)} doses; delay within 25%: {timely} of {known}")


def _hours(value):
    return "-" if value is None or np.isnan(value) else f"{value:.0f}"


def main():
    """Run the series, print the tables, draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--line", choices=sorted(DOSE_SERIES), default="mcf7")
    parser.add_argument("--replicates", type=int, default=12)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--out", type=Path, default=Path("dose-series.png"))
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="change a parameter")
    arguments = parser.parse_args()
    changed = {name: float(value) for name, _, value in (text.partition("=") for text in arguments.set)}
    scenario = sn.load(f"{arguments.line}-doxorubicin").with_params(changed)
    wells = read_wells(arguments.line)
    series = DOSE_SERIES[arguments.line]
    figure, axes = plt.subplots(2, 5, figsize=(16, 6.5), sharey=True, layout="constrained")
    rows = []
    for condition, axis in zip(series, axes.flat, strict=True):
        result = run_dose(scenario, condition, arguments.replicates, arguments.seed)
        total = np.where(result.counts[:, :, 0] < 0, np.nan, result.counts.sum(axis=2))
        scores = [score(result.time, well, condition.treated, onset=ONSET[arguments.line]) for well in total]
        delays = [s.delay for s in scores if s.recovered]
        rows.append((condition, np.mean([s.recovered for s in scores]), np.median(delays) if delays else np.nan))
        if condition is series[-3]:
            print(f"{scenario.name} at {condition.dose:g} nM, {len(scores)} wells\n{result.ledger}\n")
        axis.plot(result.time, total.T, color="tab:blue", alpha=0.4, lw=0.8)
        seen = np.asarray(wells.get(condition.dose, np.zeros((0, 2))))
        axis.plot(seen[:, 0], seen[:, 1], ".", color="black", ms=2, alpha=0.5)
        axis.axvspan(condition.treated, condition.treated + 24, color="tab:red", alpha=0.2, lw=0)
        axis.set(title=f"{condition.dose:g} nM", yscale="log", ylim=(50, 1e5), xlim=(0, 1000))
    figure.supxlabel("hours")
    figure.supylabel("cells in the well")
    points = "points: the wells" if wells else "the wells' counts are not at hand"
    figure.suptitle(f"{arguments.line.upper()}, 24 h of doxorubicin (lines: simulated wells; {points})")
    figure.savefig(arguments.out, dpi=110)
    print_table(rows)
    print(f"plot: {arguments.out}")


if __name__ == "__main__":
    main()
