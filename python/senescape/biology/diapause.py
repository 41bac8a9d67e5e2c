"""Diapause: a reversible, Myc-low arrest under drug, without damage and without senescence (refs 3, 4).

A plugin of its own, named beside ``biology``. Cells in diapause hold their place but do not crowd others: the built-in cycle
counts its own fates only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import senescape as sn
from senescape.biology.arrest import G1
from senescape.plugins.hookspecs import hookimpl


def enter(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of diapause: under drug, the likelier the lower a cell's Myc."""
    return p.k * sn.hill(env.drug["doxorubicin"], p.ec50, 2) / (1.0 + (cell.myc / p.myc50) ** p.n)


def wake(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of waking: once the drug is gone."""
    return p.k * (1.0 - sn.hill(env.drug["doxorubicin"], p.ec50, 2))


def spared(cell: Any, env: Any, p: Any) -> Any:
    """Damage on waking: cells that do not divide take little of it, and forget that."""
    return np.minimum(cell.damage, p.left)


@hookimpl
def senescape_fates() -> Sequence[str]:
    """Beside those of the built-in biology."""
    return ["diapause"]


@hookimpl
def senescape_traits() -> Sequence[sn.Trait]:
    """Myc, which differs between cells and is inherited."""
    return [
        sn.Trait(
            "myc",
            sn.LogNormal(
                median=sn.Param(1.0, low=0.0, source="its unit: the median cell"),
                sigma=sn.Param(0.5, low=0.0, source="assumed: two-fold between cells"),
            ),
            inherit=sn.ar1(sn.Param(0.9, low=-1.0, high=1.0, source="assumed: mother-daughter correlation")),
        )
    ]


@hookimpl
def senescape_transitions() -> Sequence[sn.Transition]:
    """Into diapause and out of it, and the slow loss of cells there."""
    ec50 = sn.Param(0.05, unit="uM", low=1e-6, name="diapause.ec50", source="assumed: where doxorubicin begins to act")
    return [
        sn.Transition(
            "diapause",
            "cycling",
            "diapause",
            enter,
            mark="ever_diapause",
            params={
                "k": sn.Param(0.05, unit="1/h", low=0.0, source="assumed: within a day of drug"),
                "ec50": ec50,
                "myc50": sn.Param(0.5, low=1e-6, source="assumed: half of the median Myc"),
                "n": sn.Param(4.0, low=0.0, source="assumed: a threshold rather than a slope"),
            },
        ),
        sn.Transition(
            "wake",
            "diapause",
            "cycling",
            wake,
            set={"damage": spared, "stage": G1},
            params={
                "k": sn.Param(
                    0.02, unit="1/h", low=0.0, source="assumed: back in cycle two days after wash-out (refs 3, 4)"
                ),
                "ec50": ec50,
                "left": sn.Param(0.1, low=0.0, source="assumed: a tenth of the half-point of the damage signal"),
            },
        ),
        sn.Death(
            "diapause",
            sn.Param(
                1e-4,
                unit="1/h",
                low=0.0,
                name="turnover.hazard",
                source="assumed: few cells die untreated, 0.3% a cycle",
            ),
            "turnover",
            "intrinsic",
            name="turnover_in_diapause",
        ),
    ]
