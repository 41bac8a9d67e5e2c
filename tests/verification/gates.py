"""Gates of the statistical suite.

Every comparison of the suite is one two-sided test. The family-wise error over the whole suite is ALPHA, shared out
evenly (Bonferroni) over FAMILY tests; a gate is the two-sided normal quantile for one share.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

ALPHA = 1e-4
FAMILY = 400
GATE = float(stats.norm.isf(ALPHA / FAMILY / 2))


class Compared(NamedTuple):
    """A comparison that was made."""

    what: str
    found: float
    exact: float
    z: float


COMPARED: list[Compared] = []
"""All that were made in this session, for the report."""


def _within_gate(what, found, exact, z, of):
    COMPARED.append(Compared(f"{what}: {of}", float(found), float(exact), float(z)))
    assert abs(z) < GATE, f"{what}: {of} {found:.6g}, exact {exact:.6g}, z = {z:.2f}"


def check_mean(sample, mean, variance, what):
    """The mean of independent runs against its exact value, with the exact variance."""
    z = (np.mean(sample) - mean) / np.sqrt(variance / len(sample))
    _within_gate(what, np.mean(sample), mean, z, "mean")


def check_variance(sample, variance, what, kurtosis=None):
    """The variance of independent runs: excess kurtosis exact if given, else from the sample."""
    kurtosis = float(stats.kurtosis(sample)) if kurtosis is None else kurtosis
    found = np.var(sample, ddof=1)
    z = np.sqrt(len(sample) / 2) * (found / variance - 1) / np.sqrt(1 + kurtosis / 2)
    _within_gate(what, found, variance, z, "variance")


def check_share(count, n, p, what):
    """A count against a binomial law, exactly; its z is the normal quantile of the test's p-value."""
    tail = stats.binomtest(int(count), int(n), p).pvalue
    z = np.copysign(stats.norm.isf(tail / 2), count / n - p)
    _within_gate(what, count / n, p, z, f"share of {n}")
