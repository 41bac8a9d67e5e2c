"""Fit the presets to the dose series with the engine, and report how well they fit.

    python studies/howard2022/dose_series.py [--line mcf7] [--minutes 15] [--seed 1] [--data FOLDER] [--write]

Approximate Bayesian computation by sequential Monte Carlo (pyabc): parameters are drawn from the priors below, wells are
simulated at every dose, and draws whose wells resemble the real ones are kept and moved closer, generation by generation, until
the time is up. The fitted values are the medians of the last population, if they do better than the preset's own values in wells
simulated afresh. With `--write` they go into the preset. `--minutes 0` reports on the presets as they are.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import logging
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyabc
import report
import senescape as sn
from growth import untreated
from pyabc.sampler import SingleCoreSampler
from senescape.biology.observed import DOSE_SERIES, ONSET
from senescape.experiments.recovery import score
from senescape.plugins.registry import preset_paths
from wells import DATA, Dose, read, simulate

WIDTHS = {
    "damage.c50": 0.10,
    "damage.repair": 0.10,
    "efflux.sigma": 0.12,
    "mitotic_catastrophe.ac": 0.20,
    "return.k": 0.25,
    "senescence.k": 0.20,
    "escape.h0": 0.40,
    "apoptosis.k": 0.15,
    "apoptosis.induced": 0.10,
}
"""Free parameters, with the standard deviation of their lognormal priors about `CENTRES`."""

GROWTH = ("cycle.length", "cycle.capacity", "cycle.crowding")
"""Fitted beforehand, to untreated wells."""

CENTRES: dict[str, dict[str, float]] = {
    "mcf7": {
        "damage.c50": 0.0425,
        "damage.repair": 305,
        "efflux.sigma": 0.536,
        "mitotic_catastrophe.ac": 2.54,
        "return.k": 0.0016,
        "senescence.k": 0.112,
        "escape.h0": 0.000172,
        "apoptosis.k": 0.0126,
        "apoptosis.induced": 3.06,
    },
    "bt474": {
        "damage.c50": 0.0694,
        "damage.repair": 250,
        "efflux.sigma": 0.258,
        "mitotic_catastrophe.ac": 1.11,
        "return.k": 0.00279,
        "senescence.k": 0.02,
        "escape.h0": 0.000326,
        "apoptosis.k": 0.00788,
        "apoptosis.induced": 3.73,
    },
    "mda-mb-231": {
        "damage.c50": 0.0903,
        "damage.repair": 257,
        "efflux.sigma": 0.67,
        "mitotic_catastrophe.ac": 0.733,
        "return.k": 0.00667,
        "senescence.k": 0.027,
        "escape.h0": 0.000172,
        "apoptosis.k": 0.0122,
        "apoptosis.induced": 3.98,
    },
}
"""Medians of the priors: the presets' values, first found with an approximate simulator and corrected with the engine."""

FULL = 15_000.0
"""In the fit a well with so many cells has regrown; counts beyond are not compared."""

FLOOR = 200.0
"""Added to counts before logarithms are compared: below, single cells make the difference."""


def loss(line: str, dose: Dose, counts: np.ndarray) -> float:
    """How far simulated wells are from the real ones at a dose.

    The sum of: the root mean square difference of log counts after treatment, wells ordered by size at each image (half); the
    difference of the shares that recover, more steeply so outside the 95% interval; and the relative difference of median delays,
    more steeply so beyond a fifth. Where no delay is published, that of the wells as scored is aimed at.
    """
    c = dose.condition
    seen, run = (np.log(np.minimum(np.nan_to_num(x, nan=FULL), FULL) + FLOOR) for x in (_filled(dose.counts), counts))
    late = dose.time > c.treated
    at = (np.arange(len(run)) + 0.5) / len(run)
    gap = np.quantile(seen[:, late], at, axis=0) - np.sort(run[:, late], axis=0)
    total = 0.5 * float(np.sqrt(np.mean(gap**2)))
    scores = [score(dose.time, well, c.treated, onset=ONSET[line]) for well in counts]
    share = np.mean([s.recovered for s in scores])
    low, high = dose.interval
    total += 0.6 * abs(share - c.recovered / c.wells) + 1.5 * max(0.0, share - high, low - share)
    delays = [s.delay for s in scores if s.recovered]
    wanted = dose.delay(line)
    if delays and wanted is not None:
        middle = float(np.median(delays))
        off = min(1.0, abs(middle / wanted - 1)) if wanted else float(middle > 0)
        # A median of three wells of which one is early says less.
        trust = c.recovered / c.wells
        total += trust * (0.5 * off + 2.0 * max(0.0, off - 0.2))
    return total


def _filled(counts: np.ndarray) -> np.ndarray:
    """Give lost images the count before."""
    filled = counts.copy()
    for i in range(1, filled.shape[1]):
        lost = ~(filled[:, i] >= 0.4 * filled[:, i - 1])
        filled[lost, i] = filled[lost, i - 1]
    return filled


def distance(
    line: str, scenario: sn.Scenario, doses: Sequence[Dose], params: Mapping[str, float], seed: int, wells: int = 4
) -> float:
    """The mean loss over the doses. Where all wells surely recover, one smaller well stands for all."""
    losses = []
    for i, dose in enumerate(doses):
        if report.in_doubt(line, dose):
            counts = simulate(scenario, dose, params, wells, seed + i, above=FULL)
        elif dose.condition.delay:
            counts = simulate(scenario, dose, params, 2, seed + i, above=FULL, scale=0.5)
        else:
            counts = simulate(scenario, dose, params, 1, seed + i, above=FULL, scale=0.25)
        losses.append(loss(line, dose, counts))
    return float(np.mean(losses))


