"""Cycle length, capacity and crowding from the untreated wells."""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import least_squares
from wells import Dose

STAGES = 12
"""Of the cycle in the biology."""


def untreated(dose: Dose) -> dict[str, float]:
    """Fit untreated wells.

    A settled Erlang cycle of k stages and length T grows at k (2^(1/k) - 1) / T, times 1 - (N/K)^theta as the well fills.
    Thousands of cells leave chance no part in it, so the mean does.
    """
    speed = STAGES * (2 ** (1 / STAGES) - 1)

    def misses(x: np.ndarray) -> np.ndarray:
        length, capacity, crowding = np.exp(x)

        def rate(t: float, n: np.ndarray) -> np.ndarray:
            return speed / length * np.maximum(0.0, 1 - (n / capacity) ** crowding) * n

        # All wells at once: one component each.
        run = solve_ivp(rate, dose.time[[0, -1]], dose.counts[:, 0], t_eval=dose.time, rtol=1e-6)
        gap = np.log(run.y) - np.log(dose.counts)
        return gap[np.isfinite(gap)]

    found = least_squares(misses, np.log([40.0, 5e4, 2.0]), loss="soft_l1", f_scale=0.1)
    return dict(zip(("cycle.length", "cycle.capacity", "cycle.crowding"), np.exp(found.x).tolist(), strict=True))
