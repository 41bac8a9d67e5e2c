"""Relapse-free survival: curves, and the comparison of two arms that share their tumours."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from senescape._support.optional import require
from senescape.results.table import Table

__all__ = ["Comparison", "compare", "kaplan_meier"]

Times = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""Relapse-free times (h), and whether each ended by relapse."""

_RESAMPLES = 2000
"""Of the tumours, for intervals of differences."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """An arm against a control with the same tumours.

    Attributes
    ----------
    arm, control : str
        Their names.
    tumours : int
        In each arm.
    confidence : float
        Of the intervals.
    hazard_ratio : float
        Of relapse (Cox, Efron's ties, errors clustered by tumour); below 1 if the arm relapses less. NaN where an arm
        has no relapse, or relapses wholly before the other: no ratio fits then.
    hazard_ratio_interval : tuple of float
        Its interval.
    median_difference : float
        Difference in median relapse-free time (h); NaN where a median is not reached.
    median_difference_interval : tuple of float
        From resampled tumours, both arms of each together.
    mean_difference : float
        Difference in mean relapse-free time up to the horizon (h).
    mean_difference_interval : tuple of float
        Likewise.
    variance_saved : float
        How many times smaller the variance of the mean difference is than between independent arms of the same size. Infinite
        where every tumour shows the same difference.
    """

    arm: str
    control: str
    tumours: int
    confidence: float
    hazard_ratio: float
    hazard_ratio_interval: tuple[float, float]
    median_difference: float
    median_difference_interval: tuple[float, float]
    mean_difference: float
    mean_difference_interval: tuple[float, float]
    variance_saved: float

    def __str__(self) -> str:
        def shown(value: float, ends: tuple[float, float], unit: str) -> str:
            return f"{value:.3g}{unit} ({ends[0]:.3g} to {ends[1]:.3g})"

        # In decimals, so that 0.975 is 97.5% and 0.9999999 not 100%.
        percent = f"{(Decimal(repr(float(self.confidence))) * 100).normalize():f}%"
        return "\n".join(
            [
                f"{self.arm} against {self.control}, {self.tumours} tumours each, {percent} intervals",
                f"hazard ratio of relapse       {shown(self.hazard_ratio, self.hazard_ratio_interval, '')}",
                f"median relapse-free time      {shown(self.median_difference, self.median_difference_interval, ' h')}",
                f"mean up to the horizon        {shown(self.mean_difference, self.mean_difference_interval, ' h')}",
                f"variance saved by pairing     {self.variance_saved:.1f}-fold",
            ]
        )


def kaplan_meier(times: NDArray[np.float64], relapsed: NDArray[np.bool_]) -> Table:
    """Return the Kaplan-Meier curve: columns ``time`` (h, from 0), ``survival`` from then on, ``at_risk`` just before.

    Parameters
    ----------
    times : ndarray of float64, shape (tumour,)
        To relapse, or to the last look.
    relapsed : ndarray of bool, shape (tumour,)
        Whether it ended by relapse.
    """
    steps, events = np.unique(times[relapsed], return_counts=True)
    at_risk = len(times) - np.searchsorted(np.sort(times), steps)
    survival = np.cumprod(1.0 - events / at_risk)
    return Table(
        {
            "time": np.concatenate([[0.0], steps]),
            "survival": np.concatenate([[1.0], survival]),
            "at_risk": np.concatenate([[len(times)], at_risk]),
        }
    )


def median(times: NDArray[np.float64], relapsed: NDArray[np.bool_]) -> float:
    """Return the median relapse-free time (h); NaN if fewer than half relapse."""
    curve = kaplan_meier(times, relapsed)
    # A product of shares that is a half may come out a hair above it.
    reached = curve["survival"] <= 0.5 * (1 + 1e-12)
    return float(curve["time"][np.argmax(reached)]) if reached.any() else float("nan")


def compare(
    arm: Times, control: Times, horizon: float, names: tuple[str, str], confidence: float = 0.95, seed: int = 0
) -> Comparison:
    """Compare two arms whose rows are the same tumours.

    Parameters
    ----------
    arm, control : tuple of ndarray
        Times (h) and whether each ended by relapse.
    horizon : float
        The last look (h).
    names : tuple of str
        Of arm and control.
    confidence : float
        Of the intervals.
    seed : int
        Of the resampling.

    Returns
    -------
    Comparison
    """
    ratio, ratio_ends = _hazard_ratio(arm, control, confidence)
    a, b = np.minimum(arm[0], horizon), np.minimum(control[0], horizon)
    n = len(a)
    rng = np.random.default_rng(seed)
    means, medians = np.empty(_RESAMPLES), np.empty(_RESAMPLES)
    for i in range(_RESAMPLES):
        rows = rng.integers(n, size=n)
        means[i] = (a[rows] - b[rows]).mean()
        medians[i] = median(arm[0][rows], arm[1][rows]) - median(control[0][rows], control[1][rows])
    tails = 0.5 * (1 - confidence), 0.5 * (1 + confidence)
    paired = float((a - b).var())
    apart = float(a.var() + b.var())
    return Comparison(
        arm=names[0],
        control=names[1],
        tumours=n,
        confidence=confidence,
        hazard_ratio=ratio,
        hazard_ratio_interval=ratio_ends,
        median_difference=median(*arm) - median(*control),
        median_difference_interval=_ends(medians, tails),
        mean_difference=float((a - b).mean()),
        mean_difference_interval=_ends(means, tails),
        variance_saved=apart / paired if paired else float("inf") if apart else float("nan"),
    )


def _ends(values: NDArray[np.float64], tails: tuple[float, float]) -> tuple[float, float]:
    """Return an interval; NaN where a resample had no value, for then its ends are not known."""
    if np.isnan(values).any():
        return float("nan"), float("nan")
    low, high = np.quantile(values, tails)
    return float(low), float(high)


def _hazard_ratio(arm: Times, control: Times, confidence: float) -> tuple[float, tuple[float, float]]:
    if not (arm[1].any() and control[1].any()):
        return float("nan"), (float("nan"), float("nan"))
    pandas, lifelines = require("pandas", "trials"), require("lifelines", "trials")
    n = len(arm[0])
    frame = pandas.DataFrame(
        {
            # A relapse at the start has a time too: Cox needs positive ones.
            "time": np.maximum(np.concatenate([arm[0], control[0]]), 1e-9),
            "relapsed": np.concatenate([arm[1], control[1]]),
            "arm": np.repeat([1.0, 0.0], n),
            "tumour": np.tile(np.arange(n), 2),
        }
    )
    model = lifelines.CoxPHFitter(alpha=1 - confidence)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", lifelines.exceptions.ConvergenceWarning)
            model.fit(frame, "time", "relapsed", cluster_col="tumour")
    except (lifelines.exceptions.ConvergenceError, lifelines.exceptions.ConvergenceWarning):
        # All of one arm relapse before any of the other: no finite ratio fits best.
        return float("nan"), (float("nan"), float("nan"))
    row = model.summary.loc["arm"]
    # The two ends in this order; lifelines writes the level, rounded, into the names of their columns.
    low, high = (float(end) for end in row.filter(like="exp(coef) "))
    return float(row["exp(coef)"]), (low, high)
