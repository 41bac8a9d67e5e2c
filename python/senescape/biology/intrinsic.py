"""The first barrier: intrinsic death by apoptosis, primed slowly by damage and held off by a guard."""

from __future__ import annotations

from typing import Any

import numpy as np

import senescape as sn
from senescape.biology.arrest import impulse

_SERIES = (
    "fitted to the dose series of Howard 2022, doi 10.1371/journal.pcbi.1009104; the default is MCF7's, rounded, and the presets "
    "hold each line's"
)


K = sn.Param(0.013, unit="1/h", low=0.0, name="apoptosis.k", source=_SERIES)
INDUCED = sn.Param(3.1, unit="a.u.", low=0.0, name="apoptosis.induced", source=_SERIES)
STEEPNESS = sn.Param(
    0.3, unit="a.u.", low=1e-3, name="apoptosis.s", source="assumed: a steep threshold beside a guard of about 2"
)


def margin(cell: Any, p: Any, bcl_xl: Any = 1.0, mcl1: Any = 1.0) -> Any:
    """What priming leaves above the guard; `bcl_xl` and `mcl1` are the shares of those that no drug holds."""
    return p.induced * cell.priming - cell.signal["bcl_xl_guard"] * bcl_xl - cell.signal["mcl1_guard"] * mcl1


def apoptosis(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of apoptosis: a sigmoid of the margin between priming and the guard of BCL-XL and MCL-1."""
    return p.k / (1.0 + np.exp(-margin(cell, p) / p.s))


def primed(cell: Any, env: Any, p: Any) -> Any:
    """Where priming relaxes to: the damage signal."""
    return impulse(cell, p)


def primed_in_senescence(cell: Any, env: Any, p: Any) -> Any:
    """Where priming relaxes to in senescence: p53 that works keeps it up after damage is repaired."""
    return np.maximum(impulse(cell, p), cell.tp53)


def signals() -> list[sn.Signal]:
    """What holds apoptosis back, for other plugins to strengthen or weaken."""
    return [
        sn.Signal("bcl_xl_guard", lambda cell, env, p: cell.bcl_xl, unit="a.u."),
        sn.Signal("mcl1_guard", lambda cell, env, p: cell.mcl1, unit="a.u."),
    ]


def traits() -> list[sn.Trait]:
    """Priming and the guard."""
    rho = sn.Param(0.9, low=-1.0, high=1.0, source="assumed: mother-daughter correlation")
    slow = sn.Param(
        60.0,
        unit="h",
        low=0.1,
        name="priming.tau",
        source="assumed: sensitivity to BH3 mimetics takes days to develop after chemotherapy",
    )
    return [
        sn.Trait(
            "priming",
            initial=sn.Param(0.0, low=0.0, high=1.0, source="counted from what cells have before treatment"),
            unit="share of the most",
            flow=[sn.relax(primed, tau=slow), sn.relax(primed_in_senescence, tau=slow, fate="senescent")],
        ),
        guard("bcl_xl", 1.2, 0.25, "assumed: by a quarter between cells of a line", rho),
        guard(
            "mcl1",
            0.9,
            0.8,
            "assumed: wide, as MCL-1 (net of NOXA) is what tells survivors of BH3 mimetics (refs 11, 32, 52)",
            rho,
        ),
    ]


def guard(name: str, median: float, sigma: float, spread: str, rho: sn.Param) -> sn.Trait:
    """One of the proteins that hold priming off."""
    half = "assumed: about half of the guard of 2 that the fitted priming must pass"
    return sn.Trait(
        name,
        initial=sn.LogNormal(
            median=sn.Param(median, unit="a.u.", low=0.0, source=half), sigma=sn.Param(sigma, low=0.0, source=spread)
        ),
        unit="a.u.",
        inherit=sn.ar1(rho),
    )


def transitions() -> list[sn.Transition]:
    """Apoptosis in every fate, and the slow loss of cells for other reasons."""
    living = ["cycling", "arrested", "senescent"]
    loss = sn.Param(
        1e-4, unit="1/h", low=0.0, name="turnover.hazard", source="assumed: few cells die untreated, 0.3% a cycle"
    )
    return [
        sn.Death(living, apoptosis, "apoptosis", "intrinsic", params={"k": K, "induced": INDUCED, "s": STEEPNESS}),
        sn.Death(living, loss, "turnover", "intrinsic"),
    ]
