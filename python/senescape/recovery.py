"""Recovery of a treated well, scored from its counts the same way for wells and for simulations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senescape.errors import ModelError

__all__ = ["Recovery", "score"]


@dataclass(frozen=True, slots=True)
class Recovery:
    """Whether and when a well grew back.

    Attributes
    ----------
    recovered : bool
        Whether its last count stands well above both its lowest point and its size when treatment began.
    delay : float
        Hours from the start of the exposure to renewed growth: the time of the lowest count after treatment. 0 where growth never
        visibly stopped; NaN where the well did not recover.
    """

    recovered: bool
    delay: float


def score(
    time: ArrayLike,
    count: ArrayLike,
    treated: float,
    rise: float = 2.0,
    fall: float = 0.8,
    regained: float = 0.3,
) -> Recovery:
    """Score one well.

    The count is smoothed by a running median of three images (dropouts) first. The peak is the highest count within 5 days
    of treatment; a well whose count never falls below `fall` times an earlier peak has not stopped growing.

    Parameters
    ----------
    time : array-like of float, shape (image,)
        Hours.
    count : array-like of float, shape (image,)
        Cells; NaN where there is none.
    treated : float
        Start of the exposure (h).
    rise : float
        By what factor a count must exceed its lowest point to have grown back.
    fall : float
        To what share of the peak a count must fall to have stopped growing.
    regained : float
        What share of its count at the start of treatment a well must have at the last image to have grown back.

    Returns
    -------
    Recovery

    Raises
    ------
    ModelError
        If the arrays differ in length or there is no image after treatment.
    """
    t, n = np.asarray(time, dtype=np.float64), np.asarray(count, dtype=np.float64)
    if t.shape != n.shape or t.ndim != 1:
        raise ModelError(f"score needs one count for each time, not shapes {t.shape} and {n.shape}")
    kept = np.isfinite(n) & (t >= treated)
    t, n = t[kept], _median3(n[kept])
    if not len(t):
        raise ModelError(f"score: there is no image after the treatment at {treated:g} h")
    highest = np.maximum.accumulate(n)
    stopped = np.flatnonzero(n < fall * highest)
    if not len(stopped):
        grew = n[-1] >= regained * n[0]
        return Recovery(bool(grew), 0.0 if grew else np.nan)
    lowest = stopped[0] + int(np.argmin(n[stopped[0] :]))
    recovered = bool(n[-1] >= rise * n[lowest] and n[-1] >= regained * n[0])
    return Recovery(recovered, float(t[lowest] - treated) if recovered else np.nan)


def _median3(x: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(x) < 3:
        return x
    middle = np.median(np.stack([x[:-2], x[1:-1], x[2:]]), axis=0)
    return np.concatenate([x[:1], middle, x[-1:]])
