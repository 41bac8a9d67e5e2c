"""Recovery of a treated well, scored from its counts the same way for wells and for simulations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senescape.errors import ModelError

__all__ = ["Recovery", "score"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Recovery:
    """Whether and when a well grew back.

    Attributes
    ----------
    recovered : bool
        Whether its last counts stand well above its lowest point and not far below its first count.
    delay : float
        Hours from the start of the last exposure to renewed growth. 0 where growth never visibly stopped; NaN where the well did
        not recover.
    lowest : float
        The smoothed count (cells) at its lowest point after treatment.
    lowest_time : float
        When that was (h).
    """

    recovered: bool
    delay: float
    lowest: float
    lowest_time: float


def score(
    time: ArrayLike,
    count: ArrayLike,
    treated: float,
    *,
    onset: float = 1.0,
    rise: float = 1.75,
    level: float = 0.75,
    fall: float = 0.035,
    settle: float = 30.0,
    window: float = 48.0,
) -> Recovery:
    """Score one well, by one rule for measured and for simulated counts.

    1. Images with a dropout (a count under 0.4 of the median of the four images around it) are left out, unless the well
       ends with fewer than 50 cells: a population that dies out is no dropout.
    2. The logarithm of the count is averaged over `window` hours about each image.
    3. The lowest point is its minimum from `settle` hours after the start of the last exposure on.
    4. The well has recovered if the median of its last three counts is at least `rise` times the lowest point and `level` times
       the first count.
    5. The delay is `onset` times the time from the start of the last exposure to the lowest point. It is 0 if the logarithm
       fell by less than `fall` before: growth never visibly stopped.

    Parameters
    ----------
    time : array-like of float, shape (image,)
        Hours, rising.
    count : array-like of float, shape (image,)
        Cells; NaN where nothing was counted, as after the end of a simulated well.
    treated : float
        Start of the last exposure (h).
    onset : float
        Where between treatment and the lowest point renewed growth is said to set in. 1, the lowest point itself, says nothing
        more than the counts do; see :data:`senescape.biology.observed.ONSET` for published delays that lie earlier.
    rise, level, fall, settle, window : float
        Thresholds of the rule.

    Returns
    -------
    Recovery

    Raises
    ------
    ModelError
        If the arrays differ in length or there is no image late enough after treatment.

    Examples
    --------
    >>> time = np.arange(0.0, 400.0, 12.0)
    >>> score(time, 100 * np.exp(0.01 * time), treated=40.0).delay
    0.0
    """
    t, n = np.asarray(time, dtype=np.float64), np.asarray(count, dtype=np.float64)
    if t.shape != n.shape or t.ndim != 1:
        raise ModelError(f"score needs one count for each time, not shapes {t.shape} and {n.shape}")
    t, n = _without_dropouts(t[np.isfinite(n)], n[np.isfinite(n)])
    late = np.flatnonzero(t >= treated + settle)
    if not len(late):
        raise ModelError(
            f"score: there is no image after the treatment at {treated:g} h and the {settle:g} h that follow"
        )
    log = _smooth(t, np.log(np.maximum(n, 1.0)), window / 2)
    lowest = late[0] + int(np.argmin(log[late[0] :]))
    bottom, when = float(np.exp(log[lowest])), float(t[lowest])
    end = np.median(n[-3:])
    if end < rise * bottom or end < level * n[0]:
        return Recovery(False, np.nan, bottom, when)
    before = log[(t >= treated) & (t <= when)]
    stopped = before.max() - log[lowest] >= fall
    return Recovery(True, onset * (when - treated) if stopped else 0.0, bottom, when)


def _without_dropouts(t: Array, n: Array) -> tuple[Array, Array]:
    if len(n) < 3 or n[-3:].max() < 50:
        return t, n
    kept = [n[i] >= 0.4 * np.median(np.r_[n[max(0, i - 2) : i], n[i + 1 : i + 3]]) for i in range(len(n))]
    return t[kept], n[kept]


def _smooth(t: Array, x: Array, half: float) -> Array:
    """Return the running mean over `half` hours to either side; the window is cut short at the ends."""
    total = np.concatenate([[0.0], np.cumsum(x)])
    # Images are not placed to the second: a quarter of an hour more keeps the outermost in.
    first = np.searchsorted(t, t - half - 0.25)
    last = np.searchsorted(t, t + half + 0.25, side="right")
    smooth: Array = (total[last] - total[first]) / (last - first)
    return smooth
