"""BH3 mimetics as senolytics: navitoclax, A-1331852, venetoclax and S63845, alone and together, and their cost to the patient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import senescape as sn

DRUGS = ("navitoclax", "a1331852", "venetoclax", "s63845")

EC50 = "assumed: between 0.1 and 1 uM, where senescent cells die and cycling cells do not"


def guard(cell: Any) -> Any:
    """All that holds BAX and BAK back: BCL-XL, MCL-1 and BCL-2."""
    return cell.bcl_xl + cell.mcl1 + cell.bcl2


def on_bcl_xl(drug: str, with_bcl2: bool = False) -> Any:
    """Write the rule of a drug that binds BCL-XL, and BCL-2 too where it does."""

    def effect(cell: Any, env: Any, p: Any) -> Any:
        leans_on = cell.bcl_xl + cell.bcl2 if with_bcl2 else cell.bcl_xl
        return sn.hill(env.drug[drug], p.ec50) * leans_on / guard(cell)

    return effect


def venetoclax(cell: Any, env: Any, p: Any) -> Any:
    """The share of the guard that venetoclax takes away: BCL-2."""
    return sn.hill(env.drug["venetoclax"], p.ec50) * cell.bcl2 / guard(cell)


def s63845(cell: Any, env: Any, p: Any) -> Any:
    """The share of the guard that S63845 takes away: MCL-1."""
    return sn.hill(env.drug["s63845"], p.ec50) * cell.mcl1 / guard(cell)


def senolysis(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of death: a primed cell dies the faster the more of its guard is gone. Drugs act independently (Bliss 1939)."""
    spared = 1.0
    for drug in DRUGS:
        spared = spared * (1.0 - cell.signal[f"effect_{drug}"])
    return p.kmax * cell.priming * sn.hill(1.0 - spared, p.half, 4)


def held(env: Any, p: Any, **drugs: str) -> Any:
    """The share of a target that drugs hold in healthy tissue, each with its own half-point (Bliss)."""
    free = 1.0
    for drug, ec50 in drugs.items():
        free = free * (1.0 - sn.hill(env.drug[drug], p[ec50]))
    return 1.0 - free


def platelet_rate(env: Any, p: Any) -> Any:
    """Change of platelets per hour: they live by BCL-XL, and are made anew."""
    bcl_xl = held(env, p, navitoclax="ec50", a1331852="ec50")
    return (1.0 - env.pool["platelets"]) / p.renewal - p.loss * bcl_xl * env.pool["platelets"]


def toxicity_rate(env: Any, p: Any) -> Any:
    """Change of toxicity per hour: healthy tissue dies where too little is left of its own guard, and recovers.

    Tissue has a guard of several parts, as tumour cells have. One part gone leaves enough; BCL-XL and MCL-1 gone do not.
    """
    left = (
        p.bcl_xl * (1.0 - held(env, p, navitoclax="ec50", a1331852="ec50"))
        + p.mcl1 * (1.0 - held(env, p, s63845="ec50_mcl1"))
        + p.bcl2 * (1.0 - held(env, p, navitoclax="ec50", venetoclax="ec50_bcl2"))
    )
    damage = 1.0 / (1.0 + np.exp((left - p.half) / p.s))
    return (damage - env.pool["toxicity"]) / p.recovery


@sn.hookimpl
def senescape_traits() -> Sequence[sn.Trait]:
    """BCL-2, which breast lines have little of."""
    return [
        sn.Trait(
            "bcl2",
            initial=sn.LogNormal(
                median=sn.Param(0.2, unit="a.u.", low=0.0, source="assumed: a tenth of the guard of breast cells"),
                sigma=sn.Param(0.5, low=0.0, source="assumed: as MCL-1 and BCL-XL vary"),
            ),
            unit="a.u.",
            inherit=sn.ar1(sn.Param(0.9, low=0.0, high=1.0, source="assumed: mother-daughter correlation")),
        )
    ]


