"""The report of the statistical suite, docs/verification.md: every comparison that was made, and what they look like together."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import senescape as sn
from scipy import stats
from senescape import reference

from tests.models import RUN, everything
from tests.verification.gates import ALPHA, COMPARED, FAMILY, GATE


def write(folder: Path, n: int, seed: int, failed: int) -> None:
    """Write the report and its two figures."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    z = np.sort([each.z for each in COMPARED])
    _quantiles(z, plt)
    plt.savefig(folder / "verification-qq.png", dpi=110, bbox_inches="tight")
    plt.close()
    _trajectories(seed, plt)
    plt.savefig(folder / "verification-trajectories.png", dpi=110, bbox_inches="tight")
    plt.close()
    rows = "\n".join(f"| {c.what} | {c.found:.6g} | {c.exact:.6g} | {c.z:+.2f} |" for c in COMPARED)
    largest, rms = float(np.abs(z).max()), math.sqrt((z**2).mean())
    (folder / "verification.md").write_text(
        f"""# Verification

Written by `make verify N={n}` (seed {seed}; the clock gives another each time). {len(COMPARED)} comparisons with closed forms
were made and {failed} tests failed. Each gate is {GATE:.2f} standard errors: a family-wise error of {ALPHA:g} shared by up to
{FAMILY} comparisons. The largest deviation was {largest:.2f}. The root mean square is {rms:.2f}, where
independent ones would give 1 (those of one run are not).

![Deviations against normal quantiles](verification-qq.png)

Deviations of every comparison, in standard errors, against the quantiles of a normal law. A wrong law is a bent line or a
point past the gates (dashed).

![Trajectories](verification-trajectories.png)

A model with every feature (drug-driven damage, arrest, senolytic, immune pool, crowding, escape): replicates of the engine
(thin), their mean (thick), and the mean of `senescape.reference`, which is another algorithm (dots).

| what | found | exact | deviation (standard errors) |
| --- | --- | --- | --- |
{rows}
""",
        encoding="utf-8",
    )


def _quantiles(z, plt) -> None:  # type: ignore[no-untyped-def]
    expected = stats.norm.ppf((np.arange(len(z)) + 0.5) / len(z))
    _, axes = plt.subplots(figsize=(5, 5))
    axes.plot(expected, z, ".", color="tab:blue")
    axes.plot([-3.5, 3.5], [-3.5, 3.5], color="0.6", lw=1)
    for side in (-GATE, GATE):
        axes.axhline(side, color="tab:red", ls="--", lw=1)
    axes.set(xlabel="normal quantile", ylabel="deviation (standard errors)", title=f"{len(z)} comparisons")


def _trajectories(seed, plt) -> None:  # type: ignore[no-untyped-def]
    model = everything()
    run = {**RUN, "initial": {"cycling": 200}}
    ours = sn.simulate(model, **run, sync=6, replicates=100, seed=seed, progress=False)
    theirs = reference.simulate(model, **run, replicates=8, seed=seed, dt=0.1)
    fates = [*model.fates, "T cells (pool)"]
    _, panels = plt.subplots(1, len(fates), figsize=(12, 3.6))
    for f, (panel, fate) in enumerate(zip(panels, fates, strict=True)):
        pool = f == len(model.fates)
        mine, other = (
            (ours.pools[..., 0], theirs.pools[..., 0]) if pool else (ours.counts[..., f], theirs.counts[..., f])
        )
        days = ours.time / 24
        panel.plot(days, mine[:25].T, color="tab:blue", lw=0.5, alpha=0.4)
        panel.plot(days, mine.mean(axis=0), color="tab:blue", lw=2, label="engine, mean of 100")
        panel.plot(days, other.mean(axis=0), "o", color="tab:orange", ms=4, label="reference, mean of 8")
        panel.set(xlabel="days", title=fate)
    panels[0].legend(frameon=False, loc="lower right")
