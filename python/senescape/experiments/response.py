"""Tumour volume, and response as by RECIST."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from senescape._support.validate import positive
from senescape.errors import ModelError
from senescape.results.result import Result
from senescape.results.table import Table

__all__ = ["response", "tumour_volume"]

LARGE = 1.25
"""Volume of an arrested or senescent cell, of that of a cycling one, where the plugin ``readouts`` does not follow it."""


def tumour_volume(result: Result, *, large: float = LARGE, clearance: float = 0.03) -> NDArray[np.float64]:
    """Return the volume of tumours: living cells by their size, and the dead that are not cleared yet.

    Parameters
    ----------
    result : Result
        Of a model with the fates of ``biology``. If it has the plugin ``readouts``, the sizes that it follows are used.
    large : float
        Size of arrested and senescent cells (fold) otherwise.
    clearance : float
        Dead mass cleared (1/h), 0.03 by default: gone in a day or two, assumed.

    Returns
    -------
    ndarray of float64, shape (replicate, time)
        In cycling cells; NaN after a replicate has ended.

    Raises
    ------
    ModelError
        If a number is not one that it can be.
    """
    if not isinstance(result, Result):
        raise ModelError(f"{result!r:.80} is no sn.Result; sn.simulate gives one")
    large = positive(large, "large", "the size of stopped cells, of that of cycling ones")
    clearance = positive(clearance, "clearance", "the share of dead mass cleared in an hour")
    layout, counts = result.layout, result.counts.astype(np.float64)
    ended = (counts < 0).any(axis=2)
    # Observables of other plugins may have the same names.
    followed = not {"readouts", "senescape.biology.readouts"}.isdisjoint(result.provenance.get("plugins", {}))
    living = np.zeros(counts.shape[:2])
    for i, fate in enumerate(layout.fates):
        name = f"volume_{fate}"
        if followed and name in layout.observables:
            living += result.observables[:, :, layout.observables.index(name)]
        else:
            living += counts[:, :, i] * (large if fate in ("arrested", "senescent") else 1.0)
    dead = np.zeros_like(living)
    deaths = np.diff(result.deaths.sum(axis=2).astype(np.float64), axis=1)
    step = np.diff(result.time)
    kept = np.exp(-clearance * step)
    # Deaths of an interval spread evenly over it, each cleared from its own time on.
    left = (1.0 - kept) / (clearance * step)
    for i in range(len(step)):
        dead[:, i + 1] = dead[:, i] * kept[i] + np.maximum(deaths[:, i], 0.0) * left[i]
    volume = living + dead
    volume[ended] = np.nan
    return volume


def response(result: Result, *, large: float = LARGE, clearance: float = 0.03) -> Table:
    """Response of each tumour as a radiologist would call it, by the diameter that its volume has as a sphere.

    Parameters
    ----------
    result, large, clearance
        As for :func:`tumour_volume`.

    Returns
    -------
    Table
        One row a replicate: ``best`` (``"CR"`` no cells left, ``"PR"`` diameter down by 30% or more, ``"PD"`` up by 20% or more
        above the start and never down by 30%, else ``"SD"``), ``nadir`` (least volume, of that at the start), ``nadir_time`` (h),
        ``progression_time`` (h; NaN if never): when the diameter stands 20% above its least so far.

    References
    ----------
    Eisenhauer 2009, Eur J Cancer 45:228, doi 10.1016/j.ejca.2008.10.026 (RECIST 1.1; its rule of 5 mm needs a scale, and is
    left out).
    """
    volume = tumour_volume(result, large=large, clearance=clearance)
    living = np.where(result.counts < 0, 0, result.counts).sum(axis=2)
    best, nadir, nadir_time, progression = [], [], [], []
    for each, cells in zip(volume, living, strict=True):
        seen = ~np.isnan(each)
        relative = each[seen] / each[0]
        diameter = np.cbrt(relative)
        time = result.time[seen]
        least = np.minimum.accumulate(diameter)
        up = np.flatnonzero(diameter >= 1.2 * least)
        up = up[diameter[up] > least[up]]
        nadir.append(float(relative.min()))
        nadir_time.append(float(time[relative.argmin()]))
        progression.append(float(time[up[0]]) if len(up) else np.nan)
        if (cells[seen] == 0).any():
            best.append("CR")
        elif diameter.min() <= 0.7:
            best.append("PR")
        else:
            best.append("PD" if diameter.max() >= 1.2 else "SD")
    return Table(
        {
            "replicate": np.asarray(result.replicate),
            "best": np.array(best),
            "nadir": np.array(nadir),
            "nadir_time": np.array(nadir_time),
            "progression_time": np.array(progression),
        }
    )