def fit(
    line: str, scenario: sn.Scenario, doses: Sequence[Dose], minutes: float, seed: int, population: int
) -> tuple[dict[str, float], str]:
    """Fit a line within a time; gives the values and a sentence on how they came about."""
    np.random.seed(seed % 2**32)  # noqa: NPY002 - pyabc draws from the global generator
    seeds = np.random.default_rng(seed)
    started = time.monotonic()
    centre = CENTRES[line]
    growth = {name: float(f"{value:.3g}") for name, value in untreated(doses[0]).items()}
    present = {name: scenario.model.parameters[name].value for name in (*GROWTH, *WIDTHS)}
    prior = pyabc.Distribution(**{_short(name): pyabc.RV("norm", 0.0, width) for name, width in WIDTHS.items()})

    def simulated(parameter: pyabc.Parameter) -> dict[str, float]:
        params = {name: centre[name] * float(np.exp(parameter[_short(name)])) for name in WIDTHS}
        params |= growth
        # pyabc looks at the time between generations only, and one may take longer than all before it.
        if time.monotonic() > started + 60 * minutes:
            raise _TimeUp
        return {"loss": distance(line, scenario, doses, params, int(seeds.integers(2**40)))}

    # The engine is not pickled or run side by side here: one core, whatever else the machine does.
    abc = pyabc.ABCSMC(
        simulated,
        prior,
        lambda x, y: abs(x["loss"] - y["loss"]),
        population_size=population,
        eps=pyabc.QuantileEpsilon(alpha=0.4),
        sampler=SingleCoreSampler(),
    )
    with tempfile.TemporaryDirectory() as folder:
        abc.new(f"sqlite:///{folder}/fit.db", {"loss": 0.0})
        with contextlib.suppress(_TimeUp):
            abc.run(max_walltime=datetime.timedelta(minutes=minutes))
        generations, simulations = abc.history.n_populations, abc.history.total_nr_simulations
        if not generations:
            return present, f"The preset as it was: {minutes:g} minutes were too short for a generation of ABC-SMC."
        frame, weights = abc.history.get_distribution()
    fitted = {
        name: centre[name]
        * float(np.exp(pyabc.weighted_statistics.weighted_median(frame[_short(name)].to_numpy(), weights)))
        for name in WIDTHS
    }
    kept = growth | {name: float(f"{value:.3g}") for name, value in fitted.items()}
    fresh = seeds.integers(2**40, size=4)
    new, old = (np.mean([distance(line, scenario, doses, p, int(s), wells=8) for s in fresh]) for p in (kept, present))
    how = (
        f"ABC-SMC with the engine, {population} draws a generation, {generations} generations, {simulations} simulated "
        f"dose series in {(time.monotonic() - started) / 60:.0f} minutes, seed {seed}. Distance in fresh wells: {new:.3f} "
        f"fitted, {old:.3f} before"
    )
    return (
        (kept, f"{how}; the fitted values are kept.") if new < old else (present, f"{how}; those from before are kept.")
    )


class _TimeUp(Exception):  # noqa: N818 - no error
    """The time given to the fit is over."""


def _short(name: str) -> str:
    return name.replace(".", "_")


def write_preset(line: str, params: Mapping[str, float]) -> Path:
    """Put values into the preset's file, each on its line."""
    path = preset_paths()[f"{line}-doxorubicin"]
    text = path.read_text(encoding="utf-8")
    for name, value in params.items():
        text, found = re.subn(rf'^"{re.escape(name)}" = \S+', f'"{name}" = {value:.3g}', text, flags=re.MULTILINE)
        if found != 1:
            raise SystemExit(f"{path} does not set {name!r} once; add the line and run again")
    path.write_text(text, encoding="utf-8")
    return path


def main() -> None:
    """Fit the lines, report, and write the presets if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--line", choices=sorted(DOSE_SERIES), action="append", help="a cell line; all by default")
    parser.add_argument("--minutes", type=float, default=15.0, help="time of the fit of one line; 0 only reports")
    parser.add_argument("--population", type=int, default=24, help="draws a generation")
    parser.add_argument("--wells", type=int, default=96, help="wells in the report at doses where recovery is in doubt")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="threads of the report's simulations")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with the wells' counts")
    parser.add_argument("--out", type=Path, default=report.DOCS, help="folder of the report")
    parser.add_argument("--write", action="store_true", help="write the fitted values into the presets")
    arguments = parser.parse_args()
    logging.getLogger("ABC").setLevel(logging.INFO)
    for line in arguments.line or sorted(DOSE_SERIES):
        doses = read(arguments.data, line)
        scenario = sn.load(f"{line}-doxorubicin")
        params = {name: scenario.model.parameters[name].value for name in (*GROWTH, *WIDTHS)}
        how = "The preset as shipped."
        if arguments.minutes > 0:
            params, how = fit(line, scenario, doses, arguments.minutes, arguments.seed, arguments.population)
            if arguments.write:
                write_preset(line, params)
        print(line, json.dumps(params), how, sep="\n", flush=True)
        # Wells that the fit has not seen.
        fresh = arguments.seed + 2**41
        rows = report.evaluate(line, scenario, doses, params, arguments.wells, fresh, arguments.threads)
        text = report.section(line, rows, params, how)
        print(
            text, report.write(line, text, arguments.out), report.plot(line, rows, arguments.out), sep="\n", flush=True
        )


if __name__ == "__main__":
    main()
