"""Gates of the statistical suite.

Every comparison of the suite is one two-sided test. The family-wise error over the whole suite is ALPHA, shared out
evenly (Bonferroni) over FAMILY tests; a gate is the two-sided normal quantile for one share.
"""

import numpy as np
from scipy import stats

ALPHA = 1e-4
FAMILY = 400
GATE = float(stats.norm.isf(ALPHA / FAMILY / 2))


def check_mean(sample, mean, variance, what):
    """The mean of independent runs against its exact value, with the exact variance."""
    z = (np.mean(sample) - mean) / np.sqrt(variance / len(sample))
    assert abs(z) < GATE, f"{what}: mean {np.mean(sample):.6g}, exact {mean:.6g}, z = {z:.2f}"


def check_variance(sample, variance, what, kurtosis=None):
    """The variance of independent runs: excess kurtosis exact if given, else from the sample."""
    kurtosis = float(stats.kurtosis(sample)) if kurtosis is None else kurtosis
    y = np.sqrt(len(sample) / 2) * (np.var(sample, ddof=1) / variance - 1) / np.sqrt(1 + kurtosis / 2)
    assert abs(y) < GATE, f"{what}: variance {np.var(sample, ddof=1):.6g}, exact {variance:.6g}, y = {y:.2f}"


def check_share(count, n, p, what):
    """A count against a binomial law, exactly."""
    tail = stats.binomtest(int(count), int(n), p).pvalue
    assert tail > ALPHA / FAMILY, f"{what}: {count} of {n} = {count / n:.6g}, exact {p:.6g}, p-value {tail:.2g}"
