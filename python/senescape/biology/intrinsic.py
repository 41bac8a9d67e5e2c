"""The first barrier: intrinsic death by apoptosis."""

from __future__ import annotations

from typing import Any

import numpy as np

import senescape as sn


def apoptosis(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of apoptosis: a sigmoid of the margin between priming and the guard of BCL-XL and MCL-1.

    Priming rises with damage through p53.
    """
    priming = p.baseline + p.induced * cell.tp53 * sn.hill(cell.damage, p.a50, 2)
    margin = priming - cell.bcl_xl - cell.mcl1
    return p.k / (1.0 + np.exp(-margin / p.s))


def traits() -> list[sn.Trait]:
    """The guard."""
    rho = sn.Param(0.9, source="assumed: mother-daughter correlation")
    return [
        sn.Trait(
            "bcl_xl",
            initial=sn.LogNormal(median=1.2, sigma=0.25),
            unit="a.u.",
            inherit=sn.ar1(rho),
        ),
        sn.Trait("mcl1", initial=sn.LogNormal(median=0.9, sigma=0.8), unit="a.u.", inherit=sn.ar1(rho)),
    ]


def transitions() -> list[sn.Transition]:
    """Apoptosis in every fate, and the slow loss of arrested and senescent cells."""
    margin = {
        "k": sn.Param(0.15, unit="1/h", low=0.0, source="assumed: apoptosis within a day once the guard is lost"),
        "s": sn.Param(0.08, unit="a.u.", low=1e-3, source="assumed: a steep threshold"),
        "baseline": sn.Param(0.05, unit="a.u.", low=0.0, source="assumed: unstressed cells are hardly primed"),
        "induced": sn.Param(1.5, unit="a.u.", low=0.0, source="assumed: Puma, Noxa and Bax rise with p53"),
        "a50": sn.Param(0.6, unit="a.u.", low=1e-6, source="assumed: half-point of the damage signal"),
    }
    loss = sn.Param(0.004, unit="1/h", low=0.0, source="Howard 2022: decline of counts after 300 nM, derived")
    return [
        sn.Death(["cycling", "arrested", "senescent"], apoptosis, "apoptosis", "intrinsic", params=margin),
        sn.Death(["arrested", "senescent"], loss, "turnover", "intrinsic"),
        sn.Death(
            "cycling",
            sn.Param(3e-4, unit="1/h", low=0.0, source="assumed: few untreated cells die"),
            "turnover",
            name="cycling_turnover",
        ),
    ]
