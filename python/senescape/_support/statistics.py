"""Intervals of proportions, by SciPy."""

from __future__ import annotations

import functools
import math

from senescape._support.optional import require

__all__ = ["proportion_interval"]


@functools.lru_cache(maxsize=100_000)
def proportion_interval(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a share that was found as `hits` of `n`; NaN where `n` is 0.

    Raises
    ------
    MissingExtraError
        If SciPy is not installed (extra ``trials``).
    """
    if not n:
        return math.nan, math.nan
    ends = require("scipy.stats", "trials").binomtest(hits, n).proportion_ci(confidence, method="wilson")
    return float(ends.low), float(ends.high)
