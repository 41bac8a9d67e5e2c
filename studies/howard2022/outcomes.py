"""What becomes of treated patients, how that moves with their biology, and which parameters matter most.

python studies/howard2022/outcomes.py [--patients 400] [--trajectories 12] [--threads 2] [--seed N] [--write]

Patients of the preset human-neoadjuvant-doxorubicin that differ in seven parameters; then elementary effects (Morris, SALib) of
all parameters, one at a time. With --write it fills docs/outcomes.md.
"""

from __future__ import annotations

import argparse
import secrets
import textwrap
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import senescape as sn
from numpy.typing import NDArray
from SALib.analyze import morris as analyze
from SALib.sample import morris as sample

PRESET = "human-neoadjuvant-doxorubicin"
PAGE = Path(__file__).parents[2] / "docs" / "outcomes.md"
DAY = 24.0

SPREADS = {
    "escape.h0": 1.0,
    "escape.gamma": 0.4,
    "apoptosis.induced": 0.15,
    "damage.c50": 0.4,
    "cycle.length": 0.2,
    "t_cell.k": 1.0,
    "nk_cell.k": 0.5,
}
"""Standard deviations of the logarithm between patients: assumed."""

LIGANDS = ("pd_l1", "pd_l2", "galectin9")


def changes(values: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """What is changed in all patients, by name."""

    def ligands(factor: float) -> dict[str, float]:
        names = (f"{ligand}.initial.median" for ligand in LIGANDS)
        return {name: factor * values[name] for name in names}

    def primed(factor: float) -> dict[str, float]:
        return {"apoptosis.induced": factor * values["apoptosis.induced"]}

    def lock(a: float, b: float) -> dict[str, float]:
        return {"chromatin_lock.initial.a": a, "chromatin_lock.initial.b": b}

    return {
        "as in the preset": {},
        "TP53 mutant": {"tp53.initial.p": 0.0},
        "priming a fifth less": primed(0.8),
        "priming a fifth more": primed(1.2),
        "inhibitory ligands a third": ligands(1 / 3),
        "inhibitory ligands three-fold": ligands(3.0),
        "arrest shallow (mean lock 1/3)": lock(2.0, 4.0),
        "arrest deep (mean lock 8/9)": lock(8.0, 1.0),
    }


def proportions(patients: int, threads: int, seed: int) -> list[str]:
    """Rows of the table of outcomes. All rows are the same patients, with the same luck."""
    scenario = sn.load(PRESET)
    values = {name: param.value for name, param in scenario.model.parameters.items()}
    rows = []
    for name, changed in changes(values).items():
        spread = {
            each: sn.LogNormal(median=changed.get(each, values[each]), sigma=sigma) for each, sigma in SPREADS.items()
        }
        cohort = sn.Cohort(spread, patients=patients, seed=seed % 2**32)
        outcome = sn.trial({"": scenario.with_params(changed)}, cohort=cohort, seed=seed, threads=threads).outcomes
        relapsed, eradicated = outcome["relapsed"].mean(), outcome["eradicated"].mean()
        median = np.median(outcome["time"]) / DAY
        stable = 1 - relapsed - eradicated
        shown = f"{median:.0f}" if median < 180 else "over 180"
        rows.append(f"| {name} | {relapsed:.0%} | {stable:.0%} | {eradicated:.0%} | {shown} |")
        print(rows[-1], flush=True)
    return rows


def ranges() -> dict[str, tuple[float, float]]:
    """Parameters that are varied: by half as much again, up and down, within what is accepted."""
    out = {}
    for name, param in sn.load(PRESET).model.parameters.items():
        fixed = param.value == 0 or param.value == param.low == param.high or ".set." in name
        # What only sets a unit, or is whole.
        if fixed or name in ("cycle.stages", "seeded.initial.high") or param.source.startswith(("its unit", "amounts")):
            continue
        low, high = sorted((param.value / 1.5, param.value * 1.5))
        out[name] = (max(low, param.low), min(high, param.high))
    return out


def effects(trajectories: int, replicates: int, threads: int, seed: int) -> list[str]:
    """Rows of the table of elementary effects on the relapse-free time."""
    scenario = sn.load(PRESET)
    model, settings = scenario.model, scenario.settings()
    varied = ranges()
    problem = {"num_vars": len(varied), "names": list(varied), "bounds": [list(ends) for ends in varied.values()]}
    points = sample.sample(problem, trajectories, num_levels=4, seed=seed % 2**31)
    print(f"{len(varied)} parameters, {len(points)} points of {replicates} tumours", flush=True)

    def relapse_free(point: NDArray[np.float64]) -> float:
        changed = model.with_params(dict(zip(varied, map(float, point), strict=True)))
        # The same luck at every point: what differs is the parameter.
        result = sn.simulate(changed, **settings, replicates=replicates, seed=seed, threads=1, progress=False)
        outcome = result.outcomes
        return float(np.where(outcome["relapsed"], outcome["relapse_time"], settings["until"]).mean() / DAY)

    with ThreadPoolExecutor(threads) as pool:
        found = np.array(list(pool.map(relapse_free, points)))
    result = analyze.analyze(problem, points, found, num_levels=4, seed=seed % 2**31)
    order = np.argsort(-np.asarray(result["mu_star"]))[:15]
    rows = []
    for place, i in enumerate(order, 1):
        name = result["names"][i]
        low, high = varied[name]
        rows.append(
            f"| {place} | `{name}` | {low:.3g} to {high:.3g} | {result['mu_star'][i]:.1f} ± {result['mu_star_conf'][i]:.1f} | "
            f"{result['mu'][i]:+.1f} | {result['sigma'][i]:.1f} |"
        )
        print(rows[-1], flush=True)
    return rows


def page(outcomes: list[str], sensitivity: list[str], patients: int, trajectories: int, replicates: int) -> str:
    """Write the page as text."""
    spreads = ", ".join(f"`{name}` {sigma:g}" for name, sigma in SPREADS.items())
    parts = [
        "# What becomes of patients, and what decides it",
        f"""Written by `make outcomes`, from the preset `{PRESET}`: four courses of doxorubicin, 180 days. The preset is set
        by hand, so that what follows shows how the model behaves, not what happens in a clinic.""",
        "## Outcomes",
        f"""{patients} patients that differ (lognormal, a latin hypercube; standard deviations of the logarithm, assumed:
        {spreads}). Rows are the same patients with the same luck, all changed in one way. *Relapsed*: as many cycling cells as at
        the start, after the last course. *Stable*: neither that nor eradicated at 180 days.""",
        [
            "| patients | relapsed | stable | eradicated | median relapse-free time (d) |",
            "| --- | ---: | ---: | ---: | ---: |",
            *outcomes,
        ],
        """The source says: mutant TP53 means more eradication, and so does priming; the more inhibitory ligands, the more
        relapse; the deeper the arrest, the more tumours stay stable.""",
        "## Sensitivity",
        f"""Elementary effects on the mean relapse-free time, one parameter at a time (Morris 1991, Technometrics 33:161;
        SALib): {trajectories} trajectories of four levels over every parameter that is not a unit or 0, each from two
        thirds to one and a half of the preset's value; {replicates} tumours a point, with the same luck at each. Mu* is
        the mean size of the effect of the whole range (± 95% by resampling), mu its mean with sign, sigma how much it
        depends on the other parameters. The fifteen that matter most:""",
        [
            "| | parameter | range | mu* (d) | mu (d) | sigma (d) |",
            "| ---: | --- | --- | ---: | ---: | ---: |",
            *sensitivity,
        ],
    ]

    def text(part: str | list[str]) -> str:
        if isinstance(part, list):
            return "\n".join(part)
        return textwrap.fill(" ".join(part.split()), 128, break_long_words=False, break_on_hyphens=False)

    return "\n\n".join(map(text, parts)) + "\n"


def main() -> None:
    """Run both and print or write them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--patients", type=int, default=400)
    parser.add_argument("--trajectories", type=int, default=12)
    parser.add_argument("--replicates", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--write", action="store_true", help="write docs/outcomes.md")
    given = parser.parse_args()
    seed = secrets.randbits(31) if given.seed is None else given.seed
    print(f"seed {seed}")
    outcomes = proportions(given.patients, given.threads, seed)
    sensitivity = effects(given.trajectories, given.replicates, given.threads, seed)
    if given.write:
        text = page(outcomes, sensitivity, given.patients, given.trajectories, given.replicates)
        PAGE.write_text(text, encoding="utf-8")
        print(f"written: {PAGE}")


if __name__ == "__main__":
    main()