@sn.hookimpl
def senescape_drugs() -> Sequence[sn.Drug]:
    """The four drugs. A dose of 1 by mouth gives about 1 uM."""
    return [
        sn.Drug(
            "navitoclax",
            half_life=sn.Param(17.0, unit="h", low=0.0, source="Blood 2008;112:2108: 14 to 20 h"),
            route="oral",
            unit="uM",
        ),
        sn.Drug("a1331852", half_life=sn.Param(8.0, unit="h", low=0.0, source="assumed"), route="oral", unit="uM"),
        sn.Drug("venetoclax", half_life=sn.Param(26.0, unit="h", low=0.0, source="assumed"), route="oral", unit="uM"),
        sn.Drug("s63845", half_life=sn.Param(6.0, unit="h", low=0.0, source="assumed"), unit="uM"),
    ]


@sn.hookimpl
def senescape_signals() -> Sequence[sn.Signal]:
    """The share of a cell's guard that each drug takes away: other plugins may modify it."""

    def ec50(value: float, source: str = EC50) -> dict[str, sn.Param]:
        return {"ec50": sn.Param(value, unit="uM", low=1e-9, source=source)}

    return [
        sn.Signal("effect_navitoclax", on_bcl_xl("navitoclax", with_bcl2=True), ec50(0.3)),
        sn.Signal("effect_a1331852", on_bcl_xl("a1331852"), ec50(0.05, "assumed: several times as potent on BCL-XL")),
        sn.Signal("effect_venetoclax", venetoclax, ec50(0.1, "assumed: potent on BCL-2")),
        sn.Signal("effect_s63845", s63845, ec50(0.1, "assumed: about 0.1 uM in breast lines that lean on MCL-1")),
    ]


@sn.hookimpl
def senescape_senolytics() -> Sequence[sn.Senolytic]:
    """Death of primed senescent cells whose guard is taken away."""
    return [
        sn.Senolytic(
            "bh3_mimetics",
            senolysis,
            params={
                "kmax": sn.Param(0.08, unit="1/h", low=0.0, source="assumed: half of fully primed cells die in 9 h"),
                "half": sn.Param(0.5, low=1e-6, high=1.0, source="assumed: half of the guard gone is the half-point"),
            },
        )
    ]


@sn.hookimpl
def senescape_pools() -> Sequence[sn.Pool]:
    """Platelets, as a share of normal, and toxicity to other tissue, from 0 to 1: what limits doses."""
    return [
        sn.Pool(
            "platelets",
            initial=1.0,
            rate=platelet_rate,
            params={
                "ec50": sn.Param(0.3, unit="uM", low=1e-9, source="assumed: as in senescent cells"),
                "renewal": sn.Param(96.0, unit="h", low=1.0, source="assumed: most of the loss is made good in 4 d"),
                "loss": sn.Param(
                    0.035,
                    unit="1/h",
                    low=0.0,
                    source="Blood 2008;112:3177: -66 to -70% at 200 to 250 mg a day, lowest at day 3 to 5; set to that",
                ),
            },
        ),
        sn.Pool(
            "toxicity",
            initial=0.0,
            rate=toxicity_rate,
            params={
                "bcl_xl": sn.Param(0.45, low=0.0, high=1.0, source="assumed: tissue leans on BCL-XL and MCL-1 alike"),
                "mcl1": sn.Param(0.45, low=0.0, high=1.0, source="assumed: tissue leans on BCL-XL and MCL-1 alike"),
                "bcl2": sn.Param(0.1, low=0.0, high=1.0, source="assumed: BCL-2 matters in blood, little elsewhere"),
                "ec50": sn.Param(0.3, unit="uM", low=1e-9, source="assumed: as in senescent cells"),
                "ec50_mcl1": sn.Param(0.1, unit="uM", low=1e-9, source="assumed: as in senescent cells"),
                "ec50_bcl2": sn.Param(0.1, unit="uM", low=1e-9, source="assumed: as in senescent cells"),
                "half": sn.Param(
                    0.35,
                    low=0.0,
                    high=1.0,
                    source="assumed: either of BCL-XL and MCL-1 alone is tolerated, both together are not (Jackson 2025)",
                ),
                "s": sn.Param(0.05, low=1e-3, source="assumed: a steep threshold"),
                "recovery": sn.Param(72.0, unit="h", low=1.0, source="assumed: epithelium is renewed in 3 to 5 days"),
            },
        ),
    ]
